"""How a source's files are named, and how their lines are written, as a mapping says it.

What is made of the lines is for ``mapping`` (a source of files) and ``query`` (files as relations);
reading them is for ``formats``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from regulatory_assets.bank.rules import DateShape
from regulatory_assets.regulation.document import Node

TEXT_FORMATS = ("csv", "json_lines")
FORMATS = (*TEXT_FORMATS, "parquet", "excel")
FORM = ("format", "encoding", "delimiter", "sheet", "last_line_may_end_open")
"""The keys by which a file's form is given."""

COMPRESSED = ".gz"
"""How the name of a text file ends that is delivered compressed with gzip."""

_DATE_IN_NAME = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True)
class FilePattern:
    """Names of a source's files: ``*`` is anything, ``#`` digits, ``{yyyyMMdd}`` the day; the same
    with ``COMPRESSED`` behind; and names that stand for themselves."""

    text: str
    shape: DateShape | None = None
    also: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        return name in self.also or self._expression.fullmatch(name) is not None

    def day(self, name: str) -> date | None:
        """The date in a file's name, where the pattern has one. Raises ValueError for no day."""
        match = self._expression.fullmatch(name)
        if match is None or self.shape is None:
            return None
        written, parts = match["day"], ("yyyy", "MM", "dd")
        places = (self.shape.text.index(part) for part in parts)
        year, month, of_month = (
            int(written[at : at + len(part)]) for at, part in zip(places, parts, strict=True)
        )
        return date(year, month, of_month)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        pieces = []
        for piece in re.split(r"(\*|#|\{[^}]*\})", self.text):
            if piece in ("*", "#"):
                pieces.append(".*" if piece == "*" else "[0-9]+")
            elif piece.startswith("{") and self.shape is not None:
                pieces.append(f"(?P<day>{self.shape.pattern})")
            else:
                pieces.append(re.escape(piece))
        return re.compile(f"{''.join(pieces)}(?:{re.escape(COMPRESSED)})?")


@dataclass(frozen=True)
class FileForm:
    """How the lines of a file are written."""

    format: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    last_line_may_end_open: bool = False


def read_pattern(node: Node) -> FilePattern:
    """A pattern of names. Raises ParameterError."""
    text = node.text()
    if "/" in text or "\\" in text:
        raise node.error(f"{text} names a folder", "Write the file's name; days are folders")
    dates = _DATE_IN_NAME.findall(text)
    if len(dates) > 1 or "{" in _DATE_IN_NAME.sub("", text):
        raise node.error(f"{text} has more than one date", "Write one, like {yyyyMMdd}")
    if not dates:
        return FilePattern(text)
    shape = dates[0]
    rest = shape.replace("yyyy", "", 1).replace("MM", "", 1).replace("dd", "", 1)
    if len(rest) != len(shape) - 8 or re.search("[A-Za-z0-9]", rest):
        raise node.error(f"{{{shape}}} is not a date", "Write yyyy, MM and dd, like {yyyyMMdd}")
    return FilePattern(text, DateShape(shape))


def read_form(fields: Mapping[str, Node]) -> FileForm:
    """The form of a file from the keys of ``FORM`` that are given. Raises ParameterError."""
    kind = fields["format"].code(FORMATS, "format") if "format" in fields else "csv"
    for name, belongs in (
        ("delimiter", ("csv",)),
        ("sheet", ("excel",)),
        ("encoding", TEXT_FORMATS),
        ("last_line_may_end_open", TEXT_FORMATS),
    ):
        if name in fields and kind not in belongs:
            raise fields[name].error(f"{kind} has no {name}", f"Remove {name}")
    return FileForm(
        format=kind,
        encoding=_encoding(fields["encoding"]) if "encoding" in fields else "utf-8",
        delimiter=_delimiter(fields["delimiter"]) if "delimiter" in fields else ",",
        sheet=fields["sheet"].text() if "sheet" in fields else None,
        last_line_may_end_open="last_line_may_end_open" in fields
        and fields["last_line_may_end_open"].boolean(),
    )


def _encoding(node: Node) -> str:
    name = node.text()
    try:
        codecs.getincrementaldecoder(name)
        "".encode(name)
    except (LookupError, AttributeError, ValueError):
        raise node.error(f"the encoding {name} is unknown", "Use one like utf-8, latin-1") from None
    return name


def _delimiter(node: Node) -> str:
    text = {"tab": "\t"}.get(node.text(), node.text())
    if len(text) != 1 or not text.isascii() or text == '"':
        raise node.error(f"{text} cannot separate fields", 'Use one sign, like ";", or tab')
    return text

"""Reading one YAML file strictly: every value knows its line, every surprise is refused.

What belongs here: typed access to YAML nodes and the one error class. What a parameter file or a
case file may say is decided by their own modules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml.resolver import implicit_resolvers
from yaml import MarkedYAMLError
from yaml.cyaml import CParser
from yaml.reader import ReaderError
from yaml.resolver import BaseResolver

from regulatory_assets.ledger.table import (
    MONEY_PRECISION,
    NUMBER_PATTERN,
    RATE_PRECISION,
    SCALE,
    ColumnType,
)

_DIGITS = {
    ColumnType.MONEY: (MONEY_PRECISION - SCALE, SCALE),
    ColumnType.RATE: (RATE_PRECISION - SCALE, SCALE),
    ColumnType.INTEGER: (9, 0),
}
_PLAIN = {"float": "a plain number", "int": "a plain number", "bool": "a boolean", "null": "empty"}


class ParameterError(ValueError):
    """A parameter or case file that cannot be used, or a value that no file gives.

    Says what is wrong, where (file and line, when a file is to blame) and what to do about it.
    """

    def __init__(
        self, problem: str, remedy: str, path: Path | None = None, line: int | None = None
    ) -> None:
        self.problem, self.remedy, self.path, self.line = problem, remedy, path, line
        place = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(f"{place}{problem}. {remedy}.")


@dataclass(frozen=True)
class Node:
    """A YAML value and where it stands."""

    path: Path
    _node: Any
    _key: Any = None

    @property
    def line(self) -> int:
        """The first line of the value; of its key where the value is left empty."""
        empty = self._key is not None and self._node.value == ""
        return int((self._key if empty else self._node).start_mark.line) + 1

    @property
    def place(self) -> str:
        """File and line, to be shown."""
        return f"{self.path}:{self.line}"

    @property
    def kind(self) -> str:
        """``map``, ``seq``, ``str``, ``int``, ``float``, ``bool``, ``null``, ``timestamp``."""
        return str(self._node.tag).rpartition(":")[2]

    def error(self, problem: str, remedy: str) -> ParameterError:
        return ParameterError(problem, remedy, self.path, self.line)

    def pairs(self) -> dict[str, Node]:
        """A mapping with free keys; a key that stands twice is refused."""
        if self.kind != "map":
            raise self.error(f"a mapping is needed, this is {self._shown}", "Write key: value")
        result: dict[str, Node] = {}
        for raw_key, raw_value in self._node.value:
            key = Node(self.path, raw_key)
            name = key.text()
            if name in result:
                raise key.error(f"the key {name} stands twice", "Keep one of the two")
            result[name] = Node(self.path, raw_value, raw_key)
        return result

    def fields(
        self, required: Iterable[str], optional: Collection[str] = (), needs: str = "needed here"
    ) -> dict[str, Node]:
        """A mapping with exactly these keys; others are refused, and so are missing ones."""
        needed = tuple(required)
        result = self.pairs()
        known = (*needed, *optional)
        for name, value in result.items():
            if name not in known:
                raise value.error(f"the key {name} is unknown", f"Use one of {_listed(known)}")
        for name in needed:
            if name not in result:
                raise self.error(f"the key {name} is missing", f"Add {name}, it is {needs}")
        return result

    def items(self) -> list[Node]:
        if self.kind != "seq":
            raise self.error(f"a list is needed, this is {self._shown}", "Write a list")
        return [Node(self.path, item) for item in self._node.value]

    def text(self) -> str:
        if self.kind != "str" or not self._node.value.strip():
            raise self.error(
                f"text is needed, this is {self._shown}",
                "Write text, in quotes where it looks like a number, a date or a boolean",
            )
        return str(self._node.value).strip()

    def code(self, allowed: Collection[str], what: str) -> str:
        """Text that must be one of the listed codes."""
        value = self.text()
        if value not in allowed:
            raise self.error(f"{what} {value} is unknown", f"Use one of {_listed(allowed)}")
        return value

    def codes(self, allowed: Collection[str] | None = None, what: str = "value") -> tuple[str, ...]:
        """One code, or a list of different codes."""
        nodes = self.items() if self.kind == "seq" else [self]
        if not nodes:
            raise self.error("the list is empty", "List at least one value, or leave the key out")
        result: list[str] = []
        for node in nodes:
            value = node.text() if allowed is None else node.code(allowed, what)
            if value in result:
                raise node.error(f"the value {value} stands twice", "Keep one of the two")
            result.append(value)
        return tuple(result)

    def decimal(self, kind: ColumnType) -> Decimal:
        """An exact number: quoted text that fits the type, so that it is never a float."""
        if self.kind != "str" or self._node.style not in ("'", '"'):
            raise self.error(
                f"a number must be a quoted string, this is {self._shown}",
                f'Write "{self._node.value}" in quotes'
                if self.kind in ("int", "float")
                else 'Write a decimal number in quotes, like "0.05"',
            )
        value = self.text()
        if not re.fullmatch(NUMBER_PATTERN, value):
            raise self.error(f"{value!r} is not a decimal number", 'Write it like "0.05"')
        before, after = _DIGITS[kind]
        whole, _, fraction = value.lstrip("-").partition(".")
        if len(whole.lstrip("0")) > before or len(fraction.rstrip("0")) > after:
            raise self.error(
                f"{value} does not fit the type {kind.name.lower()}",
                f"Use at most {before} digits before and {after} after the point",
            )
        return Decimal(value)

    def date(self) -> date:
        try:
            if self.kind == "timestamp":
                return date.fromisoformat(self._node.value)
        except ValueError:
            pass
        raise self.error(f"a date is needed, this is {self._shown}", "Write it like 2015-01-01")

    def boolean(self) -> bool:
        if self.kind != "bool":
            raise self.error(
                f"true or false is needed, this is {self._shown}", "Write true or false"
            )
        return str(self._node.value).lower() == "true"

    @property
    def _shown(self) -> str:
        if self.kind in ("map", "seq"):
            return "a mapping" if self.kind == "map" else "a list"
        if self.kind == "str" and not self._node.value.strip():
            return "empty text"
        value = f" {self._node.value}" if self._node.value else ""
        return f"{_PLAIN.get(self.kind, 'the text')}{value}"


class _Parser(CParser, BaseResolver):  # type: ignore[misc]  # yaml has no types
    """The parser in C, a tenth of the time of one in Python, with the plain values of YAML 1.2.

    Its own are those of YAML 1.1, in which Norway's code is a boolean.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


for _versions, _tag, _value, _first in implicit_resolvers:
    if (1, 2) in _versions:
        _Parser.add_implicit_resolver(str(_tag), _value, _first)


def read(path: Path) -> Node:
    """The root of a YAML file."""
    return parse(path, read_text(path))


def read_text(path: Path) -> str:
    """What a file says. Raises ParameterError, with the line, where it is no text in UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = bytes(error.object).count(b"\n", 0, error.start) + 1
        raise ParameterError("this is no text in UTF-8", "Save it as UTF-8", path, line) from None


def parse(path: Path, text: str) -> Node:
    """The root of a YAML text; ``path`` is where errors say it stands."""
    try:
        root = _Parser(text).get_single_node()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _no_yaml(path, error.problem, None if mark is None else mark.line + 1) from error
    except ReaderError as error:
        raise _no_yaml(path, error.reason, text.count("\n", 0, error.position) + 1) from error
    if root is None:
        raise ParameterError("the file is empty", "Fill it or remove it", path, 1)
    return Node(path, root)


def _no_yaml(path: Path, problem: str | None, line: int | None) -> ParameterError:
    return ParameterError(f"this is not YAML: {problem}", "Mend the syntax", path, line)


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)

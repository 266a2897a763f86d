"""JSON lines: one object a line; a number is the text of its digits, never a float.

Lines are read by the standard library one by one (about 250,000 a second), in blocks of bounded
memory: no faster reader keeps the digits of a number, or tells which line is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats.piece import OTHERS, Unreadable, bad_lines, good_lines
from regulatory_assets.bank.formats.text import Block, Lines

_NAMES_TOLD = 50


class JsonLinesFile:
    """A file of objects. It has no header, so its columns are those that the mapping uses."""

    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, form: FileForm, used: Sequence[str]) -> None:
        self._lines = Lines(path, form)
        self._blocks = self._lines.blocks()
        self._first = next(self._blocks, None)
        if self._first is None:
            raise Unreadable("the file is empty; deliver at least one line")
        self._used = tuple(used)
        self.columns = (*self._used, OTHERS)
        self._unknown: dict[str, None] = {}

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(self._unknown)[:_NAMES_TOLD]

    @property
    def sha256(self) -> str:
        return self._lines.sha256

    def pieces(self) -> Iterator[pa.Table]:
        if self._first is not None:
            yield from self._piece(self._first)
        for block in self._blocks:
            yield from self._piece(block)

    def _piece(self, block: Block) -> Iterator[pa.Table]:
        numbers: list[int] = []
        texts: list[str] = []
        rows: list[list[str | None]] = []
        bad: list[tuple[int, str, str]] = []
        for number, text in enumerate(block.text.decode().split("\n")[:-1], block.first):
            try:
                found = _object(text)
            except (ValueError, RecursionError) as error:
                bad.append(
                    (number, f"not a JSON object: {error}" if text else "an empty line", text)
                )
                continue
            others = {name: value for name, value in found.items() if name not in self._used}
            if len(self._unknown) < _NAMES_TOLD:
                self._unknown |= dict.fromkeys(others)
            kept = json.dumps(others, ensure_ascii=False) if others else None
            numbers.append(number)
            texts.append(text)
            rows.append([*(_plain(found.get(name)) for name in self._used), kept])
        if rows:
            columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
            yield good_lines(pa.array(numbers, pa.int64()), columns, pa.array(texts, pa.string()))
        if bad:
            yield bad_lines(bad, len(self.columns))


class _Digits(str):
    """A number as written."""


def _object(text: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name stands twice")
        return result

    found = json.loads(
        text,
        object_pairs_hook=unique,
        parse_float=_Digits,
        parse_int=_Digits,
        parse_constant=_Digits,
    )
    if not isinstance(found, dict):
        raise ValueError("the line is another value")  # noqa: TRY004 - told like bad syntax
    if "\\ud" in text.lower():  # half a character is none, and two halves alike are no key
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _plain(value: Any) -> str | None:
    """A value as text; an object or a list stays JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

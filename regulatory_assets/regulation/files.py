"""One parameter file: its head, its columns, its rows or rules with the days they are in force.

What a file may say is decided here; how files of several regimes and dates become the tables of a
day is decided in ``parameters``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Generic, TypeVar

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.document import Node, ParameterError, read
from regulatory_assets.regulation.requirements import ASKED, Requirements
from regulatory_assets.regulation.tables import BASEL, NONE, Citation, Key, Reference, Row, Rule

Content = TypeVar("Content", Row, Rule)

LAST_DAY = date.max
"""The last day of what has no end."""

_HEAD = ("parameter", "kind", "title", "regime", "from")
_DATES = ("from", "to")


@dataclass(frozen=True)
class _Number:
    """A type of a column's numbers: how they are kept, and between which bounds they make sense."""

    kind: ColumnType
    least: Decimal
    most: Decimal = Decimal("Infinity")
    reached: bool = True

    def takes(self, value: Decimal) -> bool:
        return self.least <= value <= self.most and (self.reached or value < self.most)

    @property
    def bounds(self) -> str:
        if not self.most.is_finite():
            return f"from {self.least} on"
        return f"from {self.least} to {'' if self.reached else 'below '}{self.most}"


_NUMBERS = {
    "rate": _Number(ColumnType.RATE, Decimal(0)),
    "share": _Number(ColumnType.RATE, Decimal(0), Decimal(1)),
    "part": _Number(ColumnType.RATE, Decimal(0), Decimal(1), reached=False),
    "signed_share": _Number(ColumnType.RATE, Decimal(-1), Decimal(1)),
    "money": _Number(ColumnType.MONEY, Decimal(0)),
    "count": _Number(ColumnType.INTEGER, Decimal(1)),
}
"""By the word for it in a file."""

_DESCRIBED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rates": (("keys",), ("overlays", "values", "texts", "references", *ASKED)),
    "decisions": (("inputs", "outputs"), ("overlays", "references")),
}
"""What a Basel file says about its overlays, columns and rows: needed, optional."""


@dataclass(frozen=True)
class Entry(Generic[Content]):
    """A row or rule with the days it is in force; ``key`` is what an overlay replaces."""

    key: Key
    first: date
    last: date
    content: Content


class ParameterFile:
    """One file's head, read before its rows: rows need the Basel file's columns."""

    def __init__(self, path: Path) -> None:
        self.path, self.node = path, read(path)
        fields = self.node.pairs()
        for name in ("parameter", "kind", "regime"):
            if name not in fields:
                raise self.node.error(f"the key {name} is missing", f"Add {name}")
        self.name, self.regime = fields["parameter"].text(), fields["regime"].text()
        self.kind = fields["kind"].code(("rates", "decisions"), "kind")
        self.body = "rows" if self.kind == "rates" else "rules"
        described, optional = _DESCRIBED[self.kind] if self.regime == BASEL else ((), ())
        self.fields = self.node.fields((*_HEAD, *described, self.body), ("to", *optional))
        self.fields["title"].text()
        self.overlaid = "overlays" not in self.fields
        if not self.overlaid:
            self.fields["overlays"].code((NONE,), "overlays")
        if self.regime == BASEL and not self.fields[self.body].items():
            raise self.fields[self.body].error("the list is empty", f"Add {self.body}")

    def period(self, own: Mapping[str, Node]) -> tuple[date, date]:
        """The days in force of a row: its own dates, else the file's."""
        dates = {**self.fields, **own}
        first = dates["from"].date()
        last = dates["to"].date() if "to" in dates else LAST_DAY
        if last < first:
            raise dates["to"].error(f"{last} is before {first}", "Put 'to' on or after 'from'")
        return first, last

    def rows(self, described: RateColumns) -> list[Entry[Row]]:
        columns = (*described.keys, *described.values, *described.texts, "citation")
        result = []
        for node in self.fields["rows"].items():
            fields = node.fields(columns, _DATES, "mandatory in every row")
            content = Row(
                {name: described.number(name, fields[name]) for name in described.values},
                {name: fields[name].code(v, name) for name, v in described.texts.items()},
                _citation(fields["citation"]),
                self.path,
                node.line,
            )
            key = tuple(fields[name].text() for name in described.keys)
            result.append(Entry(key, *self.period(fields), content))
        return _checked(result)

    def rules(self, described: DecisionColumns) -> list[Entry[Rule]]:
        result = []
        for node in self.fields["rules"].items():
            fields = node.fields(
                ("rule", "when", "then", "citation"), _DATES, "mandatory in every rule"
            )
            when = fields["when"].fields((), described.inputs)
            then = fields["then"].fields(described.outputs)
            content = Rule(
                fields["rule"].text(),
                {name: value.codes(described.inputs[name], name) for name, value in when.items()},
                {name: value.code(described.outputs[name], name) for name, value in then.items()},
                _citation(fields["citation"]),
                self.path,
                node.line,
            )
            result.append(Entry((content.name,), *self.period(fields), content))
        return _checked(result)


class RateColumns:
    """What the Basel file of a rate table says about its columns, and asks of its rows."""

    def __init__(self, file: ParameterFile) -> None:
        fields = file.fields
        self.keys = fields["keys"].codes()
        self._words: dict[str, str] = {}
        if "values" in fields:
            for name, word in fields["values"].pairs().items():
                self._words[name] = word.code(_NUMBERS, "type")
        self.values = {name: _NUMBERS[word].kind for name, word in self._words.items()}
        self.texts = _enumerations(fields["texts"]) if "texts" in fields else {}
        names = [*self.keys, *self.values, *self.texts, "citation", *_DATES]
        for name in names:
            if names.count(name) > 1:
                raise fields["keys"].error(f"the column {name} stands twice", "Rename one")
        self.references = _references(fields, (*self.keys, *self.texts))
        for key in self.keys:
            if key in self.references and self.references[key].parameter == file.name:
                raise fields["references"].error(
                    f"the key {key} refers to its own table", "Let another column name its rows"
                )
        refers = any(key in self.references for key in self.keys)
        self.requirements = Requirements.read(fields, self.values, self.texts, refers)

    def number(self, name: str, node: Node) -> Decimal:
        """A value of a column, as its type allows."""
        found = node.decimal(self.values[name])
        word = self._words[name]
        number = _NUMBERS[word]
        if not number.takes(found):
            raise node.error(
                f"{name} {found} is not of the type {word}", f"Write a number {number.bounds}"
            )
        return found


class DecisionColumns:
    """What the Basel file of a decision table says about its inputs and outputs."""

    def __init__(self, file: ParameterFile) -> None:
        self.inputs = _enumerations(file.fields["inputs"])
        self.outputs = _enumerations(file.fields["outputs"])
        if "regime" in self.inputs:
            raise file.fields["inputs"].error("an input is named regime", "Rename it")
        self.references = _references(file.fields, (*self.inputs, *self.outputs))


def _enumerations(node: Node) -> dict[str, tuple[str, ...]]:
    result = {name: values.codes() for name, values in node.pairs().items()}
    if not result:
        raise node.error("nothing is listed", "Name at least one, with its values")
    return result


def _references(fields: Mapping[str, Node], columns: Collection[str]) -> dict[str, Reference]:
    """By column the parameter whose keys its values are, but for those that it excepts."""
    if "references" not in fields:
        return {}
    result = {}
    for column, node in fields["references"].pairs().items():
        if column not in columns:
            raise node.error(f"no column {column} has codes", f"Use one of {', '.join(columns)}")
        told = {"parameter": node}
        if node.kind == "map":
            told = node.fields(("parameter", "except"))
        excepted = told["except"].codes() if "except" in told else ()
        result[column] = Reference(told["parameter"].text(), excepted, node.path, node.line)
    return result


def _citation(node: Node) -> Citation:
    fields = node.fields(
        ("instrument", "paragraph", "title", "verified"), ("note",), "mandatory in a citation"
    )
    return Citation(
        fields["instrument"].text(),
        fields["paragraph"].text(),
        fields["title"].text(),
        fields["verified"].boolean(),
        fields["note"].text() if "note" in fields else "",
    )


def _checked(entries: list[Entry[Content]]) -> list[Entry[Content]]:
    """The entries, refused where one key would have two values on a day."""
    seen: dict[Key, list[Entry[Content]]] = {}
    for entry in entries:
        for other in seen.setdefault(entry.key, []):
            if entry.first <= other.last and other.first <= entry.last:
                raise ParameterError(
                    f"{'/'.join(entry.key)} has overlapping dates with line {other.content.line}",
                    "End the earlier one the day before the later begins",
                    entry.content.path,
                    entry.content.line,
                )
        seen[entry.key].append(entry)
    return entries

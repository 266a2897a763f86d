"""What a stage sees of a regulation: rate tables and decision tables in force on one day.

Pure Python, no file access (``parameters`` loads) and no engine (``expressions`` compiles).
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.document import ParameterError

BASEL = "basel"
"""The regime whose values every other regime overlays."""

NONE = "none"
"""What a Basel file says of ``overlays`` where its values hold for every regime."""

Key = tuple[str, ...]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Citation:
    """Where a value is written. ``verified`` is false where nobody has read it there."""

    instrument: str
    paragraph: str
    title: str
    verified: bool
    note: str = ""

    def __str__(self) -> str:
        return f"{self.instrument} {self.paragraph}: {self.title}"


@dataclass(frozen=True)
class Row:
    """One row of a rate table, with its citation and the place in its file."""

    values: Mapping[str, Decimal]
    texts: Mapping[str, str]
    citation: Citation
    path: Path
    line: int


Values = Callable[[str, Key, Row], Mapping[str, Decimal]]
"""The numbers of a row, by its regime and key."""

Rows = Callable[[str, Key, Row], Row | None]
"""What stands instead of a row, by its regime and key; None: nothing."""


@dataclass(frozen=True)
class Rule:
    """One rule of a decision table: an input left out of ``when`` may have any value."""

    name: str
    when: Mapping[str, tuple[str, ...]]
    then: Mapping[str, str]
    citation: Citation
    path: Path
    line: int


@dataclass(frozen=True)
class Reference:
    """What the values of a column are: keys of another rate table, but for those excepted."""

    parameter: str
    excepted: tuple[str, ...]
    path: Path
    line: int


@dataclass(frozen=True)
class RateTable:
    """Key columns to named exact numbers and texts, per regime. ``references`` are by column.

    ``overlaid``: other regimes may have rows of their own, so each reader says whose it wants.
    """

    name: str
    path: Path
    key_columns: tuple[str, ...]
    types: Mapping[str, ColumnType]
    texts: Mapping[str, tuple[str, ...]]
    references: Mapping[str, Reference]
    by_regime: Mapping[str, Mapping[Key, Row]]
    overlaid: bool = True

    @property
    def regimes(self) -> tuple[str, ...]:
        return tuple(self.by_regime)

    def rows(self, regime: str | None = None) -> Mapping[Key, Row]:
        """Every row of a regime by key, in the order of the file; without one, those of a table
        that is the same for all. Refused where another regime's rows would be passed over."""
        return _of_regime(self.by_regime, regime, self)

    def row(self, key: str | Key, regime: str | None = None) -> Row:
        wanted = (key,) if isinstance(key, str) else tuple(key)
        rows = self.rows(regime)
        if wanted not in rows:
            raise ParameterError(
                f"parameter {self.name} has no row {'/'.join(wanted)} for regime {regime or BASEL}",
                "Add the row, or ask for one that exists",
                self.path,
            )
        return rows[wanted]

    def among(self, wanted: Callable[[Key], bool]) -> RateTable:
        """The same table with some of its keys: shorter to plan where no others are asked for."""
        return self.with_rows(lambda _, key, row: row if wanted(key) else None)

    def with_rows(self, instead: Rows) -> RateTable:
        """The same table with others instead of its rows."""
        by_regime = {
            regime: {
                key: other
                for key, row in rows.items()
                if (other := instead(regime, key, row)) is not None
            }
            for regime, rows in self.by_regime.items()
        }
        return replace(self, by_regime=by_regime)

    def value(self, key: str | Key, name: str, regime: str | None = None) -> Decimal:
        self.check_column(name, self.types)
        return self.row(key, regime).values[name]

    def text(self, key: str | Key, name: str, regime: str | None = None) -> str:
        self.check_column(name, self.texts)
        return self.row(key, regime).texts[name]

    def check_column(self, name: str, known: Mapping[str, Any]) -> None:
        if name not in known:
            raise ParameterError(
                f"parameter {self.name} has no column {name}",
                f"Use one of {', '.join(known)}",
                self.path,
            )

    @cached_property
    def canonical(self) -> str:
        """What a calculation can see, as JSON in one fixed form: the same for any spelling of it.
        Many stages see the same table."""
        rows_of = {
            regime: sorted(
                [key, {name: plain(v) for name, v in row.values.items()}, dict(row.texts)]
                for key, row in rows.items()
            )
            for regime, rows in self.by_regime.items()
        }
        types = {name: kind.value for name, kind in self.types.items()}
        return _json(["rates", self.key_columns, types, rows_of])


@dataclass(frozen=True)
class DecisionTable:
    """Enumerated inputs to output codes; for every combination exactly one rule decides.

    The check is part of construction, so an incomplete or ambiguous table cannot exist.
    ``references`` are by input or output, ``overlaid`` is as in ``RateTable``.
    """

    name: str
    path: Path
    inputs: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, tuple[str, ...]]
    references: Mapping[str, Reference]
    by_regime: Mapping[str, Sequence[Rule]]
    overlaid: bool = True

    def __post_init__(self) -> None:
        _ = self._deciding

    @property
    def regimes(self) -> tuple[str, ...]:
        return tuple(self.by_regime)

    def rules(self, regime: str | None = None) -> Sequence[Rule]:
        return _of_regime(self.by_regime, regime, self)

    def combinations(self) -> Iterator[dict[str, str]]:
        """Every combination of the inputs' values."""
        for combination in itertools.product(*self.inputs.values()):
            yield dict(zip(self.inputs, combination, strict=True))

    def rule(self, regime: str | None = None, **inputs: str) -> Rule:
        """The rule that decides, with its citation."""
        if set(inputs) != set(self.inputs):
            raise ParameterError(
                f"parameter {self.name} was asked with {', '.join(inputs) or 'no input'}",
                f"Give exactly {', '.join(self.inputs)}",
                self.path,
            )
        for name, value in inputs.items():
            if value not in self.inputs[name]:
                raise ParameterError(
                    f"parameter {self.name}: {name} {value} is not in its enumeration",
                    f"Use one of {', '.join(self.inputs[name])}",
                    self.path,
                )
        return self.deciding(regime)[tuple(inputs[name] for name in self.inputs)]

    def deciding(self, regime: str | None = None) -> Mapping[Key, Rule]:
        """The deciding rule of every combination, its values in the order of the inputs."""
        return _of_regime(self._deciding, regime, self)

    def decide(self, regime: str | None = None, **inputs: str) -> dict[str, str]:
        """The output codes; inputs outside the enumerations are refused, never defaulted."""
        return dict(self.rule(regime, **inputs).then)

    def check_output(self, name: str) -> None:
        if name not in self.outputs:
            raise ParameterError(
                f"parameter {self.name} has no output {name}",
                f"Use one of {', '.join(self.outputs)}",
                self.path,
            )

    @cached_property
    def _deciding(self) -> Mapping[str, Mapping[Key, Rule]]:
        """By regime; those with the same rules share one mapping."""
        expanded: dict[tuple[int, ...], Mapping[Key, Rule]] = {}
        found = {}
        for regime, rules in self.by_regime.items():
            same = tuple(map(id, rules))
            if same not in expanded:
                expanded[same] = self._expand(regime)
            found[regime] = expanded[same]
        return found

    def _expand(self, regime: str) -> Mapping[Key, Rule]:
        """The rule of every combination; refuses two rules for one and none for another."""
        found: dict[Key, Rule] = {}
        for rule in self.by_regime[regime]:
            allowed = (rule.when.get(name, values) for name, values in self.inputs.items())
            for combination in itertools.product(*allowed):
                other = found.setdefault(combination, rule)
                if other is not rule:
                    raise ParameterError(
                        f"the rules {other.name} (line {other.line}) and {rule.name} of "
                        f"{self.name}, regime {regime}, overlap for {self._shown(combination)}",
                        "Narrow one of the two",
                        rule.path,
                        rule.line,
                    )
        for combination in itertools.product(*self.inputs.values()):
            if combination not in found:
                last = self.by_regime[regime][-1]
                raise ParameterError(
                    f"no rule of {self.name}, regime {regime}, covers {self._shown(combination)}",
                    "Add a rule after this one, or widen one",
                    last.path,
                    last.line,
                )
        return found

    def _shown(self, combination: Key) -> str:
        pairs = zip(self.inputs, combination, strict=True)
        return ", ".join(f"{name} {value}" for name, value in pairs)

    @cached_property
    def canonical(self) -> str:
        """The decisions themselves as JSON, however the rules spell them: by regime the number of
        the answer to each combination of values, in the order of names and values."""
        names = sorted(self.inputs)
        places = [names.index(name) for name in self.inputs]
        ordered = itertools.product(*(sorted(self.inputs[name]) for name in names))
        combinations = [tuple(values[place] for place in places) for values in ordered]
        rules = itertools.chain.from_iterable(self.by_regime.values())
        told = {id(rule): _json(dict(rule.then)) for rule in rules}
        answers = sorted(set(told.values()))
        numbers = {rule: answers.index(answer) for rule, answer in told.items()}
        decisions = {
            regime: [numbers[id(deciding[values])] for values in combinations]
            for regime, deciding in self._deciding.items()
        }
        inputs = {name: sorted(self.inputs[name]) for name in names}
        return _json(["decisions", inputs, answers, decisions])


AnyTable = RateTable | DecisionTable

History = Sequence[tuple[date, AnyTable | None]]
"""A table from each day on which something of it begins or ends; None: nothing is in force."""


def in_force(history: History, day: date) -> AnyTable | None:
    """The table of a day, if any."""
    place = bisect_right([start for start, _ in history], day)
    return history[place - 1][1] if place else None


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def moved_entries(before: Any, after: Any) -> frozenset[Key] | None:
    """Which rows differ between two canonical forms of a rate table, as read from their JSON, each
    by its regime and key; None where the tables differ in more than what their rows say."""
    kind, *shape, old = before
    if kind != "rates" or [kind, *shape] != after[:-1]:
        return None
    rows = [
        {(regime, *key): said for regime, rows in table.items() for key, *said in rows}
        for table in (old, after[-1])
    ]
    if rows[0].keys() != rows[1].keys():
        return None
    return frozenset(entry for entry, said in rows[1].items() if rows[0][entry] != said)


def plain(value: Decimal) -> str:
    """A number's shortest exact text: 0.050 and 0.05 are the same."""
    return format(value.normalize(), "f") if value else "0"


def _of_regime(by_regime: Mapping[str, _T], regime: str | None, table: AnyTable) -> _T:
    if regime is None and table.overlaid:
        raise ParameterError(
            f"parameter {table.name} is asked for no regime, and each may have values of its own",
            f"Name the regime, or write 'overlays: {NONE}' if no other may have any",
            table.path,
        )
    if regime not in (None, *by_regime):
        raise ParameterError(
            f"parameter {table.name} knows no regime {regime}",
            f"Use one of {', '.join(by_regime)}, or add a file that names {regime}",
            table.path,
        )
    return by_regime[regime or BASEL]

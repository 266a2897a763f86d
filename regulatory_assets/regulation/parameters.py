"""Loading parameters: one YAML file per table and regime, dated, cited, merged over Basel.

A table is described by its ``basel`` file; a file of another regime, in a folder of its name, holds
rows only, each replacing the Basel row of the same key or adding one. A Basel file that says
``overlays: none`` holds for every regime, and a file of another is refused. A regime is known as
soon as one file names it, and takes the Basel rows where it has none of its own; an unknown regime
is refused. Dates are days in force, first and last included; what a file says at its top holds for
its rows unless a row says otherwise. What a row or rule names in another table is there for its
regime on each of its days, and so is, in the table as merged, what the head asks of its rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path

from regulatory_assets.regulation.document import ParameterError
from regulatory_assets.regulation.files import (
    LAST_DAY,
    Content,
    DecisionColumns,
    Entry,
    ParameterFile,
    RateColumns,
)
from regulatory_assets.regulation.references import check_references
from regulatory_assets.regulation.tables import (
    BASEL,
    AnyTable,
    DecisionTable,
    History,
    Key,
    RateTable,
    Row,
    Rows,
    Rule,
    Values,
    in_force,
    moved_entries,
)

__all__ = ["BASEL", "DecisionTable", "ParameterError", "ParameterSet", "Parameters", "RateTable"]


class ParameterSet:
    """The tables in force on a day, for the declared names only.

    ``in_force`` is the day whose values these are: ``day``, or a later one that older days follow.
    """

    def __init__(
        self, day: date, tables: Mapping[str, AnyTable], in_force: date | None = None
    ) -> None:
        self.day = day
        self.in_force = in_force or day
        self._tables = dict(tables)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tables)

    def __getitem__(self, name: str) -> AnyTable:
        if name not in self._tables:
            raise ParameterError(
                f"undeclared parameter {name}",
                f"Declare it where the stage is declared; so far: {', '.join(self._tables)}",
            )
        return self._tables[name]

    def rates(self, name: str) -> RateTable:
        """The table, which must be a rate table."""
        return _rates(self[name])

    def decisions(self, name: str) -> DecisionTable:
        """The table, which must be a decision table."""
        table = self[name]
        if not isinstance(table, DecisionTable):
            raise ParameterError(f"{name} is not a decision table", "Use value", table.path)
        return table

    @cached_property
    def text(self) -> str:
        """All that a calculation can see, in one fixed form; citations are not."""
        told = ((name, self._tables[name].canonical) for name in sorted(self.names))
        return f"{{{','.join(f'{json.dumps(name)}:{table}' for name, table in told)}}}"

    @cached_property
    def hash(self) -> str:
        """Changes exactly when something a calculation can see changes."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def moved_since(self, before: str) -> Mapping[str, frozenset[Key]] | None:
        """The entries of rate tables whose numbers or texts differ from those of an earlier text,
        by table, each its regime and key; None where anything else differs."""
        old, new = json.loads(before), json.loads(self.text)
        if old.keys() != new.keys():
            return None
        found = {}
        for name in new:
            if old[name] != new[name]:
                moved = moved_entries(old[name], new[name])
                if moved is None:
                    return None
                found[name] = moved
        return found


class Parameters:
    """Everything loaded from folders, for every day."""

    def __init__(self, histories: Mapping[str, History]) -> None:
        self._histories = dict(histories)

    @classmethod
    def load(cls, folders: Iterable[Path]) -> Parameters:
        """Every ``*.yaml`` file in and below the folders, checked for every day."""
        files: dict[str, dict[str, ParameterFile]] = {}
        for path in _paths(folders):
            file = ParameterFile(path)
            _check_folder(file)
            regimes = files.setdefault(file.name, {})
            if file.regime in regimes:
                raise file.node.error(
                    f"{file.name} for regime {file.regime} is also in {regimes[file.regime].path}",
                    "Keep one file; put values of other dates into it",
                )
            regimes[file.regime] = file
        known = dict.fromkeys([BASEL, *(regime for named in files.values() for regime in named)])
        histories = {name: _history(named, known) for name, named in files.items()}
        check_references(histories)
        return cls(histories)

    @classmethod
    def default(cls) -> Parameters:
        """Every ``parameters`` folder of the reports; read once per process."""
        return _default()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._histories)

    @property
    def regimes(self) -> tuple[str, ...]:
        """Basel, and every regime that a file names."""
        known = (table for history in self._histories.values() for _, table in history if table)
        return tuple(dict.fromkeys(regime for table in known for regime in table.regimes))

    def at(self, day: date, names: Iterable[str], not_before: date = date.min) -> ParameterSet:
        """The declared tables as they are in force on a day.

        ``not_before`` gives days that are older than a regulation its first values.
        """
        force = max(day, not_before)
        return ParameterSet(day, {name: self._at(force, name) for name in names}, force)

    def with_rows(self, name: str, instead: Rows) -> Parameters:
        """The same with others instead of the rows of a rate table, on every day: what would be
        with them. They are not checked."""
        other = [
            (start, None if table is None else _rates(table).with_rows(instead))
            for start, table in self.history(name)
        ]
        return Parameters({**self._histories, name: other})

    def with_values(self, name: str, values: Values) -> Parameters:
        """The same with other numbers."""
        return self.with_rows(name, lambda *at: replace(at[-1], values=values(*at)))

    def history(self, name: str) -> History:
        """A parameter's table from each day on which something begins or ends; None: no values."""
        return self._histories[name]

    def is_in_force(self, name: str, day: date) -> bool:
        """Whether a known parameter has values on a day."""
        return in_force(self._histories[name], day) is not None

    def _at(self, day: date, name: str) -> AnyTable:
        if name not in self._histories:
            raise ParameterError(
                f"there is no parameter {name}", f"Use one of {', '.join(sorted(self.names))}"
            )
        history = self._histories[name]
        table = in_force(history, day)
        if table is None:
            known = next(t for _, t in history if t is not None)
            raise ParameterError(
                f"parameter {name} has no values in force on {day}",
                "Add rows for that day",
                known.path,
            )
        return table


def _rates(table: AnyTable) -> RateTable:
    if not isinstance(table, RateTable):
        raise ParameterError(f"{table.name} is not a rate table", "Use decide", table.path)
    return table


@cache
def _default() -> Parameters:
    reports = Path(__file__).parents[1] / "reports"
    return Parameters.load(sorted(p for p in reports.rglob("parameters") if p.is_dir()))


def _paths(folders: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ParameterError("there is no such folder", "Name a folder of YAML files", folder)
        for path in sorted(folder.rglob("*.yml")):
            raise ParameterError("only *.yaml files are read", "Rename it to .yaml", path)
        found.update(dict.fromkeys(sorted(folder.rglob("*.yaml"))))
    return list(found)


def _check_folder(file: ParameterFile) -> None:
    """A regime's files stand in a folder of its name: by a slip in either there would be one regime
    more, and the one that was meant would keep the Basel values."""
    folder = file.path.resolve().parent.name
    if file.regime not in (BASEL, folder):
        raise file.fields["regime"].error(
            f"a file of regime {file.regime} stands in the folder {folder}",
            f"Name the regime as the folder, or move the file into a folder {file.regime}",
        )


def _history(files: Mapping[str, ParameterFile], regimes: Iterable[str]) -> History:
    """The table of every stretch of days on which nothing changes, by its first day."""
    if BASEL not in files:
        overlay = next(iter(files.values()))
        raise overlay.node.error(
            f"{overlay.name} has no file of regime {BASEL}", "Add it; other regimes overlay it"
        )
    basel = files[BASEL]
    for file in files.values():
        if file.kind != basel.kind:
            raise file.fields["kind"].error(
                f"{basel.name} has kind {basel.kind} in {basel.path}", "Use the same kind"
            )
        if file is not basel and not basel.overlaid:
            raise file.fields["regime"].error(
                f"{basel.name} is the same for every regime ({basel.path} has no overlays), so "
                f"values of regime {file.regime} would count nowhere",
                "Remove this file, or change the Basel file for all",
            )
    if basel.kind == "rates":
        rates = RateColumns(basel)
        asked = rates.requirements
        rows = {r: files[r].rows(rates) if r in files else [] for r in regimes}
        days = ((entry.key, entry.first, entry.last) for entry in rows[BASEL])
        asked.check_days(basel.name, days, basel.period({}))

        def rate_table(merged: Mapping[str, Mapping[Key, Row]]) -> AnyTable:
            for regime, of_regime in merged.items():
                asked.check_rows(basel.name, regime, of_regime)
            columns = rates.keys, rates.values, rates.texts, rates.references
            return RateTable(basel.name, basel.path, *columns, merged, basel.overlaid)

        return _stretches(rows, rate_table)
    columns = DecisionColumns(basel)

    def decision_table(merged: Mapping[str, Mapping[Key, Rule]]) -> AnyTable:
        rules = {regime: tuple(by_name.values()) for regime, by_name in merged.items()}
        described = columns.inputs, columns.outputs, columns.references
        return DecisionTable(basel.name, basel.path, *described, rules, basel.overlaid)

    return _stretches(
        {r: files[r].rules(columns) if r in files else [] for r in regimes}, decision_table
    )


def _stretches(
    entries: Mapping[str, Sequence[Entry[Content]]],
    build: Callable[[Mapping[str, Mapping[Key, Content]]], AnyTable],
) -> History:
    """The merged table from each day on which something begins or ends; None: nothing in force."""
    days: set[date] = set()
    for listed in entries.values():
        days.update(entry.first for entry in listed)
        days.update(e.last + timedelta(days=1) for e in listed if e.last < LAST_DAY)
    result: list[tuple[date, AnyTable | None]] = []
    for day in sorted(days):
        current = {
            regime: {e.key: e.content for e in listed if e.first <= day <= e.last}
            for regime, listed in entries.items()
        }
        merged = {regime: {**current[BASEL], **own} for regime, own in current.items()}
        result.append((day, build(merged) if current[BASEL] else None))
    return result

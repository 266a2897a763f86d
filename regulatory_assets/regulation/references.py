"""What parameters name in each other: values of a column that are keys of another rate table.

A table may name its own rows: each then stands under the one that it names, and none under itself.
Only the check belongs here; how a file says so is in ``files``. What counts is what rows and rules
in force say, and no value of an enumeration that none of them uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from regulatory_assets.regulation.document import ParameterError
from regulatory_assets.regulation.tables import (
    AnyTable,
    History,
    RateTable,
    Reference,
    Row,
    Rule,
    in_force,
)


def check_references(histories: Mapping[str, History]) -> None:
    """Refuses a value that on some day, for some regime, is no key of the table that its column
    refers to, a reference to anything but a rate table with one key column, and a circle of rows.

    Raises ParameterError with the place of the row or rule, or of the reference.
    """
    for name, history in histories.items():
        for column, reference in _one_of(history).references.items():
            _check_kind(reference, histories)
            _check_values(column, reference, history, histories[reference.parameter])
            if reference.parameter == name:
                _check_circles(column, history)


def _check_kind(reference: Reference, histories: Mapping[str, History]) -> None:
    name = reference.parameter
    referred = _one_of(histories[name]) if name in histories else None
    if referred is None:
        problem = f"there is no parameter {name} to refer to"
    elif not isinstance(referred, RateTable):
        problem = f"{name} is a decision table and has no keys to refer to"
    elif len(referred.key_columns) > 1:
        problem = f"{name} has more than one key column: {', '.join(referred.key_columns)}"
    else:
        return
    remedy = "Refer to a rate table with one key column, loaded together with this one"
    raise ParameterError(problem, remedy, reference.path, reference.line)


def _check_values(column: str, reference: Reference, history: History, referred: History) -> None:
    for day in sorted({start for start, _ in (*history, *referred)}):
        table, other = in_force(history, day), in_force(referred, day)
        if table is None:
            continue
        for regime in table.regimes:
            keys = other.rows(regime) if isinstance(other, RateTable) else {}
            for value, entry in _said(table, column, regime):
                if (value,) in keys or value in reference.excepted:
                    continue
                raise ParameterError(
                    f"{column} {value} is no row of {reference.parameter} "
                    f"({_one_of(referred).path}), regime {regime}, on {day}",
                    "Add the row there, or name here one that is in force on that day",
                    entry.path,
                    entry.line,
                )


def _check_circles(column: str, history: History) -> None:
    for _, table in history:
        if not isinstance(table, RateTable):
            continue
        for regime in table.regimes:
            rows = {value: row for (value,), row in table.rows(regime).items()}
            for first, row in rows.items():
                passed, value = [first], row.texts[column]
                while value in rows and value not in passed:
                    passed.append(value)
                    value = rows[value].texts[column]
                if value == first:
                    raise ParameterError(
                        f"{column} of {table.name} goes in a circle: "
                        f"{' -> '.join([*passed, first])}, regime {regime}",
                        "Let one of these rows name none of the others",
                        row.path,
                        row.line,
                    )


def _said(table: AnyTable, column: str, regime: str) -> Iterator[tuple[str, Row | Rule]]:
    """Each value that the rows or rules in force have in a column, with its row or rule."""
    if isinstance(table, RateTable):
        place = table.key_columns.index(column) if column in table.key_columns else None
        for key, row in table.rows(regime).items():
            yield row.texts[column] if place is None else key[place], row
        return
    for rule in table.rules(regime):
        yield from ((value, rule) for value in rule.when.get(column, ()))
        if column in rule.then:
            yield rule.then[column], rule


def _one_of(history: History) -> AnyTable:
    """One of a parameter's tables; its columns are the same on all days."""
    return next(table for _, table in history if table is not None)

"""What the head of a rate table asks of its rows together: which must be there, in which order.

What one row may say is decided in ``files``, what rows name in other tables in ``references``. Rows
are named as people are shown them, their keys joined by a slash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from regulatory_assets.regulation.document import Node, ParameterError
from regulatory_assets.regulation.tables import Key, Row, plain

ASKED = ("required", "together", "rising", "distinct")
"""What a head may ask for."""


@dataclass(frozen=True)
class Requirements:
    """What rows must be, of the merged table of every regime on every day.

    ``required``: rows that a calculation reads by name, each with its place in the head; there is
    one on all days of the file. ``together``: rows of which a regime has all or none. ``closed``:
    there are no others. ``rising``: columns whose numbers rise in the order of ``required``.
    ``distinct``: columns of which no two rows say the same.
    """

    required: Mapping[str, Node]
    together: tuple[str, ...]
    rising: tuple[str, ...]
    distinct: tuple[str, ...]
    closed: bool

    @classmethod
    def read(
        cls,
        fields: Mapping[str, Node],
        values: Collection[str],
        texts: Collection[str],
        refers: bool,
    ) -> Requirements:
        """What a head says. Where its keys refer to no other table, rows that are neither required
        nor named in ``together`` would be read by nobody."""
        required = fields["required"].items() if "required" in fields else []
        if "required" in fields:
            fields["required"].codes()
        elif asking := next((fields[n] for n in ("together", "rising") if n in fields), None):
            raise asking.error("no rows are required", "Name them in `required`, in their order")
        return cls(
            {node.text(): node for node in required},
            fields["together"].codes() if "together" in fields else (),
            fields["rising"].codes(values, "column") if "rising" in fields else (),
            fields["distinct"].codes((*values, *texts), "column") if "distinct" in fields else (),
            bool(required) and not refers,
        )

    def check_days(
        self, table: str, rows: Iterable[tuple[Key, date, date]], of_file: tuple[date, date]
    ) -> None:
        """Refuses a required row that is not in force on some day of its file.

        ``rows`` are those of the Basel file by key, each with its first and last day: other regimes
        replace and add rows, and take none away.
        """
        of_row: dict[str, list[tuple[date, date]]] = {}
        for key, first, last in rows:
            of_row.setdefault("/".join(key), []).append((first, last))
        for name, node in self.required.items():
            if (gap := _gap(of_row.get(name, ()), *of_file)) is not None:
                raise node.error(
                    f"{table} has no row {name} on {gap}, and a calculation reads it by this name",
                    "Add the row for that day",
                )

    def check_rows(self, table: str, regime: str, rows: Mapping[Key, Row]) -> None:
        """Refuses rows of a regime on a day that are no table of what is asked for."""
        named = {"/".join(key): row for key, row in rows.items()}
        known = (*self.required, *self.together)
        for name, row in named.items():
            if self.closed and name not in known:
                raise ParameterError(
                    f"no calculation reads a row {name} of {table}",
                    f"Use one of {', '.join(known)}",
                    row.path,
                    row.line,
                )
        there = [name for name in self.together if name in named]
        if there and (lacking := [name for name in self.together if name not in named]):
            row = named[there[0]]
            raise ParameterError(
                f"{table} has the row {there[0]} and not {', '.join(lacking)}, regime {regime}",
                "Write all of them or none",
                row.path,
                row.line,
            )
        ordered = [(name, named[name]) for name in self.required if name in named]
        for column in self.rising:
            self._check_rising(column, ordered)
        for column in self.distinct:
            _check_distinct(column, named)

    def _check_rising(self, column: str, ordered: Iterable[tuple[str, Row]]) -> None:
        for (lower, below), (upper, row) in pairwise(ordered):
            if row.values[column] <= below.values[column]:
                more, less = plain(row.values[column]), plain(below.values[column])
                raise ParameterError(
                    f"{column} {more} of {upper} is not above {less} of {lower} ({_place(below)})",
                    f"Write numbers that rise in this order: {', '.join(self.required)}",
                    row.path,
                    row.line,
                )


def _check_distinct(column: str, named: Mapping[str, Row]) -> None:
    seen: dict[object, str] = {}
    for name, row in named.items():
        said = row.texts[column] if column in row.texts else row.values[column]
        other = seen.setdefault(said, name)
        if other != name:
            raise ParameterError(
                f"{column} of {name} is that of {other} too ({_place(named[other])})",
                "Write another, no two rows may have the same",
                row.path,
                row.line,
            )


def _gap(of_row: Iterable[tuple[date, date]], day: date, end: date) -> date | None:
    """The first day, from one day to another, on which a row is not in force; None if on all."""
    for first, last in sorted(of_row):
        if first > day:
            break
        if last >= end:
            return None
        day = max(day, last + timedelta(days=1))
    return day


def _place(row: Row) -> str:
    return f"{row.path}:{row.line}"

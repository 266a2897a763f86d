"""Control totals: what the source counted, compared with what arrived, before anything is posted.

``control_totals.csv`` lies beside the files of a day, with the columns ``table``, ``rows``,
``sum_column`` and ``sum``; the last two may be empty. A line speaks of the table's full file: its
lines, rejected ones included, and the sum of a number column over the lines where it is a number.
Where several sources deliver a table, a fifth column ``source`` says whose file is meant.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.delivery import CONTROL_TOTALS, DeliveredFile, DeliveryError
from regulatory_assets.ledger.table import ColumnType, Table

_COLUMNS = ("table", "rows", "sum_column", "sum")
_SOURCE = "source"
_COUNT = re.compile("[0-9]{1,18}")
_AMOUNT = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_NUMBERS = (ColumnType.INTEGER, ColumnType.LONG, ColumnType.MONEY, ColumnType.RATE)


@dataclass(frozen=True)
class ControlTotal:
    """What a source says of one table's full file; ``sum_column`` is None where no sum is given,
    and ``source`` empty where the table has but one."""

    table: str
    rows: int
    sum_column: str | None
    total: Decimal
    place: str
    source: str = ""

    def of(self, file: DeliveredFile) -> bool:
        """Whether it speaks of a file."""
        return file.mode == "full" and self.source in ("", file.source)

    def check(self, file: Path, rows: int, total: Decimal) -> None:
        """Raises DeliveryError where another number arrived."""
        if rows != self.rows:
            raise self._differs(f"{self.rows} rows were sent, {rows} arrived in {file}")
        if self.sum_column is not None and total != self.total:
            raise self._differs(
                f"{self.sum_column} adds up to {self.total:f}, but to {total:f} in {file}"
            )

    def _differs(self, what: str) -> DeliveryError:
        return DeliveryError(
            f"{self.place}: {what}. Nothing of {self.table} was taken; deliver the file or its "
            "control total again"
        )


def check_totals(
    totals: Iterable[ControlTotal],
    files: Sequence[DeliveredFile],
    known: Collection[str],
    taken: Collection[str] = (),
) -> None:
    """Refuse a total of which nobody could say whose it is, and one that would be held against
    nothing. All are of one table: ``files`` of the day, ``known`` sources, and those of which
    something was ``taken`` before."""
    whole = sorted({f.source for f in files if f.mode == "full"})
    for each in totals:
        if each.source and each.source not in known:
            raise DeliveryError(
                f"{each.place}: {each.table} has no source {each.source}; name one of "
                f"{', '.join(sorted(known))}"
            )
        if each.rows and not any(each.source in ("", name) for name in (*whole, *taken)):
            of = f" by the source {each.source}" if each.source else ""
            raise DeliveryError(
                f"{each.place}: {each.rows} rows of {each.table} were sent{of}, and no full file "
                "of these is there; deliver it, or take the line out"
            )
        if not each.source and len(whole) > 1:
            raise DeliveryError(
                f"{each.place}: {each.table} is delivered by {', '.join(whole)}; say in a column "
                f"{_SOURCE} whose file this is"
            )


def control_totals(folder: Path, day: date, tables: Iterable[Table]) -> tuple[ControlTotal, ...]:
    """The control totals of a day; none where no file lies there. Raises DeliveryError."""
    path = folder / day.isoformat() / CONTROL_TOTALS
    if not path.exists():
        return ()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return tuple(_read(path, stream, {t.name: t for t in tables}))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DeliveryError(f"{path}: cannot be read ({error}); deliver it again") from error


def _read(path: Path, stream: Iterable[str], tables: dict[str, Table]) -> Iterator[ControlTotal]:
    lines = csv.reader(stream, strict=True)
    head = tuple(next(lines, ()))
    if head not in (_COLUMNS, (*_COLUMNS, _SOURCE)):
        raise DeliveryError(
            f"{path}, line 1: the columns must be {','.join(_COLUMNS)}, and {_SOURCE} where a "
            "table has several sources"
        )
    for fields in lines:
        place = f"{path}, line {lines.line_num}"
        if len(fields) != len(head):
            raise DeliveryError(f"{place}: {len(fields)} fields, {len(head)} are needed")
        name, rows, column, total, *source = (field.strip() for field in fields)
        if name not in tables:
            raise DeliveryError(f"{place}: no source table {name}; use one of {', '.join(tables)}")
        if not _COUNT.fullmatch(rows):
            raise DeliveryError(f"{place}: rows is {rows[:50]!r}; write a whole number")
        if column and not any(
            c.name == column and c.type in _NUMBERS for c in tables[name].columns
        ):
            raise DeliveryError(f"{place}: {name} has no number column {column}")
        if column and not _AMOUNT.fullmatch(total):
            raise DeliveryError(f"{place}: sum is {total[:50]!r}; write a decimal number")
        amount = Decimal(total) if column else Decimal(0)
        yield ControlTotal(name, int(rows), column or None, amount, place, "".join(source))

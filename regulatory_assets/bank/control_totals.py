"""Control totals: what the source counted, compared with what arrived.

A file is compared before anything of it is posted. A total that comes later, or has changed since,
is compared with the file that was taken (``quality.deliveries``).

``control_totals.csv`` lies beside the files of a day, with the columns ``table``, ``rows``,
``sum_column`` and ``sum``; the last two may be empty. A line speaks of the table's full file: its
lines, rejected ones included, and the sum of a number column over the lines where it is a number.
Where several sources deliver a table, a fifth column ``source`` says whose file is meant.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.delivery import CONTROL_TOTALS, DeliveredFile, DeliveryError
from regulatory_assets.control.register import Delivery
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.table import MONEY_LIMIT_DIGITS, ColumnType, Table

REMEDY = "deliver the file or its control total again"
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

    @property
    def told(self) -> str:
        """What it says, the same however the number is written."""
        if self.sum_column is None:
            return f"{self.rows} rows"
        digits = f"{self.total:f}"
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        return f"{self.rows} rows, {self.sum_column} {digits}"

    def of(self, file: DeliveredFile) -> bool:
        """Whether it speaks of a file."""
        return file.mode == "full" and self.source in ("", file.source)

    def summed(self, conformed: DataFrame) -> Decimal:
        """What its column adds up to over conformed lines; zero where it has none."""
        if self.sum_column is None:
            return Decimal(0)
        found = conformed.agg(total(_countable(F.col(self.sum_column))).alias("sum"))
        return Decimal(found.collect()[0]["sum"])

    def difference(self, file: str, rows: int, summed: Decimal) -> str:
        """What differs from what arrived; empty where nothing does."""
        if rows != self.rows:
            return f"{self.place}: {self.rows} rows were sent, {rows} arrived in {file}"
        if self.sum_column is not None and summed != self.total:
            sums = f"adds up to {self.total:f}, but to {summed:f}"
            return f"{self.place}: {self.sum_column} {sums} in {file}"
        return ""

    def first_look(self, taken: Delivery | None) -> str:
        """What a run will find that holds it against what was taken, as far as counts tell."""
        if taken is None:
            return f"{self.place}: {self.rows} rows were sent, and no full file of them was taken"
        if differs := self.difference(taken.file_name, taken.delivered, self.total):
            return differs
        adding = f"; a run adds up {self.sum_column}" if self.sum_column else ""
        return f"{self.place}: {self.rows} rows, as in {taken.file_name}{adding}"

    def check(self, file: str, rows: int, summed: Decimal) -> None:
        """Raises DeliveryError where another number arrived."""
        if differs := self.difference(file, rows, summed):
            raise DeliveryError(f"{differs}. Nothing of {self.table} was taken; {REMEDY}")


def _countable(number: Column) -> Column:
    """A number that can be summed; one beyond all delivered money is for its own line to reject."""
    limit = F.lit("1" + "0" * MONEY_LIMIT_DIGITS).cast(ColumnType.MONEY.value)
    money = number.cast(ColumnType.MONEY.value)
    return F.when((money < limit) & (money > -limit), money)


def check_totals(
    totals: Iterable[ControlTotal],
    whole: Collection[str],
    known: Collection[str],
    taken: Collection[str] = (),
) -> None:
    """Refuse a total of which nobody could say whose it is, and one that would be held against
    nothing. All are of one table: ``whole`` are the sources of its full files, ``known`` all its
    sources, and of ``taken`` something was taken before."""
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
                f"{each.place}: {each.table} is delivered by {', '.join(sorted(whole))}; say in a "
                f"column {_SOURCE} whose file this is"
            )


def not_compared(
    totals: Iterable[ControlTotal], full: Mapping[str, Delivery]
) -> Iterator[tuple[ControlTotal, Delivery]]:
    """The totals that came later than the delivery of which they speak, or changed since, each
    with it. All are of one table: ``full`` is of each source its full delivery in force."""
    for each in totals:
        for source, delivery in full.items():
            if each.source in ("", source) and each.told not in delivery.agreed.split("\n"):
                yield each, delivery


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
        name, rows, column, summed, *source = (field.strip() for field in fields)
        if name not in tables:
            raise DeliveryError(f"{place}: no source table {name}; use one of {', '.join(tables)}")
        if not _COUNT.fullmatch(rows):
            raise DeliveryError(f"{place}: rows is {rows[:50]!r}; write a whole number")
        if column and not any(
            c.name == column and c.type in _NUMBERS for c in tables[name].columns
        ):
            raise DeliveryError(f"{place}: {name} has no number column {column}")
        if column and not _AMOUNT.fullmatch(summed):
            raise DeliveryError(f"{place}: sum is {summed[:50]!r}; write a decimal number")
        amount = Decimal(summed) if column else Decimal(0)
        yield ControlTotal(name, int(rows), column or None, amount, place, "".join(source))

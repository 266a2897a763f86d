"""Sums that must agree between delivered tables: what ties to what, how closely, and how gravely.

``ties.yaml`` names them, and a bank's own file further ones (``own``); severity and tolerance are
data. They compare what was delivered, so the adjustment layer has no part in them. What calculated
tables must add up to is not here (``checks``, ``reports``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, reduce
from operator import and_
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.quality.examination import Check, Examination, Result, verdict
from regulatory_assets.quality.own import AGREEMENTS, own_file
from regulatory_assets.regulation.document import Node, read

TIES = Path(__file__).with_name("ties.yaml")
_MONEY = ColumnType.MONEY.value
_DIFFERENCE = "difference"


@dataclass(frozen=True)
class Side:
    """Sums of one table's column, by some of its columns, over the rows with some codes."""

    table: Table
    column: str
    by: tuple[str, ...]
    among: Mapping[str, tuple[str, ...]]

    def sums(self, day: Examination, names: Sequence[str], sign: int) -> DataFrame:
        """The signed sums under the names given; rows without a value in ``by`` have no part."""
        rows = day.rows(self.table).where(reduce(and_, (F.col(c).isNotNull() for c in self.by)))
        for column, codes in self.among.items():
            rows = rows.where(F.col(column).isin(*codes))
        amount = F.col(self.column)
        keys = [F.col(c).alias(n) for c, n in zip(self.by, names, strict=True)]
        return rows.groupBy(*keys).agg(total(amount if sign > 0 else -amount).alias(_DIFFERENCE))

    def __str__(self) -> str:
        return f"{self.column} of {self.table.name} by {', '.join(self.by)}"


@dataclass(frozen=True)
class Tie:
    """Two sides that must agree, group by group; ``tolerance`` is in units of the amounts. Groups
    whose own sum is nothing have no part where ``zero`` is false."""

    name: str
    title: str
    left: Side
    right: Side
    both: bool
    zero: bool
    tolerance: Decimal
    blocking: bool

    def examine(self, day: Examination, since: int) -> Result:
        """Whether every group agrees; a group that does not is named with its difference. The facts
        say by which tolerance and severity, since a bank's own file may set them."""
        found = self._compared(day)
        severity = "blocks" if self.blocking else "warns"
        return replace(
            found, facts={**found.facts, "tolerance": f"{self.tolerance:f}", "severity": severity}
        )

    def _compared(self, day: Examination) -> Result:
        for side in (self.left, self.right):
            if not day.version(side.table).chain:
                return Result(True, f"{side.table.name} was not delivered")
        by = self.left.by
        left, right = self.left.sums(day, by, 1), self.right.sums(day, by, -1)
        if not self.zero:
            left = left.where(F.col(_DIFFERENCE) != 0)
        if not self.both:
            left, right = frames.semi(left, right, by), frames.semi(right, left, by)
        limit = F.lit(str(self.tolerance)).cast(_MONEY)
        apart = (
            frames.union([left, right])
            .groupBy(*by)
            .agg(total(F.col(_DIFFERENCE)).alias(_DIFFERENCE))
            .where(F.abs(F.col(_DIFFERENCE)) > limit)
        )
        wrong = f"groups differ by more than {self.tolerance} ({self.left}, less {self.right})"
        right_words = f"{self.left} is {self.right}, to {self.tolerance}"
        return verdict(apart.count(), apart, (*by, _DIFFERENCE), wrong, right_words)

    def check(self) -> Check:
        said = f"{self.title} {self.left} is {self.right}, to {self.tolerance}."
        reads = (self.right.table,)
        return Check(
            self.left.table, self.name, said, self.blocking, self.examine, reads, AGREEMENTS
        )


def ties() -> tuple[Tie, ...]:
    """The package's ties and a bank's own; of two on one table with one name, its own. Raises
    ParameterError."""
    own = own_file(TIES.name)
    found = (*ties_of(TIES), *(ties_of(own) if own is not None else ()))
    return tuple({(t.left.table.name, t.name): t for t in found}.values())


@cache
def ties_of(path: Path) -> tuple[Tie, ...]:
    """The ties of a file. Raises ParameterError naming file, line and remedy."""
    return tuple(_ties(read(path)))


def _ties(root: Node) -> Iterator[Tie]:
    needed = ("name", "title", "table", "sum", "by", "equals", "both", "tolerance", "blocking")
    for node in root.items():
        given = node.fields(needed, ("among", "zero"))
        yield Tie(
            name=given["name"].text(),
            title=given["title"].text(),
            left=_side(given),
            right=_side(given["equals"].fields(("table", "sum", "by"), ("among",))),
            both=given["both"].boolean(),
            zero="zero" not in given or given["zero"].boolean(),
            tolerance=given["tolerance"].decimal(ColumnType.MONEY),
            blocking=given["blocking"].boolean(),
        )


def _side(given: Mapping[str, Node]) -> Side:
    tables = {t.name: t for t in SOURCES}
    table = tables[given["table"].code(tables, "table")]
    columns = table.column_names
    among = given["among"].pairs() if "among" in given else {}
    for name, node in among.items():
        if name not in columns:
            raise node.error(
                f"{table.name} has no column {name}", f"Use one of {', '.join(columns)}"
            )
    return Side(
        table,
        given["sum"].code(columns, "column"),
        given["by"].codes(columns, "column"),
        {n: node.codes(table.column(n).allowed, "code") for n, node in among.items()},
    )

"""What rules have added, spread for analysis over the rows of another table.

An amount is given to members in proportion to what each has in one column, rounded half-up to the
decimals of money; what rounding leaves goes to the largest member, so the shares add up exactly.
Where members have nothing, or amounts of both signs, there is no proportion: nothing is stored.
Nothing reads these rows but people. Which amount, and over whom, stands in the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import adjusted, frames
from regulatory_assets.ledger.arithmetic import total, with_mul_div
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.joining import Joining
from regulatory_assets.ledger.rules import Allocation
from regulatory_assets.ledger.table import ADJUSTMENT, ColumnType

if TYPE_CHECKING:
    from regulatory_assets.ledger.change import Calculation

_MONEY = ColumnType.MONEY.value
_PLACE, _BASE, _SHARE, _KEY = "__place", "base", "share", "__key"
_DIVISIBLE = Decimal(10) ** 15
"""From here on ``with_mul_div`` takes no operand."""


@dataclass(frozen=True)
class Base:
    """What an allocation is spread by: how many members have an amount, how many of these a
    negative one, their sum, the largest in size."""

    allocation: Allocation
    members: int = 0
    negative: int = 0
    total: Decimal = Decimal(0)
    largest: Decimal = Decimal(0)

    @property
    def fault(self) -> str:
        """Why nothing can be spread, if so."""
        if not self.members:
            return f"its members have no {self.allocation.measure} to spread it by"
        if 0 < self.negative < self.members:
            return (
                f"of its {self.members} members {self.negative} have a negative "
                f"{self.allocation.measure} and the others do not, so there is no proportion"
            )
        if max(self.largest, abs(self.total)) >= _DIVISIBLE:
            return f"its members' {self.allocation.measure} is too large to be divided"
        return ""


def shares(calculation: Calculation) -> DataFrame:
    """All shares of all allocations that can be made."""
    made, key = calculation.rules.allocations, calculation.stage.reads.key
    members = calculation.store(_members(calculation)) if made else None
    ready = {p: b for p, b in enumerate(_bases(made, members)) if not b.fault}
    if members is None or not ready:
        return calculation.frame([])
    rounded = (
        F.col(_BASE),
        _of({p: _money(b.allocation.amount) for p, b in ready.items()}),
        _of({p: _money(b.total) for p, b in ready.items()}),
    )
    divisible = members.where(F.col(_PLACE).isin(list(ready))).withColumn(_KEY, _key_text(key))
    spread = calculation.store(with_mul_div(divisible, {_SHARE: rounded}))
    share = (F.col(_SHARE) + _residue(spread, ready)).cast(_MONEY)
    told = {p: b.allocation for p, b in ready.items()}
    return spread.select(
        F.lit(1).alias(ENTRY),
        F.lit(ADJUSTMENT).alias("layer"),
        F.lit(1).alias("sign"),
        _of({p: F.lit(a.rule_id) for p, a in told.items()}).alias("rule_id"),
        *key,
        _of({p: F.lit(a.operation) for p, a in told.items()}).alias("operation"),
        _of({p: F.lit(a.measure) for p, a in told.items()}).alias("measure"),
        _BASE,
        share.alias(_SHARE),
    )


def _residue(spread: DataFrame, ready: Mapping[int, Base]) -> Column:
    """What rounding has left of each amount, at its largest member; of equals the first by key."""
    largest = _of({p: _money(b.largest) for p, b in ready.items()})
    first = F.min(F.when(F.abs(F.col(_BASE)) == largest, F.col(_KEY)))
    given = spread.groupBy(_PLACE).agg(total(F.col(_SHARE)).alias("given"), first.alias("first"))
    found: Any = F
    for row in frames.values(given):
        left = ready[row[_PLACE]].allocation.amount - row["given"]
        takes = (F.col(_PLACE) == row[_PLACE]) & (F.col(_KEY) == row["first"])
        found = found.when(takes, _money(left))
    residue: Column = found.otherwise(_money(Decimal(0)))
    return residue


def change(calculation: Calculation) -> DataFrame:
    """How the shares change: all of them anew, since each rests on the sum of all members."""
    content = calculation.stage.writes.content
    stood = frames.negative(calculation.reader.rows(calculation.previous))
    parts = [part.select(ENTRY, *content) for part in (shares(calculation), stood)]
    return frames.net(frames.union(parts), content)


def bases(joining: Joining) -> tuple[Base, ...]:
    """What each allocation of the rules in force is spread by."""
    made = joining.rules.allocations
    return _bases(made, _members(joining)) if made else ()


def _members(joining: Joining) -> DataFrame:
    """The rows that share in an allocation, with its place among all and what each has."""
    made = joining.rules.allocations
    rows = adjusted.joined(joining, joining.reader.net(joining.driving.new))
    sharing = [
        F.when(
            a.members & F.coalesce(F.col(a.measure) != 0, F.lit(False)), F.array(F.lit(place))
        ).otherwise(F.array().cast("array<int>"))
        for place, a in enumerate(made)
    ]
    marked = rows.withColumn(_PLACE, F.explode(F.concat(*sharing)))
    base = _of({place: F.col(a.measure) for place, a in enumerate(made)})
    return marked.select(_PLACE, *joining.stage.reads.key, base.cast(_MONEY).alias(_BASE))


def _bases(made: tuple[Allocation, ...], members: DataFrame | None) -> tuple[Base, ...]:
    if members is None:
        return ()
    base = F.col(_BASE)
    rows = members.groupBy(_PLACE).agg(
        F.count(F.lit(1)).alias("members"),
        F.sum(F.when(base < 0, 1).otherwise(0)).alias("negative"),
        total(base).alias("total"),
        F.max(F.abs(base)).alias("largest"),
    )
    found = {row.pop(_PLACE): row for row in frames.values(rows)}
    return tuple(Base(a, **found.get(place, {})) for place, a in enumerate(made))


def _money(amount: Decimal) -> Column:
    return F.lit(format(amount, "f")).cast(_MONEY)


def _of(values: Mapping[int, Column]) -> Column:
    """The value of the allocation that a member shares in."""
    found: Any = F
    for place, value in values.items():
        found = found.when(F.col(_PLACE) == place, value)
    chosen: Column = found
    return chosen


def _key_text(key: tuple[str, ...]) -> Column:
    """A key as one text, which orders as the key does, nothing before any value."""
    return F.concat_ws("\x01", *(F.coalesce(F.col(k).cast("string"), F.lit("")) for k in key))

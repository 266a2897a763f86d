"""Trades of which a rule changes one leg and leaves another.

A repo is cash one way and securities the other, a collateral swap securities both ways; who
corrects one of them has often forgotten the other. Which source names the legs, and by what a deal
holds one, stands in ``legs.yaml``. Where that source was not delivered nothing can be said. What
follows from a leg that is left stands in ``governance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from importlib.resources import files
from operator import or_
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from ruamel.yaml import YAML

from regulatory_assets.adjustments.rule import Rule, ThisOnly
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Table

SHOWN = 10
"""How many legs are named; of the others only the trades are counted."""
_CASH = "CASH"
"""The asset that makes a trade one of cash against securities."""


@cache
def linking() -> dict[str, Any]:
    """The names of ``legs.yaml``."""
    text = files(__package__).joinpath("legs.yaml").read_text("utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


@dataclass(frozen=True)
class Left:
    """Trades of which a rule changes a leg and leaves another; the first of the legs that are left.

    ``reason`` is what the rule gives for it; without one, people are warned.
    """

    trades: int
    legs: tuple[str, ...]
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        return {"trades": self.trades, "left": list(self.legs), "reason": self.reason}

    def __str__(self) -> str:
        trades = "1 trade" if self.trades == 1 else f"{self.trades:,} trades"
        named = f"changes a leg of {trades} and leaves {', '.join(self.legs)}"
        return f"{named}{' and more' if len(self.legs) == SHOWN else ''}"


def of_deals(table: Table) -> bool:
    """Whether rules on a table change deals, or parts of them."""
    return linking()["deal"] in table.key


def left_by(
    rule: Rule, rows: DataFrame, stage: Stage, reader: Reader, positions: Positions
) -> Left | None:
    """What a rule leaves, by the contra and rebooked rows that it makes at its stage on a day."""
    table = positions.graph.tables.get(linking()["table"])
    if table is None or not of_deals(stage.reads):
        return None
    version = positions.version(table.name)
    if not version.chain:
        return None
    trades, legs = left_alone(rows, reader.rows(version), stage.reads)
    stated = rule.linked_legs.this_only if isinstance(rule.linked_legs, ThisOnly) else None
    return Left(trades, legs, stated) if trades else None


def left_alone(rows: DataFrame, legs: DataFrame, table: Table) -> tuple[int, tuple[str, ...]]:
    """How many trades the rows of one rule change in part, and the first legs that they leave.

    ``rows`` are contra and rebooked rows of ``table``: deals, or parts of deals, of which each
    counts as its whole deal.
    """
    known = linking()
    trade, leg, deal = (str(known[n]) for n in ("trade", "leg", "deal"))
    asset, side = str(known["asset"]), str(known["side"])
    changed = _changed(rows, table, deal, known)
    marked = (
        frames.attach(legs.select(trade, leg, deal, asset, side), changed, [deal], [deal], "left")
        .withColumn("__as_asset", _is_changed(asset, known["held_by"]))
        .withColumn("__as_side", _is_changed(side, known["exchanged"]))
        .select(trade, leg, deal, asset, "__as_asset", "__as_side")
    )
    with_cash = F.max((F.col(asset) == _CASH).cast("int")) == 1
    in_part = (
        marked.groupBy(trade)
        .agg(with_cash.alias("__cash"), *(_partly(c).alias(c) for c in ("__as_asset", "__as_side")))
        .where(_as_traded())
        .select(trade, "__cash")
    )
    trades = in_part.count()
    if not trades:
        return 0, ()
    left = frames.attach(marked, in_part, [trade], [trade], "inner").where(_as_traded() == 0)
    named = frames.values(left.orderBy(trade, leg).limit(SHOWN))
    return trades, tuple(
        f"{n[trade]} leg {n[leg]} ({n[asset]}, {f'deal {n[deal]}' if n[deal] else 'no deal'})"
        for n in named
    )


def _is_changed(column: str, kinds: Iterable[str]) -> Column:
    """1 where the deal's flag of what a leg is in a column is set; 0 for a leg of another deal."""
    flags = [F.when(F.col(column) == kind, F.col(_flag(kind))) for kind in kinds]
    return F.coalesce(*flags, F.lit(False)).cast("int")


def _partly(changed: str) -> Column:
    """Whether of a trade's legs some are changed and some are not."""
    return (F.max(changed) == 1) & (F.min(changed) == 0)


def _as_traded() -> Column:
    """Of the two readings of a leg that of its trade: by its asset where there is cash in it."""
    return F.when(F.col("__cash"), F.col("__as_asset")).otherwise(F.col("__as_side"))


def _flag(kind: str) -> str:
    return f"__{kind}"


def _changed(rows: DataFrame, table: Table, deal: str, known: Mapping[str, Any]) -> DataFrame:
    """The deals that rows change, and by kind of leg whether what it is held by is changed.

    A deal that is taken out has no rebooked row, and with it all its legs are changed.
    """
    kinds: dict[str, Sequence[str]] = {**known["held_by"], **known["exchanged"]}
    if table.key != (deal,):
        return rows.select(deal, *(F.lit(True).alias(_flag(kind)) for kind in kinds)).distinct()
    own = {c for columns in kinds.values() for c in columns}
    of_all = [c for c in table.column_names if c not in own and c != deal]
    sides = {
        f"__{name}_{c}": F.max(F.when(F.col("sign") == sign, F.col(c).cast("string")))
        for name, sign in (("was", -1), ("now", 1))
        for c in (*of_all, *own)
    }
    of_deal = rows.groupBy(deal).agg(
        F.max("sign").alias("__sign"), *(side.alias(name) for name, side in sides.items())
    )

    def differ(columns: Iterable[str]) -> Column:
        differing = (~F.col(f"__was_{c}").eqNullSafe(F.col(f"__now_{c}")) for c in columns)
        return reduce(or_, differing, F.col("__sign") < 0)

    return of_deal.select(
        deal, *(differ((*of_all, *kinds[kind])).alias(_flag(kind)) for kind in kinds)
    )

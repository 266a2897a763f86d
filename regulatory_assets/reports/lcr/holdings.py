"""How much of a held security is free: what is pledged by itself, and what in a pool.

holdings, pledged_pools -> pooled_holdings -> pool_pledges -> free_holdings. A day without holdings
has no say here: then a deal is eligible or not as it was delivered.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.window import Window

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.securities import HOLDINGS, PLEDGED_POOLS
from regulatory_assets.ledger.arithmetic import product, with_mul_div
from regulatory_assets.ledger.stages import Cited, Entry, Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.securities import (
    OF_ENTITY,
    OF_GRADE,
    after_haircut,
    is_unwound,
    level_of,
    with_sovereigns,
)
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY, _RATE = ColumnType.STRING, ColumnType.MONEY, ColumnType.RATE
_REPORTING = "reporting currency"
_NOTHING = F.lit(0).cast(_MONEY.value)

POOLED_HOLDINGS = Table(
    name="pooled_holdings",
    description="Securities in pledged pools: their market value, and how liquid they are.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The holding."),
        Column("pool_id", _STRING, "Pool that holds it."),
        Column("in_pool", _MONEY, "Market value of what is not pledged beside.", unit=_REPORTING),
        Column(
            "liquidity",
            _RATE,
            "What the haircut of its level leaves; 0 where it cannot be in the stock.",
            unit="fraction",
        ),
    ),
)

POOL_PLEDGES = Table(
    name="pool_pledges",
    description="What of each security in a pool counts as pledged, the least liquid first.",
    key=("pool_id", "deal_id"),
    group="lcr",
    columns=(
        Column("pool_id", _STRING, "The pool."),
        Column("deal_id", _STRING, "The holding."),
        Column("pledged", _MONEY, "Market value that counts as pledged.", unit=_REPORTING),
    ),
)

FREE_HOLDINGS = Table(
    name="free_holdings",
    description="The part of each held security that nobody has a pledge on.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The holding."),
        Column("free", _MONEY, "Market value of the unencumbered part.", unit=_REPORTING),
        Column(
            "operational_ok",
            ColumnType.BOOLEAN,
            "The treasury may and can turn it into money at any time (BCBS 238 paras 31-40).",
        ),
    ),
)


def _with_unpledged(holdings: DataFrame, name: str) -> DataFrame:
    """Holdings with, under a name, the market value of the units without a pledge of their own;
    nothing where no units are held."""
    units = F.greatest(F.col("quantity") - F.col("encumbered_quantity"), _NOTHING)
    held = product(F.col("amount"), F.col("rate"))
    found = with_mul_div(holdings, {name: (held, units.cast(_MONEY.value), F.col("quantity"))})
    return found.withColumn(name, F.coalesce(name, _NOTHING))


def _of_any_level(entries: Collection[Entry]) -> Expression | None:
    """Rows say no level, so any may use what the haircut of one leaves; none uses another line."""
    return F.lit(True) if any(is_unwound(line) for _, line in entries) else None


@row_stage(
    reads=HOLDINGS,
    writes=POOLED_HOLDINGS,
    lookups=(
        Lookup(DEALS, by=("deal_id",), take=("entity_id", "currency", "amount", "security_id")),
        OF_ENTITY,
        RATE_OF_DAY,
        OF_GRADE,
    ),
    parameters=("lcr/lines", "lcr/security_level"),
    cites=(Cited("lcr/lines", beside=_of_any_level),),
)
def pooled_holdings(holdings: DataFrame, p: Any) -> DataFrame:
    """Value and liquidity of what lies in pools (BCBS 238 para 31, convention 10)."""
    factor = F.when(F.col("operational_ok"), after_haircut(p, F.col("level")))
    # The level is a column first: what is asked of it would say it anew for each answer.
    pooled = with_sovereigns(holdings).where(F.col("pool_id").isNotNull())
    return (
        _with_unpledged(pooled, "in_pool")
        .withColumn("level", level_of(p))
        .withColumn("liquidity", F.coalesce(factor, F.lit(0).cast(_RATE.value)))
    )


@group_stage(
    reads=POOLED_HOLDINGS,
    writes=POOL_PLEDGES,
    by=("pool_id",),
    lookups=(
        Lookup(PLEDGED_POOLS, by=("pool_id",), take=("used", "currency"), optional=True),
        RATE_OF_DAY,
    ),
)
def pool_pledges(pooled: DataFrame, p: Any) -> DataFrame:
    """What a pool must be worth is taken from the least liquid first (para 31, convention 10).

    Among equally liquid ones the order is that of the deals. Of a pool of which nothing is known
    everything counts as pledged. Sovereigns that may be Level 1 up to the outflows in their
    currency (para 50(e)) are as liquid here as without: what is Level 1 follows from the flows, and
    these from what is pledged (convention 18, decision 0018).
    """
    first = Window.partitionBy("pool_id").orderBy("liquidity", "deal_id")
    up_to_here = first.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before = F.sum("in_pool").over(up_to_here).cast(_MONEY.value) - F.col("in_pool")
    open_need = (product(F.col("used"), F.col("rate")) - before).cast(_MONEY.value)
    taken = F.least(F.col("in_pool"), F.greatest(open_need, _NOTHING))
    return pooled.withColumn(
        "pledged", F.when(open_need.isNull(), F.col("in_pool")).otherwise(taken)
    )


@row_stage(
    reads=HOLDINGS,
    writes=FREE_HOLDINGS,
    lookups=(
        Lookup(DEALS, by=("deal_id",), take=("currency", "amount")),
        RATE_OF_DAY,
        Lookup(POOL_PLEDGES, by=("pool_id", "deal_id"), take=("pledged",), optional=True),
    ),
)
def free_holdings(holdings: DataFrame, p: Any) -> DataFrame:
    """What is left of a holding after its own pledge and the pool's (para 31, convention 10)."""
    of_pool = F.coalesce(F.col("pledged"), _NOTHING)
    left = (F.col("free") - of_pool).cast(_MONEY.value)
    return _with_unpledged(holdings, "free").withColumn("free", left)

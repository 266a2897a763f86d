"""Securities received in secured trades: how much of them is free.

collateral_pieces -> received_pieces -> received_collateral. Where nothing is told of a trade's
pieces, all that it has received is taken for free. Of which level they are, and what is free of
each, belongs to ``collateral``, which line follows to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.securities import COLLATERAL_PIECES, FINANCING_LEGS
from regulatory_assets.ledger.arithmetic import product, total, with_fractions, with_mul_div
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table

_STRING, _MONEY, _RATE = ColumnType.STRING, ColumnType.MONEY, ColumnType.RATE
_BOOL = ColumnType.BOOLEAN
_NOTHING = F.lit(0).cast(_MONEY.value)
_REUSED = Column("reused", _BOOL, "The entity has used some of it again.")

RECEIVED_PIECES = Table(
    name="received_pieces",
    description="Securities received in trades that deals hold, piece by piece.",
    key=("trade_id", "leg", "piece"),
    selective="trade_id",
    group="lcr",
    columns=(
        Column("trade_id", _STRING, "The trade."),
        Column("leg", ColumnType.INTEGER, "Its leg of securities received."),
        Column("piece", ColumnType.INTEGER, "Number of the piece in the leg."),
        Column("deal_id", _STRING, "Deal that holds the trade."),
        Column("value", _MONEY, "Market value.", unit="leg currency"),
        Column("free", _MONEY, "Of it what the entity may use again, has not, and its owner cannot "
               "have back within 30 days (BCBS 238 para 31).", unit="leg currency"),
        _REUSED,
    ),
)  # fmt: skip

RECEIVED_COLLATERAL = Table(
    name="received_collateral",
    description="How much of the securities that a deal has received is free.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "Deal that holds the trade."),
        Column("free", _RATE, "What is free, in all that it has received.", unit="fraction"),
        _REUSED,
    ),
)


@row_stage(
    reads=COLLATERAL_PIECES,
    writes=RECEIVED_PIECES,
    lookups=(Lookup(FINANCING_LEGS, by=("trade_id", "leg"), take=("deal_id", "direction")),),
)
def received_pieces(pieces: DataFrame, p: Any) -> DataFrame:
    """What lies in the legs that are received (BCBS 238 paras 31, 113, convention 10)."""
    received = pieces.where((F.col("direction") == "RECEIVED") & F.col("deal_id").isNotNull())
    return (
        with_free_value(received)
        .withColumn("value", F.col("market_value"))
        .withColumn("reused", is_reused())
    )


def with_free_value(pieces: DataFrame) -> DataFrame:
    """Pieces with the value of what is received as far as it is ``free``; of what is given, nothing
    (BCBS 238 para 31)."""
    units, value = F.col("quantity"), F.col("market_value")
    left = F.greatest(units - F.col("reused_quantity"), _NOTHING).cast(_MONEY.value)
    usable = F.col("reusable") & ~F.col("recallable") & (units != 0)
    received = F.col("direction") == "RECEIVED"
    found = with_mul_div(pieces, {"free": (value, left, units)}, where=received & usable)
    return found.withColumn("free", F.coalesce("free", _NOTHING))


def is_reused() -> Expression:
    """Whether the entity has used some of a piece again."""
    return F.col("reused_quantity") > 0


@group_stage(reads=RECEIVED_PIECES, writes=RECEIVED_COLLATERAL, by=("deal_id",))
def received_collateral(pieces: DataFrame, p: Any) -> DataFrame:
    """The share of the market value of all pieces (BCBS 238 para 31)."""
    found = pieces.groupBy("deal_id").agg(
        total(F.col("value")).alias("all"),
        total(F.col("free")).alias("left"),
        F.max("reused").alias("reused"),
    )
    return with_fractions(found, {"free": (F.col("left"), F.col("all"))})


OF_RECEIVED = Lookup(
    RECEIVED_COLLATERAL,
    by=("deal_id",),
    take=("free", "reused"),
    prefix="received_",
    optional=True,
)


def free_share(amount: Expression) -> Expression:
    """The share of a trade's amount that stands for what it has received and is free."""
    return product(amount, F.coalesce("received_free", F.lit(1).cast(_RATE.value)))

"""The level of the pieces of a secured trade: that of its deal's security, or of what a swap has
received.

collateral_pieces -> piece_levels -> collateral_levels. A deal is taken whole by the level of its
security, so that no line is right for one that holds pieces of another: ``flows`` leaves it
unclassified. How much of a trade is free belongs to ``received``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.securities import COLLATERAL_PIECES, FINANCING_LEGS
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.assignment import SWAP
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES, listed
from regulatory_assets.reports.lcr.securities import (
    OF_GRADE,
    SECURITY_GRADES,
    level_of,
    with_sovereigns,
)

_STRING, _INTEGER = ColumnType.STRING, ColumnType.INTEGER
_OF_DEAL = "deal_"
_IS = " "
"""Between a regime and a level."""

PIECE_LEVELS = Table(
    name="piece_levels",
    description="Pieces of secured trades: their level, and that of the security of their deal.",
    key=("trade_id", "leg", "piece", "regime"),
    selective="trade_id",
    group="lcr",
    columns=(
        Column("trade_id", _STRING, "The trade."),
        Column("leg", _INTEGER, "Its leg of securities."),
        Column("piece", _INTEGER, "Number of the piece in the leg."),
        Column("regime", _STRING, "Regime of a scope of the deal's entity."),
        Column("deal_id", _STRING, "Deal that holds the trade."),
        Column("level", _STRING, "Level of the piece (lcr/security_level)."),
        Column(
            "deal_level",
            _STRING,
            "That of the deal's security; empty where a swap has received the piece.",
            nullable=True,
        ),
    ),
)

COLLATERAL_LEVELS = Table(
    name="collateral_levels",
    description="Deals of whose collateral pieces are told, and whether these are of one level.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The deal."),
        Column(
            "differing",
            _STRING,
            "Regimes under which some piece is of another level than the deal's security, "
            "separated by '/'; empty where none is.",
            nullable=True,
        ),
        Column(
            "received",
            _STRING,
            "What a swap has received: the regimes under which it is all of one level, each with "
            "this level, separated by '/'; empty where there is none.",
            nullable=True,
        ),
    ),
)


@row_stage(
    reads=COLLATERAL_PIECES,
    writes=PIECE_LEVELS,
    lookups=(
        Lookup(FINANCING_LEGS, by=("trade_id", "leg"), take=("deal_id", "direction")),
        # A deal that a rule takes out leaves its pieces without one, and nothing to compare with.
        Lookup(
            DEALS,
            by=("deal_id",),
            take=("entity_id", "product_type", "security_id"),
            prefix=_OF_DEAL,
            optional=True,
        ),
        Lookup(ENTITY_SCOPES, by=("deal_entity_id",), take=("regimes", "at_home"), optional=True),
        OF_GRADE,
        Lookup(
            SECURITY_GRADES,
            by=("deal_security_id",),
            take=OF_GRADE.take,
            prefix=_OF_DEAL,
            optional=True,
        ),
    ),
    parameters=("lcr/security_level",),
)
def piece_levels(pieces: DataFrame, p: Any) -> DataFrame:
    """What is compared are levels, not securities (BCBS 238 paras 114-115, 145-146, convention 19).

    The security of a swap's deal is what it gives: what it has received is of its own level.
    """
    of_its_own = (F.col("deal_product_type") == SWAP) & (F.col("direction") == "RECEIVED")
    regimes = F.array_distinct(F.split(F.col("regimes"), "/"))
    told = with_sovereigns(with_sovereigns(pieces), _OF_DEAL)
    return (
        told.withColumn("regime", F.explode(regimes))
        .withColumn("level", _told(level_of(p)))
        .withColumn("deal_level", F.when(~of_its_own, _told(level_of(p, _OF_DEAL))))
    )


def _told(level: Expression) -> Expression:
    return F.coalesce(level, F.lit("none"))


@group_stage(reads=PIECE_LEVELS, writes=COLLATERAL_LEVELS, by=("deal_id",))
def collateral_levels(pieces: DataFrame, p: Any) -> DataFrame:
    """One piece of another level is enough."""
    differing = F.when(F.col("level") != F.col("deal_level"), F.col("regime"))
    own = F.when(F.col("deal_level").isNull(), F.col("level"))
    alike = F.concat("regime", F.lit(_IS), F.min(own))
    of_regime = pieces.groupBy("deal_id", "regime").agg(
        F.max(differing).alias("differs"),
        F.when(F.min(own) == F.max(own), alike).alias("received"),
    )
    return of_regime.groupBy("deal_id").agg(
        listed(F.col("differs")).alias("differing"), listed(F.col("received")).alias("received")
    )


OF_COLLATERAL = Lookup(
    COLLATERAL_LEVELS,
    by=("deal_id",),
    take=("differing", "received"),
    prefix="pieces_",
    optional=True,
)


def is_of_one_level() -> Expression:
    """Whether all that is told of a deal's collateral has the level of its security."""
    regimes = F.split(F.col("pieces_differing"), "/")
    return ~F.coalesce(F.array_contains(regimes, F.col("regime")), F.lit(False))


def received_level() -> Expression:
    """The level of all that a swap has received under a row's regime; null where pieces differ, or
    none is told."""
    told = F.concat(F.lit("/"), F.col("pieces_received"), F.lit("/"))
    of_regime = F.split_part(told, F.concat(F.lit("/"), F.col("regime"), F.lit(_IS)), F.lit(2))
    return F.nullif(F.split_part(of_regime, F.lit("/"), F.lit(1)), F.lit(""))

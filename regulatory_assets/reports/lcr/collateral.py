"""Secured trades divided by the levels of their collateral.

collateral_pieces -> piece_levels -> collateral_levels. A line is of one level of collateral, so
that a trade whose pieces are of several is taken as several: each level has the share of it that
its pieces have in their market value. How much of a piece is free belongs to ``received``, which
line follows to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.window import Window

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.securities import COLLATERAL_PIECES, FINANCING_LEGS
from regulatory_assets.ledger.arithmetic import total, with_fractions, with_mul_div
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.received import is_reused, with_free_value
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES, listed, regime_of_scope, seen_by
from regulatory_assets.reports.lcr.securities import (
    OF_GRADE,
    SECURITY_GRADES,
    level_of,
    with_sovereigns,
)

SWAP = "COLLATERAL_SWAP"

_STRING, _INTEGER, _BOOL = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN
_MONEY, _RATE = ColumnType.MONEY, ColumnType.RATE
_NOTHING = F.lit(0).cast(_MONEY.value)
_OF_DEAL = "deal_"
_NEXT, _WITHIN = "/", "\x1f"
"""Between two shares of a deal, and within what is said of one: no scope has them in its name."""
_SCOPE, _LEVEL, _BEFORE, _UPTO, _WHOLE, _FREE, _REUSED = range(1, 8)
"""What is said of a share, by its place."""

PIECE_LEVELS = Table(
    name="piece_levels",
    description="Pieces of secured trades: their level, and that of the security of their deal.",
    key=("trade_id", "leg", "piece", "only_in"),
    selective="trade_id",
    group="lcr",
    columns=(
        Column("trade_id", _STRING, "The trade."),
        Column("leg", _INTEGER, "Its leg of securities."),
        Column("piece", _INTEGER, "Number of the piece in the leg."),
        Column("only_in", _STRING, "Scope whose regime it is; empty where all scopes of the deal's "
               "entity follow one.", nullable=True),
        Column("regime", _STRING, "Regime by which the levels are told."),
        Column("deal_id", _STRING, "Deal that holds the trade."),
        Column("level", _STRING, "Level of the piece (lcr/security_level)."),
        Column("deal_level", _STRING, "That of the deal's security; empty where a swap has "
               "received the piece.", nullable=True),
        Column("divides", _BOOL, "The pieces divide the trade: those of repos, reverse repos, and "
               "what a swap has received."),
        Column("value", _MONEY, "Market value.", unit="leg currency"),
        Column("free", _MONEY, "Of it what the entity has received and may use again, has not, and "
               "its owner cannot have back within 30 days (BCBS 238 para 31).",
               unit="leg currency"),
        Column("reused", _BOOL, "The entity has used some of it again."),
    ),
)  # fmt: skip

COLLATERAL_LEVELS = Table(
    name="collateral_levels",
    description="Deals of whose collateral pieces are told, and the levels they are divided into.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The deal."),
        Column("differing", _STRING, "Regimes under which a swap gives some piece of another level "
               "than the deal's security, separated by '/'; empty where there is none.",
               nullable=True),
        Column("shares", _STRING, "Its shares by level, separated by '/'. Of each: the scope that "
               "alone sees it so; the level, empty where pieces of several have no value; the "
               "value of the levels before, these with its own, and that of all; what is free of "
               "its own; whether some of it is used again. Empty where a trade for cash has all "
               "its pieces of the level of its security.", nullable=True),
    ),
)  # fmt: skip


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
        Lookup(
            ENTITY_SCOPES,
            by=("deal_entity_id",),
            take=("regime", "scopes", "regimes", "mixed", "at_home"),
            optional=True,
        ),
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
    kind, received = F.col("deal_product_type"), F.col("direction") == "RECEIVED"
    of_its_own = (kind == SWAP) & received
    divides = kind.isin("REPO", "REVERSE_REPO") | of_its_own
    seen = with_sovereigns(with_sovereigns(pieces), _OF_DEAL).withColumn(
        "only_in", F.explode(seen_by(F.col("mixed")))
    )
    return (
        with_free_value(seen)
        .withColumn("regime", F.coalesce(regime_of_scope(), F.col("regime")))
        .where(F.col("regime").isNotNull())
        .withColumns({"level": level_of(p), "deal_level": level_of(p, _OF_DEAL)})
        .withColumns(
            {
                "level": _told("level"),
                "deal_level": F.when(~of_its_own, _told("deal_level")),
                "divides": F.coalesce(divides, F.lit(False)),
                "value": F.col("market_value"),
                "reused": is_reused(),
            }
        )
    )


def _told(level: str) -> Expression:
    return F.coalesce(level, F.lit("none"))


@group_stage(reads=PIECE_LEVELS, writes=COLLATERAL_LEVELS, by=("deal_id",))
def collateral_levels(pieces: DataFrame, p: Any) -> DataFrame:
    """Levels in the order of their names: a share reaches from the value of those before to these
    with its own, so that rounded shares add up to the trade (convention 19). A level without value
    has no share; where that is so of several, nobody can tell how much is of which."""
    of_level = pieces.groupBy("deal_id", "only_in", "regime", "divides", "level").agg(
        total(F.col("value")).alias("own"),
        total(F.col("free")).alias("free"),
        F.max("reused").alias("reused"),
        F.max(~F.col("level").eqNullSafe(F.col("deal_level"))).alias("differs"),
    )
    side = Window.partitionBy("deal_id", "only_in", "divides")
    up_to_here = side.orderBy("level").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    own, whole, divides = F.col("own"), F.col("whole"), F.col("divides")
    valued = (
        of_level.withColumn("upto", F.sum("own").over(up_to_here).cast(_MONEY.value))
        .withColumn("whole", F.sum("own").over(side).cast(_MONEY.value))
        .withColumn("levels", F.count("*").over(side))
        .withColumn("place", F.row_number().over(side.orderBy("level")))
    )
    valued = with_fractions(valued, {"free": (F.col("free"), own)})
    known = (F.col("levels") == 1) | (whole > 0)
    counts = divides & ((own > 0) | ((whole == 0) & (F.col("place") == 1)))
    said = {
        _SCOPE: F.coalesce("only_in", F.lit("")),
        _LEVEL: F.when(known, F.col("level")).otherwise(""),
        _BEFORE: (F.col("upto") - own).cast(_MONEY.value),
        _UPTO: F.col("upto"),
        _WHOLE: whole,
        _FREE: F.col("free"),
        _REUSED: F.when(F.col("reused"), "YES").otherwise("NO"),
    }
    share = F.concat_ws(_WITHIN, *(said[place].cast("string") for place in sorted(said)))
    divided = F.max(counts & (F.col("differs") | ~known))
    return valued.groupBy("deal_id").agg(
        listed(F.when(~divides & F.col("differs"), F.col("regime"))).alias("differing"),
        F.when(divided, listed(F.when(counts, share))).alias("shares"),
    )


OF_COLLATERAL = Lookup(
    COLLATERAL_LEVELS,
    by=("deal_id",),
    take=("differing", "shares"),
    prefix="pieces_",
    optional=True,
)


def with_shares(deals: DataFrame, scopes: Expression) -> DataFrame:
    """Deals once for each of some scopes (``only_in``); or for each share that is told of them,
    with the scope that alone sees it so, its level, and what of it is free and used again."""
    told, share = F.col("pieces_shares").isNotNull(), F.col("share")
    each = F.coalesce(F.split(F.col("pieces_shares"), _NEXT), scopes)

    # Few deals have shares: of the others no text is taken apart, here and below.
    def said(of_share: Expression, otherwise: Expression) -> Expression:
        return F.when(told, of_share).otherwise(otherwise)

    nothing = F.lit(None).cast("string")
    return deals.withColumn("share", F.explode(each)).withColumns(
        {
            "only_in": said(_name(_SCOPE), share),
            "share_level": said(_name(_LEVEL), nothing),
            "received_free": said(_field(_FREE).cast(_RATE.value), F.col("received_free")),
            "received_reused": said(_field(_REUSED) == "YES", F.col("received_reused")),
            "share": said(share, nothing),
        }
    )


def is_share() -> Expression:
    """Whether a row is a share of a deal, be it all of it."""
    return F.col("share").isNotNull()


def gives_one_level() -> Expression:
    """Whether all that a swap is told to give has the level of its deal's security."""
    regimes = F.split(F.col("pieces_differing"), _NEXT)
    return ~F.coalesce(F.array_contains(regimes, F.col("regime")), F.lit(False))


def with_own_share(parts: DataFrame) -> DataFrame:
    """Parts with what of the deal's ``amount`` is a row's, and whether that is divided among
    several (``is_divided``)."""
    amount, whole = F.col("amount"), _money(_WHOLE)
    shares = {f"share_{place}": (_money(place), amount, whole) for place in (_BEFORE, _UPTO)}
    before, upto = (F.col(name) for name in shares)
    divided = F.col("is_divided")
    own = F.when(divided, (upto - before).cast(_MONEY.value)).otherwise(amount)
    found = with_mul_div(parts.withColumn("is_divided", _is_divided()), shares, where=divided)
    return found.withColumn("amount", own).drop(*shares)


def with_level(part: Expression) -> Expression:
    """The name of a part; with the level where its deal is of several."""
    named = F.concat(part, F.lit("_"), F.col("share_level"))
    return F.when(F.col("is_divided"), named).otherwise(part)


def _is_divided() -> Expression:
    return is_share() & ((_money(_BEFORE) != 0) | (_money(_UPTO) != _money(_WHOLE)))


def _field(place: int) -> Expression:
    return F.split_part(F.col("share"), F.lit(_WITHIN), F.lit(place))


def _name(place: int) -> Expression:
    return F.nullif(_field(place), F.lit(""))


def _money(place: int) -> Expression:
    return _field(place).cast(_MONEY.value)

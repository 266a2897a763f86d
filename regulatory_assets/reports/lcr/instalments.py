"""What a deal repays by instalments, and its interest: how much is overdue, how much in the window.

One row per deal, so that a stage over deals joins no more rows than deals have instalments for.
Then the pieces that its parts fall into, their amounts and the day on which a piece is paid. Which
line takes a piece belongs to ``flows``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.lending import CASH_FLOWS
from regulatory_assets.ledger.arithmetic import product, total, with_fractions
from regulatory_assets.ledger.stages import group_stage
from regulatory_assets.ledger.table import Column as TableColumn
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.reports.lcr.received import free_share

_CURRENCY = "deal currency"
_MONEY = ColumnType.MONEY.value
_NOTHING = F.lit(0).cast(_MONEY)

INSTALMENTS_DUE = Table(
    name="instalments_due",
    description="What each deal with instalments repays within the window; the rest comes later.",
    key=("deal_id",),
    group="lcr",
    columns=(
        TableColumn("deal_id", ColumnType.STRING, "Deal that is repaid by instalments."),
        TableColumn("repays", ColumnType.BOOLEAN, "Instalments repay it; else they are interest "
               "alone, and it is paid at maturity."),
        TableColumn("principal_overdue", ColumnType.MONEY, "Principal due on the day or before.",
               unit=_CURRENCY),
        TableColumn("principal_due", ColumnType.MONEY, "Principal due later in the window.",
               unit=_CURRENCY),
        TableColumn("interest_overdue", ColumnType.MONEY, "Interest due on the day or before.",
               unit=_CURRENCY),
        TableColumn("interest_due", ColumnType.MONEY, "Interest due later in the window.",
               unit=_CURRENCY),
        TableColumn("share_overdue", ColumnType.RATE, "Overdue principal in all that is to come.",
               unit="fraction"),
        TableColumn("share_due", ColumnType.RATE, "Principal due in the window, likewise.",
               unit="fraction"),
        TableColumn("first_due", ColumnType.DATE, "First payment after the day, in the window.",
               nullable=True),
        TableColumn("last_due", ColumnType.DATE, "Last payment in the window.", nullable=True),
    ),
)  # fmt: skip


def last_of_window(p: Any) -> Column:
    """The last day of the LCR's window (BCBS 238 para 69, convention 1)."""
    return F.lit(p.day + timedelta(days=int(p["lcr/window"].value("lcr", "days"))))


@group_stage(
    reads=CASH_FLOWS,
    writes=INSTALMENTS_DUE,
    by=("deal_id",),
    parameters=("lcr/window",),
)
def instalments_due(flows: DataFrame, p: Any) -> DataFrame:
    """Principal and interest by window (BCBS 238 paras 145-154, conventions 1 and 5).

    The delivered day of payment wins over the contractual one.
    """
    last = last_of_window(p)
    due = F.coalesce(F.col("payment_date"), F.col("due_date"))
    overdue = due <= F.lit(p.day)
    within = (due > F.lit(p.day)) & (due <= last)
    windows = {"overdue": overdue, "due": within}
    found = flows.groupBy("deal_id").agg(
        total(F.col("principal")).alias("principal"),
        *(
            total(F.when(when, F.col(name))).alias(f"{name}_{told}")
            for name in ("principal", "interest")
            for told, when in windows.items()
        ),
        F.min(F.when(within, due)).alias("first_due"),
        F.max(F.when(within, due)).alias("last_due"),
    )

    whole = F.col("principal")
    shares = {f"share_{told}": (F.col(f"principal_{told}"), whole) for told in windows}
    return with_fractions(found, shares).withColumn("repays", whole != 0)


_LENT, _BORROWED = ("LOAN", "MARGIN_LOAN"), ("OWN_DEBT", "COVERED_DEBT", "NETWORK_DEPOSIT")
_DIVIDED = ("DEPOSIT", "REPO", "REVERSE_REPO")
"""Deals with parts of their own, each of which is due or later."""
_IS_LENT = F.col("product_type").isin(*_LENT)
_GIVES = F.col("product_type").isin(*_LENT, "REVERSE_REPO")
_OWES = F.col("product_type").isin(*_BORROWED, "DEPOSIT", "REPO")
_IS_DIVIDED = F.col("product_type").isin(*_DIVIDED)
_PAYS = F.col("repays").isNotNull() & (_OWES | (_GIVES & (F.col("window") != "OVERDUE")))
"""Instalments are delivered, and it is no asset that is overdue as a whole and gives no inflow."""
_COUPONS = (F.col("product_type") == "SECURITY") & F.col("repays").isNotNull()
_COUPONS &= F.col("window") != "OVERDUE"
"""The same of a security held, of which instalments are the coupons: its price is no principal."""


def with_minimum_payments(deals: DataFrame) -> DataFrame:
    """Open loans of which no instalments are delivered: the least that must be paid in the window
    stands for one (BCBS 238 para 152, convention 4). It is part of what is owed."""
    told = _IS_LENT & F.col("maturity_date").isNull() & F.col("repays").isNull()
    least = F.least("minimum_payment", "amount")
    paid = F.when(told & F.col("minimum_payment").isNotNull() & (least > 0), least)
    none = F.when(paid.isNotNull(), _NOTHING)
    return deals.withColumns(
        {
            "repays": F.coalesce("repays", F.when(paid.isNotNull(), F.lit(True))),
            "principal_due": F.coalesce("principal_due", paid),
            "principal_overdue": F.coalesce("principal_overdue", none),
            "interest_due": F.coalesce("interest_due", none),
        }
    )


INTEREST = "interest"
"""The part of a deal that is interest to come: beyond the balance, in which what has accrued is."""


def with_interest(parts: Column) -> Column:
    """The parts of a deal, and its interest where instalments are delivered."""
    return F.when(_PAYS | _COUPONS, F.concat(parts, F.array(F.lit(INTEREST)))).otherwise(parts)


def interest_amount() -> Column:
    """Interest of the window in reporting currency. Of an asset nothing counts that is overdue, of
    a liability it is due on day 1 (BCBS 238 para 69, convention 1)."""
    rate = F.col("rate")
    unpaid = F.when(_OWES, product(F.col("interest_overdue"), rate)).otherwise(_NOTHING)
    return (product(F.col("interest_due"), rate) + unpaid).cast(_MONEY)


def pieces() -> Column:
    """What each part of a deal falls into by the days on which it is repaid, nothing where no
    instalments repay it. The pieces of a part sum to its amount."""
    repaid = _PAYS & F.col("repays") & (F.col("part") != INTEREST)

    def found(*names: str) -> Column:
        return F.array(*(F.lit(name) for name in names))

    return (
        F.when(repaid & _IS_DIVIDED, found("due", "later"))
        .when(repaid, found("overdue", "due", "later"))
        .otherwise(F.array(F.lit(None).cast("string")))
    )


def piece_window() -> Column:
    """Where a piece's date lies. What no instalment pays is paid with the deal; of an asset it is
    taken for later. What must be paid on an open loan is a minimum payment (para 152)."""
    piece, window = F.col("piece"), F.col("window")
    paid = (piece == "due") | (F.col("part") == INTEREST)
    return (
        F.when(piece == "overdue", "OVERDUE")
        .when(paid & _IS_LENT & (window == "OPEN"), "MINIMUM")
        .when(paid, "WITHIN")
        .when((piece == "later") & _GIVES & (window != "OPEN"), "BEYOND")
        .otherwise(window)
    )


def piece_returned(before: Column, collateral: Column) -> Column:
    """What of a part is repaid by the instalments of the window, if it is large enough; in
    reporting currency, without the part's sign, for deals whose parts are divided. Below zero
    where the parts before it are more.

    ``before`` are the parts of a deposit that are repaid before this one; of collateral a share
    returns, and the cash that is undone is that against what is free.
    """
    overdue, due = _principal("overdue"), _principal("due")
    repaid = F.when(_OWES, (overdue + due).cast(_MONEY)).otherwise(due)
    both = (F.col("share_overdue") + F.col("share_due")).cast(ColumnType.RATE.value)
    share = F.when(_OWES, both).otherwise(F.col("share_due"))
    undone = (F.col("part") == "unwind_cash") & ~_OWES
    returned = (
        F.when(collateral, product(F.abs(F.col("of_part")), share))
        .when(undone, free_share(repaid))
        .otherwise((repaid - F.coalesce(before, _NOTHING)).cast(_MONEY))
    )
    divided = F.col("piece").isNotNull() & _IS_DIVIDED
    return F.when(divided, returned)


def piece_amount() -> Column:
    """The amount of a piece of a part (``of_part``), in reporting currency, where it is known what
    instalments return of it (``returned``). Of a secured loan no principal counts that is
    overdue."""
    piece, of_part = F.col("piece"), F.col("of_part")
    overdue, due = _principal("overdue"), _principal("due")
    size = F.greatest(F.least(F.abs(of_part), F.col("returned")), _NOTHING)
    paid = F.when(of_part < 0, -size).otherwise(size).cast(_MONEY)
    return (
        F.when(piece.isNull(), of_part)
        .when(_IS_DIVIDED, F.when(piece == "due", paid).otherwise((of_part - paid).cast(_MONEY)))
        .when(piece == "overdue", overdue)
        .when(piece == "due", due)
        .otherwise((of_part - overdue - due).cast(_MONEY))
    )


def _principal(told: str) -> Column:
    return product(F.col(f"principal_{told}"), F.col("rate"))


def part_name() -> Column:
    """A part by its piece: the piece alone where a deal has but one part."""
    part, piece = F.col("part"), F.col("piece")
    return (
        F.when(piece.isNull(), part)
        .when(part == "whole", piece)
        .otherwise(F.concat(part, F.lit("_"), piece))
    )


def due_day(p: Any) -> Column:
    """The day on which a part is paid whose line is ``dated``: looked at by day (12 CFR 249.30(b)).

    What is due already is paid on day 1. Of several instalments in the window an inflow counts
    on the last day, an outflow on the first: the net outflow is never taken for less than it is.
    """
    piece, interest = F.col("piece"), F.col("part") == INTEREST
    instalment = F.when(_OWES, F.col("first_due")).otherwise(F.col("last_due"))
    paid = F.when((piece == "due") | interest, instalment).otherwise(F.col("maturity_date"))
    unpaid = F.when(interest, F.col("interest_overdue")).when(
        _IS_DIVIDED & (piece == "due"), F.col("principal_overdue")
    )
    late = (piece == "overdue") | (_OWES & (unpaid > 0))
    days = F.datediff(paid, F.lit(p.day))
    return F.when(F.col("dated"), F.when(late | (days < 1), F.lit(1)).otherwise(days))

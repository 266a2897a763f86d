"""When a deposit can leave by its terms: notice, early withdrawal, and what that costs.

deposit_terms -> deposit_calls, one row per deposit of which terms are delivered; the others leave
as the deal itself says. Which line follows belongs to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.deposits import DEPOSIT_TERMS
from regulatory_assets.ledger.stages import Lookup, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.insurance import is_deposit
from regulatory_assets.reports.lcr.treatment import is_retail_deposit

_BOOL, _DATE = ColumnType.BOOLEAN, ColumnType.DATE

DEPOSIT_CALLS = Table(
    name="deposit_calls",
    description="When each deposit can leave by its terms, and who insures it.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", ColumnType.STRING, "The deposit."),
        Column("scheme_id", ColumnType.STRING, "Scheme that insures it.", nullable=True),
        Column("withdrawal_right", _BOOL, "The holder may withdraw before maturity."),
        Column("payable_on", _DATE, "First day on which it must be paid: at maturity, or after "
               "notice where it can be given; empty if there is none.", nullable=True),
        Column("at_will", _BOOL, "The holder may withdraw without notice, at whatever price; "
               "empty where the deal is no deposit.", nullable=True),
        Column("bound", _BOOL, "He may not, or pays materially more than the interest for it; "
               "likewise.", nullable=True),
        Column("correspondent_banking", _BOOL, "Never operational (BCBS 238 para 99)."),
    ),
)  # fmt: skip


@row_stage(
    reads=DEPOSIT_TERMS,
    writes=DEPOSIT_CALLS,
    lookups=(Lookup(DEALS, by=("deal_id",), take=("product_type", "maturity_date")),),
)
def deposit_calls(terms: DataFrame, p: Any) -> DataFrame:
    """The earliest day of payment, and what stands against an earlier one (BCBS 238 paras 82-84,
    86, convention 3).

    Notice runs from the day on which it was given, else from the reporting date. Before maturity it
    can be given where the holder may withdraw, or has given it.
    """
    days, given, due = F.col("notice_days"), F.col("notice_given"), F.col("maturity_date")
    right = F.col("withdrawal_right")
    after_notice = F.date_add(F.coalesce(given, F.lit(p.day)), days)
    may_call = days.isNotNull() & (due.isNull() | right | given.isNotNull())
    called = F.least(after_notice, F.coalesce(due, after_notice))
    return (
        terms.withColumn("payable_on", F.when(may_call, called).otherwise(due))
        .withColumn("at_will", F.when(is_deposit(), right & days.isNull()))
        .withColumn(
            "bound",
            F.when(is_deposit(), ~right | days.isNotNull() | F.col("material_penalty")),
        )
    )


OF_CALLS = Lookup(
    DEPOSIT_CALLS,
    by=("deal_id",),
    take=(
        "scheme_id",
        "withdrawal_right",
        "payable_on",
        "at_will",
        "bound",
        "correspondent_banking",
    ),
    optional=True,
)


def by_terms(deals: DataFrame) -> DataFrame:
    """Deals whose deposits are due, locked in and operational as their terms say, where these are
    known.

    Of persons and small businesses the price of an early withdrawal counts (paras 82-84); of others
    what can be called is due (para 86). What correspondent banking brings is not operational (99).
    """
    told, called = F.col("at_will").isNotNull(), F.col("at_will") & ~is_retail_deposit()
    due = F.when(~F.coalesce(called, F.lit(False)), F.col("payable_on"))
    barred = F.coalesce(F.col("correspondent_banking"), F.lit(False))
    return deals.withColumns(
        {
            "maturity_date": F.when(told, due).otherwise(F.col("maturity_date")),
            "locked_in": F.coalesce("bound", "locked_in"),
            "operational_amount": F.when(~barred, F.col("operational_amount")),
        }
    )

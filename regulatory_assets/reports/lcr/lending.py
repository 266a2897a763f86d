"""Loans in default, that the borrower may extend or must pay on: what terms say beyond the deal.

loans -> loan_terms, some of them. Which line follows belongs to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.lending import LOANS
from regulatory_assets.ledger.stages import Lookup, row_stage
from regulatory_assets.ledger.table import Column as TableColumn
from regulatory_assets.ledger.table import ColumnType, Table

LOAN_TERMS = Table(
    name="loan_terms",
    description="Loans in default, that their borrower may extend, or on which a payment is due.",
    key=("deal_id",),
    group="lcr",
    columns=(
        TableColumn("deal_id", ColumnType.STRING, "The loan."),
        TableColumn("defaulted", ColumnType.BOOLEAN, "The borrower is in default."),
        TableColumn("extendable_until", ColumnType.DATE, "Latest date to which he may extend it; "
                    "empty if he may not.", nullable=True),
        TableColumn("minimum_payment", ColumnType.MONEY, "What he must pay in the window of a loan "
                    "without maturity; empty if nothing.", unit="deal currency", nullable=True),
    ),
)  # fmt: skip


@row_stage(reads=LOANS, writes=LOAN_TERMS)
def loan_terms(loans: DataFrame, p: Any) -> DataFrame:
    """The loans of which more has to be known than when they are due (conventions 3, 4 and 6)."""
    told = F.col("extendable_until").isNotNull() | F.col("minimum_payment").isNotNull()
    return loans.where(F.col("defaulted") | told)


OF_LOAN = Lookup(
    LOAN_TERMS,
    by=("deal_id",),
    take=("defaulted", "extendable_until", "minimum_payment"),
    optional=True,
)


def by_loan_terms(deals: DataFrame) -> DataFrame:
    """Deals due on the latest day that the borrower can choose (convention 3)."""
    due, last = F.col("maturity_date"), F.col("extendable_until")
    return deals.withColumn("maturity_date", F.when(last > due, last).otherwise(due))


def is_performing() -> Column:
    """No payment is past due and the borrower is not in default (convention 6)."""
    return (F.col("days_past_due") == 0) & ~F.coalesce(F.col("defaulted"), F.lit(False))

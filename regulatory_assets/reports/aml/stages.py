"""Customers' transactions and what stands out in them.

account_transactions -> aml_customer_transactions -> aml_customer_days. Thresholds are parameters.
The stages say what is to be seen; whether it is suspicious is for people to decide (FATF
Recommendation 20).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import (
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    CREDIT,
    CUSTOMER_RISK,
    ENTITIES,
)
from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.stages import Cited, Entry, Lookup, group_stage, row_stage
from regulatory_assets.regulation.expressions import text, value
from regulatory_assets.regulation.tables import BASEL
from regulatory_assets.reports.aml.tables import (
    AML_CUSTOMER_DAYS,
    AML_CUSTOMER_TRANSACTIONS,
    NOT_ASSESSED,
)
from regulatory_assets.reports.lookups import RATE_OF_DAY


@row_stage(
    reads=ACCOUNT_TRANSACTIONS,
    writes=AML_CUSTOMER_TRANSACTIONS,
    lookups=(
        RATE_OF_DAY,
        Lookup(
            ACCOUNTS,
            by=("account_id",),
            take=(
                "counterparty_id",
                "entity_id",
                "branch_id",
                "product",
                "status",
                "opened_remotely",
                "held_for_others",
            ),
        ),
        Lookup(ENTITIES, by=("entity_id",), take=("reporting_currency",)),
        Lookup(
            CUSTOMER_RISK,
            by=("counterparty_id",),
            take=("risk_band", "country", "politically_exposed"),
        ),
    ),
)
def aml_customer_transactions(moved: DataFrame, p: Any) -> DataFrame:
    """Customer, account and transaction in one row (FATF Recommendations 10 and 11).

    A customer without an assessment is shown as such. A movement crosses a border where the other
    side's bank does not lie in the customer's country; if either is not known, it does not.
    """
    # WHEN instead of COALESCE: Sail loses track of whether a coalesced comparison may be null.
    away = F.when(F.col("counter_country") != F.col("country"), True).otherwise(False)
    return (
        moved.withColumn("risk_band", F.coalesce(F.col("risk_band"), F.lit(NOT_ASSESSED)))
        .withColumn("cross_border", away)
        .withColumn("reported_amount", product(F.col("amount"), F.col("rate")))
    )


def _in_currency(entries: Collection[Entry]) -> Column | None:
    """The days in a currency: a day is in its entity's, and is asked of Basel's thresholds alone,
    whether any of its movements reaches one or not."""
    currencies = sorted({currency for regime, currency in entries if regime == BASEL})
    return F.col("reporting_currency").isin(*currencies) if currencies else None


@group_stage(
    reads=AML_CUSTOMER_TRANSACTIONS,
    writes=AML_CUSTOMER_DAYS,
    by=("entity_id", "booking_date", "counterparty_id"),
    parameters=("aml/cash_thresholds",),
    cites=(Cited("aml/cash_thresholds", beside=_in_currency),),
)
def aml_customer_days(moved: DataFrame, p: Any) -> DataFrame:
    """Velocity and structuring features of a customer's day (FATF Recommendation 10, 31 CFR
    1010.311 and 1010.314).

    Deposits that reach the threshold are reported one by one and do not count as linked: the
    others are, where there are several and their sum reaches it.
    """
    limits, currency = p["aml/cash_thresholds"], F.col("reporting_currency")
    amount = F.col("reported_amount")
    threshold = value(limits, currency, "threshold")
    near = product(threshold, value(limits, currency, "just_below"))
    at = text(limits, currency, "reached") == "at"

    def reaches(column: Column) -> Column:
        return (column > F.col("threshold")) | (F.col("at") & (column == F.col("threshold")))

    credit = F.col("direction") == CREDIT
    rows = (
        moved.withColumn("threshold", threshold)
        .withColumn("near", near)
        .withColumn("at", at)
        .withColumn("deposit", credit & F.col("cash"))
        .withColumn("small", F.col("deposit") & ~reaches(amount))
        .withColumn("close", F.col("small") & (amount >= F.col("near")))
    )

    def sums(name: str, condition: Column) -> Column:
        return total(F.when(condition, amount)).alias(name)

    def number(name: str, condition: Column) -> Column:
        return F.count(F.when(condition, 1)).alias(name)

    small, close, deposit = F.col("small"), F.col("close"), F.col("deposit")
    days = rows.groupBy(*AML_CUSTOMER_DAYS.key).agg(
        F.max(currency).alias("reporting_currency"),
        F.max("risk_band").alias("risk_band"),
        F.count("*").alias("transactions"),
        F.countDistinct("account_id").alias("accounts"),
        number("credits", credit),
        sums("credited", credit),
        number("debits", ~credit),
        sums("debited", ~credit),
        F.max(amount).alias("largest"),
        number("cross_border", F.col("cross_border")),
        sums("cross_border_amount", F.col("cross_border")),
        number("cash_deposits", deposit),
        sums("cash_deposited", deposit),
        F.max("threshold").alias("threshold"),
        F.max("at").alias("at"),
        number("large_deposits", deposit & ~small),
        number("small_deposits", small),
        sums("small_deposited", small),
        number("near_deposits", close),
        sums("near_deposited", close),
    )
    linked = (F.col("small_deposits") > 1) & reaches(F.col("small_deposited"))
    return days.withColumn("linked", F.when(linked, True).otherwise(False))

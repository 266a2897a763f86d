"""What only the customer-transaction report can know: no movement is lost, each has its day."""

from __future__ import annotations

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.tables import ACCOUNT_TRANSACTIONS, CREDIT
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.quality.examination import Check, Examination, Result, differences, verdict
from regulatory_assets.reports.aml.tables import (
    AML_CUSTOMER_DAYS,
    AML_CUSTOMER_TRANSACTIONS,
    NOT_ASSESSED,
)


def _booked(day: Examination, since: int) -> Result:
    key = ACCOUNT_TRANSACTIONS.key
    later = F.col("booking_date") > F.lit(day.positions.day)
    found = day.keys(ACCOUNT_TRANSACTIONS, key, among=later)
    wrong, right = "movements are booked after the reporting date", "no movement is of a later day"
    return verdict(found.count(), found, key, wrong, right)


def _movements(day: Examination, since: int) -> Result:
    sums = (F.count("*").alias("movements"), total(F.col("amount")).alias("amount"))
    read = day.reader.rows(day.read_by(AML_CUSTOMER_TRANSACTIONS, ACCOUNT_TRANSACTIONS))
    written = day.rows(AML_CUSTOMER_TRANSACTIONS)
    return differences(
        read.groupBy("currency").agg(*sums),
        written.groupBy("currency").agg(*sums),
        ("currency", "movements", "amount"),
    )


def _days(day: Examination, since: int) -> Result:
    rows = day.reader.rows(day.read_by(AML_CUSTOMER_DAYS, AML_CUSTOMER_TRANSACTIONS))
    credit, amount = F.col("direction") == CREDIT, F.col("reported_amount")
    read = rows.groupBy("entity_id").agg(
        F.count("*").alias("transactions"),
        total(F.when(credit, amount)).alias("credited"),
        total(F.when(~credit, amount)).alias("debited"),
    )
    names = ("transactions", "credited", "debited")
    written = day.rows(AML_CUSTOMER_DAYS).groupBy("entity_id").agg(
        F.sum("transactions").cast("bigint").alias("transactions"),
        *(total(F.col(name)).alias(name) for name in names[1:]),
    )  # fmt: skip
    return differences(read, written, ("entity_id", *names))


def _assessed(day: Examination, since: int) -> Result:
    key = ("counterparty_id",)
    found = day.keys(AML_CUSTOMER_DAYS, key, among=F.col("risk_band") == NOT_ASSESSED)
    wrong = "customers who moved money have no risk assessment"
    return verdict(found.count(), found, key, wrong, "every customer who moved money is assessed")


booked = Check(
    ACCOUNT_TRANSACTIONS,
    "booked",
    "No movement is booked after the reporting date.",
    True,
    _booked,
)
movements_tie = Check(
    AML_CUSTOMER_TRANSACTIONS,
    "ties",
    "Number and amount of the movements are those of the source, currency by currency.",
    True,
    _movements,
    (ACCOUNT_TRANSACTIONS,),
)
days_tie = Check(
    AML_CUSTOMER_DAYS,
    "ties",
    "The customers' days add up to the movements of each entity, exactly.",
    True,
    _days,
    (AML_CUSTOMER_TRANSACTIONS,),
)
assessed = Check(
    AML_CUSTOMER_DAYS,
    "assessed",
    "Every customer who moved money has a risk assessment.",
    False,
    _assessed,
)

"""What only the customer-transaction report can know: no movement is lost, each has its day."""

from __future__ import annotations

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.tables import ACCOUNT_TRANSACTIONS, CREDIT
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.quality.examination import (
    Check,
    Examination,
    Reading,
    Result,
    before_and_after_rules,
    differences,
    verdict,
)
from regulatory_assets.reports.aml.stages import aml_customer_days, aml_customer_transactions
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
    source = day.read_by(aml_customer_transactions, ACCOUNT_TRANSACTIONS)

    def compare(read: Reading) -> Result:
        expected = read(source).groupBy("currency").agg(*sums)
        written = read(day.as_read(AML_CUSTOMER_TRANSACTIONS)).groupBy("currency").agg(*sums)
        return differences(expected, written, ("currency", "movements", "amount"))

    return before_and_after_rules(day, compare)


def _days(day: Examination, since: int) -> Result:
    source = day.read_by(aml_customer_days, AML_CUSTOMER_TRANSACTIONS)
    credit, amount = F.col("direction") == CREDIT, F.col("reported_amount")

    def compare(read: Reading) -> Result:
        expected = read(source).groupBy("entity_id").agg(
            F.count("*").alias("transactions"),
            total(F.when(credit, amount)).alias("credited"),
            total(F.when(~credit, amount)).alias("debited"),
        )  # fmt: skip
        written = read(day.as_read(AML_CUSTOMER_DAYS)).groupBy("entity_id").agg(
            F.sum("transactions").cast("bigint").alias("transactions"),
            total(F.col("credited")).alias("credited"),
            total(F.col("debited")).alias("debited"),
        )  # fmt: skip
        return differences(expected, written, tuple(written.columns))

    return before_and_after_rules(day, compare)


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

"""What only the branch report can know: branches and the unassigned rest add up to the sources."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import (
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    CREDIT,
    DEALS,
)
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.quality.examination import (
    Check,
    Examination,
    Reading,
    Result,
    before_and_after_rules,
    verdict,
)
from regulatory_assets.reports.branch.stages import (
    branch_accounts,
    branch_deals,
    branch_transactions,
)
from regulatory_assets.reports.branch.tables import BRANCH_DEALS, BRANCH_SUMMARY_REPORT
from regulatory_assets.reports.rates import RATES_OF_DAY

Totals = dict[tuple[str, str], Decimal]
"""Sums and counts by entity and column of the report."""

_CHECKED = (
    "accounts",
    "deals",
    "deposits",
    "loans",
    "other",
    "transactions",
    "credited",
    "debited",
)


def _ties(day: Examination, since: int) -> Result:
    return before_and_after_rules(day, lambda read: _compare(day, read))


def _compare(day: Examination, read: Reading) -> Result:
    expected = _of_sources(day, read)
    reported: Totals = defaultdict(Decimal)
    rows = frames.values(read(day.as_read(BRANCH_SUMMARY_REPORT)))
    for row in rows:
        for name in _CHECKED:
            reported[row["entity_id"], name] += row[name]
    known = {row["entity_id"] for row in rows}
    without = sorted({entity for entity, _ in expected} - known)
    wrong = [f"{entity} has no branch; deliver at least its head office" for entity in without]
    wrong += [
        f"{entity} {name}: {reported[entity, name]}, the sources give {expected[entity, name]}"
        for entity in sorted(known)
        for name in _CHECKED
        if reported[entity, name] != expected[entity, name]
    ]
    said = "; ".join(wrong) or f"{len(rows)} rows of {len(known)} entities tie to the sources"
    return Result(not wrong, said, {"rows": len(rows), "offending": len(wrong)})


def _of_sources(day: Examination, read: Reading) -> Totals:
    """The report's totals, from what its stages read and not from what they wrote."""
    accounts = read(day.read_by(branch_accounts, ACCOUNTS))
    of_account = accounts.select("account_id", "entity_id")
    moved = frames.attach(
        _reported(day, read, branch_transactions),
        of_account, ("account_id",), ("account_id",), "left",
    )  # fmt: skip
    held = _reported(day, read, branch_deals)
    kind = F.col("product_type")
    found: Totals = defaultdict(Decimal)
    for rows, count, name in (
        (held, "deals", F.when(kind == "DEPOSIT", "deposits").when(kind == "LOAN", "loans")
         .otherwise("other")),
        (moved, "transactions", F.when(F.col("direction") == CREDIT, "credited")
         .otherwise("debited")),
    ):  # fmt: skip
        sums = rows.groupBy("entity_id", name.alias("name")).agg(
            total(F.col("reported")).alias("sum"), F.count("*").alias("count")
        )
        for row in frames.values(sums):
            found[row["entity_id"], row["name"]] += row["sum"]
            found[row["entity_id"], count] += row["count"]
    kept = accounts.where(F.col("status") != "CLOSED").groupBy("entity_id").count()
    for row in frames.values(kept):
        found[row["entity_id"], "accounts"] += row["count"]
    return found


def _reported(day: Examination, read: Reading, stage: Stage) -> DataFrame:
    """The rows that a stage has read, with their amount at the rates that it has read."""
    rates = read(day.read_by(stage, RATES_OF_DAY)).select("currency", "rate")
    rows = read(day.read_by(stage, stage.reads))
    joined = frames.attach(rows, rates, ("currency",), ("currency",), "left")
    return joined.withColumn("reported", product(F.col("amount"), F.col("rate")))


def _accounts(day: Examination, since: int) -> Result:
    key = BRANCH_DEALS.key
    found = day.keys(BRANCH_DEALS, key, among=~F.col("account_known"))
    wrong = "deals name an account that their entity does not keep"
    return verdict(found.count(), found, key, wrong, "every account that a deal names is kept")


ties = Check(
    BRANCH_SUMMARY_REPORT,
    "ties",
    "Branches and the unassigned rest add up to accounts, deals and movements of each entity.",
    True,
    _ties,
    (ACCOUNTS, DEALS, ACCOUNT_TRANSACTIONS, RATES_OF_DAY),
)
accounts_known = Check(
    BRANCH_DEALS,
    "accounts",
    "Every account that a deal names is delivered and kept by the deal's entity.",
    False,
    _accounts,
)

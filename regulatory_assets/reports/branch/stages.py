"""The branch report: what each branch holds and moves, and what no branch does.

accounts -> branch_accounts -> branch_customers; deals and account_transactions with their account's
branch -> branch_positions and branch_turnover; all of them beside the list of branches ->
branch_summary_report. What has no branch of its entity goes to the entity's unassigned row.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import (
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    BRANCHES,
    CREDIT,
    DEALS,
    DEBIT,
    ENTITIES,
)
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.stages import Lookup, aggregate_stage, group_stage, row_stage
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.reports.branch.tables import (
    BRANCH_ACCOUNTS,
    BRANCH_CUSTOMERS,
    BRANCH_DEALS,
    BRANCH_POSITIONS,
    BRANCH_SUMMARY_REPORT,
    BRANCH_TRANSACTIONS,
    BRANCH_TURNOVER,
    BRANCH_UNITS,
    POSITION_SUMS,
    TURNOVER_SUMS,
)
from regulatory_assets.reports.lookups import RATE_OF_DAY

UNASSIGNED = "unassigned"
_NOTHING = F.lit(0).cast(ColumnType.MONEY.value)


@group_stage(reads=BRANCHES, writes=BRANCH_UNITS, by=("entity_id",))
def branch_units(branches: DataFrame, p: Any) -> DataFrame:
    """The branches of an entity and one row for what none of them holds.

    An entity without a branch has no row at all; its deals then fail the check ``ties``, which
    names it: its head office is a branch.
    """
    names = BRANCH_UNITS.column_names
    unassigned = (
        branches.select("entity_id")
        .distinct()
        .select(
            "entity_id",
            F.lit(None).cast("string").alias("branch_id"),
            F.lit(UNASSIGNED).alias("name"),
            *(
                F.lit(None).cast(c.type.value).alias(c.name)
                for c in BRANCH_UNITS.columns
                if c.name not in ("entity_id", "branch_id", "name")
            ),
        )
    )
    return branches.select(*names).unionAll(unassigned.select(*names))


@row_stage(
    reads=ACCOUNTS,
    writes=BRANCH_ACCOUNTS,
    lookups=(Lookup(BRANCHES, by=("branch_id",), take=("entity_id",), prefix="branch_"),),
)
def branch_accounts(accounts: DataFrame, p: Any) -> DataFrame:
    """Accounts with their branch, where it is one of the entity that keeps the account."""
    own = F.col("branch_entity_id") == F.col("entity_id")
    return accounts.withColumn("branch_id", F.when(own, F.col("branch_id")))


@group_stage(reads=BRANCH_ACCOUNTS, writes=BRANCH_CUSTOMERS, by=("entity_id", "branch_id"))
def branch_customers(accounts: DataFrame, p: Any) -> DataFrame:
    """Customers of a branch, each once however many accounts are kept for them."""
    kept = F.col("status") != "CLOSED"
    return accounts.groupBy("entity_id", "branch_id").agg(
        F.countDistinct(F.when(kept, F.col("counterparty_id"))).alias("customers"),
        F.count(F.when(kept, 1)).alias("accounts"),
    )


@row_stage(
    reads=DEALS,
    writes=BRANCH_DEALS,
    lookups=(
        RATE_OF_DAY,
        Lookup(
            BRANCH_ACCOUNTS,
            by=("account_id",),
            take=("entity_id", "branch_id"),
            prefix="account_",
        ),
    ),
)
def branch_deals(deals: DataFrame, p: Any) -> DataFrame:
    """Every deal once, at the branch that keeps its account."""
    held, kind = product(F.col("amount"), F.col("rate")), F.col("product_type")
    own = F.col("account_entity_id") == F.col("entity_id")
    known = F.when(F.col("account_id").isNull() | own, True).otherwise(False)
    return (
        deals.withColumn("branch_id", F.when(own, F.col("account_branch_id")))
        .withColumn("account_known", known)
        .withColumn("deposits", _if(kind == "DEPOSIT", held))
        .withColumn("loans", _if(kind == "LOAN", held))
        .withColumn("other", _if(~kind.isin("DEPOSIT", "LOAN"), held))
    )


branch_positions = aggregate_stage(
    reads=BRANCH_DEALS,
    writes=BRANCH_POSITIONS,
    by=("entity_id", "branch_id"),
    sums=tuple(c.name for c in POSITION_SUMS),
)


@row_stage(
    reads=ACCOUNT_TRANSACTIONS,
    writes=BRANCH_TRANSACTIONS,
    lookups=(
        RATE_OF_DAY,
        Lookup(BRANCH_ACCOUNTS, by=("account_id",), take=("entity_id", "branch_id")),
    ),
)
def branch_transactions(moved: DataFrame, p: Any) -> DataFrame:
    """Every movement once, at the branch that keeps its account."""
    amount, direction = product(F.col("amount"), F.col("rate")), F.col("direction")
    credited, debited = direction == CREDIT, direction == DEBIT
    return (
        moved.withColumn("credited", _if(credited, amount))
        .withColumn("debited", _if(debited, amount))
        .withColumn("cash_in", _if(credited & F.col("cash"), amount))
        .withColumn("cash_out", _if(debited & F.col("cash"), amount))
    )


branch_turnover = aggregate_stage(
    reads=BRANCH_TRANSACTIONS,
    writes=BRANCH_TURNOVER,
    by=("entity_id", "branch_id"),
    sums=tuple(c.name for c in TURNOVER_SUMS),
)

_UNIT = ("entity_id", "branch_id")


@row_stage(
    reads=BRANCH_UNITS,
    writes=BRANCH_SUMMARY_REPORT,
    lookups=(
        Lookup(ENTITIES, by=("entity_id",), take=("reporting_currency",)),
        Lookup(BRANCH_CUSTOMERS, by=_UNIT, take=("customers", "accounts")),
        Lookup(BRANCH_POSITIONS, by=_UNIT, take=(*branch_positions.sums, "n"), prefix="position_"),
        Lookup(BRANCH_TURNOVER, by=_UNIT, take=(*branch_turnover.sums, "n"), prefix="turnover_"),
    ),
)
def branch_summary_report(units: DataFrame, p: Any) -> DataFrame:
    """One row for each branch and each entity's unassigned rest; nothing there is zero."""
    counts = {"deals": "position_n", "transactions": "turnover_n"} | {
        name: name for name in ("customers", "accounts")
    }
    sums = {name: f"position_{name}" for name in branch_positions.sums} | {
        name: f"turnover_{name}" for name in branch_turnover.sums
    }
    return units.withColumns(
        {
            "currency": F.col("reporting_currency"),
            **{name: F.coalesce(F.col(of), F.lit(0)) for name, of in counts.items()},
            **{name: F.coalesce(F.col(of), _NOTHING) for name, of in sums.items()},
        }
    )


def _if(condition: Column, amount: Column) -> Column:
    return F.when(condition, amount).otherwise(_NOTHING)

"""Connected customers: what a group of them funds in each scope, and where that is much.

depositors -> connected_depositors -> connected_funding -> depositor_sizes. Only small businesses
and members of groups have rows here, so nothing grows with the deals. What follows from the size
of a depositor belongs to ``stages``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, ENTITIES
from regulatory_assets.bank.tables.customers import CUSTOMER_GROUPS
from regulatory_assets.ledger.stages import Lookup, aggregate_stage, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.limits import OF_LIMITS
from regulatory_assets.reports.lcr.scopes import listed, scopes_of
from regulatory_assets.reports.lcr.tables import DEPOSITORS

_STRING, _MONEY, _LONG = ColumnType.STRING, ColumnType.MONEY, ColumnType.LONG
_REPORTING = "reporting currency"
SMALL = "SMALL_BUSINESS"

CONNECTED_DEPOSITORS = Table(
    name="connected_depositors",
    description="Small businesses and members of customer groups: what each holds, by scope.",
    key=("entity_id", "counterparty_id", "scope"),
    selective="counterparty_id",
    group="lcr",
    columns=(
        Column("entity_id", _STRING, "Entity that is funded."),
        Column("counterparty_id", _STRING, "Customer."),
        Column("scope", _STRING, "Scope that the entity belongs to, itself among them."),
        Column("connected_id", _STRING, "Group of connected customers, or who is in none."),
        Column("funding", _MONEY, "Deposits, own debt and repos at the entity.", unit=_REPORTING),
    ),
)

CONNECTED_FUNDING = Table(
    name="connected_funding",
    description="What each group of connected customers funds each scope with.",
    key=("scope", "connected_id"),
    group="lcr",
    additive=("funding", "n_rows", "n"),
    columns=(
        Column("scope", _STRING, "Scope in which it is added up."),
        Column("connected_id", _STRING, "Group of connected customers, or who is in none."),
        Column("funding", _MONEY, "The same at all entities of the scope.", unit=_REPORTING),
        Column("n_rows", _LONG, "Ledger rows of the group."),
        Column("n", _LONG, "Ledger rows by sign; contra and rebooking cancel."),
    ),
)

DEPOSITOR_SIZES = Table(
    name="depositor_sizes",
    description="Where the funding of a depositor's connected customers reaches the limit.",
    key=("entity_id", "counterparty_id"),
    group="lcr",
    columns=(
        Column("entity_id", _STRING, "Entity that is funded."),
        Column("counterparty_id", _STRING, "Customer."),
        Column(
            "large_scopes",
            _STRING,
            "Scopes of the entity in which the limit is reached, separated by '/'; empty in none.",
            nullable=True,
        ),
    ),
)


@row_stage(
    reads=DEPOSITORS,
    writes=CONNECTED_DEPOSITORS,
    lookups=(
        Lookup(COUNTERPARTIES, by=("counterparty_id",), take=("sector",)),
        Lookup(CUSTOMER_GROUPS, by=("counterparty_id",), take=("group_id",), optional=True),
        Lookup(ENTITIES, by=("entity_id",), take=("group_path",)),
    ),
)
def connected_depositors(depositors: DataFrame, p: Any) -> DataFrame:
    """Who counts as one, in each scope (BCBS 238 paras 89-92, convention 8).

    Who is in no group stands for itself. All members of a group count, whatever their sector.
    """
    small = F.coalesce(F.col("sector") == SMALL, F.lit(False))
    group = F.concat(F.lit("group "), F.col("group_id"))
    return (
        depositors.where(small | F.col("group_id").isNotNull())
        .withColumn("connected_id", F.coalesce(group, F.col("counterparty_id")))
        .withColumn("scope", F.explode(scopes_of("entity_id", "group_path")))
    )


connected_funding = aggregate_stage(
    reads=CONNECTED_DEPOSITORS,
    writes=CONNECTED_FUNDING,
    by=("scope", "connected_id"),
    sums=("funding",),
)


@group_stage(
    reads=CONNECTED_DEPOSITORS,
    writes=DEPOSITOR_SIZES,
    by=("entity_id", "counterparty_id"),
    lookups=(
        Lookup(
            CONNECTED_FUNDING,
            by=("scope", "connected_id"),
            take=("funding",),
            prefix="connected_",
        ),
        OF_LIMITS,
    ),
)
def depositor_sizes(members: DataFrame, p: Any) -> DataFrame:
    """From how much funding on a small business is a corporate (BCBS 238 paras 89-92)."""
    limit = F.coalesce(F.col("limit_small_business"), F.lit(0).cast(_MONEY.value))
    large = F.when(F.col("connected_funding") >= limit, F.col("scope"))
    return members.groupBy("entity_id", "counterparty_id").agg(listed(large).alias("large_scopes"))

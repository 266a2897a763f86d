"""What a deal repays by instalments: how much is overdue and how much is due in the window.

One row per deal, so that a stage over deals joins no more rows than deals have instalments for.
Then the parts that such a deal has, their amounts and the day on which a part is paid. Which line
takes a part belongs to ``stages``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.lending import CASH_FLOWS
from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.stages import group_stage
from regulatory_assets.ledger.table import Column as TableColumn
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.regulation.expressions import text

_CURRENCY = "deal currency"
_MONEY = ColumnType.MONEY.value

INSTALMENTS_DUE = Table(
    name="instalments_due",
    description="What each deal with instalments repays within the window; the rest comes later.",
    key=("deal_id",),
    group="lcr",
    columns=(
        TableColumn("deal_id", ColumnType.STRING, "Deal that is repaid by instalments."),
        TableColumn("principal_overdue", ColumnType.MONEY, "Principal due on the day or before.",
               unit=_CURRENCY),
        TableColumn("principal_due", ColumnType.MONEY, "Principal due later in the window.",
               unit=_CURRENCY),
        TableColumn("interest_overdue", ColumnType.MONEY, "Interest due on the day or before.",
               unit=_CURRENCY),
        TableColumn("interest_due", ColumnType.MONEY, "Interest due later in the window.",
               unit=_CURRENCY),
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
    return flows.groupBy("deal_id").agg(
        *(
            total(F.when(when, F.col(name))).alias(f"{name}_{told}")
            for name in ("principal", "interest")
            for told, when in (("overdue", overdue), ("due", within))
        ),
        F.min(F.when(within, due)).alias("first_due"),
        F.max(F.when(within, due)).alias("last_due"),
    )


INSTALMENT_PARTS = ("overdue", "due", "interest", "later")
"""Parts of a deal with instalments; they sum to its amount, but for the interest, which is beyond
the balance."""

_LENT, _BORROWED = ("LOAN", "MARGIN_LOAN"), ("OWN_DEBT", "NETWORK_DEPOSIT")
_OWED = F.col("product_type").isin(*_BORROWED)


def is_repaid_by_instalments(window: Column) -> Column:
    """A deal without collateral in the stock or insurance of its own, of which instalments are
    delivered; what is overdue as a whole gives no inflow by parts either."""
    lent = F.col("product_type").isin(*_LENT) & (window != "OVERDUE")
    return (lent | _OWED) & F.col("principal_due").isNotNull()


def instalment_amount() -> Column:
    """The amount of a part in reporting currency: of a loan's interest nothing that is overdue."""
    part, rate, held = F.col("part"), F.col("rate"), F.col("held")
    overdue = product(F.col("principal_overdue"), rate)
    due = product(F.col("principal_due"), rate)
    unpaid = F.when(_OWED, product(F.col("interest_overdue"), rate)).otherwise(
        F.lit(0).cast(_MONEY)
    )
    return (
        F.when(part == "overdue", overdue)
        .when(part == "due", due)
        .when(part == "interest", (product(F.col("interest_due"), rate) + unpaid).cast(_MONEY))
        .when(part == "later", (held - overdue - due).cast(_MONEY))
    )


def part_window() -> Column:
    """Where a part's date lies: the deal's, but for what is repaid by instalments."""
    part, window = F.col("part"), F.col("window")
    return (
        F.when(part == "overdue", "OVERDUE")
        .when(part.isin("due", "interest"), "WITHIN")
        .when((part == "later") & (window != "OPEN"), "BEYOND")
        .otherwise(window)
    )


def due_day(p: Any) -> Column:
    """The day on which a dated part is paid, for lines looked at by day (12 CFR 249.30(b)).

    What is due already is paid on day 1. Of several instalments in the window an inflow counts
    on the last day, an outflow on the first: the net outflow is never taken for less than it is.
    """
    part, owed = F.col("part"), _OWED
    instalment = F.when(owed, F.col("first_due")).otherwise(F.col("last_due"))
    paid = F.when(part.isin("due", "interest"), instalment).otherwise(F.col("maturity_date"))
    late = (part == "overdue") | (owed & (part == "interest") & (F.col("interest_overdue") > 0))
    days = F.datediff(paid, F.lit(p.day))
    flow = text(p["lcr/mismatch_lines"], F.col("line"), "flow", F.col("regime"))
    return F.when(flow.isNotNull(), F.when(late | (days < 1), F.lit(1)).otherwise(days))

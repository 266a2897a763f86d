"""What a deal repays by instalments: how much is overdue and how much is due in the window.

One row per deal, so that a stage over deals joins no more rows than deals have instalments for.
Which line takes the parts belongs to ``stages``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.lending import CASH_FLOWS
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.stages import group_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table

_CURRENCY = "deal currency"

INSTALMENTS_DUE = Table(
    name="instalments_due",
    description="What each deal with instalments repays within the window; the rest comes later.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", ColumnType.STRING, "Deal that is repaid by instalments."),
        Column("principal_overdue", ColumnType.MONEY, "Principal due on the day or before.",
               unit=_CURRENCY),
        Column("principal_due", ColumnType.MONEY, "Principal due after the day, in the window.",
               unit=_CURRENCY),
        Column("interest_overdue", ColumnType.MONEY, "Interest due on the day or before.",
               unit=_CURRENCY),
        Column("interest_due", ColumnType.MONEY, "Interest due after the day, in the window.",
               unit=_CURRENCY),
        Column("first_due", ColumnType.DATE, "First payment after the day, in the window.",
               nullable=True),
        Column("last_due", ColumnType.DATE, "Last payment in the window.", nullable=True),
    ),
)  # fmt: skip


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
    last = F.lit(p.day + timedelta(days=int(p["lcr/window"].value("lcr", "days"))))
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

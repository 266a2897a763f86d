"""What of a depositor's balances is insured, and which deposit takes the rounding.

deals -> depositors. What follows from it for a deposit's line belongs to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.ledger.arithmetic import mul_div, product, total
from regulatory_assets.ledger.stages import group_stage
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.reports.lcr.tables import DEPOSITORS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_MONEY = ColumnType.MONEY.value
_NOTHING = F.lit(0).cast(_MONEY)


@group_stage(
    reads=DEALS,
    writes=DEPOSITORS,
    by=("entity_id", "counterparty_id"),
    lookups=(RATE_OF_DAY,),
    parameters=("lcr/deposit_insurance",),
    only=lambda: F.col("product_type") == "DEPOSIT",
)
def depositors(deals: DataFrame, p: Any) -> DataFrame:
    """Insured amount per depositor and insured institution (BCBS 238 paras 75-76, convention 7).

    The insured amount is spread over the eligible deposits in proportion to balance; the rounding
    residue goes to the largest one. Where everything is insured there is nothing to spread.
    """
    limit = F.lit(p["lcr/deposit_insurance"].value("default", "limit")).cast(_MONEY)
    key = ("entity_id", "counterparty_id")
    deposits = deals.select(
        *key,
        "deal_id",
        product(F.col("amount"), F.col("rate")).alias("held"),
        F.when(F.col("insurable"), product(F.col("amount"), F.col("rate"))).alias("covered"),
    )
    held = deposits.groupBy(*key).agg(
        total(F.col("held")).alias("balance"),
        total(F.col("covered")).alias("eligible_balance"),
        F.coalesce(F.max("covered"), _NOTHING).alias("largest_balance"),
    )
    over = held.where(F.col("eligible_balance") > limit).select(
        *(F.col(k).alias(f"over_{k}") for k in key), "eligible_balance", "largest_balance"
    )
    same = [F.col(k).eqNullSafe(F.col(f"over_{k}")) for k in key]
    share = mul_div(F.col("covered"), limit, F.col("eligible_balance"))
    first = F.when(F.col("covered") == F.col("largest_balance"), F.col("deal_id"))
    spread = (
        deposits.where(F.col("covered").isNotNull())
        .join(over, same[0] & same[1])
        .groupBy(*(f"over_{k}" for k in key))
        .agg(total(share).alias("shares"), F.min(first).alias("residue_deal_id"))
    )
    return held.join(spread, same[0] & same[1], "left").select(
        *key,
        "balance",
        "eligible_balance",
        F.least(F.col("eligible_balance"), limit).alias("insured_amount"),
        "largest_balance",
        "residue_deal_id",
        F.coalesce((limit - F.col("shares")).cast(_MONEY), _NOTHING).alias("residue"),
    )

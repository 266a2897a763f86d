"""What of a depositor's balances is insured, by scheme, and which deposit takes the rounding.

deposit_schemes -> insured_schemes; deals -> depositors. Deposits of holders of joint accounts are
looked at once more in ``joint``. What follows for a deposit's line belongs to ``flows``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.deposits import DEPOSIT_TERMS
from regulatory_assets.bank.tables.structure import DEPOSIT_SCHEMES
from regulatory_assets.ledger.arithmetic import fraction, mul_div, product, total
from regulatory_assets.ledger.stages import Lookup, ReportRow, group_stage, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.tables import DEPOSITORS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY = ColumnType.STRING, ColumnType.MONEY
_NOTHING = F.lit(0).cast(_MONEY.value)
FUNDING = ("DEPOSIT", "OWN_DEBT", "REPO")
"""Deals by which a customer funds an entity (BCBS 238 paras 89-92): what it has deposited, what it
is known to hold of the entity's debt, and what it has lent against securities."""
SEVERAL = "one of several"
"""The scheme of a deposit that does not say which of its entity's schemes insures it: none."""

INSURED_SCHEMES = Table(
    name="insured_schemes",
    description="What a deposit insurance scheme pays to a depositor of an entity.",
    key=("entity_id", "scheme_id"),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Entity whose deposits are insured."),
        Column("scheme_id", _STRING, "Scheme that a deposit's terms name; empty if they name none.",
               nullable=True),
        Column("scheme", _STRING, f"The scheme that this is; where none is named the entity's only "
               f"one, or '{SEVERAL}', which pays nothing."),
        Column("insured_limit", _MONEY, "What it pays at most.", unit="reporting currency"),
        Column("only_currency", _STRING, "The currency that alone it insures; empty for all.",
               nullable=True),
        Column("alone", ColumnType.BOOLEAN, "It is the entity's only scheme."),
    ),
)  # fmt: skip


@report_stage(
    reads=DEPOSIT_SCHEMES, writes=INSURED_SCHEMES, by=("entity_id",), lookups=(RATE_OF_DAY,)
)
def insured_schemes(schemes: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The schemes of an entity by what a deposit says of them (BCBS 238 para 76, convention 7).

    A deposit of which no terms are delivered is insured by its entity's only scheme. A limit in a
    currency without a rate, which fails a check, is taken as nothing.
    """
    found = [
        {
            "entity_id": row["entity_id"],
            "scheme_id": row["scheme_id"],
            "scheme": row["scheme_id"],
            "insured_limit": _at_rate(row["insured_limit"], row["rate"]),
            "only_currency": None if row["covers_foreign_currency"] else row["currency"],
            "alone": len(schemes) == 1,
        }
        for row in schemes
    ]
    unnamed = {"scheme": SEVERAL, "insured_limit": found[0]["insured_limit"] * 0}
    yield from found
    yield {**found[0], "scheme_id": None, **({} if len(found) == 1 else unnamed)}


def _at_rate(amount: Decimal, rate: Decimal | None) -> Decimal:
    return amount * 0 if rate is None else fraction(amount, *rate.as_integer_ratio())


OF_TERMS = Lookup(
    DEPOSIT_TERMS, by=("deal_id",), take=("scheme_id", "withdrawal_right"), optional=True
)
OF_SCHEME = Lookup(
    INSURED_SCHEMES,
    by=("entity_id", "scheme_id"),
    take=("scheme", "insured_limit", "only_currency", "alone"),
    optional=True,
)


def is_insured() -> Expression:
    """Whether a deposit's scheme covers it, whatever the limit, by what it looks up.

    It is delivered as insurable; where its terms are delivered they name a scheme of its entity;
    and the scheme insures its currency.
    """
    told = F.col("withdrawal_right").isNotNull()
    named = F.col("scheme_id").isNotNull() & F.col("scheme").isNotNull()
    only = F.col("only_currency")
    return F.col("insurable") & (~told | named) & (only.isNull() | (F.col("currency") == only))


def insured_limit(p: Any) -> Expression:
    """What the scheme pays to one depositor; where none was delivered what is usual."""
    usual = F.lit(p["lcr/deposit_insurance"].value("default", "limit")).cast(_MONEY.value)
    return F.coalesce(F.col("insured_limit"), usual)


@group_stage(
    reads=DEALS,
    writes=DEPOSITORS,
    by=("entity_id", "counterparty_id"),
    lookups=(RATE_OF_DAY, OF_TERMS, OF_SCHEME),
    parameters=("lcr/deposit_insurance",),
    only=lambda: F.col("product_type").isin(*FUNDING),
)
def depositors(deals: DataFrame, p: Any) -> DataFrame:
    """Insured amount per depositor, entity and scheme (BCBS 238 paras 75-76, convention 7), beside
    all that it funds (paras 89-92, convention 8).

    The insured amount is spread over the eligible deposits in proportion to balance; the rounding
    residue goes to the largest one. Where everything is insured there is nothing to spread.
    """
    key = ("entity_id", "counterparty_id", "scheme")
    is_deposit = F.col("product_type") == "DEPOSIT"
    deposits = deals.withColumn("funds", product(F.col("amount"), F.col("rate"))).select(
        *key,
        "deal_id",
        "funds",
        F.when(is_deposit, F.col("funds")).alias("held"),
        F.when(is_deposit & is_insured(), F.col("funds")).alias("covered"),
        insured_limit(p).alias("insured_limit"),
        F.coalesce(~F.col("alone"), F.lit(False)).alias("several"),
    )
    held = deposits.groupBy(*key).agg(
        total(F.col("funds")).alias("funding"),
        total(F.col("held")).alias("balance"),
        total(F.col("covered")).alias("eligible_balance"),
        F.coalesce(F.max("covered"), _NOTHING).alias("largest_balance"),
        F.max("insured_limit").alias("insured_limit"),
        F.max("several").alias("several"),
    )
    limit = F.col("insured_limit")
    over = held.where(F.col("eligible_balance") > limit).select(
        *(F.col(k).alias(f"over_{k}") for k in key),
        "eligible_balance",
        "largest_balance",
        F.col("insured_limit").alias("over_limit"),
    )
    share = mul_div(F.col("covered"), F.col("over_limit"), F.col("eligible_balance"))
    first = F.when(F.col("covered") == F.col("largest_balance"), F.col("deal_id"))
    spread = (
        deposits.where(F.col("covered").isNotNull())
        .join(over, _same("over", key))
        .groupBy(*(f"over_{k}" for k in key))
        .agg(total(share).alias("shares"), F.min(first).alias("residue_deal_id"))
    )
    insured = F.least(F.col("eligible_balance"), limit)
    # Only a depositor whose entity has several schemes has more than one row.
    whole = (
        held.where(F.col("several"))
        .groupBy(*(F.col(k).alias(f"whole_{k}") for k in key[:2]))
        .agg(total(F.col("balance") - insured).alias("not_insured"))
    )
    left = F.coalesce(F.col("not_insured"), (F.col("balance") - insured).cast(_MONEY.value))
    return (
        held.join(spread, _same("over", key), "left")
        .join(whole, _same("whole", key[:2]), "left")
        .select(
            *key,
            "funding",
            "balance",
            "eligible_balance",
            insured.alias("insured_amount"),
            (left == 0).alias("all_insured"),
            "largest_balance",
            "residue_deal_id",
            F.coalesce((limit - F.col("shares")).cast(_MONEY.value), _NOTHING).alias("residue"),
        )
    )


def _same(prefix: str, key: Sequence[str]) -> Expression:
    first, *others = (F.col(k).eqNullSafe(F.col(f"{prefix}_{k}")) for k in key)
    for other in others:
        first = first & other
    return first

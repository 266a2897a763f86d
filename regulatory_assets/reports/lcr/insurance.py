"""What of a depositor's balances is insured, and which deposit takes the rounding.

deposit_schemes -> scheme_limits -> entity_insurance; deals -> depositors. Deposits of holders of
joint accounts, and of entities with several schemes, are looked at once more in ``joint``. What
follows for a deposit's line belongs to ``flows``.
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
from regulatory_assets.ledger.arithmetic import fraction, product, total, with_mul_div
from regulatory_assets.ledger.stages import Lookup, ReportRow, group_stage, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.limits import OF_LIMITS
from regulatory_assets.reports.lcr.tables import DEPOSITORS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY = ColumnType.STRING, ColumnType.MONEY
_NOTHING = F.lit(0).cast(_MONEY.value)

SCHEME_LIMITS = Table(
    name="scheme_limits",
    description="What each deposit insurance scheme pays to a depositor of an entity.",
    key=("entity_id", "scheme_id"),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Entity whose deposits are insured."),
        Column("scheme_id", _STRING, "The scheme."),
        Column("insured_limit", _MONEY, "What it pays at most.", unit="reporting currency"),
        Column("only_currency", _STRING, "The currency that alone it insures; empty for all.",
               nullable=True),
        Column("additional_criteria", ColumnType.BOOLEAN, "It meets those of BCBS 238 para 78."),
    ),
)  # fmt: skip

ENTITY_INSURANCE = Table(
    name="entity_insurance",
    description="The one scheme that insures an entity's deposits, or that there are several.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Entity whose deposits are insured."),
        Column("scheme", _STRING, "Its scheme; empty if it has several.", nullable=True),
        Column("insured_limit", _MONEY, "What that pays at most; empty if there are several.",
               unit="reporting currency", nullable=True),
        Column("only_currency", _STRING, "The currency that alone it insures; empty for all.",
               nullable=True),
        Column("additional_criteria", ColumnType.BOOLEAN, "It meets those of BCBS 238 para 78; "
               "empty if there are several.", nullable=True),
        Column("several_schemes", ColumnType.BOOLEAN, "Deposits are insured by several schemes."),
    ),
)  # fmt: skip


@report_stage(
    reads=DEPOSIT_SCHEMES, writes=SCHEME_LIMITS, by=("entity_id",), lookups=(RATE_OF_DAY,)
)
def scheme_limits(schemes: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Limits at the day's rate (BCBS 238 para 76, convention 7).

    A limit in a currency without a rate, which fails a check, is taken as nothing.
    """
    for row in schemes:
        yield {
            "entity_id": row["entity_id"],
            "scheme_id": row["scheme_id"],
            "insured_limit": _at_rate(row["insured_limit"], row["rate"]),
            "only_currency": None if row["covers_foreign_currency"] else row["currency"],
            "additional_criteria": row["additional_criteria"],
        }


def _at_rate(amount: Decimal, rate: Decimal | None) -> Decimal:
    return amount * 0 if rate is None else fraction(amount, *rate.as_integer_ratio())


@report_stage(reads=SCHEME_LIMITS, writes=ENTITY_INSURANCE, by=("entity_id",))
def entity_insurance(schemes: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """What holds for a deposit of which no terms are delivered: its entity's only scheme."""
    only = schemes[0] if len(schemes) == 1 else {}
    yield {
        "entity_id": schemes[0]["entity_id"],
        "scheme": only.get("scheme_id"),
        "insured_limit": only.get("insured_limit"),
        "only_currency": only.get("only_currency"),
        "additional_criteria": only.get("additional_criteria"),
        "several_schemes": not only,
    }


OF_TERMS = Lookup(
    DEPOSIT_TERMS, by=("deal_id",), take=("scheme_id", "withdrawal_right"), optional=True
)
OF_INSURANCE = Lookup(
    ENTITY_INSURANCE,
    by=("entity_id",),
    take=(
        "scheme",
        "insured_limit",
        "only_currency",
        "additional_criteria",
        "several_schemes",
    ),
    optional=True,
)


def is_insured() -> Expression:
    """Whether its entity's only scheme covers a deposit, whatever the limit, by what it looks up.

    It is delivered as insurable; where its terms are delivered they name this scheme; and the
    scheme insures its currency. Deposits of an entity with several schemes are looked at in
    ``joint``.
    """
    told = F.col("withdrawal_right").isNotNull()
    named = F.coalesce(F.col("scheme_id") == F.col("scheme"), F.lit(False))
    several = F.coalesce(F.col("several_schemes"), F.lit(False))
    covered = (~told | named) & covers_currency(F.col("only_currency"))
    return F.col("insurable") & ~several & covered


def covers_currency(only: Expression) -> Expression:
    """Whether a scheme that insures only one currency, or all where it names none, covers a row."""
    return only.isNull() | (F.col("currency") == only)


def insured_limit() -> Expression:
    """What the scheme pays to one depositor; where none was delivered what is usual."""
    return F.coalesce(F.col("insured_limit"), F.col("limit_insured"), _NOTHING)


def is_deposit() -> Expression:
    """Whether a deal is a deposit."""
    return F.col("product_type") == "DEPOSIT"


def _funds() -> Expression:
    """What a customer is known to hold of an entity's debt, or has lent it against securities, is
    funding beside its deposits (BCBS 238 paras 89-92)."""
    return (
        F.col("product_type").isin("OWN_DEBT", "COVERED_DEBT", "REPO")
        & F.col("counterparty_id").isNotNull()
    )


@group_stage(
    reads=DEALS,
    writes=DEPOSITORS,
    by=("entity_id", "counterparty_id"),
    lookups=(RATE_OF_DAY, OF_TERMS, OF_INSURANCE, OF_LIMITS),
    only=lambda: is_deposit() | _funds(),
)
def depositors(deals: DataFrame, p: Any) -> DataFrame:
    """Insured amount per depositor and insured institution (BCBS 238 paras 75-76, convention 7),
    beside all that it funds (paras 89-92, convention 8).

    Where more is eligible than the limit, that is spread over the eligible deposits in proportion
    to balance; the rounding residue goes to the largest one. What else a deposit looks up of its
    depositor is only whether all is insured, so that another balance reaches few other deposits.
    """
    key = ("entity_id", "counterparty_id")
    deposits = deals.withColumn("funds", product(F.col("amount"), F.col("rate"))).select(
        *key,
        "deal_id",
        "funds",
        F.when(is_deposit(), F.col("funds")).alias("held"),
        F.when(is_deposit() & is_insured(), F.col("funds")).alias("covered"),
        insured_limit().alias("insured_limit"),
    )
    held = deposits.groupBy(*key).agg(
        total(F.col("funds")).alias("funding"),
        total(F.col("held")).alias("balance"),
        total(F.col("covered")).alias("eligible_balance"),
        F.coalesce(F.max("covered"), _NOTHING).alias("largest_balance"),
        F.max("insured_limit").alias("insured_limit"),
    )
    limit = F.col("insured_limit")
    is_over, insured = F.col("eligible_balance") > limit, F.least("eligible_balance", limit)
    over = held.where(is_over).select(
        *(F.col(k).alias(f"over_{k}") for k in key),
        "eligible_balance",
        "largest_balance",
        F.col("insured_limit").alias("over_limit"),
    )
    same = [F.col(k).eqNullSafe(F.col(f"over_{k}")) for k in key]
    share = (F.col("covered"), F.col("over_limit"), F.col("eligible_balance"))
    first = F.when(F.col("covered") == F.col("largest_balance"), F.col("deal_id"))
    insured_by_limit = deposits.where(F.col("covered").isNotNull()).join(over, same[0] & same[1])
    spread = (
        with_mul_div(insured_by_limit, {"share": share})
        .groupBy(*(f"over_{k}" for k in key))
        .agg(total(F.col("share")).alias("shares"), F.min(first).alias("residue_deal_id"))
    )
    return held.join(spread, same[0] & same[1], "left").select(
        *key,
        "funding",
        "balance",
        "eligible_balance",
        insured.alias("insured_amount"),
        "largest_balance",
        (F.col("balance") == insured).alias("all_insured"),
        F.when(is_over, F.col("eligible_balance")).alias("spread_balance"),
        F.when(is_over, limit).alias("spread_limit"),
        "residue_deal_id",
        F.coalesce((limit - F.col("shares")).cast(_MONEY.value), _NOTHING).alias("residue"),
    )

"""Deposits whose insurance more than one balance decides: joint accounts, and several schemes.

account_holders -> joint_accounts, joint_holders; deals -> deposit_claims -> insured_claims ->
shared_deposits. Only joint accounts, other deposits of their holders and deposits at entities with
several schemes have rows here; all others stand in ``insurance``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.window import Window

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.deposits import ACCOUNT_HOLDERS
from regulatory_assets.ledger.arithmetic import product, total, with_mul_div
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.insurance import (
    OF_INSURANCE,
    OF_TERMS,
    SCHEME_LIMITS,
    covers_currency,
    insured_limit,
    is_deposit,
    is_insured,
)
from regulatory_assets.reports.lcr.limits import OF_LIMITS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY, _BOOL = ColumnType.STRING, ColumnType.MONEY, ColumnType.BOOLEAN
_REPORTING = "reporting currency"
_NOTHING = F.lit(0).cast(_MONEY.value)
_NEXT, _WITHIN = "\x1e", "\x1f"
"""Characters that no identifier has: between two holders, and within what is said of one."""

JOINT_ACCOUNTS = Table(
    name="joint_accounts",
    description="The holders of each joint account with their shares, in one text.",
    key=("account_id",),
    group="lcr",
    columns=(
        Column("account_id", _STRING, "The joint account."),
        Column("holders", _STRING, "Of each holder, in the order of their ids: who it is, the "
               "shares of those before, these with its own, and the whole."),
    ),
)  # fmt: skip

JOINT_HOLDERS = Table(
    name="joint_holders",
    description="Who holds joint accounts.",
    key=("counterparty_id",),
    group="lcr",
    columns=(
        Column("counterparty_id", _STRING, "The holder."),
        Column("accounts", ColumnType.LONG, "How many."),
    ),
)

DEPOSIT_CLAIMS = Table(
    name="deposit_claims",
    description="Deposits of holders of joint accounts or under several schemes, by holder.",
    key=("deal_id", "holder_id"),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The deposit."),
        Column("holder_id", _STRING, "Who has a claim on it."),
        Column("entity_id", _STRING, "Entity that took it."),
        Column("scheme", _STRING, "Its insurance scheme, if schemes are known.", nullable=True),
        Column("held", _MONEY, "The whole deposit.", unit=_REPORTING),
        Column("before", _MONEY, "Shares of the holders before this one.", unit="shares"),
        Column("upto", _MONEY, "These with its own.", unit="shares"),
        Column("whole", _MONEY, "All shares of the account.", unit="shares"),
        Column("insured", _BOOL, "The scheme covers the deposit, whatever its limit."),
        Column("insured_limit", _MONEY, "What the scheme pays to one depositor at most.",
               unit=_REPORTING),
        Column("additional_criteria", _BOOL, "The scheme meets those of BCBS 238 para 78; empty "
               "if it is not known.", nullable=True),
    ),
)  # fmt: skip

INSURED_CLAIMS = Table(
    name="insured_claims",
    description="What of each holder's claim on a deposit is insured.",
    key=("entity_id", "holder_id", "deal_id"),
    group="lcr",
    columns=(
        Column("entity_id", _STRING, "Entity that took the deposit."),
        Column("holder_id", _STRING, "Who has the claim."),
        Column("deal_id", _STRING, "The deposit."),
        Column("insured", _MONEY, "What of the claim is insured.", unit=_REPORTING),
        Column("all_insured", _BOOL, "All that the holder has at the entity is insured."),
        Column("additional_criteria", _BOOL, "The scheme meets those of BCBS 238 para 78; empty "
               "if it is not known.", nullable=True),
    ),
)  # fmt: skip

SHARED_DEPOSITS = Table(
    name="shared_deposits",
    description="What of a deposit is insured, where more than one balance decides it.",
    key=("deal_id",),
    group="lcr",
    columns=(
        Column("deal_id", _STRING, "The deposit."),
        Column("insured", _MONEY, "What is insured of its holders' claims.", unit=_REPORTING),
        Column("all_insured", _BOOL, "All that its holders have at the entity is insured."),
        Column("additional_criteria", _BOOL, "Its scheme meets those of BCBS 238 para 78; empty "
               "if it is not known.", nullable=True),
    ),
)  # fmt: skip


@group_stage(reads=ACCOUNT_HOLDERS, writes=JOINT_ACCOUNTS, by=("account_id",))
def joint_accounts(holders: DataFrame, p: Any) -> DataFrame:
    """Shares as delivered, else equal ones (convention 7). Each holder's claim reaches from the
    shares before to those with its own, so that rounded claims add up to the deposit."""
    account = Window.partitionBy("account_id")
    up_to_here = account.orderBy("counterparty_id").rowsBetween(
        Window.unboundedPreceding, Window.currentRow
    )
    one = F.lit("1").cast(_MONEY.value)
    alike = F.min(F.col("share").isNotNull()).over(account) == F.lit(False)
    told = (
        holders.withColumn("alike", alike)
        .withColumn("own", F.when(F.col("alike"), one).otherwise(F.col("share").cast(_MONEY.value)))
        .withColumn("upto", F.sum("own").over(up_to_here).cast(_MONEY.value))
        .withColumn("holders", F.count("*").over(account).cast(_MONEY.value))
        .withColumn("whole", F.when(F.col("alike"), F.col("holders")).otherwise(one))
        .withColumn("before", (F.col("upto") - F.col("own")).cast(_MONEY.value))
    )
    said = F.concat_ws(
        _WITHIN, "counterparty_id", *(F.col(c).cast("string") for c in ("before", "upto", "whole"))
    )
    listed = F.array_join(F.sort_array(F.collect_list(said)), _NEXT)
    return told.groupBy("account_id").agg(listed.alias("holders"))


@group_stage(reads=ACCOUNT_HOLDERS, writes=JOINT_HOLDERS, by=("counterparty_id",))
def joint_holders(holders: DataFrame, p: Any) -> DataFrame:
    """Those of whose deposits more has to be known than one depositor's balance."""
    return holders.groupBy("counterparty_id").agg(F.count("*").alias("accounts"))


@row_stage(
    reads=DEALS,
    writes=DEPOSIT_CLAIMS,
    lookups=(
        RATE_OF_DAY,
        OF_TERMS,
        OF_INSURANCE,
        OF_LIMITS,
        Lookup(
            SCHEME_LIMITS,
            by=("entity_id", "scheme_id"),
            take=("insured_limit", "only_currency", "additional_criteria"),
            prefix="named_",
            optional=True,
        ),
        Lookup(JOINT_ACCOUNTS, by=("account_id",), take=("holders",), optional=True),
        Lookup(JOINT_HOLDERS, by=("counterparty_id",), take=("accounts",), optional=True),
    ),
)
def deposit_claims(deals: DataFrame, p: Any) -> DataFrame:
    """Who has how much of a deposit: of a joint account each holder its share, whoever the deal's
    customer is; of other deposits the customer all (convention 7).

    Where an entity has several schemes, a deposit is insured by the one that its terms name.
    """
    is_joint = F.col("holders").isNotNull()
    several = F.coalesce(F.col("several_schemes"), F.lit(False))
    customer = F.coalesce(F.col("counterparty_id"), F.lit(""))
    alone = F.concat_ws(_WITHIN, customer, *(F.lit(n) for n in ("0", "1", "1")))
    its_currency = covers_currency(F.col("named_only_currency"))
    by_named = several & F.col("named_insured_limit").isNotNull() & its_currency
    scheme = F.when(several, F.col("scheme_id")).otherwise(F.col("scheme"))
    limit = F.when(several, F.coalesce("named_insured_limit", _NOTHING)).otherwise(insured_limit())
    criteria = F.when(several, F.col("named_additional_criteria")).otherwise(
        F.col("additional_criteria")
    )
    claims = (
        deals.where(is_deposit() & (is_joint | F.col("accounts").isNotNull() | several))
        .withColumn("said", F.explode(F.split(F.coalesce("holders", alone), _NEXT)))
        .withColumn("parts", F.split("said", _WITHIN))
        .withColumn("holder_id", F.element_at("parts", 1))
    )
    shares = {
        name: F.element_at("parts", place).cast(_MONEY.value)
        for place, name in enumerate(("before", "upto", "whole"), start=2)
    }
    return claims.withColumns(
        {
            "held": product(F.col("amount"), F.col("rate")),
            "insured": is_insured() | (F.col("insurable") & by_named),
            "scheme": scheme,
            "insured_limit": limit,
            "additional_criteria": criteria,
            **shares,
        }
    )


@group_stage(reads=DEPOSIT_CLAIMS, writes=INSURED_CLAIMS, by=("entity_id", "holder_id"))
def insured_claims(claims: DataFrame, p: Any) -> DataFrame:
    """The limit for each holder and scheme over all claims on the entity (BCBS 238 para 76).

    Spread as in ``depositors``: in proportion, the rounding residue to the largest claim.
    """
    held, whole = F.col("held"), F.col("whole")
    of_held = {f"held_{name}": (F.col(name), held, whole) for name in ("upto", "before")}
    holder = Window.partitionBy("entity_id", "holder_id")
    scheme = Window.partitionBy("entity_id", "holder_id", "scheme")
    covered, limit, eligible = F.col("covered"), F.col("insured_limit"), F.col("eligible")
    largest = scheme.orderBy(F.col("covered").desc_nulls_last(), "deal_id")
    # Cast before it is subtracted: of a wider sum one engine drops the last place.
    shared = F.sum("spread").over(scheme).cast(_MONEY.value)
    residue = (limit - shared).cast(_MONEY.value)
    of_claim = F.when(F.col("place") == 1, F.col("spread") + residue).otherwise(F.col("spread"))
    insured = F.when(eligible > limit, of_claim).otherwise(covered)
    claim = (F.col("held_upto") - F.col("held_before")).cast(_MONEY.value)
    eligible_claims = (
        with_mul_div(claims, of_held)
        .withColumn("claim", claim)
        .withColumn("covered", F.when(F.col("insured"), F.col("claim")))
        .withColumn("eligible", F.sum("covered").over(scheme).cast(_MONEY.value))
    )
    return (
        with_mul_div(eligible_claims, {"spread": (covered, limit, eligible)})
        .withColumn("place", F.row_number().over(largest))
        .withColumn("insured", F.coalesce(insured.cast(_MONEY.value), _NOTHING))
        .withColumn("open", (F.col("claim") - F.col("insured")).cast(_MONEY.value))
        .withColumn("all_insured", F.sum("open").over(holder) == 0)
    )


@group_stage(reads=INSURED_CLAIMS, writes=SHARED_DEPOSITS, by=("deal_id",))
def shared_deposits(claims: DataFrame, p: Any) -> DataFrame:
    """What is insured of a deposit is what is of its holders' claims (convention 7)."""
    return claims.groupBy("deal_id").agg(
        total(F.col("insured")).alias("insured"),
        F.min("all_insured").alias("all_insured"),
        F.min("additional_criteria").alias("additional_criteria"),
    )


OF_SHARED = Lookup(
    SHARED_DEPOSITS,
    by=("deal_id",),
    take=("insured", "all_insured", "additional_criteria"),
    prefix="shared_",
    optional=True,
)


def has_better_scheme() -> Expression:
    """Whether the scheme of a deposit is known to meet the additional criteria (BCBS 238 para 78),
    by what it looks up here and of its entity's one scheme."""
    return F.coalesce("shared_additional_criteria", "additional_criteria", F.lit(False))

"""The LCR's calculation, from deals to the ratio.

deals -> depositors -> lcr_flows -> lcr_lines -> lcr_scope_lines -> lcr. Factors, limits and the
assignment of parts to lines are parameters; no number of the regulation stands here. Whose
deposits are added up before lcr_flows looks at their size stands in ``customers``, what decides the
level of a security in ``securities``, and how much of it is free in ``holdings``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES, FX_RATES
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger.arithmetic import mul_div, product, total
from regulatory_assets.ledger.stages import (
    Lookup,
    ReportRow,
    aggregate_stage,
    group_stage,
    report_stage,
    row_stage,
)
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.expressions import decide, text, value
from regulatory_assets.regulation.parameters import BASEL
from regulatory_assets.reports.lcr.calculation import component_totals, ratio_of
from regulatory_assets.reports.lcr.customers import DEPOSITOR_SIZES
from regulatory_assets.reports.lcr.holdings import FREE_HOLDINGS
from regulatory_assets.reports.lcr.instalments import (
    INSTALMENT_PARTS,
    INSTALMENTS_DUE,
    due_day,
    instalment_amount,
    last_of_window,
    part_window,
)
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES, SCOPES, scopes_of
from regulatory_assets.reports.lcr.securities import OF_GRADE, level_of
from regulatory_assets.reports.lcr.tables import (
    ADJUSTMENT_ENTITIES,
    COMPONENTS,
    DEPOSITORS,
    LCR,
    LCR_COMPONENTS,
    LCR_FLOWS,
    LCR_LINES,
    LCR_SCOPE_LINES,
)
from regulatory_assets.reports.lcr.treatment import as_treated

_MONEY = ColumnType.MONEY.value
_RATE_OF_DAY = Lookup(FX_RATES, by=("currency",), take=("rate",))
_NOTHING = F.lit(0).cast(_MONEY)


@group_stage(
    reads=DEALS,
    writes=DEPOSITORS,
    by=("entity_id", "counterparty_id"),
    lookups=(_RATE_OF_DAY,),
    parameters=("lcr/deposit_insurance",),
    only=lambda: _is("DEPOSIT"),
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


_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
"""Sectors whose deposits run off whole, insured or not (BCBS 238 paras 108-109)."""

_FLOW_PARAMETERS = (
    "lcr/asset_lines",
    "lcr/deposit_lines",
    "lcr/facility_lines",
    "lcr/inflow_lines",
    "lcr/lending_lines",
    "lcr/lines",
    "lcr/loan_lines",
    "lcr/mismatch_lines",
    "lcr/outflow_lines",
    "lcr/secured_lines",
    "lcr/security_level",
    "lcr/window",
)


@row_stage(
    reads=DEALS,
    writes=LCR_FLOWS,
    lookups=(
        _RATE_OF_DAY,
        Lookup(ENTITY_SCOPES, by=("entity_id",), take=("regime", "scopes", "regimes", "mixed")),
        Lookup(
            COUNTERPARTIES,
            by=("counterparty_id",),
            take=("sector", "relationship", "partner_entity_id"),
        ),
        OF_GRADE,
        Lookup(FREE_HOLDINGS, by=("deal_id",), take=("free", "operational_ok"), optional=True),
        Lookup(
            DEPOSITORS,
            by=("entity_id", "counterparty_id"),
            take=("balance", "eligible_balance", "insured_amount", "residue_deal_id", "residue"),
        ),
        Lookup(
            DEPOSITOR_SIZES,
            by=("entity_id", "counterparty_id"),
            take=("large_scopes",),
            optional=True,
        ),
        Lookup(
            INSTALMENTS_DUE,
            by=("deal_id",),
            take=(
                "principal_overdue",
                "principal_due",
                "interest_overdue",
                "interest_due",
                "first_due",
                "last_due",
            ),
            optional=True,
        ),
    ),
    parameters=_FLOW_PARAMETERS,
)
def lcr_flows(deals: DataFrame, p: Any) -> DataFrame:
    """Every part of every deal with its line (BCBS 238 paras 45-160, conventions 1, 4, 7-11).

    A part that no line takes gets the line ``unclassified`` and fails a check. Where the scopes of
    an entity treat a deal differently, each has its own parts. A security of which ``holdings``
    says how much is free has the parts free and pledged.
    """
    described = _describe(as_treated(deals), p)
    parts = (
        described.withColumn("part", F.explode(_parts(p)))
        .withColumn("amount", _part_amount(p))
        .withColumn("window", part_window())
    )
    present = (F.col("part") == "whole") | (F.col("amount") != 0) | F.col("held").isNull()
    line = F.when(F.col("amount").isNotNull(), _line(p))
    taken = parts.where(present).withColumn("line", F.coalesce(line, F.lit("unclassified")))
    lines, regime = p["lcr/lines"], F.col("regime")
    return (
        taken.withColumn(
            "component",
            F.coalesce(text(lines, F.col("line"), "component"), F.lit("unclassified")),
        )
        .withColumn("factor", value(lines, F.col("line"), "rate", regime))
        .withColumn("weighted", product(F.col("amount"), F.col("factor")))
        .withColumn("due_day", due_day(p))
    )


def _yes(condition: Column) -> Column:
    return F.when(condition, "YES").otherwise("NO")


def _is(product_type: str) -> Column:
    return F.col("product_type") == product_type


def _decided_by(table: Any) -> Column:
    """Whether a decision table of a family of products has the deal's kind among its inputs."""
    return F.col("product_type").isin(*table.inputs["product_type"])


def _describe(deals: DataFrame, p: Any) -> DataFrame:
    """What the assignment of lines looks at: window, level, insured amount and the like."""
    last = last_of_window(p)
    due, today = F.col("maturity_date"), F.lit(p.day)
    is_asset = F.col("product_type").isin("LOAN", "REVERSE_REPO", "SECURITY")
    is_asset = is_asset | _decided_by(p["lcr/inflow_lines"])
    window = (
        F.when(is_asset & ((due <= today) | (F.col("days_past_due") > 0)), "OVERDUE")
        .when(due.isNull(), "OPEN")
        .when(due <= last, "WITHIN")
        .otherwise("BEYOND")
    )
    repaid = _is("LOAN") & (window != "OVERDUE") | _is("OWN_DEBT")
    by_instalments = repaid & F.col("principal_due").isNotNull()
    eligible = F.col("insurable") & _is("DEPOSIT")
    share = mul_div(F.col("held"), F.col("insured_amount"), F.col("eligible_balance"))
    residue = F.when(F.col("deal_id") == F.col("residue_deal_id"), F.col("residue"))
    insured = F.when(F.col("insured_amount") == F.col("eligible_balance"), F.col("held")).otherwise(
        (share + F.coalesce(residue, _NOTHING)).cast(_MONEY)
    )
    operational = F.coalesce(product(F.col("operational_amount"), F.col("rate")), _NOTHING)
    return (
        deals.withColumn("window", window)
        .withColumn("level", F.coalesce(level_of(p), F.lit("none")))
        .withColumn("sector", F.coalesce(F.col("sector"), F.lit("NONE")))
        .withColumn("held", product(F.col("amount"), F.col("rate")))
        .withColumn("pledged", product(F.col("collateral_value"), F.col("rate")))
        .withColumn("insured", F.when(eligible, insured).otherwise(_NOTHING))
        .withColumn("operational", F.least(operational, F.col("held")))
        .withColumn("by_instalments", by_instalments)
    )


def _parts(p: Any) -> Column:
    """The parts a deal of this kind may have; those with no amount fall away."""

    def parts(*names: str) -> Column:
        return F.array(*(F.lit(n) for n in names))

    is_retail = F.col("sector").isin("RETAIL", "SMALL_BUSINESS")
    return (
        F.when(_is("DEPOSIT") & is_retail, parts("stable", "less_stable"))
        .when(
            _is("DEPOSIT"),
            parts("operational_insured", "operational_uninsured", "insured", "uninsured"),
        )
        .when(_is("REPO"), parts("whole", "unwind_cash", "unwind_collateral"))
        .when(_is("REVERSE_REPO"), parts("whole", "collateral", "unwind_cash", "unwind_collateral"))
        .when(_decided_by(p["lcr/facility_lines"]), parts("posted", "undrawn"))
        .when(F.col("by_instalments"), parts(*INSTALMENT_PARTS))
        .when(_is("SECURITY") & F.col("free").isNotNull(), parts("free", "pledged"))
        .otherwise(parts("whole"))
    )


def _part_amount(p: Any) -> Column:
    """The amount of a part; the parts of a deal sum to its amount, memo parts apart."""
    held, insured = F.col("held"), F.col("insured")
    operational, pledged = F.col("operational"), F.col("pledged")
    firm = F.coalesce(F.col("transactional") | F.col("relationship"), F.lit(False))
    stable = F.when(firm, insured).otherwise(_NOTHING)
    operational_insured = F.least(operational, insured)
    all_insured = ~F.col("sector").isin(*_FINANCIAL) & (F.col("balance") == F.col("insured_amount"))
    rest = (held - operational).cast(_MONEY)
    liquid = F.col("eligible") & (F.col("level") != "none")
    unwound = liquid & F.col("window").isin("WITHIN", "OPEN") & (_is("REPO") | _due())
    after_haircut = product(pledged, value(p["lcr/lines"], _unwind_line(), "rate", F.col("regime")))
    posted = F.when(liquid, F.least(held, F.coalesce(after_haircut, _NOTHING))).otherwise(_NOTHING)
    lent = _is("REVERSE_REPO")
    kept = F.col("window").isin("WITHIN", "BEYOND")  # its owner cannot recall it at will
    part = F.col("part")
    return (
        F.when(part == "whole", held)
        .when(part == "stable", stable)
        .when(part == "less_stable", (held - stable).cast(_MONEY))
        .when(part == "operational_insured", operational_insured)
        .when(part == "operational_uninsured", (operational - operational_insured).cast(_MONEY))
        .when(part == "insured", F.when(all_insured, rest).otherwise(_NOTHING))
        .when(part == "uninsured", F.when(all_insured, _NOTHING).otherwise(rest))
        .when(part == "collateral", F.when(liquid & kept, pledged))
        .when(part == "posted", posted)
        .when(part == "undrawn", (held - posted).cast(_MONEY))
        .when(F.col("by_instalments"), instalment_amount())
        .when(part == "free", F.least(F.col("free"), held))
        .when(part == "pledged", (held - F.least(F.col("free"), held)).cast(_MONEY))
        .when(part == "unwind_cash", F.when(unwound, F.when(lent, held).otherwise(-held)))
        .when(
            part == "unwind_collateral", F.when(unwound, F.when(lent, -pledged).otherwise(pledged))
        )
    )


def _due() -> Column:
    """Secured lending is unwound by the dates of its inflow: open lending gives none."""
    return _is("REVERSE_REPO") & (F.col("window") == "WITHIN")


def _unwind_line() -> Column:
    """The line of collateral that is unwound; its factor is what the haircut leaves."""
    return F.concat(F.lit("unwind_"), F.col("level"))


def _line(p: Any) -> Column:
    """The line of a part, by the decision table of its family."""
    regime, part = F.col("regime"), F.col("part")
    sector, window, level = F.col("sector"), F.col("window"), F.col("level")
    held_asset = F.when(part == "collateral", "SECURITY").otherwise(F.col("product_type"))
    eligible = F.when(part == "free", F.col("operational_ok")).otherwise(F.col("eligible"))
    asset = {
        "product_type": held_asset,
        "level": level,
        "eligible": _yes((part != "pledged") & eligible),
        # What a pledged security pays at maturity stays with the holder of the pledge.
        "window": F.when(part == "pledged", "OPEN").otherwise(window),
    }
    deposit = {
        "sector": sector,
        "part": part,
        "window": window,
        "locked": _yes(F.col("locked_in")),
    }
    secured = {
        "product_type": F.col("product_type"),
        "sector": sector,
        "level": level,
        "window": window,
    }
    loan = {"sector": sector, "window": window}
    kind = {"product_type": F.col("product_type"), "window": window}
    facility = {"product_type": F.col("product_type"), "sector": sector, "part": part}
    others = (
        (p["lcr/facility_lines"], facility),
        (p["lcr/lending_lines"], kind | {"sector": sector}),
        (p["lcr/outflow_lines"], kind),
        (p["lcr/inflow_lines"], kind),
    )
    lines = (
        F.when(part == "unwind_cash", "unwind_level1_cash")
        .when(part == "unwind_collateral", _unwind_line())
        .when(_is("DEPOSIT"), decide(p["lcr/deposit_lines"], deposit, "line", regime))
        .when(_is("LOAN"), decide(p["lcr/loan_lines"], loan, "line", regime))
        .when(
            F.col("product_type").isin("REPO", "REVERSE_REPO") & (part == "whole"),
            decide(p["lcr/secured_lines"], secured, "line", regime),
        )
    )
    for table, inputs in others:
        lines = lines.when(_decided_by(table), decide(table, inputs, "line", regime))
    return lines.otherwise(decide(p["lcr/asset_lines"], asset, "line", regime))


lcr_lines = aggregate_stage(
    reads=LCR_FLOWS, writes=LCR_LINES, by=LCR_LINES.key, sums=("amount", "weighted")
)


@row_stage(
    reads=LCR_LINES,
    writes=LCR_SCOPE_LINES,
    lookups=(
        Lookup(
            ENTITIES,
            by=("entity_id",),
            take=("group_path", "reporting_currency"),
            prefix="delivered_",
            optional=True,
        ),
        Lookup(ENTITIES, by=("partner_entity_id",), take=("group_path",), prefix="partner_"),
        Lookup(
            ADJUSTMENT_ENTITIES,
            by=("entity_id",),
            take=("scope_path", "reporting_currency"),
            prefix="adjustment_",
            optional=True,
        ),
    ),
)
def lcr_scope_lines(lines: DataFrame, p: Any) -> DataFrame:
    """Lines fanned out to the scopes they belong to (convention 13).

    Solo first, then every scope of consolidation above the entity, or the one scope that alone
    treats its deals so; in a scope that holds both parties the deal falls out. A line of an
    adjustment entity is in no solo: it belongs to its scope and to those above.
    """
    inside = F.array_contains(scopes_of("partner_entity_id", "partner_group_path"), F.col("scope"))
    alone = F.when(F.col("only_in").isNotNull(), F.array(F.col("only_in")))
    adjusting = F.col("adjustment_scope_path")
    of_entity = scopes_of("entity_id", "delivered_group_path")
    currency = F.coalesce("delivered_reporting_currency", "adjustment_reporting_currency")
    scopes = F.coalesce(F.split(adjusting, "/"), alone, of_entity)
    return (
        lines.withColumn("scope", F.explode(scopes))
        .where(adjusting.isNotNull() | ~F.coalesce(inside, F.lit(False)))
        .withColumn("reporting_currency", currency)
        .withColumn(
            "consolidation", F.when(F.col("scope") == F.col("entity_id"), "solo").otherwise("group")
        )
    )


REGIME_OF_SCOPE = Lookup(SCOPES, by=("scope",), take=("regime",), prefix="scope_", optional=True)
TRANSFERABLE = Lookup(ENTITY_STRUCTURE, by=("entity_id",), take=("transferable",), optional=True)
"""Whether an entity's liquid assets may leave it; they may where nothing is said."""


def regime_of(row: ReportRow, among: Sequence[str]) -> str:
    """The regime of a scope, or Basel's where a parameter does not know it.

    Parts of an entity whose regime nobody knows have no factor, which fails a check.
    """
    return row["scope_regime"] if row["scope_regime"] in among else BASEL


@report_stage(
    reads=LCR_SCOPE_LINES,
    writes=LCR_COMPONENTS,
    by=("scope",),
    lookups=(REGIME_OF_SCOPE, TRANSFERABLE),
    parameters=(
        "lcr/caps",
        "lcr/lending_excess",
        "lcr/limited_transfer",
        "lcr/outflow_adjustment",
        "lcr/window",
    ),
)
def lcr_components(lines: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The components of one scope's ratio, each with a row, also where it has no line.

    In a group, what entities may not pass on of their liquid assets has rows of its own (para 171).
    """
    first = lines[0]
    regime = regime_of(first, p["lcr/lending_excess"].regimes)
    for component, amount in component_totals(lines, p, regime).items():
        yield {
            "scope": first["scope"],
            "component": component,
            "consolidation": first["consolidation"],
            "reporting_currency": first["reporting_currency"],
            "amount": amount,
        }


@report_stage(
    reads=LCR_COMPONENTS,
    writes=LCR,
    by=("scope",),
    lookups=(REGIME_OF_SCOPE,),
    parameters=("lcr/cap_excess", "lcr/caps", "lcr/outflow_adjustment"),
)
def lcr(components: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Stock, caps, net outflows and ratio of one scope (BCBS 238 paras 46-51, 69, Annex 1).

    A component that a rule excludes counts as nothing.
    """
    first = components[0]
    regime = regime_of(first, p["lcr/caps"].regimes)
    amounts = dict.fromkeys(COMPONENTS, Decimal(0))
    amounts.update((row["component"], row["amount"]) for row in components)
    yield {
        "scope": first["scope"],
        "consolidation": first["consolidation"],
        "currency": first["reporting_currency"],
        **ratio_of(amounts, p, regime),
    }

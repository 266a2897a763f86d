"""From the parts of deals, and what no deal stands for, to the ratio.

lcr_flows and the tables beside it -> lcr_lines -> lcr_scope_lines -> lcr_components -> lcr. The
parts and their lines are those of ``flows`` and ``positions``, the arithmetic of the last two is
that of ``calculation``; no number of the regulation stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger.stages import (
    Lookup,
    ReportRow,
    aggregate_stage,
    report_stage,
    row_stage,
)
from regulatory_assets.regulation.parameters import BASEL
from regulatory_assets.reports.lcr.calculation import component_totals, ratio_of
from regulatory_assets.reports.lcr.mismatch import kind_of
from regulatory_assets.reports.lcr.scopes import SCOPES, scopes_of
from regulatory_assets.reports.lcr.tables import (
    ADJUSTMENT_ENTITIES,
    COMPONENTS,
    FLOWS_BESIDE_DEALS,
    LCR,
    LCR_COMPONENTS,
    LCR_FLOWS,
    LCR_LINES,
    LCR_SCOPE_LINES,
)

lcr_lines = aggregate_stage(
    reads=LCR_FLOWS,
    also=FLOWS_BESIDE_DEALS,
    writes=LCR_LINES,
    by=LCR_LINES.key,
    sums=("amount", "weighted"),
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


REGIME_OF_SCOPE = Lookup(
    SCOPES, by=("scope",), take=("regime", "outflow_adjustment"), prefix="scope_", optional=True
)
TRANSFERABLE = Lookup(ENTITY_STRUCTURE, by=("entity_id",), take=("transferable",), optional=True)
"""Whether an entity's liquid assets may leave it; they may where nothing is said."""


def regime_of(row: ReportRow, among: Sequence[str]) -> str:
    """The regime of a scope, or Basel's where a parameter does not know it.

    Parts of an entity whose regime nobody knows have no factor, which fails a check.
    """
    return row["scope_regime"] if row["scope_regime"] in among else BASEL


def bank_of(row: ReportRow, p: Any, regime: str) -> str:
    """The kind of bank whose share of net outflows a scope counts."""
    return kind_of(row["scope_outflow_adjustment"], p["lcr/outflow_adjustment"], regime)


@report_stage(
    reads=LCR_SCOPE_LINES,
    writes=LCR_COMPONENTS,
    by=("scope",),
    lookups=(REGIME_OF_SCOPE, TRANSFERABLE),
    parameters=(
        "lcr/caps",
        "lcr/currency_lines",
        "lcr/foreign_sovereigns",
        "lcr/lending_excess",
        "lcr/limited_transfer",
        "lcr/lines",
        "lcr/outflow_adjustment",
        "lcr/window",
    ),
)
def lcr_components(lines: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The components of one scope's ratio, each with a row, also where it has no line.

    In a group, what entities may not pass on of their liquid assets has rows of its own (para 171);
    so have sovereigns in a foreign currency, where there are any (para 50(e)).
    """
    first = lines[0]
    regime = regime_of(first, p["lcr/lending_excess"].regimes)
    bank = bank_of(first, p, regime)
    for component, amount in component_totals(lines, p, regime, bank).items():
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
        **ratio_of(amounts, p, regime, bank_of(first, p, regime)),
    }

"""The scopes that report, whose regime each follows, and what that means for an entity's deals.

Small tables made of the entities. Lines are fanned out to scopes after they have been added up
(``stages``); a deal only needs to know where the scopes of its entity would treat it differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger.stages import Lookup, ReportRow, report_stage, row_stage
from regulatory_assets.ledger.table import Column as TableColumn
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.regulation.parameters import BASEL, RateTable

_STRING, _BOOL = ColumnType.STRING, ColumnType.BOOLEAN

SCOPE_MEMBERS = Table(
    name="scope_members",
    description="Each entity in each scope that it belongs to, itself among them.",
    key=("entity_id", "scope"),
    group="lcr",
    bounded=True,
    columns=(
        TableColumn("entity_id", _STRING, "Entity."),
        TableColumn("scope", _STRING, "Scope that it belongs to."),
        TableColumn("scopes", _STRING, "All of them, itself first, separated by '/'."),
        TableColumn("entity_regime", _STRING, "Regime of the entity."),
        TableColumn("head", _BOOL, "Its parent is not in the scope; empty where nobody says who "
                    "holds it.", nullable=True),
        TableColumn("country", _STRING, "Country that supervises the entity, if known.",
                    nullable=True),
        TableColumn("outflow_adjustment", _STRING, "Share of its net outflows that counts, if "
                    "told.", nullable=True),
    ),
)  # fmt: skip

SCOPES = Table(
    name="scopes",
    description="Entities and groups of entities that report, with the regime that each follows.",
    key=("scope",),
    group="lcr",
    bounded=True,
    columns=(
        TableColumn("scope", _STRING, "Entity, or group of entities, that reports."),
        TableColumn("regime", _STRING, "Regime whose parameters apply."),
        TableColumn("head_entity_id", _STRING, "Entity whose regime that is; empty where it is "
                    "Basel's for want of a head.", nullable=True),
        TableColumn("country", _STRING, "Country of that entity, if known.", nullable=True),
        TableColumn("country_currency", _STRING, "Currency of that country "
                    "(lcr/country_currencies); empty where it is not known.", nullable=True),
        TableColumn("outflow_adjustment", _STRING, "Share of its net outflows that counts, if told "
                    "of that entity (lcr/outflow_adjustment).", nullable=True),
    ),
)  # fmt: skip

ENTITY_SCOPES = Table(
    name="entity_scopes",
    description="Of each entity its scopes, and their regimes in the same order.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        TableColumn("entity_id", _STRING, "Entity."),
        TableColumn("regime", _STRING, "Its regime."),
        TableColumn("scopes", _STRING, "Its scopes, itself first, separated by '/'."),
        TableColumn("regimes", _STRING, "Their regimes, separated by '/'."),
        TableColumn("mixed", _BOOL, "These are not all the same."),
        TableColumn("at_home", _STRING, "Country that supervises it and currency of that country, "
                    "and those of the head of its outermost scope, separated by '/'."),
        TableColumn("currency_area", _STRING, "Country that supervises it, then all others with "
                    "its currency, separated by '/'; empty if it is not known.", nullable=True),
    ),
)  # fmt: skip


def listed(names: Column) -> Column:
    """A group's names, each once and in order, separated by '/'; null where there is none."""
    return F.nullif(F.array_join(F.sort_array(F.collect_set(names)), "/"), F.lit(""))


def scopes_of(entity: str, path: str) -> Column:
    """The scopes of an entity: itself, then those of consolidation above it, outermost first."""
    return F.split(F.concat_ws("/", F.col(entity), F.col(path)), "/")


def seen_by(differ: Column) -> Column:
    """Every scope of a row's entity where they differ, else one that is empty."""
    scopes, alike = F.split(F.col("scopes"), "/"), F.array(F.lit(None).cast("string"))
    return F.when(F.coalesce(differ, F.lit(False)), scopes).otherwise(alike)


def regime_of_scope() -> Column:
    """The regime of the scope that alone sees a row (``only_in``); null where all do, or where the
    scope is none of the entity's."""
    place = F.array_position(F.split(F.col("scopes"), "/"), F.col("only_in")).cast("int")
    found = F.element_at(F.split(F.col("regimes"), "/"), F.nullif(place, F.lit(0)))
    return F.when(F.col("only_in").isNotNull(), found)


@row_stage(
    reads=ENTITIES,
    writes=SCOPE_MEMBERS,
    lookups=(
        Lookup(
            ENTITY_STRUCTURE,
            by=("entity_id",),
            take=("parent_entity_id", "country", "outflow_adjustment"),
            optional=True,
        ),
        Lookup(
            ENTITIES,
            by=("parent_entity_id",),
            take=("group_path",),
            prefix="parent_",
            optional=True,
        ),
    ),
)
def scope_members(entities: DataFrame, p: Any) -> DataFrame:
    """Who belongs to which scope, and who heads it: the one whose parent is outside."""
    above = scopes_of("parent_entity_id", "parent_group_path")
    outside = F.col("parent_entity_id").isNull() | ~F.array_contains(above, F.col("scope"))
    return (
        entities.withColumn("scopes", F.concat_ws("/", F.col("entity_id"), F.col("group_path")))
        .withColumn("scope", F.explode(F.split(F.col("scopes"), "/")))
        .withColumn("entity_regime", F.col("regime"))
        .withColumn("head", F.when(F.col("country").isNotNull(), outside))
    )


@report_stage(
    reads=SCOPE_MEMBERS,
    writes=SCOPES,
    by=("scope",),
    lookups=(
        Lookup(ENTITIES, by=("scope",), take=("regime",), prefix="own_", optional=True),
    ),
    parameters=("lcr/country_currencies",),
)  # fmt: skip
def scopes(members: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """A scope's regime: its own where it is an entity, else its head's (convention 13).

    A group of which nobody says who heads it, or that has several heads, has Basel's. A country of
    which no currency is known has none of its own.
    """
    scope, own = members[0]["scope"], members[0]["own_regime"]
    heads = [row for row in members if (row["head"] if own is None else row["entity_id"] == scope)]
    head = heads[0] if len(heads) == 1 else {}
    country = head.get("country")
    currency = p["lcr/country_currencies"].rows().get((country,))
    yield {
        "scope": scope,
        "regime": own or head.get("entity_regime", BASEL),
        "head_entity_id": scope if own is not None else head.get("entity_id"),
        "country": country,
        "country_currency": currency and currency.texts["currency"],
        "outflow_adjustment": head.get("outflow_adjustment"),
    }


def _place(scope: ReportRow) -> str:
    return f"{scope['scope_country'] or ''} {scope['scope_country_currency'] or ''}"


@report_stage(
    reads=SCOPE_MEMBERS,
    writes=ENTITY_SCOPES,
    by=("entity_id",),
    lookups=(
        Lookup(
            SCOPES, by=("scope",), take=("regime", "country", "country_currency"), prefix="scope_"
        ),
    ),
    parameters=("lcr/country_currencies",),
)
def entity_scopes(members: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The regimes that an entity's deals are looked at with, one for each of its scopes, and the
    countries whose sovereigns it may hold as its own (BCBS 238 para 50(d)), or whose central bank
    is its own (para 115)."""
    first = members[0]
    scopes_of_entity = first["scopes"].split("/")
    of_scope = {row["scope"]: row for row in members}
    regimes = [of_scope[scope]["scope_regime"] for scope in scopes_of_entity]
    own, *above = (of_scope[scope] for scope in scopes_of_entity)
    home = above[0] if above else own
    yield {
        "entity_id": first["entity_id"],
        "regime": first["entity_regime"],
        "scopes": first["scopes"],
        "regimes": "/".join(regimes),
        "mixed": len(set(regimes)) > 1,
        "at_home": "/".join(dict.fromkeys(_place(scope) for scope in (own, home))),
        "currency_area": _currency_area(own, p["lcr/country_currencies"]),
    }


def _currency_area(scope: ReportRow, currencies: RateTable) -> str | None:
    country, currency = scope["scope_country"], scope["scope_country_currency"]
    if country is None:
        return None
    alike = [c for (c,), row in currencies.rows().items() if row.texts["currency"] == currency]
    return "/".join(dict.fromkeys((country, *alike)))

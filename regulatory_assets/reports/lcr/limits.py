"""Limits that the regulation states in a currency, in the one in which an entity reports.

entities -> stated_limits -> entity_limits. What a limit decides belongs to ``insurance`` and
``customers``; the limits of delivered deposit schemes are theirs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.ledger.stages import Lookup, ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.rates import RATES_OF_DAY

_STRING, _MONEY = ColumnType.STRING, ColumnType.MONEY
_INSURED, _SMALL = "insured", "small_business"

STATED_LIMITS = Table(
    name="stated_limits",
    description="Limits of the regulation as it states them, of each entity.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Entity that they hold for."),
        Column("insured", _MONEY, "What a scheme that nobody delivers pays at most.",
               unit="insured_currency"),
        Column("insured_currency", _STRING, "ISO 4217 code of this amount."),
        Column("small_business", _MONEY, "Funding from which on a business is not small.",
               unit="small_business_currency"),
        Column("small_business_currency", _STRING, "ISO 4217 code of this amount."),
    ),
)  # fmt: skip

ENTITY_LIMITS = Table(
    name="entity_limits",
    description="The same at the rates of the day; empty where there is no rate.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Entity that they hold for."),
        Column("insured", _MONEY, "What a scheme that nobody delivers pays at most.",
               unit="reporting currency", nullable=True),
        Column("small_business", _MONEY, "Funding from which on a business is not small.",
               unit="reporting currency", nullable=True),
    ),
)  # fmt: skip


@report_stage(
    reads=ENTITIES,
    writes=STATED_LIMITS,
    by=("entity_id",),
    parameters=("lcr/deposit_insurance", "lcr/small_business"),
)
def stated_limits(entities: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Limit and currency of insurance and small businesses (BCBS 238 paras 76 and 89-92)."""
    of = {_INSURED: p["lcr/deposit_insurance"], _SMALL: p["lcr/small_business"]}
    keys = {_INSURED: "default", _SMALL: "lcr"}
    yield {
        "entity_id": entities[0]["entity_id"],
        **{name: table.value(keys[name], "limit") for name, table in of.items()},
        **{f"{name}_currency": table.text(keys[name], "currency") for name, table in of.items()},
    }


@report_stage(
    reads=STATED_LIMITS,
    writes=ENTITY_LIMITS,
    by=("entity_id",),
    lookups=tuple(
        Lookup(
            RATES_OF_DAY,
            by=(f"{name}_currency",),
            take=("rate",),
            prefix=f"{name}_",
            optional=True,
        )
        for name in (_INSURED, _SMALL)
    ),
)
def entity_limits(stated: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Limits at the day's rate (conventions 7 and 8)."""
    first = stated[0]
    yield {
        "entity_id": first["entity_id"],
        **{name: _at_rate(first[name], first[f"{name}_rate"]) for name in (_INSURED, _SMALL)},
    }


def _at_rate(amount: Decimal, rate: Decimal | None) -> Decimal | None:
    return None if rate is None else fraction(amount, *rate.as_integer_ratio())


OF_LIMITS = Lookup(
    ENTITY_LIMITS, by=("entity_id",), take=(_INSURED, _SMALL), prefix="limit_", optional=True
)
"""Both limits of an entity; a limit without a rate, which fails a check, is taken as nothing."""

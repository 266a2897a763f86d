"""The LCR in each significant currency, a view of its own (BCBS 238 paras 42, 209-212).

A view holds the stock, flows and caps of one currency, in reporting currency; views do not add up
and are never summed (convention 14). Totals over all currencies stand in ``lcr``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from regulatory_assets.ledger.arithmetic import ratio
from regulatory_assets.ledger.stages import ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.regulation.parameters import ParameterSet
from regulatory_assets.reports.lcr.calculation import liquidity_coverage_ratio, within_currency
from regulatory_assets.reports.lcr.mismatch import WHOLE
from regulatory_assets.reports.lcr.stages import (
    REGIME_OF_SCOPE,
    TRANSFERABLE,
    bank_of,
    regime_of,
)
from regulatory_assets.reports.lcr.tables import LCR, LCR_SCOPE_LINES

_HEAD = ("scope", "consolidation", "currency")

LCR_CURRENCY = Table(
    name="lcr_currency",
    description="Liquidity coverage ratio of each scope in each significant currency, by itself.",
    key=("scope", "currency"),
    group="lcr",
    bounded=True,
    columns=(
        Column("scope", ColumnType.STRING, "Entity, or group of entities, that reports."),
        Column("currency", ColumnType.STRING, "ISO 4217 code of the view's deals."),
        Column("consolidation", ColumnType.STRING, "solo or group."),
        Column("reporting_currency", ColumnType.STRING, "ISO 4217 code of the amounts."),
        Column(
            "liabilities",
            ColumnType.MONEY,
            "Liabilities on the balance sheet in the currency, without those inside the scope.",
            unit="reporting currency",
        ),
        Column(
            "share",
            ColumnType.MONEY,
            "These in all liabilities of the scope; empty where it has none.",
            unit="fraction",
            nullable=True,
        ),
        *(column for column in LCR.columns if column.name not in _HEAD),
    ),
)


def currency_views(
    lines: Sequence[Mapping[str, Any]],
    reporting_currency: str | None,
    p: ParameterSet,
    regime: str,
    bank: str = WHOLE,
) -> Iterator[dict[str, Any]]:
    """The ratio of one scope in each of its significant currencies, in the order of their codes.

    ``lines`` are the scope's amounts by currency, elimination done. A currency is significant from
    a share of the liabilities on, reached exactly; the reporting currency always is, unless nobody
    knows it (an entity that is not among ``entities``, which fails a check).
    """
    owed = p.rates("lcr/liability_lines").rows(regime)
    always = () if reporting_currency is None else (reporting_currency,)
    liabilities = dict.fromkeys((*always, *(row["currency"] for row in lines)), Decimal(0))
    for row in lines:
        if (row["line"],) in owed:
            liabilities[row["currency"]] += row["amount"]
    total = sum(liabilities.values(), Decimal(0))
    least = Fraction(total) * Fraction(p.rates("lcr/significant_currency").value("lcr", "share"))
    for currency, amount in sorted(liabilities.items()):
        if currency == reporting_currency or (amount > 0 and amount >= least):
            own = within_currency([row for row in lines if row["currency"] == currency], p, regime)
            yield {
                "currency": currency,
                "liabilities": amount,
                "share": ratio(amount, total),
                **liquidity_coverage_ratio(own, p, regime, bank),
            }


@report_stage(
    reads=LCR_SCOPE_LINES,
    writes=LCR_CURRENCY,
    by=("scope",),
    lookups=(REGIME_OF_SCOPE, TRANSFERABLE),
    parameters=(
        "lcr/cap_excess",
        "lcr/caps",
        "lcr/currency_lines",
        "lcr/foreign_sovereigns",
        "lcr/lending_excess",
        "lcr/liability_lines",
        "lcr/limited_transfer",
        "lcr/lines",
        "lcr/outflow_adjustment",
        "lcr/significant_currency",
        "lcr/window",
    ),
)
def lcr_currency(lines: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Stock, caps, net outflows and ratio in each significant currency (paras 42, 209-212).

    Rules on components have no currency and reach no view. What an entity may not pass on counts in
    a view of a group up to its net outflows in that currency.
    """
    first = lines[0]
    regime = regime_of(first, p["lcr/caps"].regimes)
    bank = bank_of(first, p, regime)
    for view in currency_views(lines, first["reporting_currency"], p, regime, bank):
        yield {
            "scope": first["scope"],
            "consolidation": first["consolidation"],
            "reporting_currency": first["reporting_currency"],
            **view,
        }

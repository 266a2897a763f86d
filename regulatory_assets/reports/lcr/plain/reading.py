"""Reading parameters so that one knows which entries were looked at, and what a part is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.regulation.parameters import ParameterSet
from regulatory_assets.regulation.tables import Row, Rule

Deal = Mapping[str, Any]
Rows = Mapping[str, Sequence[Deal]]
Earlier = Mapping[date, Rows]
"""Rows of earlier days."""
Entry = tuple[Path, int]
"""An entry of a parameter, by file and line."""

PARAMETERS = (
    "lcr/asset_lines",
    "lcr/cap_excess",
    "lcr/caps",
    "lcr/country_currencies",
    "lcr/currency_lines",
    "lcr/deposit_insurance",
    "lcr/deposit_lines",
    "lcr/facility_kinds",
    "lcr/facility_lines",
    "lcr/foreign_sovereigns",
    "lcr/inflow_lines",
    "lcr/interest_lines",
    "lcr/lending_excess",
    "lcr/lending_lines",
    "lcr/liability_lines",
    "lcr/limited_transfer",
    "lcr/lines",
    "lcr/loan_lines",
    "lcr/market_valuation",
    "lcr/mismatch_lines",
    "lcr/mortgage_pools",
    "lcr/outflow_adjustment",
    "lcr/outflow_lines",
    "lcr/rating_bands",
    "lcr/ratings_counted",
    "lcr/risk_weight_bands",
    "lcr/secured_lines",
    "lcr/security_level",
    "lcr/significant_currency",
    "lcr/small_business",
    "lcr/stress_declines",
    "lcr/swap_lines",
    "lcr/window",
    "market/carried_rates",
)
MEMO = ("collateral", "interest", "unwind_cash", "unwind_collateral", "unwind_received")
"""Parts beside a deal's amount: what its collateral is to the stock and to the caps, and interest
to come."""

ZERO, _UNIT = Decimal(0), Decimal("0.00000001")


@dataclass(frozen=True)
class Part:
    """One part of a deal as one line takes it, in reporting currency."""

    deal_id: str
    part: str
    entity_id: str
    line: str
    component: str
    amount: Decimal
    weighted: Decimal
    only_in: str | None = None
    """The scope that alone treats the deal so; None where all scopes of the entity agree."""
    currency: str | None = None
    due_day: int | None = None
    """The day of the window on which it is paid, of lines that are looked at by day."""


@dataclass
class Reading:
    """Parameters in force, and the entries that were looked at."""

    parameters: ParameterSet
    used: set[Entry] = field(default_factory=set)

    def row(self, name: str, key: str, regime: str) -> Row:
        row = self.parameters.rates(name).row(key, regime)
        self.used.add((row.path, row.line))
        return row

    def rule(self, name: str, regime: str, known: Mapping[str, str]) -> Rule:
        """The rule that decides, given at least the table's inputs."""
        table = self.parameters.decisions(name)
        rule = table.rule(regime, **{column: known[column] for column in table.inputs})
        self.used.add((rule.path, rule.line))
        return rule


def window(deal: Deal, day: date, reading: Reading, regime: str) -> str:
    """Where a deal's date lies (conventions 1, 4 and 6)."""
    due = deal["maturity_date"]
    inflows = reading.parameters.decisions("lcr/inflow_lines").inputs["product_type"]
    kind = deal["product_type"]
    is_asset = kind in ("LOAN", "REVERSE_REPO", "SECURITY", "COLLATERAL_SWAP") or kind in inflows
    if is_asset and (deal["days_past_due"] > 0 or (due is not None and due <= day)):
        return "OVERDUE"
    if due is None:
        return "OPEN"
    days = int(reading.row("lcr/window", "lcr", regime).values["days"])
    return "WITHIN" if due <= day + timedelta(days=days) else "BEYOND"


def yes(value: Any) -> str:
    return "YES" if value else "NO"


def product(amount: Decimal, rate: Decimal) -> Decimal:
    """Money times a rate, as money."""
    return (amount * rate).quantize(_UNIT, ROUND_HALF_UP)


def times(amount: Decimal, share: Fraction) -> Decimal:
    """A share of money, as money."""
    return fraction(amount, share.numerator, share.denominator)

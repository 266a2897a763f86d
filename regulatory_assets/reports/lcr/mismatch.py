"""The add-on for maturity mismatch of 12 CFR 249.30: net outflows at their peak within the 30 days.

Exact decimals and nothing else. Which lines are looked at by day is ``lcr/mismatch_lines``; a
regime that names none has no add-on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.regulation.parameters import ParameterSet, RateTable

Profile = Mapping[int, tuple[Decimal, Decimal]]
"""Outflows and inflows with a date, by the day on which they are due, the first being 1."""

WHOLE = "FULL"
"""The kind of bank whose net outflows count whole: all but those that a regime knows otherwise."""

_ZERO = Decimal(0)


def profile_of(lines: Iterable[Mapping[str, Any]]) -> Profile:
    """The weighted flows of lines by the day on which they are due; those without one are left."""
    profile: dict[int, tuple[Decimal, Decimal]] = {}
    for row in lines:
        if (day := row.get("due_day")) is None:
            continue
        outflow, inflow = profile.get(day, (_ZERO, _ZERO))
        if row["component"] == "inflow":
            inflow += row["weighted"]
        else:
            outflow += row["weighted"]
        profile[day] = outflow, inflow
    return profile


def add_on(profile: Profile, days: int) -> Decimal:
    """The peak of the cumulative net outflows less what is left of them on the last day.

    Neither counts below zero. Raises ValueError for a day outside the window.
    """
    if outside := sorted(day for day in profile if not 1 <= day <= days):
        raise ValueError(f"the profile has days outside 1 to {days}: {outside}")
    cumulative = peak = _ZERO
    for day in sorted(profile):
        outflow, inflow = profile[day]
        cumulative += outflow - inflow
        peak = max(peak, cumulative)
    return peak - max(cumulative, _ZERO)


def kind_of(told: str | None, shares: RateTable, regime: str) -> str:
    """The kind of a bank that its regime has an adjustment percentage for (12 CFR 249.30(c))."""
    return told if told is not None and (told,) in shares.rows(regime) else WHOLE


def total_net_outflows(
    outflows: Decimal,
    inflows: Decimal,
    profile: Profile,
    parameters: ParameterSet,
    regime: str,
    bank: str,
) -> dict[str, Decimal]:
    """Net outflows after the inflow cap, with the add-on, times the bank's adjustment.

    ``outflows`` and ``inflows`` are the totals of all weighted flows, dated or not.
    """
    days = int(parameters.rates("lcr/window").value("lcr", "days", regime))
    return net_outflows(outflows, inflows, add_on(profile, days), parameters, regime, bank)


def net_outflows(
    outflows: Decimal,
    inflows: Decimal,
    added: Decimal,
    parameters: ParameterSet,
    regime: str,
    bank: str,
) -> dict[str, Decimal]:
    """The same with the add-on at hand (BCBS 238 para 69, 12 CFR 249.30(a))."""
    cap = parameters.rates("lcr/caps").value("inflows", "share", regime)
    share = parameters.rates("lcr/outflow_adjustment").value(bank, "share", regime)
    capped = min(inflows, fraction(outflows, *cap.as_integer_ratio()))
    net = outflows - capped
    return {
        "inflows": capped,
        "net_before_add_on": net,
        "add_on": added,
        "net_outflows": fraction(net + added, *share.as_integer_ratio()),
    }

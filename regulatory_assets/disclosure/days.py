"""Which reporting dates a quarter average must hold, and whether it holds exactly these."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.reports.lcr.quarter import quarter_so_far

_SATURDAY = 5


def expected_days(
    day: date, since: date | None = None, closed: Collection[date] = ()
) -> tuple[date, ...]:
    """The days of the quarter up to and including ``day`` that must have figures: weekdays from
    ``since`` on, less closed ones, and ``since`` and ``day`` themselves.

    Raises NotReady where ``since`` or a closed day lies outside the quarter so far, or a closed day
    is on a weekend: it would be ignored in silence.
    """
    quarter = quarter_so_far(day)
    outside = [d for d in (*closed, *([since] if since else ())) if d not in quarter]
    if outside:
        raise NotReady(f"{_listed(outside)} is not in the quarter from {quarter[0]} to {day}")
    if weekend := [d for d in closed if _is_weekend(d)]:
        raise NotReady(f"{_listed(weekend)} is no weekday; a weekend counts where it has figures")
    first = since or quarter[0]
    open_days = (d for d in quarter if d >= first and d not in closed)
    return tuple(d for d in open_days if d in (since, day) or not _is_weekend(d))


def require(
    averaged: Collection[date], expected: Collection[date], what: str, day: date
) -> tuple[date, ...]:
    """The days averaged; NotReady unless these are the expected days and days between them on
    weekends, on which some banks report (convention 16)."""
    missing = sorted(set(expected) - set(averaged))
    if missing:
        raise NotReady(
            f"{what} of {day} lacks {_listed(missing)}; run these days and {day} again, name days "
            "without figures with --closed, or the first day of the average with --since"
        )
    first = min(expected, default=day)
    others = sorted(set(averaged) - set(expected))
    surplus = [other for other in others if other < first or not _is_weekend(other)]
    if surplus:
        raise NotReady(
            f"{what} of {day} also holds {_listed(surplus)}, which --since or --closed exclude; "
            "the average is over all reporting dates of the quarter"
        )
    return tuple(sorted(averaged))


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _listed(days: Collection[date], most: int = 5) -> str:
    shown = ", ".join(str(d) for d in list(days)[:most])
    return shown if len(days) <= most else f"{shown} and {len(days) - most} more"

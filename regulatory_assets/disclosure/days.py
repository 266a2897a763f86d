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
    """The weekdays of the quarter up to and including ``day``, from ``since`` on, less closed ones.

    Raises NotReady where ``since`` or a closed day lies outside the quarter so far: it would be
    ignored in silence.
    """
    quarter = quarter_so_far(day)
    outside = [d for d in (*closed, *([since] if since else ())) if d not in quarter]
    if outside:
        raise NotReady(f"{_listed(outside)} is not in the quarter from {quarter[0]} to {day}")
    first = since or quarter[0]
    return tuple(d for d in quarter if d >= first and d.weekday() < _SATURDAY and d not in closed)


def require(averaged: Collection[date], expected: Collection[date], what: str, day: date) -> None:
    """Raise NotReady unless exactly the expected days were averaged (convention 16)."""
    missing = sorted(set(expected) - set(averaged))
    if missing:
        raise NotReady(
            f"{what} of {day} lacks {_listed(missing)}; run these days and {day} again, name days "
            "without figures with --closed, or the first day of the average with --since"
        )
    surplus = sorted(set(averaged) - set(expected))
    if surplus:
        raise NotReady(
            f"{what} of {day} also holds {_listed(surplus)}, which --since, --closed or a weekend "
            "exclude; the average is over all reporting dates of the quarter"
        )


def _listed(days: Collection[date], most: int = 5) -> str:
    shown = ", ".join(str(d) for d in list(days)[:most])
    return shown if len(days) <= most else f"{shown} and {len(days) - most} more"

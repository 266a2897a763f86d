"""Whether rows may be posted to a reporting day at all.

The runner asks before it posts anything, whatever the reason: a changed rule, late data, new code.
Who closes days, and why, is not known here.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from regulatory_assets.ledger.plan import NotReady


class DayClosed(NotReady):
    """A posting to a day that takes none; the message names the remedy."""


class Gate(Protocol):
    """Knows the days that take no postings."""

    def held(self, day: date) -> str:
        """Why nothing may be posted to a day, and the remedy; empty where it may."""
        ...


class Open:
    """Every day takes postings."""

    def held(self, day: date) -> str:
        return ""

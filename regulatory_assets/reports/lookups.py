"""Lookups that stages of several reports declare alike."""

from __future__ import annotations

from regulatory_assets.ledger.stages import Lookup
from regulatory_assets.reports.rates import RATES_OF_DAY

RATE_OF_DAY = Lookup(RATES_OF_DAY, by=("currency",), take=("rate",))
"""What a unit of the row's currency is worth in reporting currency."""

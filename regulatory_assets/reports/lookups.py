"""Lookups that stages of several reports declare alike."""

from __future__ import annotations

from regulatory_assets.bank.tables import FX_RATES
from regulatory_assets.ledger.stages import Lookup

RATE_OF_DAY = Lookup(FX_RATES, by=("currency",), take=("rate",))
"""What a unit of the row's currency is worth in reporting currency."""

"""The small bank that most tests run on: positions alone, stated rates, dirty rows on one day.

Smaller than the sample in ``data/``, so that a day takes less, and made anew by each process that
asks for it, in a moment. What the sample itself holds is for the few tests that say so.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from regulatory_assets.bank.generator import FIRST_DAY, business_days, generate
from regulatory_assets.bank.tables import POSITIONS

DEALS, SEED = 2_000, 20260105
DAYS = business_days(FIRST_DAY, 3)
_DIRTY = Decimal("0.003")


@cache
def delivered(day: date) -> Path:
    """The folder of a day's files; six lines of the first day's deals are broken."""
    dirty = _DIRTY if day == FIRST_DAY else Decimal(0)
    out = Path(_folder().name)
    generate(out, DEALS, [day], SEED, dirty, tables=POSITIONS, first_day=FIRST_DAY)
    return out / str(day)


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="small-bank-")

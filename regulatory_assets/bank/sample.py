"""The sample bank that is kept in the repository under ``data/``.

    python -m regulatory_assets.bank.sample data

writes it again, byte for byte.
"""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.generator import (
    FIRST_DAY,
    business_days,
    correct_largest_retail_deposit,
    generate,
)
from regulatory_assets.bank.tables import DETAILS, POSITIONS

DEALS, DAYS, SEED = 2_000, 3, 20260105
DETAILS_DAY = date(2026, 1, 6)
"""A day without dirty rows and without a correction, so that all ties hold."""
DIRTY = Decimal("0.003")
CORRECTION_ADDS = Decimal(250_000)


def write_sample(out: Path) -> None:
    """Three days of the sample bank, and apart from them a correction and further tables.

    Its exchange rates are stated ones: the sample shows what its seed makes, and nothing else.
    """
    days = business_days(FIRST_DAY, DAYS)
    generate(out, DEALS, days, SEED, DIRTY, tables=POSITIONS)
    correct_largest_retail_deposit(
        out / "corrections", DEALS, days[0], SEED, days[-1], CORRECTION_ADDS
    )
    write_details(out / "details")


def write_details(out: Path) -> None:
    """The tables beyond positions, for one of the days and apart from the others."""
    generate(out, DEALS, [DETAILS_DAY], SEED, tables=DETAILS, first_day=FIRST_DAY, totals=True)


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]))

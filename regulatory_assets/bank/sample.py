"""The sample bank that is kept in the repository under ``data/``.

    python -m regulatory_assets.bank.sample data

writes it again, byte for byte.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.generator import (
    FIRST_DAY,
    business_days,
    correct_largest_retail_deposit,
    generate,
)

DEALS, DAYS, SEED = 2_000, 3, 20260105
DIRTY = Decimal("0.003")
CORRECTION_ADDS = Decimal(250_000)


def write_sample(out: Path) -> None:
    """Three days of the sample bank, and apart from them a correction of the last day."""
    days = business_days(FIRST_DAY, DAYS)
    generate(out, DEALS, days, SEED, DIRTY)
    correct_largest_retail_deposit(
        out / "corrections", DEALS, days[0], SEED, days[-1], CORRECTION_ADDS
    )


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]))

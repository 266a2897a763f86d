"""The sample bank that is kept in the repository under ``data/``.

    python -m regulatory_assets.bank.sample data

writes it again, byte for byte. Its days are those of one command, ``COMMAND``; only the correction,
which is taken in as a step of its own, is made here.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.ecb import ecb_rate
from regulatory_assets.bank.generator import (
    FIRST_DAY,
    business_days,
    correct_largest_retail_deposit,
    generate,
)

DEALS, DAYS, SEED, DIRTY = 5_000, 3, 20260106, Decimal("0.0014")
COMMAND = ("generate", "--deals", str(DEALS), "--days", str(DAYS), "--seed", str(SEED),
           "--dirty", str(DIRTY), "--gzip")  # fmt: skip
"""What of ``regulatory-assets`` writes the days, but for its ``--out``."""
CORRECTION_ADDS = Decimal(250_000)


def write_sample(out: Path) -> None:
    """Three days of the sample bank with every source table, and apart from them a correction."""
    days = business_days(FIRST_DAY, DAYS)
    generate(out, DEALS, days, SEED, DIRTY, totals=True, rates=ecb_rate, gzip=True)
    correct_largest_retail_deposit(
        out / "corrections", DEALS, days[0], SEED, days[-1], CORRECTION_ADDS, ecb_rate
    )


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]))

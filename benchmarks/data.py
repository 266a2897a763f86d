"""The files that every task reads: one day's full deliveries, and the correction beside them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.generator import FIRST_DAY, generate, generate_correction
from regulatory_assets.bank.tables import SOURCES

SEED = 20260105
SHARE = Decimal("0.001")
DAY = FIRST_DAY
TABLES = tuple(table for table in SOURCES if not table.optional)
"""What the LCR needs; the tables of other reports are no part of the comparison."""


@dataclass(frozen=True)
class Files:
    """Delivery folders below one folder: the day's full files, and the delta that corrects it."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def correction(self) -> Path:
        return self.root / "correction"

    def csv(self, table: str) -> Path:
        return self.source / DAY.isoformat() / f"{table}.csv"

    @property
    def delta(self) -> Path:
        return self.correction / DAY.isoformat() / "deals.delta-001.csv"


def prepare(root: Path, deals: int) -> Files:
    """The files of a bank of so many deals, generated if they are not there."""
    files = Files(root)
    if not files.csv("deals").exists():
        generate(files.source, deals, [DAY], SEED, tables=TABLES)
    if not files.delta.exists():
        generate_correction(files.correction, deals, DAY, SEED, SHARE)
    return files

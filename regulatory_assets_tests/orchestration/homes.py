"""A Dagster home, state folder and delivery folder of a test's own, in the environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from regulatory_assets.bank.tables import SOURCES
from regulatory_assets_tests.bank.small_bank import DAYS, delivered

__all__ = ["DAYS", "ROOT", "Home", "new_home"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Home:
    """Where one test's Dagster and lake live."""

    folder: Path

    @property
    def deliveries(self) -> Path:
        return self.folder / "deliveries"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "REGULATORY_ASSETS_VAR": str(self.folder),
            "REGULATORY_ASSETS_DATA": str(self.deliveries),
            "REGULATORY_ASSETS_FIRST_DAY": "2026-01-01",
            "REGULATORY_ASSETS_SENSOR_SECONDS": "1",
            "MPLCONFIGDIR": str(self.folder / "matplotlib"),
        }

    def deliver(self, *days: date, optional: bool = True) -> None:
        """Copy the small bank's files of some days, or of these without the optional tables."""
        left_out = () if optional else [f"{t.name}.csv" for t in SOURCES if t.optional]
        for day in days:
            ignored = shutil.ignore_patterns(*left_out)
            shutil.copytree(delivered(day), self.deliveries / str(day), ignore=ignored)


@contextmanager
def new_home(folder: Path) -> Iterator[Home]:
    """A home whose settings stand in the environment while it is used."""
    home = Home(folder)
    (folder / "dagster").mkdir(parents=True)
    home.deliveries.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster")
    before = {name: os.environ.get(name) for name in home.environment}
    os.environ.update(home.environment)
    try:
        yield home
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

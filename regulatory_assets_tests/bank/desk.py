"""A desk where files are delivered and taken, each test on reporting days of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from regulatory_assets.bank.conform import REJECTED_ROWS
from regulatory_assets.bank.delivery import find_files
from regulatory_assets.bank.ingest import Ingested, ingest_pending
from regulatory_assets.bank.mapping import SourceMapping
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.table import Table
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.settings import Settings


def _days() -> Iterator[date]:
    day = date(2020, 1, 1)
    while True:
        yield day
        day += timedelta(days=1)


@dataclass
class Desk:
    """One lake and register, and a folder of deliveries."""

    folder: Path
    days: Iterator[date] = field(default_factory=_days)
    day: date = date(2020, 1, 1)

    def __post_init__(self) -> None:
        self.runtime: Runtime = open_runtime(Settings(var=self.folder / "var"))
        self.runner: Runner = self.runtime.runner("desk")
        self.next_day()

    def next_day(self) -> None:
        self.day = next(self.days)
        self.here.mkdir(parents=True)

    @property
    def deliveries(self) -> Path:
        return self.folder / "deliveries"

    @property
    def here(self) -> Path:
        return self.deliveries / self.day.isoformat()

    def table(self, name: str) -> Table:
        return self.runtime.graph.tables[name]

    def deliver(self, name: str, content: str | bytes) -> Path:
        path = self.here / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def take(self, table: str, mappings: Sequence[SourceMapping] = ()) -> tuple[Ingested, ...]:
        """Take what is pending of a table, without control totals."""
        found = find_files(self.deliveries, self.day, self.runtime.graph.sources, mappings)
        files = [f for f in found if f.table.name == table]
        return ingest_pending(self.runner, files, vault=self.runtime.vault)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The standing rows, by key."""
        table = self.table(name)
        version = Version.registered(self.runner.register, table, self.day)
        if not version.chain:
            return []
        found = self.runner.reader.rows(version).select(*table.column_names)
        return sorted(
            found.toArrow().to_pylist(), key=lambda r: tuple(str(r[k]) for k in table.key)
        )

    def rejected(self) -> dict[int, tuple[str, str]]:
        """Reasons and raw text of the day's rejected lines, by line."""
        history = self.runner.register.history(REJECTED_ROWS.name, self.day)
        if not history:
            return {}
        found = self.runner.reader.rows(Version(REJECTED_ROWS, self.day, history)).toArrow()
        return {r["line_number"]: (r["reasons"], r["raw_text"]) for r in found.to_pylist()}

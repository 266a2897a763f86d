"""What a delivery folder holds, as the schedule and the sensor see it: gaps, and what waits."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from json import dumps, loads
from pathlib import Path

from regulatory_assets.bank.control_totals import control_totals
from regulatory_assets.bank.delivery import (
    CONTROL_TOTALS,
    DeliveredFile,
    DeliveryError,
    content_hash,
    find_files,
)
from regulatory_assets.bank.fetching import askable
from regulatory_assets.bank.intake import Arrivals
from regulatory_assets.bank.mapping import installed, names_of_today, needed_sources
from regulatory_assets.control.register import Register
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.ledger.table import Table
from regulatory_assets.settings import Databases


def missing(folder: Path, day: date, graph: Graph) -> tuple[str, ...]:
    """What a day needs and has no full delivery of: tables, or of those with mappings their
    sources. Of an optional table all is needed once some of it is there. What a run asks a database
    for is not waited for. Raises DeliveryError."""
    mappings = installed(graph.sources)
    whole: dict[str, set[str]] = {}
    for mapping in (a.mapping for a in askable(graph.sources, day, Databases().databases)):
        whole.setdefault(mapping.table.name, set()).add(mapping.source)
    for file in find_files(folder, day, graph.sources, mappings):
        if file.mode == "full":
            whole.setdefault(file.table.name, set()).add(file.source)
    found: list[str] = []
    for table in graph.sources:
        there = whole.get(table.name, set())
        needed = needed_sources(table, day, mappings)
        if there or not table.optional:
            found += (f"{table.name} of {source}" for source in needed if source not in there)
            found += [table.name] if not (there or needed) else []
    return tuple(found)


def left_out(folder: Path, day: date, graph: Graph, register: Register) -> frozenset[str]:
    """The optional tables of which a day has neither a file nor rows, no control total that counts
    any, and no database that a run asks, and what needs them.

    A run that does not name its tables leaves them out: a step that has nothing to do costs a tenth
    of a second, and most banks deliver few of the optional tables. Raises DeliveryError.
    """
    arrived = {f.table.name for f in find_files(folder, day, graph.sources)}
    asked = askable(graph.sources, day, Databases().databases)
    arrived |= {a.mapping.table.name for a in asked}
    with suppress(DeliveryError):  # what cannot be read is told by every check that asks by it
        arrived |= {t.table for t in control_totals(folder, day, graph.sources) if t.rows}
    return Positions(graph, register, day).left_out(arrived)


@dataclass(frozen=True)
class Look:
    """A day as it was last seen: a mark of all that decides which files wait, and of those that
    waited the contents for which a run was requested."""

    mark: str = ""
    requested: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cursor:
    """What a sensor has seen of each day, and how many runs it has requested."""

    sequence: int = 0
    days: Mapping[str, Look] = field(default_factory=dict)

    @staticmethod
    def read(text: str | None) -> Cursor:
        """A cursor of another shape is one that has seen no day yet."""
        kept = loads(text) if text else {}
        days = {day: Look(mark, tuple(of)) for day, (mark, of) in kept.get("days", {}).items()}
        return Cursor(kept.get("sequence", 0), days)

    def write(self) -> str:
        days = {day: (look.mark, look.requested) for day, look in self.days.items()}
        return dumps({"sequence": self.sequence, "days": days}, separators=(",", ":"))


@dataclass(frozen=True)
class DayFiles:
    """The files of one day as a sensor sees them."""

    folder: Path
    files: tuple[DeliveredFile, ...]

    def mark(self, taken: int) -> str:
        """Changes whenever other files may wait; no content is read for it. ``taken`` counts the
        deliveries that have been applied to the day: with each of them other files may wait."""
        told = [(f.source, f.mapping.fingerprint, self._status(f)) for f in self.files]
        return _hash([taken, *told])

    @property
    def newest(self) -> int:
        """When a file was last written, in nanoseconds."""
        return max((at for f in self.files for _, at, _ in self._status(f)), default=0)

    def waiting(self, arrivals: Arrivals, sources: Sequence[Table]) -> dict[str, str]:
        """The names of the files that a run would take, by a hash that another content, another
        mapping or the same content delivered again changes; and that of control totals with which
        a file was not compared when it was taken."""
        pending = [
            f
            for _, of_table in groupby(
                sorted(self.files, key=lambda f: f.table.name), key=lambda f: f.table
            )
            for f in arrivals.pending(tuple(of_table))
        ]
        found = {
            _hash([f.source, f.sha256, f.mapping.fingerprint, self._status(f)]): f.path.name
            for f in pending
        }
        totals = self.folder / CONTROL_TOTALS
        if totals.exists() and self._to_compare(arrivals, sources, {f.table for f in pending}):
            found[_hash([CONTROL_TOTALS, content_hash(totals)])] = CONTROL_TOTALS
        return found

    def _to_compare(
        self, arrivals: Arrivals, sources: Sequence[Table], pending: Collection[Table]
    ) -> bool:
        """Whether control totals are there that no delivery of the day's rows agreed with, besides
        those that will be held against a file that waits; or that nobody can read."""
        day = date.fromisoformat(self.folder.name)
        try:
            totals = control_totals(self.folder.parent, day, sources)
        except DeliveryError:
            return True
        mappings = installed(sources)
        return any(
            arrivals.to_compare(totals, table, day, names_of_today(table, mappings))
            for table in sources
            if table not in pending
        )

    def _status(self, file: DeliveredFile) -> list[tuple[str, int, int]]:
        """Name, time and size of a file's parts, and of what counts it."""
        totals = self.folder / CONTROL_TOTALS
        paths = [*file.files, *([totals] if totals.exists() else [])]
        return [(p.name, (status := p.stat()).st_mtime_ns, status.st_size) for p in paths]


def _hash(told: Sequence[object]) -> str:
    return hashlib.sha256(dumps(told).encode()).hexdigest()[:12]

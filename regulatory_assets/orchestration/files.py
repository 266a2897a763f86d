"""What a delivery folder holds, as the schedule and the sensor see it: names, hashes, gaps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from json import dumps, loads
from pathlib import Path

from regulatory_assets.bank.delivery import content_hash, find_files
from regulatory_assets.bank.fetching import askable
from regulatory_assets.bank.mapping import installed, needed_sources
from regulatory_assets.control.register import Register
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.settings import Databases

Seen = tuple[int, int, str]
"""Modification time, size and hash of a file."""


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
    """The optional tables of which a day has neither a file nor rows, and no database that a run
    asks, and what needs them.

    A run that does not name its tables leaves them out: a step that has nothing to do costs a tenth
    of a second, and most banks deliver few of the optional tables. Raises DeliveryError.
    """
    arrived = {f.table.name for f in find_files(folder, day, graph.sources)}
    asked = askable(graph.sources, day, Databases().databases)
    arrived |= {a.mapping.table.name for a in asked}
    return Positions(graph, register, day).left_out(arrived)


@dataclass(frozen=True)
class Cursor:
    """The files a sensor has requested runs for, and how many requests it made."""

    sequence: int = 0
    files: Mapping[str, Seen] = field(default_factory=dict)

    @staticmethod
    def read(text: str | None) -> Cursor:
        if not text:
            return Cursor()
        kept = loads(text)
        return Cursor(kept["sequence"], {name: tuple(f) for name, f in kept["files"].items()})

    def write(self) -> str:
        return dumps(asdict(self), separators=(",", ":"))


def look(folder: Path, day: date, graph: Graph, known: Mapping[str, Seen]) -> dict[str, Seen]:
    """The files of a day. A file whose time and size are known is not read again."""
    found: dict[str, Seen] = {}
    files = find_files(folder, day, graph.sources)
    for path in dict.fromkeys(path for file in files for path in file.files):
        name, status = f"{day}/{path.name}", path.stat()
        before = known.get(name)
        same = before is not None and before[:2] == (status.st_mtime_ns, status.st_size)
        sha256 = before[2] if before is not None and same else content_hash(path)[:16]
        found[name] = (status.st_mtime_ns, status.st_size, sha256)
    return found


def contents(files: Mapping[str, Seen]) -> str:
    """A hash of names and contents; times do not count."""
    told = dumps(sorted((name, seen[2]) for name, seen in files.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:12]

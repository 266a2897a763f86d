"""Maintenance of the lake: how it stands, compaction by snapshot, removal of orphan postings.

Compaction posts the state once more, as a snapshot that later readers start from; it changes no
state and its change set is empty, so it can run while others read or post. Orphans are postings
that no register row names: what a crashed or overtaken writer left. Registered postings are never
removed here.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

from regulatory_assets.control.register import Register, Revision
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake, is_created, new_posting
from regulatory_assets.ledger.postcheck import check_posting
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class TableStatus:
    """A table's day in numbers."""

    table: str
    day: date
    revision: int
    postings: int
    booked: int
    reversed: int


def status(graph: Graph, register: Register) -> tuple[TableStatus, ...]:
    """Every table and day: last revision, and how much stands behind its state."""
    found = []
    for name, table in graph.tables.items():
        for day in register.days(name):
            version = Version.registered(register, table, day)
            live = version.live
            found.append(
                TableStatus(
                    name,
                    day,
                    version.revision,
                    len(live),
                    sum(r.booked for r in live),
                    sum(r.reversed for r in live),
                )
            )
    return tuple(found)


def compact(
    lake: Lake, register: Register, table: Table, day: date, run_id: str, engine: str
) -> Revision | None:
    """Post a snapshot of a day's state; None where one posting holds it already.

    Raises LostRace where another writer registered a revision meanwhile; nothing is lost then.
    """
    version = Version.registered(register, table, day)
    if len(version.live) <= 1:
        return None
    reader = Reader(lake)
    posting = new_posting()
    lake.append(table, day, posting, reader.rows(version))
    counts = check_posting(reader, Version(table, day, ()), posting)
    last = version.chain[-1]
    snapshot = replace(
        last,
        revision=version.revision + 1,
        posting=posting,
        kind="snapshot",
        cause="compaction",
        run_id=run_id,
        known_at=datetime.now(UTC),
        booked=counts.booked,
        reversed=counts.reversed,
    )
    (registered,) = register.commit([snapshot])
    DeltaTable(str(lake.path(table))).create_checkpoint()
    return registered


def orphans(lake: Lake, register: Register, table: Table, grace: timedelta) -> tuple[str, ...]:
    """Postings in the Delta table that no register row names and that are older than ``grace``.

    A run that is still under way has written postings it has not registered yet; ``grace`` must be
    longer than any run lasts.
    """
    path = lake.path(table)
    if not is_created(path):
        return ()
    oldest: dict[str, float] = {}
    before = (time.time() - grace.total_seconds()) * 1000
    actions = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True))
    if not actions.num_rows:
        return ()
    names = actions.column("partition.posting").to_pylist()
    times = actions.column("modification_time").cast(pa.int64()).to_pylist()
    for posting, modified in zip(names, times, strict=True):
        oldest[posting] = max(oldest.get(posting, 0), modified)
    registered = register.postings(table.name)
    return tuple(sorted(p for p, at in oldest.items() if p not in registered and at <= before))


def clean(lake: Lake, register: Register, table: Table, found: Collection[str]) -> tuple[str, ...]:
    """Remove orphans that were found, from the Delta table and from disk; what a slow run has
    registered since is none any more. Returns the ids of those removed."""
    registered = register.postings(table.name) if found else frozenset()
    left = tuple(sorted(set(found) - registered))
    if left:
        lake.remove(table, left)
    return left

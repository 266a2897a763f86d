"""Reading a ledger: its state as of a revision, its raw entries, and what changed between two.

Only registered postings are read. A :class:`Version` is a table's day as of one revision, with the
register rows that lead there; every read is a pure function of a version, so nothing read can be
stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Revision
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.stages import Lookup
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class Version:
    """A table's day as of a revision; an empty chain is the day before its first revision."""

    table: Table
    day: date
    chain: tuple[Revision, ...]

    @property
    def revision(self) -> int:
        return self.chain[-1].revision if self.chain else 0

    @property
    def live(self) -> tuple[Revision, ...]:
        """The revisions whose postings make up the state: the last snapshot and what follows."""
        start = max((i for i, r in enumerate(self.chain) if r.kind == "snapshot"), default=0)
        return tuple(r for r in self.chain[start:] if r.posting is not None)

    @property
    def data_revision(self) -> int:
        """The last revision that changed the state; zero if none did."""
        changing = (r.revision for r in self.chain if r.kind == "delta" and r.posting is not None)
        return max(changing, default=0)

    def until(self, revision: int) -> Version:
        """The same day as of an earlier revision."""
        return Version(self.table, self.day, tuple(r for r in self.chain if r.revision <= revision))

    def since(self, revision: int) -> tuple[Revision, ...]:
        """The revisions after a given one that changed the state. Snapshots change nothing."""
        return tuple(
            r
            for r in self.chain
            if r.revision > revision and r.kind == "delta" and r.posting is not None
        )


class Reader:
    """Frames of ledger entries: the column ``entry`` and the table's content columns."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def _scan(self, version: Version, revisions: Sequence[Revision]) -> DataFrame:
        postings = [r.posting for r in revisions if r.posting is not None]
        return self.lake.scan(version.table, version.day, postings)

    def entries(self, version: Version) -> DataFrame:
        """Raw entries whose sum is the state; for readers that add up and need no netting."""
        return self._scan(version, version.live)

    def changes(self, version: Version, since: int) -> DataFrame:
        """Raw entries posted after revision ``since``; equal pairs are not yet cancelled."""
        return self._scan(version, version.since(since))

    def rows(
        self,
        version: Version,
        among: DataFrame | None = None,
        on: Sequence[str] = (),
    ) -> DataFrame:
        """The state: each standing row once, with entry 1.

        Only keys that have a reversal are added up; bookings of all other keys stand as they are.
        ``among`` restricts to the rows whose columns ``on`` stand in that frame; the restriction
        is by content, so the restricted entries still add up.
        """
        table = version.table
        scan = self.entries(version)
        reversing = [r for r in version.live if r.reversed]
        if among is not None:
            scan = frames.semi(scan, among, on)
        if not reversing:
            return scan
        if among is not None:
            return frames.net(scan, table.content)
        moved = (
            self._scan(version, reversing)
            .where(F.col(ENTRY) < 0)
            .select(*table.ledger_key)
            .distinct()
        )
        standing = frames.anti(scan, moved, table.ledger_key)
        summed = frames.net(frames.semi(scan, moved, table.ledger_key), table.content)
        return standing.unionAll(summed)

    def lookup(self, lookup: Lookup, version: Version) -> DataFrame:
        """A lookup's key columns and the columns taken, the latter under their joined names."""
        taken = [F.col(c).alias(lookup.prefix + c) for c in lookup.take]
        keys = [F.col(k).alias(f"__key_{k}") for k in lookup.table.key]
        return self.rows(version).select(*keys, *taken)

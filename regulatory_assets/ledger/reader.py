"""Reading a ledger: its state as of a revision, its raw entries, and what changed between two.

Only registered postings are read. A :class:`Version` is a table's day as of one revision, with the
register rows that lead there; every read is a pure function of a version, so nothing read can be
stale. A table is read together with the one that adjusts it: ``rows`` gives the rows of all
layers, ``base`` those before any rule, ``net`` those after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Register, Revision
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.stages import Lookup
from regulatory_assets.ledger.table import BASE, ColumnType, Table

ADJUSTED = "__adjusted"
"""Beside a lookup's columns: whether a rule has changed them."""


@dataclass(frozen=True)
class Version:
    """A table's day as of a revision; an empty chain is the day before its first revision.

    ``adjustments`` is the table that adjusts this one, read with it. ``mixed`` says that rows of
    the adjustment layer may stand in the table itself.
    """

    table: Table
    day: date
    chain: tuple[Revision, ...]
    adjustments: Version | None = None
    mixed: bool = False

    @classmethod
    def registered(cls, register: Register, table: Table, day: date) -> Version:
        """A table's day alone, without what adjusts it, as the register has it now."""
        return cls(table, day, register.history(table.name, day))

    @property
    def layered(self) -> bool:
        """Whether rows of the adjustment layer may stand, in the table or beside it."""
        beside = self.adjustments
        return self.mixed or (beside is not None and beside.data_revision > 0)

    @property
    def revision(self) -> int:
        return self.chain[-1].revision if self.chain else 0

    @property
    def stated(self) -> int:
        """The last revision that is no snapshot, which says only once more what stood."""
        return max((r.revision for r in self.chain if r.kind != "snapshot"), default=0)

    @property
    def live(self) -> tuple[Revision, ...]:
        """The revisions whose postings make up the state: the last snapshot and what follows."""
        start = max((i for i, r in enumerate(self.chain) if r.kind == "snapshot"), default=0)
        return tuple(r for r in self.chain[start:] if r.posting is not None)

    @property
    def standing(self) -> int:
        """How many rows stand, by the register's counts."""
        return sum(r.booked - r.reversed for r in self.live)

    @property
    def standing_of_all(self) -> int:
        """How many rows stand with those that adjust it."""
        return sum(part.standing for part in self.parts)

    @property
    def empty(self) -> bool:
        """Whether no row stands or ever stood since the last snapshot, also none that adjusts."""
        return not any(part.live for part in self.parts)

    @property
    def data_revision(self) -> int:
        """The last revision that changed the state; zero if none did."""
        changing = (r.revision for r in self.chain if r.kind == "delta" and r.posting is not None)
        return max(changing, default=0)

    @property
    def parts(self) -> tuple[Version, ...]:
        """The table alone, then what adjusts it."""
        own = replace(self, adjustments=None)
        return (own,) if self.adjustments is None else (own, self.adjustments)

    def until(self, revision: int) -> Version:
        """The same day as of an earlier revision of this table."""
        return replace(self, chain=tuple(r for r in self.chain if r.revision <= revision))

    def as_consumed(self, revisions: Mapping[tuple[str, date], int]) -> Version:
        """The same day as of the given revisions, zero where none is given."""
        own = self.until(revisions.get((self.table.name, self.day), 0))
        if own.adjustments is None:
            return own
        return replace(own, adjustments=own.adjustments.as_consumed(revisions))

    def since(self, revision: int) -> tuple[Revision, ...]:
        """The revisions after a given one that changed the table. Snapshots change nothing."""
        return tuple(
            r
            for r in self.chain
            if r.revision > revision and r.kind == "delta" and r.posting is not None
        )


class Reader:
    """Frames of ledger entries: the column ``entry`` and the table's content columns."""

    many = 100_000
    """Rows from which on a table is worth a longer plan that reads less of it."""

    def __init__(self, lake: Lake, recall: Recall | None = None) -> None:
        self.lake = lake
        self.recall = recall

    def _scan(self, version: Version, revisions: Sequence[Revision]) -> DataFrame:
        postings = [r.posting for r in revisions if r.posting is not None]
        return self.lake.scan(version.table, version.day, postings)

    def entries(self, version: Version) -> DataFrame:
        """Raw entries whose sum is the state; for readers that add up and need no netting."""
        return frames.union([self._scan(part, part.live) for part in _with_rows(version)])

    def entries_among(self, version: Version, among: DataFrame, on: Sequence[str]) -> DataFrame:
        """Raw entries whose columns ``on`` stand in a frame."""
        return frames.union([self._among(part, among, on) for part in _with_rows(version)])

    def entries_of(self, versions: Sequence[Version], columns: Sequence[str]) -> DataFrame:
        """Raw entries of several tables that are added up together, some columns of each. Of those
        without any rows none is read but the first."""
        first, *others = versions
        read = [first, *(version for version in others if not version.empty)]
        return frames.union([self.entries(version).select(*columns) for version in read])

    def changes(self, version: Version, since: Version) -> DataFrame:
        """Raw entries posted after an earlier version; equal pairs are not yet cancelled."""
        old = {part.table.name: part.revision for part in since.parts}
        scans = [
            self._scan(part, posted)
            for part in version.parts
            if (posted := part.since(old.get(part.table.name, 0)))
        ]
        return frames.union(scans) if scans else self._scan(version, ())

    def rows(
        self,
        version: Version,
        among: DataFrame | None = None,
        on: Sequence[str] = (),
    ) -> DataFrame:
        """The state: each standing row of every layer once, with entry 1.

        Of a large table only keys that have a reversal are added up; bookings of all other keys
        stand as they are. ``among`` restricts to the rows whose columns ``on`` stand in that frame;
        the restriction is by content, so the restricted entries still add up.
        """
        return frames.union([self._rows(part, among, on) for part in _with_rows(version)])

    def base(
        self,
        version: Version,
        among: DataFrame | None = None,
        on: Sequence[str] = (),
    ) -> DataFrame:
        """The rows before any rule, each with entry 1."""
        own = version.parts[0]
        if not own.layered:
            return self.rows(own, among, on)
        return self._rows(own, among, on, F.col("layer") == BASE)

    def adjustments(
        self, version: Version, among: DataFrame | None, on: Sequence[str]
    ) -> DataFrame:
        """The rows of the adjustment layer in a table alone, all or those of some keys."""
        return self._rows(version.parts[0], among, on, F.col("layer") != BASE)

    def net(
        self,
        version: Version,
        among: DataFrame | None = None,
        on: Sequence[str] = (),
    ) -> DataFrame:
        """The rows after all rules, as base rows with entry 1: what stood, was taken back and
        booked anew added up by content. A table of sums adds its sums up instead."""
        if not version.layered:
            return self.rows(version, among, on)
        table = version.table
        if among is not None:
            return self.net_of(self.entries_among(version, among, on), version)
        scan = self.entries(version)
        if table.additive or not self.is_large(version):
            return self.net_of(scan, version)
        moved = self.adjusted_keys(version).select(*table.key)
        reversing = [r for r in version.live if r.reversed]
        if reversing:
            reversals = self._scan(version, reversing).where(F.col(ENTRY) < 0)
            moved = frames.union([moved, reversals.select(*table.key)]).distinct()
        standing = frames.anti(scan, moved, table.key)
        summed = self.net_of(frames.semi(scan, moved, table.key), version)
        return frames.union([standing, summed.select(*standing.columns)])

    def adjusted_keys(self, version: Version, seen: Sequence[str] = ()) -> DataFrame:
        """Keys for which rows of the adjustment layer stand or stood, each once; of some columns,
        the key among them, those for which such rows change one of these."""
        rows, key = self.entries(version).where(F.col("layer") != BASE), version.table.key
        if seen:
            rows = frames.net(rows.withColumn(ENTRY, F.col(ENTRY) * F.col("sign")), seen)
        return rows.select(*key).distinct()

    def _rows(
        self,
        version: Version,
        among: DataFrame | None,
        on: Sequence[str],
        only: Column | None = None,
    ) -> DataFrame:
        table = version.table
        reversing = [r for r in version.live if r.reversed]
        if among is None:
            scan = self._scan(version, version.live)
        else:
            scan = self._among(version, among, on)
        if only is not None:
            scan = scan.where(only)
        if not reversing:
            return scan
        if among is not None or not self.is_large(version):
            return frames.net(scan, table.content)
        moved = (
            self._scan(version, reversing)
            .where(F.col(ENTRY) < 0)
            .select(*table.ledger_key)
            .distinct()
        )
        standing = frames.anti(scan, moved, table.ledger_key)
        summed = frames.net(frames.semi(scan, moved, table.ledger_key), table.content)
        return frames.union([standing, summed])

    def find(
        self,
        version: Version,
        among: DataFrame,
        on: Sequence[str],
        store: Callable[[DataFrame], DataFrame],
    ) -> DataFrame:
        """``rows`` of some keys, stored; those of a large table are remembered for the run."""
        if self.recall is None or not self.is_large(version):
            return store(self.rows(version, among, on))
        rows = []
        for part in _with_rows(version):
            found = self._rows(part, among, on)
            large = self.is_large(part)
            rows.append(self.recall.keep(part, on, found, among) if large else store(found))
        return frames.union(rows)

    def keep(
        self,
        version: Version,
        rows: DataFrame,
        on: Sequence[str] = (),
        among: DataFrame | None = None,
    ) -> DataFrame:
        """All rows that stand in a table alone for some keys, by default for the table's own keys
        of these rows; those of a large one are stored, and remembered for the run."""
        if self.recall is None or not self.is_large(version):
            return rows
        return self.recall.keep(version.parts[0], on or version.table.key, rows, among)

    def _among(self, part: Version, among: DataFrame, on: Sequence[str]) -> DataFrame:
        """Entries of a table alone that add up to its rows of some keys."""

        def look(revisions: Sequence[Revision], keys: DataFrame) -> DataFrame:
            return self.among(self._scan(part, revisions), part, keys, on)

        known = None
        if self.recall is not None and self.is_large(part):
            known = self.recall.entries(part, among, on, look)
        return look(part.live, among) if known is None else known

    def among(
        self,
        scan: DataFrame,
        version: Version,
        among: DataFrame,
        on: Sequence[str],
    ) -> DataFrame:
        """The entries of a version whose columns ``on`` stand in a frame; those of a large one are
        found by the column that tells most apart."""
        first = version.table.most_selective(on) if self.is_large(version) else None
        return frames.semi(scan, among, on, first=first)

    def is_large(self, version: Version) -> bool:
        """Whether a plan that reads less of a version pays for itself."""
        return version.standing_of_all > self.many

    def net_of(self, entries: DataFrame, version: Version) -> DataFrame:
        """``net`` of entries at hand, all those of their keys: a small part of the table."""
        table = version.table
        if not version.layered:
            return entries
        if not table.additive:
            return _netted(entries, table)
        up = F.col(ENTRY) == F.col("sign")
        by = [c for c in table.column_names if c not in table.additive]
        return (
            entries.groupBy(*by)
            .agg(*(_added_up(table, c, up).alias(c) for c in table.additive))
            .where(F.col("n") > 0)
            .select(*frames.base_columns(), *table.column_names)
        )

    def lookup(
        self, lookup: Lookup, version: Version, *, net: bool = False, among: DataFrame | None = None
    ) -> DataFrame:
        """A lookup's key columns and the columns taken, the latter under their joined names.

        Before any rule, or with ``net`` after all. Then a column ``__adjusted`` is true where rules
        have changed what is taken, or left no row; it says nothing where only the keys
        ``among`` a frame are asked for. Before any rule those matter where many rows stand: some of
        them taken back, which are told apart only where all are asked for, or found by two keys.
        """
        key = lookup.table.key
        names = joined_key(lookup)
        named = [F.col(k).alias(name) for k, name in zip(key, names, strict=True)]
        taken = [F.col(c).alias(lookup.prefix + c) for c in lookup.take]
        if not net or not version.layered:
            taken_back = any(r.reversed for r in version.live)
            if not self.is_large(version) or (len(key) == 1 and not taken_back):
                among = None
            found = self.base(version, among, key).select(*named, *taken)
            return found.withColumn(ADJUSTED, F.lit(False)) if net else found
        if among is not None:
            found = self.net(version, among, key).select(*named, *taken)
            return found.withColumn(ADJUSTED, F.lit(False))
        if not lookup.table.additive and not self.is_large(version):
            return self._lookup_whole(lookup, version)
        adjusted = self.adjusted_keys(version, lookup.seen)
        after = self.net(version, among=adjusted, on=key)
        renamed = after.select(*named, *taken)
        touched = frames.attach(adjusted.select(*named), renamed, names, names, "left")
        untouched = frames.anti(self.base(version), adjusted, key).select(*named, *taken)
        both = ((touched, True), (untouched, False))
        return frames.union([frame.withColumn(ADJUSTED, F.lit(of)) for frame, of in both])

    def _lookup_whole(self, lookup: Lookup, version: Version) -> DataFrame:
        """``lookup`` after all rules by adding up all entries of a table: to plan how to read less
        of it takes an engine longer where it is not large."""
        added_up = frames.before_and_after(self.entries(version), lookup.seen)
        changed = F.when(F.col("__before") != F.col("__after"), 1).otherwise(0)
        names = zip(lookup.table.key, joined_key(lookup), strict=True)
        return added_up.groupBy(*(F.col(k).alias(name) for k, name in names)).agg(
            *(
                F.max(F.when(F.col("__after") > 0, F.col(c))).alias(lookup.prefix + c)
                for c in lookup.take
            ),
            (F.max(changed) == 1).alias(ADJUSTED),
        )


def joined_key(lookup: Lookup) -> list[str]:
    """The names under which a lookup's key columns are joined: a driving row may have its own."""
    return [f"__key_{k}" for k in lookup.table.key]


def _with_rows(version: Version) -> tuple[Version, ...]:
    """The parts of a table in which rows stand or stood; a plan need not look into the others."""
    own, *_ = version.parts
    return tuple(part for part in version.parts if part.live) or (own,)


def _netted(entries: DataFrame, table: Table) -> DataFrame:
    return (
        entries.groupBy(*table.column_names)
        .agg(F.sum(F.col(ENTRY) * F.col("sign")).alias("__net"))
        .where(F.col("__net") > 0)
        .select(*frames.base_columns(), *table.column_names)
    )


def _added_up(table: Table, name: str, up: Column) -> Column:
    """A signed sum, by CASE: the engines type products of decimals and integers differently."""
    signed = F.when(up, F.col(name)).otherwise(-F.col(name))
    if table.type_of(name) is ColumnType.MONEY:
        return total(signed)
    return F.sum(signed).cast(table.type_of(name).value)

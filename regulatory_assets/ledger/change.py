"""The change of a stage's output that follows from the changes of its inputs.

One formula for every row stage f, as a multiset of entries, with D the driving table and L1..Ln
the lookups::

    f(D', L') - f(D, L) = f(D' - D; L)  +  sum over i of  f(D'; L1 .. Li' - Li .. Ln')

where the lookups before the i-th are the old ones and those after it the new ones. A lookup that
did not move contributes nothing, so when only the driving table moved nothing is scanned. The
difference Li' - Li holds two entries for each moved key (as it is, as it was; nulls where the key
is absent), so the rows it hits are found by one join.

Group stages are recomputed for the groups a change reaches, aggregates add the change up. Nothing
here writes or knows the register.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.stages import Lookup, Stage, StageKind
from regulatory_assets.ledger.table import BASE

DAY = "reporting_date"


@dataclass(frozen=True)
class Move:
    """An input as a stage consumed it last, and as it stands now."""

    old: Version
    new: Version

    @property
    def revised(self) -> bool:
        """Whether there is a revision the stage has not taken note of."""
        return self.old.revision != self.new.revision

    @property
    def changed(self) -> bool:
        """Whether rows may differ; a snapshot or an empty revision changes none."""
        return bool(self.new.since(self.old.revision))


@dataclass(frozen=True)
class Calculation:
    """A stage with the versions of its inputs, its parameters and its own last version."""

    stage: Stage
    moves: dict[str, Move]
    previous: Version
    parameters: Any
    reader: Reader
    store: Callable[[DataFrame], DataFrame]
    """Writes a frame aside and reads it back; see ``Lake.scratch``."""
    other_days: tuple[Move, ...] = ()

    # -- the two ways ---------------------------------------------------------------------------

    def full(self) -> DataFrame:
        """The whole output, each row with entry 1, from the inputs as they stand."""
        stage = self.stage
        driving = self.moves[stage.reads.name].new
        if stage.kind is StageKind.AGGREGATE:
            return self._aggregate_rows(self._sums(self.reader.entries(driving)))
        return self._apply(self._join(self._members(), self._all))

    def change(self) -> DataFrame:
        """The entries that take the previous output to the new one, equal pairs cancelled."""
        kind = self.stage.kind
        if kind is StageKind.ROW:
            return self._row_change()
        if kind is StageKind.AGGREGATE:
            return self._aggregate_change()
        return self._group_change()

    # -- row stages -----------------------------------------------------------------------------

    def _row_change(self) -> DataFrame:
        stage, reader = self.stage, self.reader
        driving = self.moves[stage.reads.name]
        terms: list[DataFrame] = []
        if driving.changed:
            moved = reader.changes(driving.new, driving.old.revision)
            terms.append(self._join(moved, self._all, old=self._all))
        for place, lookup in enumerate(stage.lookups):
            if not self.moves[lookup.table.name].changed:
                continue
            terms.append(self._hit(place))
        columns = self._joined_columns()
        return frames.net(
            self._apply(frames.union([t.select(*columns) for t in terms])), stage.writes.content
        )

    def _lookup_change(self, lookup: Lookup) -> DataFrame:
        """Two entries for each moved key of a lookup: +1 with the new columns, -1 with the old."""
        move = self.moves[lookup.table.name]
        key = lookup.table.key
        keys = self._moved_keys(lookup)
        named = [f"__key_{k}" for k in key]

        def side(version: Version, entry: int) -> DataFrame:
            found = self.reader.rows(version, among=keys, on=key).select(
                *(F.col(k).alias(n) for k, n in zip(key, named, strict=True)),
                *(F.col(c).alias(lookup.prefix + c) for c in lookup.take),
            )
            moved = keys.withColumnsRenamed(dict(zip(key, named, strict=True)))
            return frames.attach(moved, found, named, named, "left").select(
                F.lit(entry).alias("__lookup_entry"),
                *named,
                *(lookup.prefix + c for c in lookup.take),
            )

        return side(move.new, 1).unionAll(side(move.old, -1))

    def _moved_keys(self, lookup: Lookup) -> DataFrame:
        """Keys of a lookup whose taken columns differ between the old and the new version."""
        move = self.moves[lookup.table.name]
        seen = (*lookup.table.key, *(c for c in lookup.take if c not in lookup.table.key))
        changes = self.reader.changes(move.new, move.old.revision)
        return frames.net(changes, seen).select(*lookup.table.key).distinct()

    def _hit(self, place: int) -> DataFrame:
        """The term of one moved lookup: driving rows that meet a moved key, signed by its side.

        The rows are found before other lookups are joined, save those that supply its key.
        """
        lookup = self.stage.lookups[place]
        first = self._supplying(place)
        before = tuple(i for i in self._all if i < place)
        driving = self.reader.rows(self.moves[self.stage.reads.name].new)
        rows = self._join(driving, first, old=before)
        named = [f"__key_{k}" for k in lookup.table.key]
        hit = frames.attach(rows, self._lookup_change(lookup), lookup.by, named, "inner")
        signed = hit.withColumn(ENTRY, F.col(ENTRY) * F.col("__lookup_entry"))
        rest = tuple(i for i in self._all if i != place and i not in first)
        return self._join(signed, rest, old=before)

    # -- group stages ---------------------------------------------------------------------------

    def _group_change(self) -> DataFrame:
        stage, reader = self.stage, self.reader
        driving = self.moves[stage.reads.name]
        reached = [
            reader.changes(move.new, move.old.revision).select(*stage.by)
            for move in (driving, *self.other_days)
            if move.changed
        ]
        for place, lookup in enumerate(stage.lookups):
            if self.moves[lookup.table.name].changed:
                rows = self._join(reader.rows(driving.new), self._supplying(place))
                hit = frames.semi(rows, self._moved_keys(lookup), lookup.by, lookup.table.key)
                reached.append(hit.select(*stage.by))
        groups = frames.union(reached).distinct()
        members = self._members(groups)
        if stage.kind is StageKind.GROUP:
            # A function may look at its rows several times, and each look would scan the table.
            members = self.store(members)
        new = self._apply(self._join(members, self._all))
        old = reader.rows(self.previous, among=groups, on=stage.by)
        content = stage.writes.content
        both = [new.select(ENTRY, *content), frames.negative(old).select(ENTRY, *content)]
        return frames.net(frames.union(both), content)

    def _members(self, groups: DataFrame | None = None) -> DataFrame:
        """The driving rows, all or those of some groups; over several days with their day."""
        stage = self.stage
        versions = [self.moves[stage.reads.name].new, *(m.new for m in self.other_days)]
        rows = [self.reader.rows(v, among=groups, on=stage.by) for v in versions]
        if stage.days is None:
            return rows[0]
        dated = zip(rows, versions, strict=True)
        return frames.union([r.withColumn(DAY, F.lit(v.day)) for r, v in dated])

    # -- aggregates -----------------------------------------------------------------------------

    def _aggregate_change(self) -> DataFrame:
        stage, reader = self.stage, self.reader
        driving = self.moves[stage.reads.name]
        change = self._sums(reader.changes(driving.new, driving.old.revision))
        key = (*stage.by, "layer", "rule_id")
        old = reader.rows(self.previous, among=change, on=key)
        content = stage.writes.content
        measures = (*stage.sums, "n_rows", "n")
        added = (
            frames.union([change.select(*key, *measures), old.select(*key, *measures)])
            .groupBy(*key)
            .agg(
                *(total(F.col(c)).alias(c) for c in stage.sums),
                *(F.sum(c).cast("bigint").alias(c) for c in ("n_rows", "n")),
            )
        )
        new = self._aggregate_rows(added)
        both = [new.select(ENTRY, *content), frames.negative(old).select(ENTRY, *content)]
        return frames.net(frames.union(both), content)

    def _sums(self, entries: DataFrame) -> DataFrame:
        """Signed sums and counts by group. Signs are applied by CASE: products of decimals and
        integers are typed differently by the engines."""
        signed = F.col(ENTRY) * F.col("sign")

        def amount(name: str) -> Column:
            return F.when(signed > 0, F.col(name)).otherwise(-F.col(name))

        return entries.groupBy(*self.stage.by, "layer", "rule_id").agg(
            *(total(amount(c)).alias(c) for c in self.stage.sums),
            F.sum(ENTRY).cast("bigint").alias("n_rows"),
            F.sum(signed).cast("bigint").alias("n"),
        )

    def _aggregate_rows(self, sums: DataFrame) -> DataFrame:
        """One ledger row for each group that has ledger rows."""
        return (
            sums.where(F.col("n_rows") > 0)
            .withColumns({ENTRY: F.lit(1), "sign": F.lit(1)})
            .select(ENTRY, *self.stage.writes.content)
        )

    # -- joining lookups and applying the function ----------------------------------------------

    @property
    def _all(self) -> tuple[int, ...]:
        return tuple(range(len(self.stage.lookups)))

    def _supplying(self, place: int) -> tuple[int, ...]:
        """The places of the lookups that bring the key columns of the lookup at a place."""
        needed = set(self.stage.lookups[place].by)
        found: list[int] = []
        for other in reversed(range(place)):
            lookup = self.stage.lookups[other]
            if needed & {lookup.prefix + c for c in lookup.take}:
                found.append(other)
                needed |= set(lookup.by)
        return tuple(reversed(found))

    def _join(self, rows: DataFrame, places: Sequence[int], old: Sequence[int] = ()) -> DataFrame:
        """Join the lookups at some places, at their new version save those named as old."""
        for place in places:
            lookup = self.stage.lookups[place]
            move = self.moves[lookup.table.name]
            version = move.old if place in old else move.new
            named = [f"__key_{k}" for k in lookup.table.key]
            rows = frames.attach(
                rows, self.reader.lookup(lookup, version), lookup.by, named, "left"
            )
        return rows

    def _joined_columns(self) -> list[str]:
        stage = self.stage
        taken = [lookup.prefix + c for lookup in stage.lookups for c in lookup.take]
        day = [DAY] if stage.days is not None else []
        return [ENTRY, *stage.reads.content, *taken, *day]

    def _apply(self, rows: DataFrame) -> DataFrame:
        """The stage's function on joined rows; the result has entry and the written content."""
        stage = self.stage
        function: Any = stage.function
        if stage.kind is StageKind.REPORT:
            return self._report(rows)
        result: DataFrame = function(rows, self.parameters)
        if stage.kind is StageKind.GROUP:
            result = result.withColumns(
                {
                    ENTRY: F.lit(1),
                    "layer": F.lit(BASE),
                    "sign": F.lit(1),
                    "rule_id": F.lit(None).cast("string"),
                }
            )
        return result.select(
            F.col(ENTRY),
            *(F.col(c).cast(stage.writes.type_of(c).value).alias(c) for c in stage.writes.content),
        )

    def _report(self, rows: DataFrame) -> DataFrame:
        """Groups as Python values: the driving table is bounded, so its rows may be fetched."""
        stage = self.stage
        function: Any = stage.function
        members = rows.select(*self._joined_columns()).toArrow().to_pylist()

        def group(row: Mapping[str, Any]) -> tuple[str, ...]:
            return tuple(repr(row[c]) for c in stage.by)

        members.sort(
            key=lambda row: (
                group(row),
                str(row.get(DAY)),
                tuple(repr(row[k]) for k in stage.reads.key),
            )
        )
        results: list[dict[str, Any]] = []
        for values, of_group in groupby(members, key=group):
            for result in function(list(of_group), self.parameters):
                if group(result) != values:
                    raise ValueError(
                        f"stage {stage.name}: the group {values} gave a row of {group(result)}; "
                        f"a row must carry its group's {stage.by}, or it is never found again"
                    )
                results.append({ENTRY: 1, "layer": BASE, "sign": 1, "rule_id": None, **result})
        return self._frame(results)

    def _frame(self, rows: Sequence[dict[str, Any]]) -> DataFrame:
        table = self.stage.writes
        columns = (ENTRY, *table.content)
        schema = pa.schema([pa.field(c, table.type_of(c).arrow) for c in columns])
        session = self.reader.lake.session
        if not rows:  # a Connect session cannot tell the columns of an empty Arrow table
            return session.createDataFrame([], from_arrow_schema(schema))
        return session.createDataFrame(pa.Table.from_pylist([dict(r) for r in rows], schema=schema))

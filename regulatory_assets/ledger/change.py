"""The change of a stage's output that follows from the changes of its inputs.

One formula for every row stage f, as a multiset of entries, with D the driving table and L1..Ln
the lookups::

    f(D', L') - f(D, L) = f(H; L')  +  f(D' - D - H; L)

where H are the rows of D' that name a moved key of any lookup, and perhaps others: for these the
lookups are what they were, and their two results cancel. Where none moved, H is empty and nothing
is scanned. The two sides differ in the lookups alone, so both are planned by as many joins as the
stage has lookups, however many move.

Group stages are recomputed for the groups a change reaches, aggregates add the change up. Rows of
all layers go through f with the lookups as they are before any rule; what rules on lookups change
stands in ``adjusted``. Nothing here writes or knows the register.
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

from regulatory_assets.ledger import adjusted, allocated, frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.joining import DAY, Joining
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.stages import COUNTS, LEDGER_ROWS, MovedValues, StageKind
from regulatory_assets.ledger.table import BASE


@dataclass(frozen=True)
class Calculation(Joining):
    """The two ways to a stage's output: all of it, or what changed."""

    def full(self, keys: DataFrame | None = None) -> DataFrame:
        """The output, each row with entry 1, from the inputs as they stand; the whole one, or that
        of some driving keys of a row stage, of some groups of a group stage."""
        match self.stage.kind:
            case StageKind.ROW:
                return self._row_output(keys)
            case StageKind.AGGREGATE:
                versions = [move.new for move in self.drives]
                entries = self.reader.entries_of(versions, self.stage.summed)
                return self._aggregate_rows(self._sums(entries))
            case StageKind.ADJUSTMENT:
                return adjusted.by_rules(self)
            case StageKind.ALLOCATION:
                return allocated.shares(self)
            case _:
                return self._group_rows(keys)

    def change(self) -> DataFrame:
        """The entries that take the previous output to the new one, equal pairs cancelled."""
        match self.stage.kind:
            case StageKind.ROW:
                return self._row_change()
            case StageKind.AGGREGATE:
                return self._aggregate_change()
            case StageKind.ADJUSTMENT:
                return adjusted.change_by_rules(self)
            case StageKind.ALLOCATION:
                return allocated.change(self)
            case _:
                return self._group_change()

    def using(self, values: MovedValues) -> DataFrame:
        """The driving keys of a row stage's rows that use some entries of parameters, or the groups
        of a group stage's."""
        key = self.stage.by or self.stage.reads.key
        stood, found = self.reader.rows(self.previous), []
        for cited in self.stage.cites:
            moved = values.get(cited.parameter, ())
            if moved and cited.by:
                entries = [dict(zip(cited.by, entry, strict=True)) for entry in sorted(moved)]
                schema = pa.schema([pa.field(c, pa.string()) for c in cited.by])
                asked = pa.Table.from_pylist(entries, schema=schema)
                named = self.reader.lake.session.createDataFrame(asked)
                found.append(frames.semi(stood, named, cited.by))
            if moved and (others := cited.beside(moved)) is not None:
                found.append(stood.where(others))
        return frames.union([rows.select(*key) for rows in found]).distinct()

    # -- row stages -----------------------------------------------------------------------------

    def _row_output(self, keys: DataFrame | None) -> DataFrame:
        stage, driving = self.stage, self.driving.new
        on = () if keys is None else stage.reads.key
        rows, few = self.reader.rows(driving, keys, on), None
        if keys is not None:
            rows = few = self.store(rows)
        direct = self._apply(self.join(rows, self.all_places, few=few))
        if not self.lookups_layered:
            return direct
        early = self._with_supplying(self._layered_places)
        touched = adjusted.touched(self, self.reader.net(driving, keys, on))
        sides = [
            self.join(frames.negative(touched), early, few=touched),
            self.join_net(touched, early, few=touched),
        ]
        made = self._apply(self._joined_rest(sides, early, touched))
        signed = adjusted.as_signs(stage, frames.net(made, stage.writes.content))
        return frames.union([direct, signed])

    def _row_change(self) -> DataFrame:
        stage, driving = self.stage, self.driving
        content, columns = stage.writes.content, self.joined_columns()
        keys = rows = None
        if self.lookups_layered:  # all that follows looks at the same few rows: one scan for all
            keys = adjusted.keys_of_lookups(self)
            rows = self.store(self.reader.rows(driving.new, among=keys, on=stage.reads.key))
        made = frames.net(self._applied(self._joined_by_change(rows).select(*columns)), content)
        if keys is None:
            return made
        old = frames.negative(adjusted.stood_by_lookups(self, keys)).select(ENTRY, *content)
        return frames.net(frames.union([adjusted.as_signs(stage, made), old]), content)

    def _applied(self, joined: DataFrame) -> DataFrame:
        """The function's result for a few rows. Planning it is what a small change costs: rows are
        stored before and after, since the engine takes longer by half to plan it with joins before
        it, and again with what follows."""
        return self.store(self._apply(self.store(joined)))

    def _joined_by_change(self, few: DataFrame | None) -> DataFrame:
        """The rows of the formula before the function: driving rows with all their lookups.

        Only lookups that moved or that rules changed, and those that supply their keys, are joined
        as they are, as they were and as rules leave them; the others are the same for all, and
        joined at once. ``few`` are the rows that a move reaches where rules have changed lookups;
        these are taken as hit, since to tell which are takes longer.
        """
        moved, driving = self._moved_places, self.driving
        early = self._with_supplying([*moved, *self._layered_places])
        are: list[DataFrame] = []
        were: list[DataFrame] = []
        sides: list[DataFrame] = []
        if driving.changed:
            were.append(self.reader.changes(driving.new, driving.old))
        if moved:
            are.append(self._hit(moved) if few is None else few)
            were.append(frames.negative(are[0]))
        if len(were) > 1:  # what has moved and is hit is in both
            were = [self.store(frames.net(self._rows(were), self.stage.reads.content))]
        if few is not None:
            touched = adjusted.touched(self, self.reader.net_of(few, driving.new))
            are.append(frames.negative(touched))
            sides.append(self.join_net(touched, early, few=touched))
        if are:
            rows = self._rows(are)
            sides.append(self.join(rows, early, few=rows))
        if were:
            sides.append(self._as_it_was(self._rows(were), early))
        return self._joined_rest(sides, early, self._rows([*are, *were]))

    def _rows(self, driving: Sequence[DataFrame]) -> DataFrame:
        """Driving rows of several frames."""
        return frames.union([rows.select(ENTRY, *self.stage.reads.content) for rows in driving])

    def _as_it_was(self, rows: DataFrame, early: Sequence[int]) -> DataFrame:
        """Driving rows with some lookups as they were: what moved of the rows, and what of the
        formula is taken back of those that a moved lookup hits."""
        return self.join(rows, early, old=early, few=rows)

    def _joined_rest(
        self, sides: Sequence[DataFrame], early: Sequence[int], few: DataFrame
    ) -> DataFrame:
        """The rows of several sides, which have some lookups, with all others."""
        columns = self.joined_columns(early)
        together = frames.union([side.select(*columns) for side in sides])
        return self.join(together, [i for i in self.all_places if i not in early], few=few)

    def _hit(self, moved: Sequence[int]) -> DataFrame:
        """The driving rows that name a moved key of any lookup, each once.

        A row whose lookup is named by what another one supplies is looked for with that as it is
        now: where it has moved, the row is hit by it.
        """
        new = self.driving.new
        named, supplied = self._named_by(moved)
        found = [
            self.reader.find(new, self.store(keys), by, self.store) for by, keys in named.items()
        ]
        for place in supplied:
            lookup = self.stage.lookups[place]
            joined = self.join(self.reader.rows(new), self.supplying(place))
            hit = frames.semi(joined, self._moved_keys(lookup), lookup.by, lookup.table.key)
            found.append(self.store(self._rows([hit])))
        return self._each_once(found)

    def _each_once(self, found: Sequence[DataFrame]) -> DataFrame:
        """Driving rows found by several ways, set aside."""
        rows = self._rows(found)
        return rows if len(found) == 1 else self.store(rows.distinct())

    # -- group stages ---------------------------------------------------------------------------

    def _group_change(self) -> DataFrame:
        stage, content = self.stage, self.stage.writes.content
        groups = None  # the whole table is one
        if stage.by:
            groups = frames.union(self.reached(stage.by)).distinct()
            if self.layered or self.reader.is_large(self.driving.new):  # looked at several times
                groups = self.store(groups)
        if self.layered and not self.moved_before_rules:
            new, old = self._by_rules(groups)
        else:
            new, old = self._group_rows(groups), self._stood(groups)
        both = [new.select(ENTRY, *content), frames.negative(old).select(ENTRY, *content)]
        return frames.net(frames.union(both), content)

    def _group_rows(self, groups: DataFrame | None = None) -> DataFrame:
        """The results of all groups or of some, in all layers."""
        if not self.layered:
            return self._apply(self.join(self._members(groups), self.all_places))
        return frames.union([*self._group_results(groups)])

    def _group_results(self, groups: DataFrame | None) -> tuple[DataFrame, DataFrame]:
        """The results of all groups or of some before any rule, and what all rules change."""
        if groups is not None:
            members = self._members(groups)
            before = of_groups = self._before_rules(members.where(F.col("layer") == BASE))
        else:
            members, groups = None, adjusted.groups(self) if self.stage.by else None
            before = of_groups = self._before_rules(self._of_days(self.reader.base))
            if groups is not None:
                of_groups = frames.semi(before, groups, self.stage.by)
        return before, adjusted.pairs(self.stage, of_groups, self._after_rules(members, groups))

    def _by_rules(self, groups: DataFrame | None) -> tuple[DataFrame, DataFrame]:
        """What all rules change in some groups, and what they had changed, where nothing else has
        moved that the stage reads: the results before any rule are the rows that stand.

        Those of a large table are calculated, which takes less than looking for them, from members
        that are at hand; who reads the table next asks for them.
        """
        reader, by, previous = self.reader, self.stage.by, self.previous
        old = reader.adjustments(previous, groups, by)
        if groups is not None and reader.is_large(previous):
            before, new = self._group_results(groups)
            reader.keep(previous, frames.union([before, old]), by, groups)
            return new, old
        members = None if groups is None else self._members(groups)
        before = reader.base(previous, groups, by)
        return adjusted.pairs(self.stage, before, self._after_rules(members, groups)), old

    def _after_rules(self, members: DataFrame | None, groups: DataFrame | None) -> DataFrame:
        """The results of all groups or of some after all rules."""
        return self._apply(self.join_net(self._net_of(members, groups), self.all_places))

    def _before_rules(self, members: DataFrame) -> DataFrame:
        """Results before any rule; they are looked at twice, as what stands and as what rules take
        back, so those that the engine calculates are stored."""
        results = self._apply(self.join(members, self.all_places))
        return results if self.stage.kind is StageKind.REPORT else self.store(results)

    def _stood(self, groups: DataFrame | None) -> DataFrame:
        """The previous rows of all groups or of some; who reads them next asks for the same."""
        reader, by = self.reader, self.stage.by
        if groups is None or not reader.is_large(self.previous):
            return reader.rows(self.previous, groups, by)
        return reader.find(self.previous, groups, by, self.store)

    def _members(self, groups: DataFrame | None) -> DataFrame:
        """The driving rows of all layers, all or those of some groups; over several days with
        their day.

        Those of some groups are stored: a function may look at its rows several times, and each
        look would scan the table.
        """
        if groups is None or self.stage.kind is StageKind.REPORT:
            by = self.stage.by
            return self._of_days(lambda v: self.reader.rows(v, groups, by))
        return self._of_days(lambda v: self.reader.find(v, groups, self.stage.by, self.store))

    def _net_of(self, members: DataFrame | None, groups: DataFrame | None) -> DataFrame:
        if members is None or self.stage.days is not None:
            by = self.stage.by
            return self._of_days(lambda v: self.reader.net(v, groups, by))
        return self.reader.net_of(members, self.driving.new)

    def _of_days(self, read: Callable[[Version], DataFrame]) -> DataFrame:
        """What is read of the driving table, on the stage's day and the others it reads."""
        versions = [self.driving.new, *(m.new for m in self.other_days)]
        rows = [self.counted(read(v)) for v in versions]
        if self.stage.days is not None:
            dated = zip(rows, versions, strict=True)
            rows = [r.withColumn(DAY, F.lit(v.day)) for r, v in dated]
        return frames.union(rows)

    # -- aggregates -----------------------------------------------------------------------------

    def _aggregate_change(self) -> DataFrame:
        stage, reader = self.stage, self.reader
        moved = [reader.changes(m.new, m.old) for m in self.drives if m.changed]
        change = self._sums(frames.union([rows.select(*stage.summed) for rows in moved]))
        key = (*stage.by, "layer", "rule_id")
        old = reader.rows(self.previous, among=change, on=key)
        content = stage.writes.content
        measures = (*stage.sums, *COUNTS)
        added = (
            frames.union([change.select(*key, *measures), old.select(*key, *measures)])
            .groupBy(*key)
            .agg(
                *(total(F.col(c)).alias(c) for c in stage.sums),
                *(F.sum(c).cast("bigint").alias(c) for c in COUNTS),
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
            F.sum(ENTRY).cast("bigint").alias(LEDGER_ROWS),
            F.sum(signed).cast("bigint").alias("n"),
        )

    def _aggregate_rows(self, sums: DataFrame) -> DataFrame:
        """One ledger row for each group that has ledger rows."""
        return (
            sums.where(F.col(LEDGER_ROWS) > 0)
            .withColumns({ENTRY: F.lit(1), "sign": F.lit(1)})
            .select(ENTRY, *self.stage.writes.content)
        )

    # -- applying the function ------------------------------------------------------------------

    def _apply(self, rows: DataFrame) -> DataFrame:
        """The stage's function on joined rows; the result has entry and the written content."""
        stage = self.stage
        function: Any = stage.function
        if stage.kind is StageKind.REPORT:
            return self._report(rows)
        result: DataFrame = function(rows, self.parameters)
        if stage.kind is StageKind.GROUP:
            result = result.select(*frames.base_columns(), *stage.writes.column_names)
        return result.select(
            F.col(ENTRY),
            *(F.col(c).cast(stage.writes.type_of(c).value).alias(c) for c in stage.writes.content),
        )

    def _report(self, rows: DataFrame) -> DataFrame:
        """Groups as Python values: the driving table is bounded, so its rows may be fetched."""
        stage = self.stage
        function: Any = stage.function
        members = frames.values(rows.select(*self.joined_columns()))

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
        return self.frame(results)

    def frame(self, rows: Sequence[dict[str, Any]]) -> DataFrame:
        """Entries of the written table, given as Python values."""
        table = self.stage.writes
        columns = (ENTRY, *table.content)
        schema = pa.schema([pa.field(c, table.type_of(c).arrow) for c in columns])
        session = self.reader.lake.session
        if not rows:  # a Connect session cannot tell the columns of an empty Arrow table
            return session.createDataFrame([], from_arrow_schema(schema))
        return session.createDataFrame(pa.Table.from_pylist([dict(r) for r in rows], schema=schema))

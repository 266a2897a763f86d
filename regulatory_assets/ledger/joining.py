"""A stage with the versions of its inputs: joining its lookups, finding whom a moved one reaches.

What a stage does with the joined rows, and how its output changes, stands in ``change`` and
``adjusted``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.reader import ADJUSTED, Reader, Version, joined_key
from regulatory_assets.ledger.rules import NoRules, RuleSet
from regulatory_assets.ledger.stages import Lookup, Stage
from regulatory_assets.ledger.table import BASE

DAY = "reporting_date"

TOUCHED = "__touched"
"""In rows joined with lookups as adjusted: whether rules have changed one of them."""


@dataclass(frozen=True)
class Move:
    """An input as a stage consumed it last, and as it stands now."""

    old: Version
    new: Version

    @property
    def revised(self) -> bool:
        """Whether there is a revision the stage has not taken note of; of a snapshot none needs."""
        return any(was.stated != now.stated for was, now in self._parts)

    @property
    def changed(self) -> bool:
        """Whether rows may differ; a snapshot or an empty revision changes none."""
        return bool(self.changed_tables)

    @property
    def changed_tables(self) -> tuple[str, ...]:
        """The input, what adjusts it, or both: those whose rows may differ."""
        return tuple(now.table.name for was, now in self._parts if now.since(was.revision))

    def changed_but_by(self, postings: Collection[str]) -> bool:
        """Whether rows before any rule may differ. What adjusts the table holds none, and some
        postings of the table itself are known to hold none."""
        was, now = self._parts[0]
        return any(r.posting not in postings for r in now.since(was.revision))

    @property
    def entries(self) -> int:
        """How many entries were posted to it since, by the register's counts."""
        posted = (r for was, now in self._parts for r in now.since(was.revision))
        return sum(r.booked + r.reversed for r in posted)

    @property
    def _parts(self) -> tuple[tuple[Version, Version], ...]:
        return tuple(zip(self.old.parts, self.new.parts, strict=True))


@dataclass(frozen=True)
class Joining:
    """A stage with the versions of its inputs, its parameters, its rules and its last version."""

    stage: Stage
    moves: dict[str, Move]
    previous: Version
    parameters: Any
    reader: Reader
    store: Callable[[DataFrame], DataFrame]
    """Writes a frame aside and reads it back; see ``lake.Scratch``."""
    other_days: tuple[Move, ...] = ()
    rules: RuleSet = field(default_factory=NoRules)
    changed_rules: frozenset[str] = frozenset()

    @property
    def driving(self) -> Move:
        return self.moves[self.stage.reads.name]

    @property
    def drives(self) -> tuple[Move, ...]:
        """The driving table, and those that an aggregate adds up with it."""
        return tuple(self.moves[table.name] for table in self.stage.drives)

    @property
    def lookups_layered(self) -> bool:
        """Whether rules may have changed what the stage looks up."""
        return any(self.moves[lookup.table.name].new.layered for lookup in self.stage.lookups)

    @property
    def layered(self) -> bool:
        """Whether rules may have changed anything the stage reads."""
        days = (self.driving, *self.other_days)
        return self.lookups_layered or any(move.new.layered for move in days)

    @property
    def moved_before_rules(self) -> bool:
        """Whether rows before any rule may have moved in what the stage reads."""
        read = (*self.moves.values(), *self.other_days)
        return any(move.changed_but_by(self._postings_of_rules) for move in read)

    @property
    def _postings_of_rules(self) -> Collection[str]:
        """Postings in which only rules have moved anything, as far as that is known."""
        return self.reader.recall.by_rules if self.reader.recall else ()

    def counted(self, rows: DataFrame) -> DataFrame:
        """Those driving rows that the stage looks at."""
        return rows if self.stage.only is None else rows.where(self.stage.only())

    @property
    def all_places(self) -> tuple[int, ...]:
        """The places of all lookups, in the order in which they are declared."""
        return tuple(range(len(self.stage.lookups)))

    def supplying(self, place: int) -> tuple[int, ...]:
        """The places of the lookups that bring the key columns of the lookup at a place."""
        needed = set(self.stage.lookups[place].by)
        found: list[int] = []
        for other in reversed(range(place)):
            lookup = self.stage.lookups[other]
            if needed & {lookup.prefix + c for c in lookup.take}:
                found.append(other)
                needed |= set(lookup.by)
        return tuple(reversed(found))

    def _with_supplying(self, places: Sequence[int]) -> tuple[int, ...]:
        """Some places and those of the lookups that bring their key columns, in order."""
        return tuple(sorted({*places, *(p for i in places for p in self.supplying(i))}))

    @property
    def _layered_places(self) -> list[int]:
        """The places of the lookups in which rules may have changed rows."""
        return [i for i in self.all_places if self._version(i).layered]

    def join(
        self,
        rows: DataFrame,
        places: Sequence[int],
        old: Sequence[int] = (),
        few: DataFrame | None = None,
    ) -> DataFrame:
        """Join the lookups at some places as they are before any rule, those named as old as they
        were consumed last. ``few`` are the driving rows where these are not many."""
        attached = _Attached(rows)
        for place in places:
            lookup = self.stage.lookups[place]
            move = self.moves[lookup.table.name]
            version = move.old if place in old else move.new
            found = None
            if not version.empty:
                found = self.reader.lookup(lookup, version, among=self._asked(lookup, few))
            attached = attached.with_found(lookup, found)
        return attached.rows()

    def _asked(self, lookup: Lookup, few: DataFrame | None) -> DataFrame | None:
        """The keys of a lookup that a few driving rows name; None where they do not themselves."""
        if few is None or not set(lookup.by) <= set(self.stage.reads.column_names):
            return None
        return frames.named(few, lookup.by, lookup.table.key).distinct()

    def join_net(
        self, rows: DataFrame, places: Sequence[int], few: DataFrame | None = None
    ) -> DataFrame:
        """Join the lookups at some places as they are after all rules, with ``__touched``.

        ``few`` are the driving rows where these are stored and not many: then of a lookup only the
        keys that they name are looked at, and ``__touched`` says nothing.
        """
        return self._joined_net(rows, places, few).touched()

    def _joined_net(
        self, rows: DataFrame, places: Sequence[int], few: DataFrame | None = None
    ) -> _Attached:
        attached = _Attached(rows)
        for place in places:
            lookup, version = self.stage.lookups[place], self._version(place)
            found = None
            if not version.empty:
                few_keys = self._asked(lookup, few)
                found = self.reader.lookup(lookup, version, net=version.layered, among=few_keys)
            attached = attached.with_found(lookup, found, version.layered)
        return attached

    def _moved_keys(self, lookup: Lookup, *, net: bool = False) -> DataFrame:
        """Keys of a lookup whose taken columns moved before any rule; with ``net`` also those where
        they moved after all rules."""
        move = self.moves[lookup.table.name]
        changes, layered = self.reader.changes(move.new, move.old), move.new.layered
        if net and layered:
            moved = frames.before_and_after(changes, lookup.seen)
        else:
            base = changes.where(F.col("layer") == BASE) if layered else changes
            moved = frames.net(base, lookup.seen)
        return moved.select(*lookup.table.key).distinct()

    def _named_by(
        self, places: Sequence[int], *, net: bool = False
    ) -> tuple[dict[tuple[str, ...], DataFrame], list[int]]:
        """Moved keys of the lookups at some places by the driving columns that name them; and the
        places of those that are named by what other lookups supply."""
        named: dict[tuple[str, ...], list[DataFrame]] = {}
        supplied = [place for place in places if self.supplying(place)]
        for place in (i for i in places if i not in supplied):
            lookup = self.stage.lookups[place]
            keys = self._moved_keys(lookup, net=net)
            named.setdefault(lookup.by, []).append(frames.named(keys, lookup.table.key, lookup.by))
        return {by: frames.distinct(keys) for by, keys in named.items()}, supplied

    def reached(
        self, columns: Sequence[str], places: Sequence[int] | None = None
    ) -> list[DataFrame]:
        """Columns of the driving rows that a moved input reaches, in any layer, perhaps of more.

        Of the lookups all count, or those at some places. Also of rows that stand no more, which
        would have to be told from the others, and of a change those that the stage does not look
        at: other stages do, and ask for the same keys.
        """
        reader, driving = self.reader, self.driving
        found = [
            reader.changes(move.new, move.old).select(*columns)
            for move in (driving, *self.other_days)
            if move.changed
        ]
        among = self.all_places if places is None else places
        moved = [place for place in among if self._move(place).changed]
        named, supplied = self._named_by(moved, net=self.lookups_layered)
        for by, keys in named.items():
            rows = reader.entries_among(driving.new, keys, by)
            found.append(self.counted(rows).select(*columns))
        for place in supplied:
            lookup, supplying = self.stage.lookups[place], self.supplying(place)
            rows = self.counted(reader.entries(driving.new))
            joined = self.join(rows, supplying)
            found.append(self._hitting(joined, lookup, self._moved_keys(lookup), columns))
            if self.lookups_layered:
                joined, keys = self.join_net(rows, supplying), self._moved_keys(lookup, net=True)
                found.append(self._hitting(joined, lookup, keys, columns))
        return found

    def _hitting(
        self, rows: DataFrame, lookup: Lookup, moved: DataFrame, columns: Sequence[str]
    ) -> DataFrame:
        return frames.semi(rows, moved, lookup.by, lookup.table.key).select(*columns)

    def marked(self, rows: DataFrame) -> DataFrame:
        """Rows with ``__touched``: whether rules have changed anything that they look up."""
        layered = self._layered_places
        supplying = sorted({p for i in layered for p in self.supplying(i)})
        attached = self._joined_net(rows, supplying)
        for place in (i for i in layered if i not in supplying):
            lookup = self.stage.lookups[place]
            keys = self.reader.adjusted_keys(self._version(place), lookup.seen)
            found = frames.named(keys, lookup.table.key, joined_key(lookup))
            found = found.withColumn(ADJUSTED, F.lit(True))
            attached = attached.with_found(lookup, found, layered=True)
        return attached.touched()

    @property
    def _moved_places(self) -> list[int]:
        """The places of the lookups in which rows before any rule may have moved."""
        by_rules = self._postings_of_rules
        return [i for i in self.all_places if self._move(i).changed_but_by(by_rules)]

    def _move(self, place: int) -> Move:
        return self.moves[self.stage.lookups[place].table.name]

    def _version(self, place: int) -> Version:
        return self._move(place).new

    def joined_columns(self, places: Sequence[int] | None = None) -> list[str]:
        """The columns of driving rows that have all lookups, or those at some places. An engine
        would plan a frame to say them."""
        stage = self.stage
        lookups = [stage.lookups[i] for i in (self.all_places if places is None else places)]
        taken = [lookup.prefix + c for lookup in lookups for c in lookup.take]
        day = [DAY] if stage.days is not None else []
        return [ENTRY, *stage.reads.content, *taken, *day]


@dataclass(frozen=True)
class _Attached:
    """Driving rows with what is found of their lookups, one after the other.

    What only the joins need is left out at the end and at once: for an engine every frame between
    two joins is another list of all columns to plan by.
    """

    joined: DataFrame
    left_out: tuple[str, ...] = ()
    adjusted: tuple[str, ...] = ()

    def with_found(
        self, lookup: Lookup, found: DataFrame | None, layered: bool = False
    ) -> _Attached:
        """With the rows of a lookup by its joined key, None where its table has none; ``layered``
        where these say whether rules have changed them."""
        if found is None:
            return replace(self, joined=_nothing_found(self.joined, lookup))
        place = len(self.left_out)
        names = {name: f"__{place}{name}" for name in joined_key(lookup)}
        said = {ADJUSTED: f"__{place}{ADJUSTED}"} if layered else {}
        condition = frames.equal(lookup.by, [*names.values()])
        joined = self.joined.join(found.withColumnsRenamed({**names, **said}), condition, "left")
        return _Attached(
            joined,
            (*self.left_out, *names.values(), *said.values()),
            (*self.adjusted, *said.values()),
        )

    def rows(self) -> DataFrame:
        return self.joined.drop(*self.left_out) if self.left_out else self.joined

    def touched(self) -> DataFrame:
        """The rows with ``__touched``: whether rules have changed any of what was found."""
        touched = (F.coalesce(F.col(name), F.lit(False)) for name in self.adjusted)
        rows = self.joined.withColumn(TOUCHED, reduce(or_, touched, F.lit(False)))
        return replace(self, joined=rows).rows()


def _nothing_found(rows: DataFrame, lookup: Lookup) -> DataFrame:
    """Rows joined with a table that has none; most banks deliver few of the optional ones."""
    types = {lookup.prefix + c: lookup.table.type_of(c).value for c in lookup.take}
    return rows.withColumns({name: F.lit(None).cast(type_) for name, type_ in types.items()})

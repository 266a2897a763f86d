"""A lake, a register and a runner of the toy graph, with everything a check needs to remember.

After each call the world looks at what was registered and writes down, for every new revision, the
state that the model computes from the very revisions it consumed. ``check`` then compares what the
engine reads, and what delta-rs reads without the engine, with what is written down.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql.pandas.types import from_arrow_schema

from regulatory_assets.control.database import connect
from regulatory_assets.control.register import Delivery, Register, Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import run as run_module
from regulatory_assets.ledger.compact import compact
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.fingerprint import code_fingerprint
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Table
from regulatory_assets_tests.kernel import books, books_model
from regulatory_assets_tests.kernel.books_model import Row, Sources, State

DAYS = books.DAYS
CALCULATED = (*books_model.READS, "trend")


class CrashError(Exception):
    """The process ends after the data was written and before it was registered."""


class Interrupted(Register):
    """A register whose next commits a test can interrupt."""

    before: list[Callable[[], None]]

    def commit(
        self, revisions: Sequence[Revision], delivery: Delivery | None = None
    ) -> tuple[Revision, ...]:
        waiting = getattr(self, "before", [])
        if waiting:
            waiting.pop(0)()
        return super().commit(revisions, delivery)


def versioned_fingerprint(stage: Stage, engine: str) -> str:
    """The kernel's fingerprint, and the version of the toy code."""
    return f"{code_fingerprint(stage, engine)}-{books.CODE.get(stage.name, 0)}"


@contextmanager
def toy_code() -> Iterator[None]:
    """Versions of the toy code count as code, and are put back afterwards."""
    before, fingerprint = dict(books.CODE), run_module.code_fingerprint
    run_module.code_fingerprint = versioned_fingerprint
    try:
        yield
    finally:
        run_module.code_fingerprint = fingerprint
        books.CODE.clear()
        books.CODE.update(before)


def frame(
    engine: Engine, table: Table, rows: Sequence[Row], operations: Sequence[str] | None = None
) -> Any:
    """Business rows, and the operations of a delta, as a frame."""
    fields = [pa.field(c.name, c.type.arrow) for c in table.columns]
    names = list(table.column_names)
    records = [dict(zip(names, row, strict=True)) for row in rows]
    if operations is not None:
        fields.append(pa.field("_operation", pa.string()))
        for record, operation in zip(records, operations, strict=True):
            record["_operation"] = operation
    schema = pa.schema(fields)
    if not records:
        return engine.session.createDataFrame([], from_arrow_schema(schema))
    return engine.session.createDataFrame(pa.Table.from_pylist(records, schema=schema))


def rows_of(arrow: pa.Table, table: Table) -> list[Row]:
    """Content rows, refusing a column of another type than the table's."""
    for name in table.content:
        expected, found = table.type_of(name).arrow, arrow.schema.field(name).type
        same = expected == found or (
            pa.types.is_string(expected) and pa.types.is_large_string(found)
        )
        assert same, f"{table.name}.{name} was read as {found}, not {expected}"
    columns = [arrow.column(name).to_pylist() for name in table.content]
    return list(zip(*columns, strict=True)) if columns else []


@dataclass
class World:
    """One lake with its register, and what must be in it."""

    engine: Engine
    root: Path
    url: str
    graph: Graph = books.GRAPH
    parameters: books.Parameters = field(default_factory=books.Parameters)
    brief: bool = False
    """Check with few queries, for an engine whose every query takes long."""
    expected: dict[tuple[str, date, int], State] = field(default_factory=dict)
    current: dict[date, Sources] = field(default_factory=dict)
    moments: list[tuple[datetime, dict[tuple[str, date], int]]] = field(default_factory=list)
    files: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = connect(self.url)
        self.register = Interrupted(self.database)
        self.register.before = []
        self.lake = Lake(self.root / "lake", self.engine.session)
        self.runner = self.another("first")
        self.reader = Reader(self.lake)

    @classmethod
    def fresh(cls, engine: Engine, root: Path, template: Path) -> World:
        """A new world whose database is a copy of a migrated one."""
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(template, root / "control.sqlite")
        return cls(engine, root, f"sqlite:///{root / 'control.sqlite'}")

    def close(self) -> None:
        self.database.dispose()
        shutil.rmtree(self.root / "lake", ignore_errors=True)

    def another(self, run_id: str) -> Runner:
        """A runner of its own; only the first one's commits are interrupted."""
        register = self.register if run_id == "first" else Register(self.database)
        return Runner(
            self.graph, self.lake, register, self.parameters, self.engine.identity, run_id
        )

    @property
    def settings(self) -> books_model.Settings:
        code = tuple(sorted(books.CODE.items()))
        return books_model.Settings(self.parameters.limit, self.parameters.factor, code)

    def version(self, table: str, day: date) -> Version:
        return Version.registered(self.register, self.graph.tables[table], day)

    # -- doing ----------------------------------------------------------------------------------

    def deliver(
        self,
        table: str,
        day: date,
        new: Sources,
        mode: Literal["full", "delta"],
        runner: Runner | None = None,
    ) -> Outcome:
        """Deliver what ``new`` holds of a table, whole or as changed keys."""
        described = self.graph.tables[table]
        before = self.current.get(day, Sources())
        rows = new.rows(table)
        operations: list[str] | None = None
        if mode == "delta":
            rows, operations = changed_rows(before.rows(table), rows, len(described.key))
        content = frame(self.engine, described, rows, operations)
        outcome = deliver(runner or self.runner, described, day, content, mode, "test")
        self.note_source(table, day, new)
        return outcome

    def note_source(self, table: str, day: date, new: Sources) -> None:
        """Write down what a table holds now that ``new`` of it has been delivered."""
        now = self.current.setdefault(day, Sources())
        setattr(now, table, dict(getattr(new, table)))
        self.expected[table, day, self.version(table, day).revision] = now.state(table)

    def run(self, day: date, only: Sequence[str] | None = None) -> tuple[Outcome, ...]:
        """Run stages in order; one that is not ready is left out if not all were asked for."""
        try:
            if only is None:
                return self.runner.run_day(day, "test")
            outcomes = []
            for stage in self.graph.stages:
                if stage.name in only:
                    try:
                        outcomes.append(self.runner.run_stage(stage, day, "test"))
                    except NotReady:
                        continue
            return tuple(outcomes)
        finally:
            self.note(day)

    def compact(self, table: str, day: date) -> None:
        described = self.graph.tables[table]
        compact(self.lake, self.register, described, day, "compaction", self.engine.identity)
        self.note(day)

    def note(self, day: date) -> None:
        """Write down the state of every new revision, from the revisions it consumed."""
        tables = dict.fromkeys((*self.graph.tables, *CALCULATED))
        chains = self.register.histories((name, d) for name in tables for d in DAYS)
        for name in (*(t.name for t in self.graph.sources), *CALCULATED):
            for revision in chains[name, day]:
                place = (name, day, revision.revision)
                if place in self.expected:
                    continue
                if revision.kind == "snapshot":
                    self.expected[place] = self.expected[name, day, revision.revision - 1]
                    continue
                assert name in CALCULATED, f"unknown revision {place}"
                self._assert_consistent(revision, chains)
                states = [self.expected[c.table, c.day, c.revision] for c in revision.inputs]
                if name == "trend":
                    self.expected[place] = books_model.trend(states)
                    continue
                inputs = dict(zip((c.table for c in revision.inputs), states, strict=True))
                self.expected[place] = books_model.stage(name, inputs, self.settings)
        known = {name: chains[name, day] for name in self.graph.tables}
        if any(known.values()):
            revisions = {(n, day): c[-1].revision if c else 0 for n, c in known.items()}
            self.moments.append((max(c[-1].known_at for c in known.values() if c), revisions))

    @staticmethod
    def _assert_consistent(
        revision: Revision, chains: Mapping[tuple[str, date], Sequence[Revision]]
    ) -> None:
        """Every way back to a table leads to one revision of it, or to a snapshot of that."""
        seen: dict[tuple[str, date], int] = {}
        waiting = list(revision.inputs)
        while waiting:
            consumed = waiting.pop()
            chain, stated = chains[consumed.table, consumed.day], consumed.revision
            while stated and chain[stated - 1].kind == "snapshot":
                stated -= 1
            known = seen.setdefault((consumed.table, consumed.day), stated)
            assert known == stated, (
                f"{revision.table} revision {revision.revision} saw {consumed.table} as of "
                f"{known} and {stated}"
            )
            if stated:
                waiting += chain[stated - 1].inputs

    # -- checking -------------------------------------------------------------------------------

    def check(self, day: date, random: Random) -> None:
        """Run all stages; then everything read must be what was written down."""
        self.run(day)
        tables = books_model.calculate(self.current[day], self.settings)
        lines = {d: self.version("lines", d).revision for d in DAYS if d <= day}
        tables["trend"] = books_model.trend(
            self.expected["lines", d, revision] for d, revision in lines.items() if revision
        )
        for name, state in tables.items():
            self._check_state(self.version(name, day), state, "now")
        self._check_second_run(day)
        if not self.brief:
            self._check_past(day, random)
        self._check_raw(day, random)
        self._check_files()

    def _check_state(self, version: Version, state: State, when: str) -> None:
        table = version.table
        place = f"{table.name} {version.day} revision {version.revision} ({when})"
        noted = self.expected[table.name, version.day, version.revision]
        assert noted == state, f"{place}: {books_model.difference(state, noted.elements())}"
        arrow = self.reader.rows(version).toArrow()
        entries = set(arrow.column("entry").to_pylist())
        assert entries <= {1}, f"{place}: entries {entries} were read"
        found = rows_of(arrow, table)
        assert not (wrong := books_model.difference(state, found)), f"{place}: {wrong}"
        places = [table.content.index(name) for name in table.ledger_key]
        keys = Counter(tuple(row[i] for i in places) for row in found)
        twice = [key for key, count in keys.items() if count > 1]
        assert not twice, f"{place}: keys stand twice: {twice}"

    def _check_second_run(self, day: date) -> None:
        before = {n: self.register.history(n, day) for n in self.graph.tables}
        stored = {n: self._stored_files(n) for n in self.graph.tables}
        ways = {o.table: o.way for o in self.runner.run_day(day, "again")}
        assert set(ways.values()) == {Way.NOTHING}, f"a second run did something: {ways}"
        assert before == {n: self.register.history(n, day) for n in self.graph.tables}
        assert stored == {n: self._stored_files(n) for n in self.graph.tables}

    def _check_past(self, day: date, random: Random) -> None:
        """A random past revision, what changed before it since another, and all tables as known at
        a random moment."""
        name, past_day, revision = random.choice(sorted(self.expected))
        state = self.expected[name, past_day, revision]
        version = self.version(name, past_day).until(revision)
        assert version.revision == revision
        self._check_state(version, state, "as of a revision")
        earlier = random.randint(0, revision)
        changed = Counter(state)
        changed.subtract(self.expected.get((name, past_day, earlier), Counter()))
        entries = self.reader.changes(version, version.until(earlier)).toArrow()
        assert added(entries, version.table) == Counter({r: n for r, n in changed.items() if n})
        moment, revisions = random.choice(self.moments)
        for (table, known_day), known in revisions.items():
            assert self.register.revision_at(table, known_day, moment) == known
        table, known_day = random.choice(sorted(revisions))
        if known := revisions[table, known_day]:
            version = self.version(table, known_day)
            upto = self.register.revision_at(table, known_day, moment)
            state = self.expected[table, known_day, known]
            self._check_state(version.until(upto), state, "as known at a moment")

    def _check_raw(self, day: date, random: Random) -> None:
        """The sum of the raw entries, read without the engine and without snapshots."""
        for name, table in self.graph.tables.items():
            version = self.version(name, day)
            upto = random.randint(1, version.revision)
            chain = version.until(upto).chain
            counted = {r.posting for r in chain if r.kind == "delta" and r.posting is not None}
            state = raw_sum(self.lake.path(table), table, day, counted)
            expected = self.expected[name, day, upto]
            wrong = books_model.difference(expected, state.elements())
            assert not wrong, f"{name} raw: {wrong}"
            entries = (
                self.reader.entries(version.until(upto)).toArrow()
                if not self.brief and random.random() < 0.15
                else None
            )
            if entries is not None:
                summed = added(entries, table)
                assert summed == expected, f"{name}: raw entries do not add up to the state"

    def _stored_files(self, name: str) -> dict[str, int]:
        root = self.lake.path(self.graph.tables[name])
        return {str(p.relative_to(root)): p.stat().st_size for p in root.rglob("*.parquet")}

    def _check_files(self) -> None:
        """Data files of registered postings are there, under the same name and of the same size."""
        for name in self.graph.tables:
            registered = self.register.postings(name)
            now = {
                file: size
                for file, size in self._stored_files(name).items()
                if any(f"posting={posting}" in file for posting in registered)
            }
            before = self.files.get(name, {})
            changed = {f: (s, now.get(f)) for f, s in before.items() if now.get(f) != s}
            assert not changed, f"{name}: registered data files changed: {changed}"
            self.files[name] = now


def raw_sum(path: Path, table: Table, day: date, postings: set[str]) -> State:
    """The net of the entries of some postings, read by delta-rs."""
    stored = DeltaTable(str(path))
    names = ["reporting_date", "posting", "entry", *table.content]
    arrow = stored.to_pyarrow_table(columns=names)
    wanted = pc.and_(
        pc.equal(arrow.column("reporting_date"), pa.scalar(day)),
        pc.is_in(arrow.column("posting"), pa.array(sorted(postings), pa.string())),
    )
    return added(arrow.filter(wanted), table)


def added(entries: pa.Table, table: Table) -> State:
    """The net of some entries, row by row; what has been taken back counts below zero."""
    summed: Counter[Row] = Counter()
    for row, entry in zip(
        rows_of(entries, table), entries.column("entry").to_pylist(), strict=True
    ):
        summed[row] += entry
    return Counter({row: n for row, n in summed.items() if n})


def changed_rows(before: list[Row], after: list[Row], key: int) -> tuple[list[Row], list[str]]:
    """The rows of a delta, with their operations."""
    old = {row[:key]: row for row in before}
    new = {row[:key]: row for row in after}
    upserts = [row for k, row in new.items() if old.get(k) != row]
    deletes = [row for k, row in old.items() if k not in new]
    return upserts + deletes, ["upsert"] * len(upserts) + ["delete"] * len(deletes)

"""What every stage of the production graph must keep to, without being named here.

A stage gets its laws by standing below ``regulatory_assets.reports``. Inputs are random source
tables; a stage further down gets what the stages before it make of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from shutil import copytree, rmtree
from tempfile import mkdtemp

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Outcome, ParameterSource, Runner
from regulatory_assets.ledger.stages import Cited, Stage, StageKind
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.laws import inputs
from regulatory_assets_tests.laws.inputs import Rows, as_frame, rows_of
from regulatory_assets_tests.regulation.moved import entries, moved

PRODUCTION, PARAMETERS, DAY = production_graph(), Parameters.default(), date(2026, 1, 5)
GRAPH = replace(
    PRODUCTION, sources=tuple(t for t in PRODUCTION.sources if PRODUCTION.readers(t.name))
)
"""Without the sources that no stage reads."""
SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6)))

SPLITTING = [s for s in GRAPH.stages if s.reads not in (lookup.table for lookup in s.lookups)]
"""Without those whose rows look each other up, of which half see less."""

stages = pytest.mark.parametrize("stage", GRAPH.stages, ids=lambda stage: stage.name)
seeds = pytest.mark.parametrize("seed", SEEDS)


@cache
def tables(engine: Engine, seed: int) -> Mapping[str, pa.Table]:
    """Entries of every table of the graph, each stage applied to those before it."""
    drawn = inputs.sources(GRAPH, DAY, Random(seed))
    found = {t.name: inputs.entries(t, drawn[t.name]) for t in GRAPH.sources}
    for stage in GRAPH.stages:
        found[stage.name] = evaluate(stage, found, engine)
    return found


def evaluate(stage: Stage, given: Mapping[str, pa.Table | DataFrame], engine: Engine) -> pa.Table:
    ready = {
        t.name: as_frame(engine, found) if isinstance(found := given[t.name], pa.Table) else found
        for t in stage.inputs
    }
    return inputs.apply(stage, ready, engine, PARAMETERS, DAY)


def group(stage: Stage, row: Mapping[str, object]) -> tuple[object, ...]:
    """What must stay together when the driving rows are split: a row, or its group."""
    whole = (StageKind.GROUP, StageKind.REPORT, StageKind.ALLOCATION)
    by = stage.by if stage.kind in whole else stage.reads.ledger_key
    return tuple(row[name] for name in by)


def split(stage: Stage, driving: pa.Table, random: Random) -> tuple[pa.Table, pa.Table]:
    keys = [group(stage, row) for row in driving.to_pylist()]
    side = {key: random.random() < 0.5 for key in sorted(set(keys), key=repr)}
    mask = pa.array([side[key] for key in keys], pa.bool_())
    return driving.filter(mask), driving.filter(pc.invert(mask))


def added(stage: Stage, parts: Rows) -> Counter[tuple[object, ...]]:
    """Rows put together; those of an aggregate are added up by key."""
    if stage.kind is not StageKind.AGGREGATE:
        return Counter(parts)
    names = ("entry", *stage.writes.content)
    measures = [names.index(n) for n in (*stage.sums, "n_rows", "n")]
    sums: dict[tuple[object, ...], list[Decimal]] = {}
    for row in parts:
        key = tuple(v for place, v in enumerate(row) if place not in measures)
        found = sums.setdefault(key, [Decimal(0)] * len(measures))
        sums[key] = [a + Decimal(row[p]) for a, p in zip(found, measures, strict=True)]
    return Counter((*key, *(format(v, "f") for v in values)) for key, values in sums.items())


@pytest.mark.parametrize("stage", SPLITTING, ids=lambda stage: stage.name)
@seeds
def test_additive(sail: Engine, stage: Stage, seed: int) -> None:
    """f(A + B) + f(nothing) = f(A) + f(B), with A and B of whole groups where a stage works on
    groups. Of nothing comes nothing, but for rows that rules add and what an aggregate adds up of
    other tables. A group writes no row of another, which would not be found when that one moves."""
    given = dict(tables(sail, seed))
    whole, parts = rows_of(evaluate(stage, given, sail)), []
    for part in split(stage, given[stage.reads.name], Random(seed)):
        made = evaluate(stage, given | {stage.reads.name: part}, sail)
        if stage.kind in (StageKind.GROUP, StageKind.REPORT):
            groups = {group(stage, row) for row in part.to_pylist()}
            assert {group(stage, row) for row in made.to_pylist()} <= groups
        parts += rows_of(made)
    if stage.inserts or stage.leaves:
        nothing = given[stage.reads.name].slice(0, 0)
        made = rows_of(evaluate(stage, given | {stage.reads.name: nothing}, sail))
        delivered = 1 if stage.inserts else 0
        assert len(made) == (inputs.VALUES if stage.inserts else 1)
        assert sum(row in whole for row in made) == len(made) - delivered
        whole += made
    if stage.also:
        nothing = given[stage.reads.name].slice(0, 0)
        whole += rows_of(evaluate(stage, given | {stage.reads.name: nothing}, sail))
    assert added(stage, whole) == added(stage, parts)


@stages
@seeds
def test_indifferent_to_order_and_partitions(sail: Engine, stage: Stage, seed: int) -> None:
    given = dict(tables(sail, seed))
    random = Random(seed)
    mixed: dict[str, DataFrame] = {}
    for table in stage.inputs:
        content = given[table.name]
        order = list(range(content.num_rows))
        random.shuffle(order)
        mixed[table.name] = as_frame(sail, content.take(pa.array(order, pa.int64()))).repartition(3)
    assert Counter(rows_of(evaluate(stage, mixed, sail))) == Counter(
        rows_of(evaluate(stage, given, sail))
    )


@stages
@seeds
def test_keys_are_unique(sail: Engine, stage: Stage, seed: int) -> None:
    content = tables(sail, seed)[stage.name]
    keys = Counter(rows_of(content.select(list(stage.writes.ledger_key))))
    assert not [key for key, count in keys.items() if count > 1]


@stages
@seeds
def test_every_stage_has_something_to_do(sail: Engine, stage: Stage, seed: int) -> None:
    """The laws say nothing of a table without rows."""
    assert tables(sail, seed)[stage.name].num_rows > 1


@stages
@seeds
@pytest.mark.spark
def test_sail_and_spark_agree(sail: Engine, spark: Engine, stage: Stage, seed: int) -> None:
    given = tables(sail, seed)
    assert Counter(rows_of(given[stage.name])) == Counter(rows_of(evaluate(stage, given, spark)))


class Day:
    """A lake and its register, to which sources are delivered whole."""

    def __init__(self, engine: Engine) -> None:
        folder = Path(mkdtemp(prefix="laws-"))
        database = connect(f"sqlite:///{folder / 'control.sqlite'}")
        migrate(database)
        lake = Lake(folder / "lake", engine.session)
        self.engine, self.register = engine, Register(database)
        self.runner = Runner(
            GRAPH, lake, self.register, PARAMETERS, engine.identity, "laws",
            inputs.Rules(leaves=False),  # reports refuse a line that no parameter knows
        )  # fmt: skip

    def run(self, drawn: Mapping[str, Rows]) -> None:
        for table in GRAPH.sources:
            content = as_frame(self.engine, inputs.arrow(table, drawn[table.name]))
            deliver(self.runner, table, DAY, content, "full", "laws")
        self.runner.run_day(DAY, "laws")

    def state(self, name: str) -> Counter[tuple[object, ...]]:
        version = Version.registered(self.register, GRAPH.tables[name], DAY)
        return Counter(rows_of(self.runner.reader.rows(version).toArrow()))


@cache
def two_days(engine: Engine, seed: int) -> tuple[Day, Day]:
    """The same sources, reached by changes and delivered at once."""
    random = Random(seed)
    changed, fresh = Day(engine), Day(engine)
    drawn = inputs.sources(GRAPH, DAY, random)
    for _ in range(1 if seed == SEEDS[0] else 2):
        changed.run(drawn)
        drawn = inputs.changed(GRAPH, drawn, DAY, random)
    changed.run(drawn)
    fresh.run(drawn)
    return changed, fresh


@stages
@seeds
def test_incremental_is_full(sail: Engine, stage: Stage, seed: int) -> None:
    changed, fresh = two_days(sail, seed)
    assert changed.state(stage.name) == fresh.state(stage.name)


class Copy:
    """A calculated day with rules in force, to go on from."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        given, _ = two_days(engine, SEEDS[0])
        copytree(given.runner.lake.root.parent, folder)
        database = connect(f"sqlite:///{folder / 'control.sqlite'}")
        lake = Lake(folder / "lake", engine.session)
        self.runner = replace(given.runner, lake=lake, register=Register(database))

    def run(self, stage: Stage, parameters: ParameterSource) -> Outcome:
        """Run a stage after those before it, of which some may have revisions without rows."""
        runner = replace(self.runner, parameters=parameters)
        outcomes = runner.run_day(DAY, "values", {stage.name, *GRAPH.ancestors(stage)})
        return next(outcome for outcome in outcomes if outcome.table == stage.name)

    def rows(self, stage: Stage) -> Counter[tuple[object, ...]]:
        version = self.runner.positions(DAY).version(stage.name)
        return Counter(rows_of(self.runner.reader.rows(version).toArrow()))


@pytest.mark.parametrize(
    ("stage", "cited"),
    [(stage, cited) for stage in GRAPH.stages for cited in stage.cites],
    ids=lambda each: each.name if isinstance(each, Stage) else each.parameter,
)
def test_following_other_values_is_full(
    sail: Engine, tmp_path: Path, stage: Stage, cited: Cited
) -> None:
    """Other numbers in every second entry, one that rows name among them, followed to the rows that
    use it and back again; those of entries that no row uses reach none. Where nothing is kept of
    what was, all is recalculated."""
    follow, whole = Copy(sail, tmp_path / "follow"), Copy(sail, tmp_path / "whole")
    before = follow.rows(stage)
    places = [("entry", *stage.writes.content).index(column) for column in cited.by]
    named = {tuple(row[place] for place in places) for row in before}
    every = sorted(entries(cited, DAY), key=lambda entry: entry not in named)
    idle = [entry for entry in every if not cited.uses([entry])]
    for some, way in ((idle, Way.EMPTY), (every[::2], Way.CHANGE)):
        if some:
            parameters = moved(cited.parameter, {*some})
            rmtree(whole.runner.lake.parameters)
            assert whole.run(stage, parameters).way is Way.FULL
            followed = follow.run(stage, parameters)
            assert followed.way is way
            assert followed.why.startswith(f"changed values: {cited.parameter} ")
            assert follow.rows(stage) == whole.rows(stage)
    if cited.by or stage.by:  # what only some rows beside use may decide nothing of what is drawn
        assert follow.rows(stage) != before
    assert follow.run(stage, parameters).way is Way.NOTHING
    assert follow.run(stage, PARAMETERS).way is Way.CHANGE
    assert follow.rows(stage) == before

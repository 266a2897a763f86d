"""A stage followed to the rows that use other values, held against a calculation of all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date
from typing import Any

from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.plan import Plan, Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Cited, Entry, Stage


def follow(runner: Runner, stage: Stage, day: date) -> None:
    """Other values are followed, change something, and give what a whole calculation gives."""
    (outcome,) = runner.run_day(day, "values", [stage.name])
    assert outcome.way is Way.CHANGE
    assert outcome.rows > 0
    assert standing(runner, stage, day) == whole(runner, stage, day)


def standing(runner: Runner, stage: Stage, day: date) -> Counter[tuple[Any, ...]]:
    """The rows as they stand."""
    version = Version.registered(runner.register, stage.writes, day)
    return _rows(stage, runner.reader.rows(version))


def whole(runner: Runner, stage: Stage, day: date) -> Counter[tuple[Any, ...]]:
    """What all rows are, calculated without a look at what stands."""
    with runner.lake.scratch() as store:
        calculation = _calculation(runner, runner.plan(stage, day), store)
        return _rows(stage, replace(calculation, previous=Version(stage.writes, day, ())).full())


def found(runner: Runner, stage: Stage, day: date) -> set[tuple[Any, ...]]:
    """The driving keys, or the groups, that would be calculated again."""
    plan = runner.plan(stage, day)
    with runner.lake.scratch() as store:
        keys = _calculation(runner, plan, store).using(plan.values)
        return {tuple(row.values()) for row in frames.values(keys)}


def differing(runner: Runner, stage: Stage, day: date) -> set[tuple[Any, ...]]:
    """Those of which a whole calculation gives other rows than stand."""
    stood, all_of_it = standing(runner, stage, day), whole(runner, stage, day)
    places = [stage.writes.content.index(c) for c in stage.by or stage.reads.key]
    rows = [*(stood - all_of_it), *(all_of_it - stood)]
    return {tuple(row[place] for place in places) for row in rows}


def but(cited: Cited, condition: Column) -> Cited:
    """What uses entries beside the rows that name them, some of it forgotten."""

    def beside(some: Collection[Entry]) -> Column | None:
        told = cited.beside(some)
        return None if told is None else told & condition

    return replace(cited, beside=beside)


def _rows(stage: Stage, rows: DataFrame) -> Counter[tuple[Any, ...]]:
    content = frames.values(rows.select(*stage.writes.content))
    return Counter(tuple(row.values()) for row in content)


def _calculation(
    runner: Runner, plan: Plan, store: Callable[[DataFrame], DataFrame]
) -> Calculation:
    given = runner.parameters_for(plan.stage, plan.day)
    return Calculation(plan.stage, dict(plan.moves), plan.previous, given, runner.reader, store)

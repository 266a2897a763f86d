"""Random histories: after every step each table is what the model says, bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import Phase, example, given, seed, settings

from regulatory_assets.control.database import connect, migrate
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.reader import Reader
from regulatory_assets_tests.kernel.histories import (
    EVENTS,
    History,
    Operation,
    Step,
    drawn,
    histories,
    play,
)
from regulatory_assets_tests.kernel.world import World, toy_code

BOOKS, STEPS = 8, 2


def attempt(engine: Engine, template: Path, history: History, *, brief: bool = False) -> None:
    """Play a history on a lake of its own, every second one or so as if its tables were large."""
    large = sum(step.choice for step in history.steps) % 2
    many = mock.patch.object(Reader, "many", -1 if large else Reader.many)
    with tempfile.TemporaryDirectory() as folder, toy_code(), many:
        world = World.fresh(engine, Path(folder), template)
        world.brief = brief
        try:
            play(world, history)
        finally:
            world.close()


def two_steps(event: str) -> History:
    """One event twice, with other choices, over four books."""
    kinds = ("push", "move", "kind", "rate")
    operations = tuple(Operation(kind, deal=1, customer=1, value=1) for kind in kinds)
    return History(((),) * 4, tuple(Step(operations, event, choice=choice) for choice in (1, 14)))


def each_event(test: Callable[..., None]) -> Callable[..., None]:
    """Histories in which every event occurs first and second, whatever the random ones draw."""
    for number, event in enumerate(EVENTS):
        other = EVENTS[(number + 5) % len(EVENTS)]
        test = example(history=drawn(number, BOOKS, (event, other)))(test)
    return test


@settings(max_examples=20 - len(EVENTS), phases=(Phase.explicit, Phase.generate))
@given(history=histories(BOOKS, STEPS))
@each_event
def test_histories_on_sail(sail: Engine, template: Path, history: History) -> None:
    attempt(sail, template, history)


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_many_histories_on_sail(sail: Engine, template: Path, part: int) -> None:
    """500 histories in parts, each of its own seed: they take hours, and need no single run."""

    @seed(part)
    @settings(max_examples=50)
    @given(history=histories(BOOKS, 6))
    def hold(history: History) -> None:
        attempt(sail, template, history)

    hold()


@pytest.mark.spark
def test_a_history_on_spark(spark: Engine, template: Path) -> None:
    """One step over many books, with few queries: each takes long here."""
    attempt(spark, template, drawn(1, 3 * BOOKS, ("compaction",)), brief=True)


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_histories_on_spark(spark: Engine, template: Path, seed: int) -> None:
    events = ("lost race in run", "other code", "compaction", "crash in run")
    attempt(spark, template, drawn(seed, BOOKS, events))


@pytest.mark.postgres
@pytest.mark.parametrize("event", ["lost race in run", "lost race in delivery", "crash in run"])
def test_events_on_postgres(sail: Engine, postgres_url: str, tmp_path: Path, event: str) -> None:
    """The register on the other database."""
    database = connect(postgres_url)
    migrate(database)
    database.dispose()
    with toy_code():
        world = World(sail, tmp_path, postgres_url)
        try:
            play(world, two_steps(event))
        finally:
            world.close()

"""Real processes on one lake: killed, racing, out of disk, reading while others maintain."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from regulatory_assets.control.register import Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.compact import clean, compact, orphans
from regulatory_assets.ledger.lake import LakeError, new_posting
from regulatory_assets_tests.kernel import books, books_model
from regulatory_assets_tests.kernel.books_model import Sources
from regulatory_assets_tests.kernel.histories import opened
from regulatory_assets_tests.kernel.worker import DAY, content
from regulatory_assets_tests.kernel.world import World, raw_sum, rows_of

START_SECONDS, RUN_SECONDS = 120, 240


@pytest.fixture
def world(sail: Engine, tmp_path: Path, template: Path) -> World:
    return World.fresh(sail, tmp_path, template)


@contextmanager
def worker(world: World, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that has started and waits for :func:`go`; killed at the end if still there."""
    command = [sys.executable, "-m", "regulatory_assets_tests.kernel.worker", str(world.root)]
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate(timeout=START_SECONDS)[1]
        yield process
    finally:
        process.kill()
        process.wait(START_SECONDS)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=RUN_SECONDS)
    return process.returncode, errors


def delivered(world: World, size: int = 0) -> Sources:
    """The source tables as they stand, each of which must be what its last cause says."""
    found = Sources()
    for table in books.SOURCES:
        chain = world.register.history(table.name, DAY)
        assert chain, f"{table.name} was never delivered"
        number = int(chain[-1].cause.removeprefix("step "))
        given = content(number, size if number == 0 else 0)
        counted = {r.posting for r in chain if r.posting is not None and r.kind == "delta"}
        state = raw_sum(world.lake.path(table), table, DAY, counted)
        wrong = books_model.difference(given.state(table.name), state.elements())
        assert not wrong, f"{table.name} is not what step {number} delivered: {wrong}"
        setattr(found, table.name, getattr(given, table.name))
    return found


def assert_right(world: World, given: Sources | None = None) -> None:
    """After one more run every table is what the model makes of the sources as they stand."""
    given = delivered(world) if given is None else given
    world.runner.run_day(DAY, "after")
    expected = books_model.calculate(given, world.settings)
    for name, state in expected.items():
        found = rows_of(
            world.reader.rows(world.version(name, DAY)).toArrow(), world.graph.tables[name]
        )
        assert not (wrong := books_model.difference(state, found)), f"{name}: {wrong}"
    assert not [o for o in world.runner.run_day(DAY, "again") if o.way.value != "nothing"]


def kill_at_random(world: World, times: int, random: Random) -> None:
    with worker(world, "once") as first:
        go(first)
        assert finished(first)[0] == 0
    for round_ in range(1, times + 1):
        with worker(world, "churn", "--number", str(100 * round_)) as process:
            go(process)
            time.sleep(random.uniform(0.05, 3))
            process.kill()
        assert_right(world)


def test_kill_and_run_again(world: World) -> None:
    """Whatever a killed run leaves behind is not counted, and the next run sets things right."""
    kill_at_random(world, 3, Random(1))
    now = timedelta(seconds=-5)
    for table in world.graph.tables.values():
        registered = world.register.postings(table.name)
        found = orphans(world.lake, world.register, table, now)
        assert not registered & set(found)
        assert clean(world.lake, world.register, table, found) == found
        assert orphans(world.lake, world.register, table, now) == ()
    assert_right(world)


@pytest.mark.long
def test_kill_and_run_again_often(world: World) -> None:
    kill_at_random(world, 40, Random(2))


def test_two_runs_of_the_same_day_at_once(world: World) -> None:
    """Both begin with an empty lake, so they race for the tables as well as for the revisions."""
    for first, second in (("1", "2"), ("3", "3")):
        with (
            worker(world, "once", "--number", first) as one,
            worker(world, "once", "--number", second) as two,
        ):
            go(one)
            go(two)
            results = [finished(one), finished(two)]
        for code, errors in results:
            assert code == 0, errors
        assert_right(world)


def test_a_full_disk(world: World) -> None:
    """No file may grow beyond a limit: the worker fails, and nothing of its delivery counts."""
    with worker(world, "once", "--number", "1") as process:
        go(process)
        assert finished(process)[0] == 0
    before = {n: world.register.history(n, DAY) for n in world.graph.tables}
    arguments = ("--number", "0", "--size", "20000", "--largest-file", "100000")
    with worker(world, "once", *arguments) as process:
        go(process)
        code, errors = finished(process)
    assert code != 0
    assert "File too large" in errors, errors[-2000:]
    assert before["deals"] == world.register.history("deals", DAY)
    assert_right(world)


@pytest.mark.parametrize("table", ["deals", "flows", "rates"])
def test_a_lost_data_file(world: World, table: str) -> None:
    """A clear error that names the file, never a sum without it."""
    given = opened("b")
    for name in ("deals", "customers", "rates"):
        world.deliver(name, DAY, given, "full")
    world.run(DAY)
    (lost,) = list((world.root / "lake" / table).rglob("*.parquet"))
    kept = world.root / "kept.parquet"
    shutil.move(lost, kept)
    given.rates["b", "EUR"] = Decimal(7)
    given.deals["b", "d7"] = given.deals["b", "d0"]
    before = {n: len(world.register.history(n, DAY)) for n in world.graph.tables}

    def work() -> None:
        for name in ("customers", "rates", "deals"):
            world.deliver(name, DAY, given, "full")
        world.runner.run_day(DAY, "test")

    with pytest.raises(LakeError, match=lost.name):
        work()
    assert before[table] == len(world.register.history(table, DAY))
    shutil.move(kept, lost)
    for name in ("rates", "deals"):
        world.deliver(name, DAY, given, "full")
    assert_right(world, given)


def test_reading_while_another_compacts(world: World) -> None:
    with worker(world, "once", "--number", "1") as process:
        go(process)
        assert finished(process)[0] == 0
    with worker(world, "read", "--seconds", "4") as process:
        go(process)
        for number in range(2, 5):
            given = content(number)
            world.current[DAY] = delivered(world) if number == 2 else world.current[DAY]
            for table in books.SOURCES:
                world.deliver(table.name, DAY, given, "full")
            world.runner.run_day(DAY, "test")
            for described in world.graph.tables.values():
                compact(world.lake, world.register, described, DAY, "compaction", "test")
        code, errors = finished(process)
    assert code == 0, errors
    assert_right(world, given)


def test_six_hundred_postings(world: World) -> None:
    """Each takes one rate back and books another; written at once, registered one by one."""
    given = opened("b")
    for name in ("deals", "customers", "rates"):
        world.deliver(name, DAY, given, "full")
    world.run(DAY)
    rows, revisions, rate = [], [], Decimal(1)
    last = world.register.history("rates", DAY)[-1]
    for number in range(600):
        posting, new = new_posting(), Decimal(number) / 100
        for entry, value in ((-1, rate), (1, new)):
            rows.append((DAY, posting, entry, "base", 1, None, "b", "EUR", value))
        revisions.append(_revision(last, number + 1, posting))
        rate = new
    columns = list(zip(*rows, strict=True))
    schema = books.RATES.arrow_schema
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    write_deltalake(
        str(world.lake.path(books.RATES)), pa.table(arrays, schema=schema), mode="append"
    )
    world.register.commit(revisions)
    given.rates["b", "EUR"] = rate
    assert_right(world, given)
    compact(world.lake, world.register, books.RATES, DAY, "compaction", "test")
    assert len(world.version("rates", DAY).live) == 1
    given.rates["b", "EUR"] = Decimal(3)
    world.current[DAY] = given.copy()
    world.deliver("rates", DAY, given, "full")
    assert_right(world, given)


@pytest.mark.long
def test_six_hundred_commits(world: World) -> None:
    given = opened("b")
    for name in ("deals", "customers", "rates"):
        world.deliver(name, DAY, given, "full")
    for number in range(600):
        given.rates["b", "EUR"] = Decimal(number) / 100
        world.deliver("rates", DAY, given, "delta")
    assert_right(world, given)
    compact(world.lake, world.register, books.RATES, DAY, "compaction", "test")
    assert_right(world, given)


def _revision(last: Revision, number: int, posting: str) -> Revision:
    return Revision(
        table=last.table,
        day=last.day,
        revision=last.revision + number,
        posting=posting,
        kind="delta",
        cause="test",
        run_id="test",
        known_at=datetime.now(UTC),
        booked=1,
        reversed=1,
        code="",
        parameters="",
        rules="",
        engine=last.engine,
        inputs=(),
    )

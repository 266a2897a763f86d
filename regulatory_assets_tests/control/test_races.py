"""Real processes that reach for the same thing at the same moment."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from regulatory_assets.control.append_only import faults
from regulatory_assets.control.database import connect
from regulatory_assets.control.register import Register

from .examples import DAY
from .processes import Processes
from .racing import TABLES, race_for_different_tables, race_to_commit, race_to_migrate

ROUNDS = 20


def test_exactly_one_of_two_writers_registers_a_revision(
    control_engine: Engine, control_url: str, two_processes: Processes
) -> None:
    a, b = two_processes.run(race_to_commit, (control_url, "a", ROUNDS), (control_url, "b", ROUNDS))

    winners = []
    for number, (lost_a, lost_b) in enumerate(zip(a, b, strict=True), start=1):
        assert (lost_a is None) != (lost_b is None), f"round {number}"
        lost = lost_a or lost_b
        assert lost.table in TABLES
        assert (lost.day, lost.revision) == (DAY, number)
        winners.append("a" if lost_a is None else "b")
    register = Register(control_engine)
    for table in TABLES:
        history = register.history(table, DAY)
        assert [r.revision for r in history] == list(range(1, ROUNDS + 1))
        assert [r.run_id for r in history] == winners
        assert [r.posting for r in history] == [
            f"{table}-{number}-{winner}" for number, winner in enumerate(winners, start=1)
        ]
    batches = {d.batch for d in register.deliveries("deals", DAY)}
    assert batches == {f"{number}-{winner}" for number, winner in enumerate(winners, start=1)}


def test_writers_of_different_tables_never_refuse_each_other(
    control_engine: Engine, control_url: str, two_processes: Processes
) -> None:
    done = two_processes.run(
        race_for_different_tables, (control_url, "deals", ROUNDS), (control_url, "flows", ROUNDS)
    )
    assert done == [ROUNDS, ROUNDS]


def test_processes_that_start_at_once_migrate_once(
    new_control_url: Callable[[], str], two_processes: Processes
) -> None:
    urls = [new_control_url() for _ in range(5)]

    assert two_processes.run(race_to_migrate, (urls,), (urls,)) == [5, 5]

    for url in urls:
        engine = connect(url)
        with engine.connect() as connection:
            assert faults(connection, complete=True) == []
        engine.dispose()

"""What the processes of ``test_races`` and ``test_database`` do."""

from __future__ import annotations

import os
from typing import Any

from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import LostRace, Register

from .examples import DAY, delivery, reads, revision

TABLES = ("deals", "flows")


def race_to_commit(barrier: Any, url: str, writer: str, rounds: int) -> list[LostRace | None]:
    """Commit one revision of two tables each round; every writer in another order."""
    engine = connect(url)
    register = Register(engine)
    met = []
    for number in range(1, rounds + 1):
        deals = revision("deals", number, posting=f"deals-{number}-{writer}", run_id=writer)
        flows = revision(
            "flows",
            number,
            posting=f"flows-{number}-{writer}",
            run_id=writer,
            inputs=(reads("deals", number),),
        )
        both = [deals, flows] if writer == "a" else [flows, deals]
        barrier.wait()
        try:
            register.commit(both, delivery(f"{number}-{writer}"))
        except LostRace as lost:
            met.append(lost)
        else:
            met.append(None)
    engine.dispose()
    return met


def race_for_different_tables(barrier: Any, url: str, table: str, rounds: int) -> int:
    """Commit to a table of one's own: nobody may be refused."""
    engine = connect(url)
    register = Register(engine)
    barrier.wait()
    for number in range(1, rounds + 1):
        assert len(register.history(table, DAY)) == number - 1
        register.commit([revision(table, number)])
    registered = len(register.history(table, DAY))
    engine.dispose()
    return registered


def race_to_migrate(barrier: Any, urls: list[str]) -> int:
    """Be the first on every one of the empty databases."""
    for url in urls:
        barrier.wait()
        engine = connect(url)
        migrate(engine)
        engine.dispose()
    return len(urls)


def fork_and_commit(_barrier: Any, url: str) -> tuple[int, int, list[int]]:
    """Parent and forked child commit in turn; the child's exit code, and the parent's view."""
    engine = connect(url)
    register = Register(engine)
    register.commit([revision("flows", 1)])
    idle = engine.pool.checkedin()  # type: ignore[attr-defined]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            afresh = engine.pool.checkedin() == 0  # type: ignore[attr-defined]
            register.commit([revision("flows", 2)])
            seen = [r.revision for r in register.history("flows", DAY)]
            code = 0 if afresh and seen == [1, 2] else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    register.commit([revision("flows", 3)])
    seen = [r.revision for r in register.history("flows", DAY)]
    engine.dispose()
    return idle, os.waitstatus_to_exitcode(status), seen

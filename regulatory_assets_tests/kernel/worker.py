"""A process of its own for the tests: ``python -m regulatory_assets_tests.kernel.worker``.

It delivers, runs or reads on a lake that other processes use as well, until it is done or killed.
What it delivers is a pure function of a number, which stands in the cause of each revision.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from random import Random

from regulatory_assets.control.database import connect
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine, start
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.settings import Settings
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.books_model import Deal, Sources
from regulatory_assets_tests.kernel.histories import OPERATIONS, Operation, apply, opened
from regulatory_assets_tests.kernel.world import DAYS, frame

DAY = DAYS[0]


def content(number: int, size: int = 0) -> Sources:
    """What delivery ``number`` holds: all tables, whole."""
    random = Random(number)
    found = Sources()
    for book in ("b0", "b1", "b2"):
        one = opened(book)
        for _ in range(4):
            drawn = (random.randrange(4), random.randrange(5), random.randrange(7))
            apply(one, book, Operation(random.choice(OPERATIONS), *drawn), DAY)
        found.deals |= one.deals
        found.customers |= one.customers
        found.rates |= one.rates
    for place in range(size):
        amount = found.deals["b0", "d0"].amount if ("b0", "d0") in found.deals else 1
        deal_id = f"{random.randrange(1 << 60):x}"
        found.deals["b0", f"{deal_id}{place}"] = Deal("c1", "EUR", amount, None, True)  # type: ignore[arg-type]
    return found


def runner(engine: Engine, root: Path, name: str) -> Runner:
    register = Register(connect(f"sqlite:///{root / 'control.sqlite'}"))
    lake = Lake(root / "lake", engine.session)
    return Runner(books.GRAPH, lake, register, books.Parameters(), engine.identity, name)


def deliver_all(to: Runner, engine: Engine, number: int, size: int = 0) -> None:
    given = content(number, size)
    for table in books.SOURCES:
        rows = frame(engine, table, given.rows(table.name))
        deliver(to, table, DAY, rows, "full", f"step {number}")


def read_for(to: Runner, seconds: float) -> None:
    """Read all tables again and again; each read must have as many rows as were registered."""
    reader, deadline = Reader(to.lake), time.monotonic() + seconds
    reads = 0
    while time.monotonic() < deadline or reads < 20:
        for table in to.graph.tables.values():
            version = Version.registered(to.register, table, DAY)
            standing = sum(r.booked - r.reversed for r in version.live)
            found = len(reader.rows(version).select("entry").toArrow())
            if found != standing:
                raise AssertionError(f"{table.name}: {found} rows were read, {standing} stand")
            reads += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("command", choices=("churn", "once", "read"))
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--largest-file", type=int)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    engine = start(Settings(engine="sail", var=given.root / "var"))
    mine = runner(engine, given.root, f"worker {given.number}")
    print("ready", flush=True)
    input()
    if given.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (given.largest_file, given.largest_file))
    if given.command == "read":
        read_for(mine, given.seconds)
        return
    number = given.number
    while True:
        deliver_all(mine, engine, number, given.size)
        mine.run_day(DAY, f"step {number}")
        print(f"done {number}", flush=True)
        if given.command == "once":
            return
        number += 1


if __name__ == "__main__":
    main()

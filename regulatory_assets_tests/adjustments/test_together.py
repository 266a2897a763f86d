"""Rules of one author, each below every limit, and together above one: two people approve the last.

A ratio of 150 to 100 is made of two of 22 rates; expected figures are worked out beside each step.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import Proposals, RuleBook
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import Impact, Together
from regulatory_assets.adjustments.waiting import waiting
from regulatory_assets.control.database import connect
from regulatory_assets.control.events import Actor, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import ReportRow, adjustment_stage, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, CARLA, rule
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.world import frame

RATES = replace(books.RATES, bounded=True)
RATIO = Table(
    "lcr",
    "A ratio of two rates in hundreds; named as the one that is filed.",
    (
        RATES.column("book"),
        *(Column(n, ColumnType.MONEY, n) for n in ("hqla", "net_outflows", "ratio")),
    ),
    ("book",),
    "books",
    bounded=True,
)
OTHERS = [f"X{n:02}" for n in range(20)]


@report_stage(reads=RATES, writes=RATIO, by=("book",))
def ratio(rows: Sequence[ReportRow], _: Any) -> Iterable[ReportRow]:
    """Stock over outflows, half-up."""
    of = {row["currency"]: row["rate"] * 100 for row in rows}
    found = (of["HQLA"] / of["OUT"]).quantize(Decimal("1e-8"), ROUND_HALF_UP)
    yield {"book": rows[0]["book"], "hqla": of["HQLA"], "net_outflows": of["OUT"], "ratio": found}


GRAPH = Graph((RATES,), (adjustment_stage(reads=RATES, name="market_adjustments"), ratio))


class World:
    """One day, the log of its rules, and who decides on them."""

    def __init__(self, engine: Engine, root: Path, migrated: Path) -> None:
        shutil.copyfile(migrated, root / "control.sqlite")
        database = connect(f"sqlite:///{root / 'control.sqlite'}")
        self.log = EventLog(database)
        people.open_demo(self.log)
        self.runner = Runner(
            GRAPH, Lake(root / "lake", engine.session), Register(database), books.Parameters(),
            engine.identity, "test", RuleBook(self.log),
        )  # fmt: skip
        self.governance = Governance(self.log, GRAPH, books.Parameters().at)
        rates = {"HQLA": "1.5", "OUT": "1"} | dict.fromkeys(OTHERS, "1")
        rows = [("b0", name, Decimal(rate)) for name, rate in rates.items()]
        deliver(self.runner, RATES, DAY, frame(engine, RATES, rows), "full", "test")
        self.runner.run_day(DAY, "test")

    def submit(self, name: str, value: str, *rows: str, by: Actor = ANNA, version: int = 1) -> None:
        on = {"field": "currency", "op": "in", "value": rows}
        operation = {"op": "multiply", "field": "rate", "value": value}
        stated = rule(name, stage="market", conditions=on, operations=[operation], version=version)
        self.governance.submit(by, stated)

    def decide(self, name: str, by: Actor = BEN) -> tuple[Impact, list[str]]:
        """What is seen, and why one approval is not enough."""
        seen = self.governance.impact(self.runner, name)
        event, found = self.governance.approve(by, name, seen.hash, self.runner)
        assert found == seen
        self.runner.run_day(DAY, "test")
        return seen, event.document["reasons"]

    def holds(self, name: str) -> bool:
        return name in RuleBook(self.log).at(GRAPH.adjustments["rates"], DAY).order


@pytest.fixture
def world(sail: Engine, tmp_path: Path, migrated_sqlite: Path) -> World:
    return World(sail, tmp_path, migrated_sqlite)


def together(seen: Impact) -> Together | None:
    (day,) = seen.days
    return day.together


def test_small_rules_of_one_author_add_up_to_a_second_approval(world: World) -> None:
    world.submit("R-1", "1.006", "HQLA")  # 150.9 / 100: better by 0.9 points
    seen, reasons = world.decide("R-1")
    assert (together(seen), reasons) == (None, []), "alone, and nothing of anna's in force"

    world.submit("R-2", "0.995", "OUT")  # 150.9 / 99.5 = 1.51658291: by 0.76, and by 1.66 from 1.5
    seen, reasons = world.decide("R-2")
    said = "by all rules of anna together: R-1, R-2"
    assert reasons == [f"{DAY} lcr b0: the ratio improves by 1.66 points, {said}"]
    found = together(seen)
    assert found is not None
    assert (found.author, found.rules) == ("anna", ("R-1", "R-2"))
    assert found.rows == {"rates": (2, 22)}
    (figure,) = found.figures
    assert figure.before["ratio"] == Decimal("1.5")
    assert figure.after["ratio"] == Decimal("1.51658291")
    assert seen.days[0].figures[0].before["ratio"] == Decimal("1.509"), "what R-2 does by itself"
    assert not world.holds("R-2")
    world.decide("R-2", CARLA)
    assert world.holds("R-2")

    world.submit("R-3", "1.006", "HQLA", by=Actor("dora"))  # 151.8054 / 99.5: better by 0.91
    seen, reasons = world.decide("R-3")
    assert (together(seen), reasons) == (None, []), "what others have proposed is not hers"

    world.governance.withdraw(CARLA, "R-2")  # anna's R-1 is left: 151.8054 / 100 from 150.9 / 100
    seen, reasons = world.decide("R-2")
    found = together(seen)
    assert found is not None
    assert (found.author, found.rules, reasons) == ("anna", ("R-1",), [])
    (figure,) = found.figures
    ratios = figure.before["ratio"], figure.after["ratio"]
    assert ratios == (Decimal("1.509"), Decimal("1.518054"))


def test_an_approval_lapses_when_another_rule_moves_what_it_looked_at(world: World) -> None:
    """R-1 waits for its second approval; figures move with R-3 and back, and not with R-2."""
    dora = Actor("dora")

    def told() -> str:
        return str(waiting(Proposals(world.log.read()), "R-1", world.runner.register))

    def looked() -> str:
        return world.governance.impact(world.runner, "R-1").hash

    world.submit("R-1", "1.1", "HQLA")
    seen, _ = world.decide("R-1")
    first = world.log.read()[-1].seq
    world.submit("R-2", "1.2", "X00", by=dora)
    world.decide("R-2", CARLA)
    assert (told(), looked()) == ("1 of 2 approvals", seen.hash)
    world.submit("R-3", "1.006", "HQLA", by=dora)
    assert told() == "1 of 2 approvals", "it is proposed and no more"
    world.decide("R-3", CARLA)
    moved = f"figures of {DAY} have moved with R-3, decided on by event {world.log.read()[-1].seq}"
    assert told() == f"0 of 2 approvals; that of event {first} counts no longer: {moved}"
    assert looked() != seen.hash
    world.governance.withdraw(dora, "R-3")
    world.decide("R-3", CARLA)
    assert (told(), looked()) == ("1 of 2 approvals", seen.hash)


def test_many_versions_are_one_rule(world: World) -> None:
    """Each next version moves little, and all of them together more than a point."""
    world.submit("R-1", "1.006", "HQLA")
    world.decide("R-1")
    world.submit("R-1", "1.009", "HQLA", version=2)  # 151.35 / 100, before 150.9 / 100
    _, reasons = world.decide("R-1")
    said = "by all rules of anna together: R-1"
    assert reasons == [f"{DAY} lcr b0: the ratio improves by 1.35 points, {said}"]
    assert Proposals(world.log.read()).of("R-1")[1].state == "proposed"


def test_rows_of_all_rules_are_counted_once(world: World) -> None:
    world.submit("R-1", "1.1", *OTHERS[:2])
    world.submit("R-2", "1.2", *OTHERS[:2])
    world.submit("R-3", "1.3", OTHERS[0])
    world.submit("R-4", "1.4", OTHERS[2])
    for proposal in list(Proposals(world.log.read()).by_number)[:2]:
        world.log.append(BEN, "approved", "R", {"needed": 1}, proposal)
    assert world.decide("R-3")[1] == [], "2 of 22, whoever changes them"
    _, reasons = world.decide("R-4")
    said = "by all rules of anna together: R-1, R-2, R-3, R-4"
    assert reasons == [f"{DAY}: 3 of 22 rows are changed, {said}"]

"""What rules add to a line, spread over its members: exactly, and moving nothing.

Flows are delivered as they are, so that a test says what each member has. The shares are worked
out a second time in plain Python, on fractions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.allocating import shares_by, unspread_by
from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.events import Actor, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import allocated
from regulatory_assets.ledger.allocated import Base
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import (
    Lookup,
    adjustment_stage,
    aggregate_stage,
    allocation_stage,
)
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.world import frame

DAY = books.DAYS[0]
Flow = tuple[str, str, str, str | None, str | None, date | None, Decimal | None]
Shares = dict[tuple[str, int, str], Decimal]
"""By rule, operation and the member's id."""

flow = adjustment_stage(reads=books.FLOWS, name="flow_adjustments")
lines = aggregate_stage(
    reads=books.FLOWS, writes=ruled.LINES, by=("book", "kind", "part"), sums=("amount",)
)
line = adjustment_stage(
    reads=ruled.LINES, name="line_adjustments", fixed=("n_rows", "n"), leaves=True
)
spread = allocation_stage(
    spreads=line,
    reads=books.FLOWS,
    name="line_allocations",
    lookups=(Lookup(books.CUSTOMERS, ("book", "customer"), ("partner",)),),
)
GRAPH = Graph((books.FLOWS, books.CUSTOMERS), (flow, lines, line, spread))
STAGES = {"flow": flow, "line": line}


def member(name: str, amount: str | None, part: str = "whole", kind: str | None = "r") -> Flow:
    return ("b0", name, part, f"c-{name}", kind, None, None if amount is None else Decimal(amount))


def partner(name: str) -> str:
    return f"p{sum(map(ord, name)) % 2}"


def rule(identity: str, stage: str, conditions: Any, *operations: Any, **more: Any) -> Rule:
    document = {
        "id": identity, "stage": stage, "purpose": "methodology", "conditions": conditions,
        "operations": operations, "effective": "2026-01-01", "reason": "a test", "owner": "tests",
    }  # fmt: skip
    made = parse(document | more)
    check(made, STAGES[stage], spread if stage == "line" else None)
    return made


def added(amount: str, part: str = "whole", kind: str | None = "r") -> dict[str, Any]:
    values = {"book": "b0", "part": part, "kind": kind, "amount": amount}
    return {"op": "insert", "currency": "EUR", "values": values}


SPREAD: dict[str, Any] = {"op": "allocate", "field": "amount"}


def spread_over(**where: Any) -> dict[str, Any]:
    return SPREAD | {"where": where}


class World:
    """One day of flows, the rules on it, and what is stored."""

    def __init__(self, engine: Engine, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        database = connect(f"sqlite:///{root / 'control.sqlite'}")
        migrate(database)
        self.engine, self.book = engine, ruled.Book()
        self.runner = Runner(
            GRAPH, Lake(root / "lake", engine.session), Register(database), books.Parameters(),
            engine.identity, "test", self.book,
        )  # fmt: skip
        self.flows: list[Flow] = []

    def put(self, *rules: Rule) -> None:
        self.book.rules |= {r.id: r for r in rules}

    def run(self, *flows: Flow) -> None:
        if flows:
            self.flows = list(flows)
            customers = sorted({("b0", f[3], "r", partner(f[1])) for f in flows}, key=repr)
            for table, rows in ((books.FLOWS, self.flows), (books.CUSTOMERS, customers)):
                content = frame(self.engine, table, rows)
                deliver(self.runner, table, DAY, content, "full", "test")
        self.runner.run_day(DAY, "test")
        assert all(o.way is Way.NOTHING for o in self.runner.run_day(DAY, "again"))

    def rows(self, name: str) -> list[dict[str, Any]]:
        version = self.runner.positions(DAY).version(name)
        found: list[dict[str, Any]] = self.runner.reader.rows(version).toArrow().to_pylist()
        return found

    def shares(self) -> Shares:
        stored = self.rows("line_allocations")
        keys = Counter((r["rule_id"], r["operation"], r["id"], r["part"]) for r in stored)
        assert not stored or max(keys.values()) == 1
        assert {(r["layer"], r["sign"], r["measure"]) for r in stored} <= {
            ("adjustment", 1, "amount")
        }
        return {(r["rule_id"], r["operation"], r["id"]): r["share"] for r in stored}


UNIT = Decimal("0.00000001")


def by_hand(
    amount: Decimal, bases: dict[tuple[str, ...], Decimal]
) -> dict[tuple[str, ...], Decimal]:
    """Each member's part of an amount, half away from zero; the rest to the largest."""
    whole = sum(map(Fraction, bases.values()))

    def rounded(exact: Fraction) -> Decimal:
        units = abs(exact) * 10**8
        down = units.numerator // units.denominator
        size = Decimal(down + (units - down >= Fraction(1, 2))) * UNIT
        return size if exact >= 0 else -size

    found = {k: rounded(Fraction(amount) * Fraction(b) / whole) for k, b in bases.items()}
    largest = min(bases, key=lambda k: (-abs(bases[k]), k))
    found[largest] += amount - sum(found.values())
    return found


def test_shares_are_as_by_hand_and_move_nothing(sail: Engine, tmp_path: Path) -> None:
    """Ten over three equal and one small member leaves a residue; with and without being spread
    the lines are the same."""
    world = World(sail, tmp_path)
    leaf = added("10")
    world.put(rule("ADD", "line", {"all": []}, leaf))
    members = {"a": "30", "b": "30", "c": "30", "d": "0.00000001"}
    flows = [member(n, a) for n, a in members.items()]
    world.run(*flows, member("none", None), member("zero", "0"), member("other", "5", "over"))
    unspread = [world.rows(name) for name in ("lines", "line_adjustments")]
    assert world.shares() == {}

    world.put(rule("ADD", "line", {"all": []}, leaf, SPREAD, version=2))
    world.run()
    assert [world.rows(name) for name in ("lines", "line_adjustments")] == unspread
    assert world.shares() == {
        ("ADD", 2, "a"): Decimal("3.33333334"), ("ADD", 2, "b"): Decimal("3.33333333"),
        ("ADD", 2, "c"): Decimal("3.33333333"), ("ADD", 2, "d"): Decimal("0.00000000"),
    }  # fmt: skip
    positions = world.runner.positions(DAY)
    assert positions.version("line_allocations").chain[-1].inputs
    assert not [s for s in GRAPH.stages if spread.writes in GRAPH.inputs(s)], "nobody reads shares"

    world.run(*[(*f[:-1], f[-1] and f[-1] * 1000) for f in world.flows])  # type: ignore[arg-type]
    assert sum(world.shares().values()) == 10
    assert world.shares()["ADD", 2, "b"] == Decimal("3.33333333"), "proportions are the same"
    del world.book.rules["ADD"]
    world.run()
    assert world.rows("line_allocations") == []


def _dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allocated, "_residue", lambda *_: F.lit("0").cast("decimal(28,8)"))


def _to_the_smallest(patch: pytest.MonkeyPatch) -> None:
    bases = allocated._bases

    def mutant(*given: Any) -> tuple[Base, ...]:
        return tuple(replace(b, largest=Decimal("0.00000001")) for b in bases(*given))

    patch.setattr(allocated, "_bases", mutant)


@pytest.mark.parametrize("mutant", [_dropped, _to_the_smallest])
def test_a_residue_that_goes_astray_is_caught(
    sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], None],
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        mutant(patch)
        with pytest.raises(AssertionError):
            test_shares_are_as_by_hand_and_move_nothing(sail, tmp_path)


def test_a_history_of_flows_and_rules(sail: Engine, tmp_path: Path) -> None:
    """After every change of members, of a rule on them or of an allocation, the shares are those of
    plain Python; at last those of a day that is calculated at once."""
    random, world = Random(7), World(sail, tmp_path / "changing")
    halved = rule("HALF", "flow", {"field": "part", "op": "=", "value": "over"},
                  {"op": "multiply", "field": "amount", "value": "0.5"})  # fmt: skip
    for step in range(5):
        sign = 1 if step != 3 else -1
        flows = [
            member(f"{n:03}", str(sign * random.randrange(1, 10**6) * UNIT * 10 ** (n % 9)), part)
            for n in range(40)
            for part in ("whole", "over")
            if random.random() < 0.9
        ]
        amount = f"{random.randrange(-(10**9), 10**9)}.12345678"
        world.put(
            rule("A", "line", {"all": []}, added("1", "partner"), added(amount), SPREAD,
                 added(amount, "over", None), spread_over(field="part", op="=", value="over")),
            rule("B", "line", {"all": []}, added("0.00000007"),
                 spread_over(field="partner", op="=", value="p1")),
        )  # fmt: skip
        if step in (1, 2):
            world.put(halved)
        else:
            world.book.rules.pop("HALF", None)
        world.run(*flows)
        bases: dict[str, dict[tuple[str, ...], Decimal]] = {"whole": {}, "over": {}, "p1": {}}
        for _, name, part, *_, given in flows:
            assert given is not None
            base = given
            if part == "over" and "HALF" in world.book.rules:
                base = (given / 2).quantize(UNIT, ROUND_HALF_UP)
            bases[part][name, part] = base
            if partner(name) == "p1":
                bases["p1"][name, part] = base
        expected = {
            **{("A", 3, *k): s for k, s in by_hand(Decimal(amount), bases["whole"]).items()},
            **{("A", 5, *k): s for k, s in by_hand(Decimal(amount), bases["over"]).items()},
            **{("B", 2, *k): s for k, s in by_hand(7 * UNIT, bases["p1"]).items()},
        }
        stored = world.rows("line_allocations")
        found = {(r["rule_id"], r["operation"], r["id"], r["part"]): r["share"] for r in stored}
        assert found == expected
    of_parts = shares_by(world.book.rules["A"], world.runner, DAY, ["part"], 3)
    counts = [(r["operation"], r["part"], r["members"], r["share"]) for r in of_parts]
    assert counts == [
        (3, "whole", len(bases["whole"]), Decimal(amount)),
        (5, "over", len(bases["over"]), Decimal(amount)),
    ]
    with pytest.raises(NotReady, match="flows has no colour; its columns are book, id"):
        shares_by(world.book.rules["A"], world.runner, DAY, ["colour"], 3)
    fresh = World(sail, tmp_path / "fresh")
    fresh.put(*world.book.rules.values())
    fresh.run(*reversed(world.flows))
    assert sorted(map(repr, fresh.rows("line_allocations"))) == sorted(map(repr, stored))


def test_no_proportion_is_said_and_nothing_stored(sail: Engine, tmp_path: Path) -> None:
    """Members without an amount or of both signs leave the rest of the day as it is."""
    world = World(sail, tmp_path)
    mixed = rule("MIXED", "line", {"all": []}, added("10"), SPREAD)
    empty = rule("EMPTY", "line", {"all": []}, added("4", "over", None), SPREAD)
    good = rule("GOOD", "line", {"all": []}, added("6"),
                spread_over(field="id", op="=", value="a"))  # fmt: skip
    world.put(mixed, empty, good)
    world.run(member("a", "30"), member("b", "-10"), member("z", "0", "over"))
    assert world.shares() == {("GOOD", 2, "a"): Decimal(6)}
    assert unspread_by(good, world.runner, DAY) == ()
    assert unspread_by(mixed, world.runner, DAY) == (
        "MIXED operation 2 does not spread the amount added to b0 r whole on 2026-01-05: of its 2 "
        "members 1 have a negative amount and the others do not, so there is no proportion; choose "
        "members of one sign with where, or leave allocate out",
    )
    (said,) = unspread_by(empty, world.runner, DAY)
    assert "b0 over on 2026-01-05: its members have no amount to spread it by" in said
    world.run(member("a", "-30"), member("b", "-10"), member("z", "0", "over"))
    assert sum(v for k, v in world.shares().items() if k[0] == "MIXED") == 10


def test_a_rule_that_cannot_be_spread_is_not_approved(sail: Engine, tmp_path: Path) -> None:
    world = World(sail, tmp_path)
    world.run(member("a", "30"), member("b", "-10"))
    log = EventLog(connect(f"sqlite:///{tmp_path / 'control.sqlite'}"))
    people.open_demo(log)
    governance = Governance(log, GRAPH, books.Parameters().at)
    runner = replace(world.runner, rules=RuleBook(log))
    anna, ben = Actor("anna"), Actor("ben")
    governance.submit(anna, rule("R", "line", {"all": []}, added("10"), SPREAD))
    seen = governance.impact(runner, "R")
    assert [len(day.unspread) for day in seen.days] == [1]
    with pytest.raises(RuleError, match=r"^R allocate: .* no proportion; .* submit a next version"):
        governance.approve(ben, "R", seen.hash, runner)
    governance.reject(ben, "R", "members of both signs")
    narrower = spread_over(field="amount", op=">", value="0")
    governance.submit(anna, rule("R", "line", {"all": []}, added("10"), narrower, version=2))
    seen = governance.impact(runner, "R")
    assert "unspread" not in seen.days[0].document()
    for actor in (ben, Actor("carl")):  # the one line there is, so two look at it
        governance.approve(actor, "R", seen.hash, runner)
    world.runner = runner
    world.run()
    assert world.shares() == {("R", 2, "a"): Decimal(10)}


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        ([SPREAD, added("1")], "write that first"),
        ([added("1"), {"op": "allocate"}], "allocate takes the field that it spreads"),
        ([added("1"), SPREAD | {"value": "1"}], "and no value"),
        ([added("0"), SPREAD], "operations.1: the line before it adds no amount"),
        ([added("1"), SPREAD, SPREAD], "operations.2: spreads amount of the same line again"),
        ([added("1"), SPREAD | {"field": "n"}], "n is not spread; fields to spread: amount"),
        (
            [added("1"), spread_over(field="colour", op="is null")],
            "operations.1.where: flows has no field colour; use one of book, id",
        ),
    ],
)
def test_an_allocation_that_says_nothing_is_refused(operations: list[Any], said: str) -> None:
    with pytest.raises(RuleError) as refusal:
        rule("R", "line", {"all": []}, *operations)
    assert said in str(refusal.value)

"""The life of a rule on a small graph: proposed, looked at, approved, ended, withdrawn."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments import governance as governing
from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import Proposals, RuleBook, outdated
from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import DayImpact, Figure, Impact, days_to_look_at
from regulatory_assets.adjustments.injection import injections
from regulatory_assets.adjustments.people import NotAllowed, Role
from regulatory_assets.adjustments.reach import Amounts, Reach, beyond_limits, measure
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.adjustments.thresholds import second_look
from regulatory_assets.adjustments.waiting import waiting
from regulatory_assets.adjustments.written import Written, net_amounts
from regulatory_assets.commands.rules import print_impact
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.events import (
    Actor,
    Event,
    EventLog,
    EventRefused,
    chain_faults,
)
from regulatory_assets.control.register import Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.lake import LakeError
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.table import Table
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_scenarios import DAY, Play
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.books_model import Deal
from regulatory_assets_tests.laws.inputs import Given

ANNA, BEN, CARLA = Actor("anna"), Actor("ben"), Actor("carla")
FEW = {
    "all": [{"field": "book", "op": "=", "value": "b1"}, {"field": "id", "op": "=", "value": "d1"}]
}
ALL = {"field": "book", "op": "like", "value": "b%"}


def rule(identity: str = "R-1", **changes: Any) -> Rule:
    document = {
        "id": identity,
        "stage": "deal",
        "purpose": "data_correction",
        "conditions": FEW,
        "operations": [{"op": "multiply", "field": "amount", "value": "0.5"}],
        "effective": "2026-01-01",
        "reason": "a test",
        "owner": "tests",
    }
    return parse(document | changes)


def first_play(engine: Engine, root: Path) -> Play:
    """A play whose one deal that rules are about is of 60 EUR."""
    play = Play(engine, root, 1)
    play.given.deals["b1", "d1"] = Deal("c0", "EUR", Decimal(60), None, active=True)
    return play


def opened_log(root: Path) -> EventLog:
    return EventLog(connect(f"sqlite:///{root / 'control.sqlite'}"))


def calculate(engine: Engine, root: Path) -> None:
    """Calculate a day and open its log."""
    play, log = first_play(engine, root), opened_log(root)
    people.open_demo(log)
    play.deliver()
    replace(play.runner, rules=RuleBook(log)).run_day(DAY, "test")


class Office:
    """A calculated day, an opened log, and what people may do."""

    def __init__(self, engine: Engine, root: Path, calculated: Path) -> None:
        shutil.copytree(calculated, root, dirs_exist_ok=True)
        self.play, self.log = first_play(engine, root), opened_log(root)
        self.runner = replace(self.play.runner, rules=RuleBook(self.log))
        self.governance = Governance(self.log, ruled.GRAPH, books.Parameters().at)

    def state(self, name: str) -> list[Any]:
        version = self.runner.positions(DAY).read(ruled.GRAPH.tables[name])
        return sorted(map(repr, self.runner.reader.net(version).toArrow().to_pylist()))

    def sums(self, *names: str) -> dict[str, dict[str, Decimal]]:
        """What tables hold in all, each row that a rule takes back counted the other way round."""
        found: dict[str, dict[str, Decimal]] = {}
        for name in names:
            version = self.runner.positions(DAY).version(name)
            rows = self.runner.reader.rows(version).toArrow().to_pylist()
            found[name] = {
                c: sum((r["sign"] * (r[c] or 0) for r in rows), Decimal(0))
                for c in version.table.money
            }
        return found

    def approve(self, identity: str, by: Actor = BEN) -> None:
        seen = self.governance.impact(self.runner, identity)
        self.governance.approve(by, identity, seen.hash, self.runner)

    def behind(self) -> dict[date, list[str]]:
        found = outdated(
            RuleBook(self.log).snapshot(), ruled.ADJUSTING.values(), self.runner.register
        )
        return {day: [s.name for s in stages] for day, stages in found.items()}


def in_reporting(**amounts: str) -> Amounts:
    return {c: {"reporting currency": Decimal(v)} for c, v in amounts.items()}


def moves(
    before: dict[str, dict[str, Decimal]], after: dict[str, dict[str, Decimal]]
) -> dict[str, Amounts]:
    """What an impact says of the tables, of what they held and hold."""
    return {
        name: in_reporting(
            **{c: str(v - before[name][c]) for c, v in of.items() if v != before[name][c]}
        )
        for name, of in after.items()
    }


@pytest.fixture
def office(sail: Engine, tmp_path: Path, calculated: Path) -> Office:
    return Office(sail, tmp_path, calculated)


def test_a_rule_from_proposal_to_withdrawal(office: Office) -> None:
    before = office.state("report")
    office.governance.submit(ANNA, rule())
    assert office.behind() == {}, "a proposal alone changes nothing"
    seen = office.governance.impact(office.runner, "R-1")
    (day,) = seen.days
    standing = office.runner.positions(DAY).version("deals")
    assert day.affected == 1
    assert day.rows == sum(r.booked for r in standing.live)
    names = [w.table for w in day.stages]
    assert {*names} >= {"deal_adjustments", "flows", "lines"}
    assert office.state("report") == before, "looking posts nothing"
    assert office.runner.positions(DAY).version("deal_adjustments").data_revision == 0
    sums = office.sums(*names)

    office.approve("R-1")
    assert office.behind() == {DAY: ["deal_adjustments"]}
    done = {o.table: o for o in office.runner.run_day(DAY, "test")}
    assert {t: o.rows for t, o in done.items() if o.rows} == {
        o.table: o.rows for o in day.stages
    }, "what was shown is what is posted"
    assert office.behind() == {}
    assert office.state("report") != before
    moved = moves(sums, office.sums(*names))
    assert {w.table: w.amounts for w in day.stages} == moved
    assert moved["deal_adjustments"] == in_reporting(amount="-30"), "one deal of 60 is halved"

    office.governance.withdraw(ANNA, "R-1")
    (back,) = office.governance.impact(office.runner, "R-1").days
    assert {w.table: w.amounts for w in back.stages} == moves(office.sums(*names), sums)
    office.approve("R-1", CARLA)
    assert office.behind() == {DAY: ["deal_adjustments"]}
    office.runner.run_day(DAY, "test")
    assert office.state("report") == before
    assert all(o.way is Way.NOTHING for o in office.runner.run_day(DAY, "again"))
    assert chain_faults(office.log.read()) == []


def test_nobody_decides_alone(office: Office) -> None:
    office.governance.submit(ANNA, rule())
    with pytest.raises(NotAllowed, match="somebody else decides"):
        office.governance.approve(ANNA, "R-1", "", office.runner)
    with pytest.raises(NotAllowed, match="somebody else decides"):
        office.governance.reject(ANNA, "R-1", "no")
    office.governance.reject(BEN, "R-1", "not needed")
    with pytest.raises(RuleError, match="nothing waits"):
        office.governance.approve(BEN, "R-1", "", office.runner)
    with pytest.raises(RuleError, match="no approved version"):
        office.governance.withdraw(ANNA, "R-1")
    for act in (office.governance.withdraw, office.governance.reject):
        with pytest.raises(RuleError, match="R-2: no rule has this id; rules list names them"):
            act(BEN, "R-2", *(["no"] if act == office.governance.reject else []))


def with_people(migrated: Path, folder: Path) -> EventLog:
    """A log of people with keys: anna proposes, ben and carla decide, otto looks."""
    shutil.copyfile(migrated, folder / "control.sqlite")
    log = EventLog(connect(f"sqlite:///{folder / 'control.sqlite'}"))
    keys = {n: people.new_key(folder / n) for n in ("ada", "bob", "anna", "ben", "carla", "otto")}
    people.open_signed(log, {n: keys[n] for n in ("ada", "bob")})
    roles: dict[str, Role] = {"anna": "author", "ben": "approver", "carla": "approver",
                              "otto": "auditor"}  # fmt: skip
    for name, role in roles.items():
        people.register(log, Actor("ada"), name, role, keys[name])
        people.confirm(log, Actor("bob"), name)
    return log


def test_who_may_not_approve_is_told_before_anything_is_calculated(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    """There is no runner: whoever gets as far as the calculation fails there."""
    nothing: Any = None
    signed = with_people(migrated_sqlite, tmp_path)
    governance = Governance(signed, ruled.GRAPH, books.Parameters().at)
    otto = Actor("otto")

    def refused(said: dict[Actor, str]) -> None:
        before = signed.read()
        for actor, word in said.items():
            with pytest.raises(NotAllowed, match=word):
                governance.approve(actor, "R-1", "seen", nothing)
        assert signed.read() == before

    first = governance.submit(ANNA, rule())
    known = {ANNA: "anna has proposed this", otto: "otto is auditor; this is for an approver"}
    refused(known)
    with pytest.raises(NotAllowed, match="otto is auditor"):
        governance.reject(otto, "R-1", "no")
    with pytest.raises(AttributeError):
        governance.approve(BEN, "R-1", "seen", nothing)
    approved = {"needed": 2, "impact": {"impact": "seen"}}
    signed.append(BEN, "approved", "R-1", approved, first.seq)
    twice = f"ben has decided on event {first.seq} already; nobody decides twice"
    refused(known | {BEN: twice})
    with pytest.raises(NotAllowed, match=twice):
        governance.reject(BEN, "R-1", "no")
    with pytest.raises(AttributeError):
        governance.approve(CARLA, "R-1", "seen", nothing)
    signed.append(CARLA, "approved", "R-1", approved, first.seq)
    refused(known | {BEN: twice, CARLA: "carla has decided"})  # were it to have drifted


def test_the_rules_of_a_file_are_proposed_all_or_none(tmp_path: Path, calculated: Path) -> None:
    """The refusal names each that stands against it with its place."""
    shutil.copytree(calculated, tmp_path, dirs_exist_ok=True)
    log = opened_log(tmp_path)
    governance = Governance(log, ruled.GRAPH, books.Parameters().at)
    file = tmp_path / "rules.yaml"

    def propose(*rules: Rule) -> str:
        file.write_text("".join(f"- {json.dumps(each.document())}\n" for each in rules))
        before = log.read()
        try:
            done = governance.propose(ANNA, governance.validate_all(load(file), tmp_path))
        except RuleError as refusal:
            assert log.read() == before
            return str(refusal)
        assert log.read() == (*before, *done)
        return ""

    field = {"field": "counterparty_id", "op": "=", "value": "c0"}
    unknown = rule("R-9", conditions=field | {"field": "colour"})
    said = propose(rule("R-1"), unknown, rule("R-2"), replaced := rule("R-8", stage="moon"))
    first, second = said.splitlines()
    assert first.startswith(f"{file}:2: R-9 conditions: deal has no field colour; use")
    assert second.startswith(f"{file}:4: {replaced.id} stage: no rule acts at moon")
    assert propose(rule("R-1"), rule("R-2")) == ""
    added = [{"op": "add", "field": "amount", "value": "1", "currency": "EUR"}]
    first, second = propose(
        rule("R-3", priority=7), rule("R-1", version=2),
        rule("R-4", priority=7, operations=added), rule("R-5"),
    ).splitlines()  # fmt: skip
    assert first == f"{file}:2: R-1: event 2 waits for a decision; decide it first"
    assert second.startswith(f"{file}:3: R-4 priority: R-3 has priority 7 too and also")


def test_an_approval_names_what_was_looked_at(office: Office) -> None:
    office.governance.submit(ANNA, rule())
    seen = office.governance.impact(office.runner, "R-1")
    deals = office.play.given.deals
    deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(77))
    office.play.deliver()
    with pytest.raises(RuleError, match="look at it again"):
        office.governance.approve(BEN, "R-1", seen.hash, office.runner)
    ahead = office.governance.impact(office.runner, "R-1")
    office.runner.run_day(DAY, "test")
    assert office.governance.impact(office.runner, "R-1") == ahead, "of the rule alone, either way"
    with pytest.raises(RuleError, match="look at it again"):
        office.governance.approve(BEN, "R-1", seen.hash, office.runner)
    office.approve("R-1")
    assert Proposals(office.log.read()).standing("R-1") is not None


def test_a_run_tells_what_it_did_by_changed_rules(office: Office) -> None:
    def told(run_id: str) -> list[dict[str, Any]]:
        runner = replace(office.runner, run_id=run_id)
        runner.run_day(DAY, "test")
        return injections(runner, books.REPORT, DAY, run_id, 1.25)

    def amounts() -> dict[str, str]:
        version = office.runner.positions(DAY).read(books.REPORT)
        rows = office.runner.reader.net(version).toArrow().to_pylist()
        return {f"{r['book']} {r['part']}": format(r["amount"], "f") for r in rows}

    before = amounts()
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    (found,) = told("one")
    after = amounts()
    moved = {k for k in {*before, *after} if before.get(k) != after.get(k)}
    ratios = found.pop("ratios")
    assert found == {
        "rule_id": "R-1",
        "affected_records": 1,
        "processing_time": 1.25,
        "stages_updated": ["deal_adjustments", "held", "flows", "lines", "report"],
    }
    assert moved
    assert {r["key"]: r["before"].get("amount") for r in ratios} == {
        k: before.get(k) for k in moved
    }
    assert {r["key"]: r["after"].get("amount") for r in ratios} == {k: after.get(k) for k in moved}
    assert told("two") == [], "nothing has been injected since"
    office.governance.withdraw(ANNA, "R-1")
    office.approve("R-1")
    (gone,) = told("three")
    assert (gone["rule_id"], gone["affected_records"]) == ("R-1", 1)
    assert {r["key"]: r["after"] for r in gone["ratios"]} == {r["key"]: r["before"] for r in ratios}


def test_a_missing_file_is_told_with_its_table(office: Office) -> None:
    """Files of the deals, which the impact reads, and of the lines, which the shadow reads."""
    office.governance.submit(ANNA, rule())
    for table in ("deals", "lines"):
        folder = office.play.lake.path(ruled.GRAPH.tables[table])
        files = list(folder.rglob("*.parquet"))
        kept = [(file, file.read_bytes()) for file in files]
        for file in files:
            file.unlink()
        with pytest.raises(LakeError, match=f"^{table}: .* Restore them from backup"):
            office.governance.impact(office.runner, "R-1")
        for file, content in kept:
            file.write_bytes(content)
    assert office.governance.impact(office.runner, "R-1").days


def test_a_large_effect_needs_two_approvals_of_two_people(office: Office) -> None:
    office.governance.submit(ANNA, rule(conditions=ALL))
    office.approve("R-1", BEN)
    proposals = Proposals(office.log.read())
    assert proposals.standing("R-1") is None
    assert "rows are changed" in proposals.of("R-1")[0].approvals[0].document["reasons"][0]
    with pytest.raises(NotAllowed, match="nobody decides twice"):
        office.approve("R-1", BEN)
    proposal = proposals.of("R-1")[0].event.seq
    with pytest.raises(EventRefused, match="nobody decides twice"):
        office.log.append(BEN, "approved", "R-1", approvals(office)[0].document, proposal)
    office.approve("R-1", CARLA)
    assert Proposals(office.log.read()).standing("R-1") is not None


def approvals(office: Office) -> list[Event]:
    return Proposals(office.log.read()).of("R-1")[0].approvals


def test_an_approval_lapses_when_what_it_looked_at_moves(office: Office) -> None:
    """Ben approves, a deal is corrected, Carla approves what it is now: the first of two."""

    def told() -> str:
        return str(waiting(Proposals(office.log.read()), "R-1", office.runner.register))

    office.governance.submit(ANNA, rule(conditions=ALL))
    assert told() == "0 of 1 approval"
    office.approve("R-1", BEN)
    assert told() == "1 of 2 approvals"
    (first,) = approvals(office)
    deals = office.play.given.deals
    deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(77))
    office.play.deliver()
    assert told().startswith(f"0 of 2 approvals; that of event {first.seq} counts no longer: ")
    assert "deals of 2026-01-05 is at revision 2, was at 1" in told()

    office.approve("R-1", CARLA)
    (second,) = approvals(office)
    proposals = Proposals(office.log.read())
    assert proposals.standing("R-1") is None, "nobody has seen with her what she has seen"
    assert (second.actor, proposals.of("R-1")[0].lapsed) == ("carla", [first])
    assert told() == (
        f"1 of 2 approvals; that of event {first.seq} counts no longer: carla has approved another "
        f"impact since, as event {second.seq}"
    )
    with pytest.raises(NotAllowed, match=r"carla has decided .* nobody decides twice"):
        office.approve("R-1", CARLA)
    office.approve("R-1", BEN)
    standing = Proposals(office.log.read()).standing("R-1")
    assert standing is not None
    assert standing.proposal.decided == office.log.read()[-1].seq
    for upto in range(len(office.log.read())):
        assert Proposals(office.log.read()[:upto]).standing("R-1") is None


def test_data_that_arrive_while_an_approval_is_added_refuse_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.governance.submit(ANNA, rule())
    seen, calculated = office.governance.impact(office.runner, "R-1").hash, governing.impact

    def slow(*args: Any) -> Impact:
        found = calculated(*args)
        deals = office.play.given.deals
        deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(77))
        office.play.deliver()
        return found

    monkeypatch.setattr(governing, "impact", slow)
    with pytest.raises(RuleError, match=r"R-1: meanwhile .*deals of 2026-01-05 is at rev"):
        office.governance.approve(BEN, "R-1", seen, office.runner)
    assert approvals(office) == []


def test_a_new_version_replaces_the_old_one(office: Office) -> None:
    office.governance.submit(ANNA, rule())
    with pytest.raises(RuleError, match="waits for a decision"):
        office.governance.submit(ANNA, rule(version=2))
    office.approve("R-1")
    with pytest.raises(RuleError, match="version: is 1, the next is 2"):
        office.governance.submit(ANNA, rule(reason="another"))
    first = office.behind()
    office.runner.run_day(DAY, "test")
    halved = office.state("report")
    same = [{"op": "multiply", "field": "amount", "value": "0.25"}]
    office.governance.submit(ANNA, rule(version=2, operations=same))
    office.approve("R-1")
    assert office.behind() == first
    office.runner.run_day(DAY, "test")
    assert office.state("report") != halved
    office.governance.submit(ANNA, rule(version=3))
    office.approve("R-1")
    office.runner.run_day(DAY, "test")
    assert office.state("report") == halved, "the first form again gives the first figures"


def test_an_ended_rule_holds_until_the_day_before(office: Office) -> None:
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    office.runner.run_day(DAY, "test")
    with pytest.raises(RuleError, match="takes effect on 2026-01-01, and an end from 2026-01-01"):
        office.governance.end(ANNA, "R-1", date(2026, 1, 1))
    office.governance.end(ANNA, "R-1", date(2026, 1, 6))
    office.approve("R-1")
    standing = Proposals(office.log.read()).standing("R-1")
    assert standing is not None
    assert [standing.in_force(date(2026, 1, d)) for d in (1, 5, 6, 31)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert office.behind() == {}, "the calculated day is before its end"
    office.governance.end(ANNA, "R-1", DAY)
    office.approve("R-1")
    assert office.behind() == {DAY: ["deal_adjustments"]}


def test_rules_whose_order_would_matter_need_different_priorities(office: Office) -> None:
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    euro = {"field": "amount", "value": "1", "currency": "EUR"}
    for operation in ("set", "add"):
        second = rule("R-2", operations=[{"op": operation, **euro}])
        with pytest.raises(RuleError, match="R-2 priority: R-1 has priority 100 too"):
            office.governance.submit(ANNA, second)
    beside: tuple[dict[str, Any], ...] = (
        {"operations": [{"op": "multiply", "field": "amount", "value": "2"}]},
        {"operations": [{"op": "set", "field": "customer", "value": "c0"}]},
        {"priority": 5, "operations": [{"op": "exclude"}]},
        {"effective": "2026-02-01", "expiry": "2026-02-02", "stage": "flow"},
    )
    for place, other in enumerate(beside, start=2):
        office.governance.submit(ANNA, rule(f"R-{place}", **other))
        office.governance.reject(BEN, f"R-{place}", "another one follows")


def test_two_rules_that_wait_are_compared_as_well(office: Office) -> None:
    """Else both come into force, and their names decide."""
    office.governance.submit(ANNA, rule())
    second = rule("R-2", operations=[{"op": "set", "field": "amount", "value": "1",
                                      "currency": "EUR"}])  # fmt: skip
    with pytest.raises(RuleError, match="R-2 priority: R-1 has priority 100 too"):
        office.governance.submit(ANNA, second)
    office.governance.reject(BEN, "R-1", "no")
    assert office.governance.submit(ANNA, second).subject == "R-2"


MORE_FACTOR = {"op": "multiply", "field": "factor", "value": "1.1"}
MOVED = {"op": "reclassify", "value": "retail_less_stable"}
SCALED = {"op": "scale", "value": "1.02"}
ADDED = {"op": "add", "field": "weighted", "value": "5", "currency": "EUR"}
ORIGINAL = {**MORE_FACTOR, "basis": "original"}
LOWER = {"op": "add", "field": "factor", "value": "-0.1"}
AMOUNT = {"op": "multiply", "field": "amount", "value": "2"}


@pytest.mark.parametrize(
    ("stage", "one", "other", "said"),
    [
        ("flow", MORE_FACTOR, MORE_FACTOR, ""),
        ("flow", MORE_FACTOR, MOVED, "factor (by reclassify and multiply)"),
        ("flow", MOVED, MOVED, "line (by reclassify)"),
        ("flow", MOVED, AMOUNT, ""),
        ("flow", MORE_FACTOR, LOWER, "factor (by add and multiply)"),
        ("flow", MORE_FACTOR, ORIGINAL, "factor (by multiply, once from the field's original"),
        ("flow", ORIGINAL, MORE_FACTOR, "factor (by multiply, once from the field's original"),
        ("flow", MORE_FACTOR, {"op": "exclude"}, ""),
        ("line", SCALED, SCALED, ""),
        ("line", SCALED, AMOUNT, ""),
        ("line", SCALED, ADDED, "weighted (by add and scale)"),
        ("line", ADDED, SCALED, "weighted (by scale and add)"),
    ],
)
def test_what_two_rules_may_both_act_on(
    tmp_path: Path, stage: str, one: dict[str, Any], other: dict[str, Any], said: str
) -> None:
    """In the LCR's own stages; the log alone decides, so the first rule is approved unseen."""
    database = connect(f"sqlite:///{tmp_path / 'control.sqlite'}")
    migrate(database)
    log = EventLog(database)
    people.open_demo(log)
    governance = Governance(log, production_graph(), Parameters.default().at)
    every = {"stage": stage, "conditions": {"field": "line", "op": "like", "value": "retail%"}}
    first = governance.submit(ANNA, rule("R-1", operations=[one], **every))
    log.append(BEN, "approved", "R-1", {"needed": 1}, first.seq)
    second = rule("R-2", operations=[other], **every)
    if said:
        with pytest.raises(RuleError, match="R-2 priority: R-1 has priority 100 too") as refusal:
            governance.submit(ANNA, second)
        assert said in str(refusal.value)
        assert "choose another priority" in str(refusal.value)
        second = rule("R-2", operations=[other], priority=101, **every)
    assert governance.submit(ANNA, second).subject == "R-2"


def test_rules_past_and_gone_are_found_in_the_log(office: Office) -> None:
    """A set that a day was made with is known by its hash, whatever has been decided since."""
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    book = RuleBook(office.log)
    before = book.at(ruled.deal, DAY)
    office.runner.run_day(DAY, "test")
    office.governance.submit(ANNA, rule("R-2", conditions=FEW))
    office.approve("R-2")
    now = book.at(ruled.deal, DAY)
    assert now.differing(before.hash) == {"R-2"}
    assert now.differing("") == {"R-1", "R-2"}
    with pytest.raises(LookupError, match="not the log that the figures were made with"):
        now.differing("0123456789abcdef")


# -- what a rule states of itself ------------------------------------------------------------------


def test_evidence_is_the_file_it_names(tmp_path: Path) -> None:
    governance = Governance(None, ruled.GRAPH, books.Parameters().at)  # type: ignore[arg-type]
    (tmp_path / "memo.txt").write_text("abc")
    # SHA-256 of "abc", FIPS 180-2 appendix B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    good = rule(evidence={"file": "memo.txt", "sha256": abc})
    assert governance.validate(good, tmp_path).stage is ruled.deal
    assert good.document()["evidence"]["sha256"] == abc, "what the event holds"
    with pytest.raises(RuleError, match=r"absent\.txt cannot be read .* name the file from"):
        governance.validate(rule(evidence={"file": "absent.txt", "sha256": abc}), tmp_path)
    with pytest.raises(RuleError, match=r"cannot be read \(embedded null byte\); name the file"):
        governance.validate(rule(evidence={"file": "\0", "sha256": abc}), tmp_path)
    (tmp_path / "memo.txt").write_text("abd")
    with pytest.raises(RuleError, match=f"the rule states {abc}; if it is the file"):
        governance.validate(good, tmp_path)
    with pytest.raises(RuleError, match=r"memo\.txt has the SHA-256"):
        governance.submit(ANNA, good, tmp_path)


def test_nothing_is_approved_beyond_its_limits(office: Office) -> None:
    """The rule halves the one deal of 60."""
    office.governance.submit(ANNA, rule(limits={"rows": 0}))
    with pytest.raises(RuleError, match="2026-01-05: it changes 1 rows, its limit is 0"):
        office.approve("R-1")
    office.governance.reject(BEN, "R-1", "beyond")
    less = {"rows": 1, "amounts": {"EUR": "29.99999999"}}
    office.governance.submit(ANNA, rule(version=2, limits=less))
    with pytest.raises(RuleError, match=r"moves amount by 30\.0+ EUR, its limit is 29\.9"):
        office.approve("R-1")
    office.governance.reject(BEN, "R-1", "beyond")
    office.governance.submit(ANNA, rule(version=3, limits={"rows": 1, "amounts": {"EUR": "30"}}))
    office.approve("R-1")
    (approval,) = Proposals(office.log.read()).of("R-1")[-1].approvals
    (day,) = approval.document["impact"]["days"]
    assert day["reach"] == {"rows": 1, "moved": {"amount": {"reporting currency": "30.00000000"}}}
    office.runner.run_day(DAY, "test")
    office.governance.withdraw(ANNA, "R-1")
    office.approve("R-1")


def entries(engine: Engine, table: Table, rows: list[dict[str, Any]]) -> DataFrame:
    schema = pa.schema([pa.field(c, table.type_of(c).arrow) for c in ("entry", *table.content)])
    return engine.session.createDataFrame(pa.Table.from_pylist(rows, schema=schema))


def reaches(
    engine: Engine, stage: str, rows: list[dict[str, Any]], *rules: str
) -> dict[str, Reach]:
    table = production_graph().stage(stage).writes
    frame = entries(engine, table, rows)
    registered = Revision(
        table.name, DAY, 1, "p", "delta", "", "", datetime(2026, 1, 5, tzinfo=UTC), 8, 0, "", "",
        "", "", (),
    )  # fmt: skip
    version = Version(table, DAY, (registered,))
    return measure(Given(engine, {table.name: frame}), version, rules)


def test_a_scopes_money_is_in_the_currency_in_which_it_reports(sail: Engine) -> None:
    """30 EUR and 7 USD: held against the limit of each, not as 37 of the one named first."""
    rows = [
        {"layer": "adjustment", "entry": 1, "rule_id": "R", "sign": sign, "scope": scope,
         "component": "hqla", "reporting_currency": currency, "amount": Decimal(amount)}
        for sign, scope, currency, amount in (
            (-1, "A", "EUR", 100), (1, "A", "EUR", 130), (-1, "B", "USD", 9), (1, "B", "USD", 2))
    ]  # fmt: skip
    (reach,) = reaches(sail, "component_adjustments", rows, "R").values()
    assert reach == Reach(2, {"amount": {"EUR": Decimal(30), "USD": Decimal(7)}})
    held = rule(limits={"amounts": {"EUR": "30", "USD": "7"}})
    assert list(beyond_limits(held, reach)) == []
    named = rule(limits={"amounts": {"EUR": "37"}})
    assert list(beyond_limits(named, reach)) == [
        "it moves amount by 7.00000000 USD, its limit is 0"
    ]


def test_reach_is_counted_by_rows_and_by_currency(engine: Engine) -> None:
    """R takes 100 EUR to 70, 50 USD to 90, and moves 20 EUR to JPY; M books 5 EUR of its own."""
    named = {"layer": "adjustment", "entry": 1, "product_type": "LOAN", "collateral_value": None}
    found = [
        ("R", -1, "a", "EUR", 100), ("R", 1, "a", "EUR", 70), ("R", -1, "b", "USD", 50),
        ("R", 1, "b", "USD", 90), ("R", -1, "c", "EUR", 20), ("R", 1, "c", "JPY", 20),
        ("M", 1, "MAN-M-1", "EUR", 5), ("X", -1, "a", "EUR", 70),
    ]  # fmt: skip
    rows = [
        {**named, "rule_id": r, "sign": s, "deal_id": d, "currency": c, "amount": Decimal(a)}
        for r, s, d, c, a in found
    ]
    reach = reaches(engine, "deal_adjustments", rows, "R", "M", "none")
    amounts = {"EUR": Decimal(50), "JPY": Decimal(20), "USD": Decimal(40)}
    assert reach["R"] == Reach(3, {"amount": amounts})
    assert reach["M"] == Reach(1, {"amount": {"EUR": Decimal(5)}})
    assert reach["none"] == Reach()
    limited = rule(limits={"rows": 2, "amounts": {"EUR": "50", "USD": "39"}})
    assert list(beyond_limits(limited, reach["R"])) == [
        "it changes 3 rows, its limit is 2",
        "it moves amount by 20.00000000 JPY, its limit is 0",
        "it moves amount by 40.00000000 USD, its limit is 39",
    ]


def test_what_is_written_is_added_up_by_currency(engine: Engine) -> None:
    """A rule takes 100 EUR to 70 and takes out 50 USD; a line moves from 12 to 9, another is new.
    A ratio adds up to nothing, nor does money of which no row says in which currency it is."""
    graph = production_graph()

    def of(name: str, *rows: tuple[int, int, dict[str, Any]]) -> tuple[Table, DataFrame]:
        table = graph.stage(name).writes
        money = dict.fromkeys(table.money, Decimal(7))
        told = [{**money, "entry": entry, "sign": sign, **values} for entry, sign, values in rows]
        return table, entries(engine, table, told)

    def deal(currency: str, amount: int) -> dict[str, Any]:
        money = {"amount": Decimal(amount), "collateral_value": None}
        return {"deal_id": "D", "currency": currency, "operational_amount": Decimal(2), **money}

    def line(amount: int) -> dict[str, Any]:
        return {"line": "A", "currency": "USD", "amount": Decimal(amount)}

    wide = {c: Decimal(1) for c in graph.stage("lcr").writes.money}
    found = dict(net_amounts(dict([
        of("deal_adjustments", (1, -1, deal("EUR", 100)), (1, 1, deal("EUR", 70)),
           (1, -1, deal("USD", 50))),
        of("lcr_lines", (-1, 1, line(12)), (1, 1, line(9)), (1, 1, line(5))),
        of("instalments_due", (1, 1, {"deal_id": "D"})),
        of("component_adjustments", (1, 1, {"scope": "A", "reporting_currency": "EUR"}),
           (-1, -1, {"scope": "B", "reporting_currency": "USD"})),
        of("lcr", (1, 1, wide), (-1, 1, wide | {"hqla": Decimal(4), "ratio": Decimal(9)})),
    ])))  # fmt: skip
    assert found == {
        "deal_adjustments": {
            "amount": {"EUR": Decimal(-30), "USD": Decimal(-50)},
            "operational_amount": {"USD": Decimal(-2)},
        },
        "lcr_lines": in_reporting(amount="2", weighted="7"),
        "instalments_due": {},
        "component_adjustments": {"amount": {"EUR": Decimal(7), "USD": Decimal(7)}},
        "lcr": in_reporting(hqla="-3"),
    }
    assert dict(net_amounts({})) == {}


# -- when one approval is not enough --------------------------------------------------------------


def seen(before: dict[str, str | None], after: dict[str, str | None], affected: int = 0) -> Impact:
    def amounts(given: dict[str, str | None]) -> dict[str, Decimal | None]:
        return {n: None if v is None else Decimal(v) for n, v in given.items()}

    figure = Figure("lcr", "A", amounts(before), amounts(after))
    day = DayImpact(DAY, affected, 100, Reach(), (), (figure,), {})
    return Impact("R", 1, "digest", (DAY,), (day,))


@pytest.mark.parametrize(
    ("impact", "reasons"),
    [
        (seen({"ratio": "1.20"}, {"ratio": "1.21"}), 0),
        (seen({"ratio": "1.20"}, {"ratio": "1.21000001"}), 1),
        (seen({"ratio": "1.20"}, {"ratio": "1.10"}), 0),
        (seen({"ratio": "1.000"}, {"ratio": "0.999"}), 1),
        (seen({"ratio": "0.999"}, {"ratio": "1.000"}), 1),
        (seen({"ratio": None}, {"ratio": "5"}), 1),
        (seen({"ratio": None}, {"ratio": None}), 0),
        (seen({"hqla": "100"}, {"hqla": "101"}), 0),
        (seen({"hqla": "100"}, {"hqla": "98.99"}), 1),
        (seen({"net_outflows": "0"}, {"net_outflows": "0.01"}), 1),
        (seen({}, {}, affected=10), 0),
        (seen({}, {}, affected=11), 1),
    ],
)
def test_what_needs_a_second_approval(impact: Impact, reasons: int) -> None:
    assert len(list(second_look(impact))) == reasons


def test_who_looks_at_an_impact_reads_rows_amounts_and_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = seen({"ratio": "1.20"}, {"ratio": "1.21"}, affected=3)
    amounts = {"amount": {"EUR": Decimal("1250.5"), "USD": Decimal(7)}}
    moved = {
        "amount": {"EUR": Decimal("-12.5"), "USD": Decimal(3)},
        "weighted": {"EUR": Decimal(1)},
    }
    stages = (
        Written("flows", 2, 1, moved),
        Written("lcr", 1, 1, {"hqla": {"reporting currency": Decimal(77)}}),
    )
    day = replace(found.days[0], reach=Reach(3, amounts), stages=stages)
    assert day.document()["stages_updated"][0] == {
        "table": "flows", "booked": 2, "reversed": 1,
        "amounts": {"amount": {"EUR": "-12.5", "USD": "3"}, "weighted": {"EUR": "1"}},
    }  # fmt: skip
    unopened: Any = SimpleNamespace(events=SimpleNamespace(read=tuple))
    print_impact(unopened, replace(found, days=(day,)))
    shown = capsys.readouterr().out
    assert "R on 2026-01-05: 3 of 100 rows" in shown
    assert "120.00 %" in shown
    assert "121.00 %" in shown
    assert "amount moves by 1,250.50 EUR, 7.00 USD\n" in shown
    cells = [[c.strip() for c in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert ["flows", "3", "amount", "-12.50 EUR, +3.00 USD"] in cells
    assert ["", "", "weighted", "+1.00 EUR"] in cells
    assert ["lcr", "2", "", ""] in cells, "of it each figure stands above"
    another = replace(found, days=(replace(day, stages=(replace(stages[0], amounts={}),)),))
    assert another.hash != replace(found, days=(replace(day, stages=stages[:1]),)).hash


def test_the_last_day_of_each_month_and_the_latest_are_looked_at() -> None:
    days = [
        date(2026, 1, 30),
        date(2026, 1, 5),
        date(2026, 2, 27),
        date(2026, 3, 2),
        date(2026, 3, 3),
    ]
    assert days_to_look_at(sorted(days)) == (date(2026, 1, 30), date(2026, 2, 27), date(2026, 3, 3))
    days.sort()
    assert date(2026, 1, 5) in days_to_look_at(days, {date(2026, 1, 5), date(2026, 1, 6)})
    assert len(days_to_look_at(days, {date(2026, 1, 5), date(2026, 1, 6)})) == 4
    assert days_to_look_at([]) == ()

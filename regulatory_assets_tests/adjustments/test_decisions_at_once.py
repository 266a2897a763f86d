"""Two people decide at the same moment, or the figures move while somebody looks.

Threads meet at the log, both having looked; on SQLite and on PostgreSQL one of them gets in, and
the other is told what happened. What they look at is written down here: no engine calculates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine as Database

from regulatory_assets.adjustments import governance as governing
from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import Proposals
from regulatory_assets.adjustments.closing import RESTATEMENT, closings
from regulatory_assets.adjustments.days import Days
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import Impact
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.releasing import Contents, Releasing, last_released
from regulatory_assets.control.events import (
    Actor,
    Event,
    EventLog,
    EventRefused,
    chain_faults,
)
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, CARLA, rule
from regulatory_assets_tests.kernel import books

NOBODY: Any = None
PATIENCE_SECONDS = 60


class Meeting(EventLog):
    """A log that two threads reach at the same moment while they are ``expected``."""

    expected = False
    before: Callable[[], None] | None = None
    """Happens before the next event is added."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.barrier = Barrier(2, timeout=PATIENCE_SECONDS)

    def append(self, *args: Any, **kwargs: Any) -> Event:
        if self.expected:
            self.barrier.wait()
        if self.before is not None:
            self.before()
        return super().append(*args, **kwargs)

    def at_once(self, *acts: Callable[[], Event]) -> list[Event | Exception]:
        def outcome(act: Callable[[], Event]) -> Event | Exception:
            try:
                return act()
            except (EventRefused, NotReady, RuleError) as refusal:
                return refusal

        self.expected = True
        with ThreadPoolExecutor(len(acts)) as pool:
            found = list(pool.map(outcome, acts))
        self.expected = False
        return found


@dataclass(frozen=True)
class Told(Days):
    """Days whose figures are those told; ``meanwhile`` happens while somebody looks at them."""

    revisions: dict[str, int] = field(default_factory=lambda: {"lines": 1})
    meanwhile: list[Callable[[], Any]] = field(default_factory=list)

    def _to_close(self, day: date) -> dict[str, Any]:
        found = {"revisions": dict(self.revisions)}
        while self.meanwhile:
            self.meanwhile.pop()()
        return found

    def _revisions(self, day: date) -> dict[str, int]:
        return dict(self.revisions)

    def _to(self, day: date, waiting: Any) -> dict[str, Any]:
        return {"figures": [], "files": []}


@dataclass(frozen=True)
class Numbered(Releasing):
    """Parameters of which each number is another set."""

    number: int = 1

    @property
    def at_hand(self) -> Contents:
        return {"p": {str(self.number): {}}}


@pytest.fixture
def log(control_engine: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meeting]:
    def impact(runner: Any, log: EventLog, proposal: int, *_: Any) -> Impact:
        name = Proposals(log.read()).by_number[proposal].event.subject
        return Impact(name, proposal, "digest", (), ())

    monkeypatch.setattr(governing, "impact", impact)
    opened = Meeting(control_engine)
    people.open_demo(opened)
    yield opened
    assert chain_faults(opened.read()) == []


@dataclass(frozen=True)
class Matter:
    """Something that is proposed, decided on, and then holds or not."""

    propose: Callable[[Actor], Event]
    approve: Callable[[Actor], Event]
    reject: Callable[[Actor], Event]
    holds: Callable[[], bool]


def matters(log: Meeting, number: int) -> dict[str, Matter]:
    """One of each kind, each time with another subject."""
    day, closed = date(2026, 1, number), date(2026, 2, number)
    name, of_days = f"R-{number}", Told(log, NOBODY, lambda _: ())
    rules = Governance(log, ruled.GRAPH, books.Parameters().at)
    parameters = Numbered(log, NOBODY, number=number)

    def approve_rule(actor: Actor) -> Event:
        seen = rules.impact(NOBODY, name)
        return rules.approve(actor, name, seen.hash, NOBODY)[0]

    def restate(actor: Actor) -> Event:
        if closed not in closings(log.read()):
            of_days.close(ANNA, closed)
            of_days.approve(BEN, closed)
        return of_days.restate(actor, closed, "late data")

    def released() -> bool:
        found, _ = last_released(log.read())
        last = [e for e in log.read() if e.kind == "parameters.proposed"][-1]
        return found.proposal == last

    return {
        "close": Matter(
            lambda a: of_days.close(a, day),
            lambda a: of_days.approve(a, day),
            lambda a: of_days.reject(a, day, "no"),
            lambda: of_days.of(day).state == "closed",
        ),
        "restatement": Matter(
            restate,
            lambda a: of_days.approve(a, closed),
            lambda a: of_days.reject(a, closed, "no"),
            lambda: of_days.of(closed).state == "restating",
        ),
        "rule": Matter(
            lambda a: rules.submit(a, rule(name)),
            approve_rule,
            lambda a: rules.reject(a, name, "no"),
            lambda: Proposals(log.read()).standing(name) is not None,
        ),
        "parameters": Matter(
            lambda a: parameters.propose(a, "a test"),
            parameters.release,
            lambda a: parameters.reject(a, "no"),
            released,
        ),
    }


@pytest.mark.parametrize("kind", ["close", "restatement", "rule", "parameters"])
def test_of_two_decisions_of_one_moment_one_counts(log: Meeting, kind: str) -> None:
    pairs = (("approve", "approve"), ("approve", "reject"), ("reject", "approve"))
    for number, pair in enumerate(pairs, start=1):
        matter = matters(log, number)[kind]
        proposal = matter.propose(ANNA)
        acts = (getattr(matter, name) for name in pair)
        people_at_once = zip(acts, (BEN, CARLA), strict=True)
        found = log.at_once(*(partial(act, actor) for act, actor in people_at_once))
        (won,) = (o for o in found if isinstance(o, Event))
        (lost,) = (o for o in found if isinstance(o, EventRefused))
        assert str(lost) == (
            f"{proposal.subject}: event {proposal.seq} was decided on meanwhile, {won.kind} by "
            f"{won.actor} as event {won.seq}; look again"
        )
        assert [e for e in log.read() if e.decides == proposal.seq] == [won]
        assert matter.holds() == (won.kind == "approved")


@pytest.mark.parametrize("kind", ["close", "rule", "parameters"])
def test_of_two_proposals_of_one_moment_one_waits(log: Meeting, kind: str) -> None:
    matter = matters(log, 1)[kind]
    found = log.at_once(lambda: matter.propose(ANNA), lambda: matter.propose(CARLA))
    (won,) = (o for o in found if isinstance(o, Event))
    (lost,) = (o for o in found if isinstance(o, Exception))
    assert f"event {won.seq} waits for a decision" in str(lost)
    assert not matter.holds()


def test_what_moves_while_somebody_looks_refuses_the_decision(
    log: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule comes into force, or a run posts, after the figures were looked at."""
    day = date(2026, 1, 5)
    days = Told(log, NOBODY, lambda _: ())
    first, second = matters(log, 1)["rule"], matters(log, 2)["rule"]
    first.propose(ANNA)
    second.propose(ANNA)
    days.close(ANNA, day)
    days.meanwhile.append(lambda: first.approve(CARLA))
    with pytest.raises(EventRefused, match=r"\(approved R-1 by carla\) came meanwhile, and fig"):
        days.approve(BEN, day)
    days.meanwhile.append(lambda: days.revisions.update(lines=2))
    with pytest.raises(RuleError, match="2026-01-05: a run has posted meanwhile; look again"):
        days.approve(BEN, day)
    days.revisions.update(lines=1)
    third = matters(log, 3)["rule"]
    third.propose(ANNA)
    rules = Governance(log, ruled.GRAPH, books.Parameters().at)
    seen, calculated = rules.impact(NOBODY, "R-2").hash, governing.impact

    def slow(*args: Any) -> Impact:
        found = calculated(*args)
        monkeypatch.setattr(governing, "impact", calculated)
        third.approve(CARLA)
        return found

    monkeypatch.setattr(governing, "impact", slow)
    with pytest.raises(EventRefused, match=r"\(approved R-3 by carla\) came meanwhile"):
        rules.approve(BEN, "R-2", seen, NOBODY)
    second.approve(BEN)
    days.approve(BEN, day)
    assert second.holds()
    assert days.of(day).state == "closed"


def test_what_is_proposed_about_a_rule_is_about_the_version_that_holds(log: Meeting) -> None:
    """A next version, or an end, comes into force just before: whoever proposed has not seen it."""
    rules = Governance(log, ruled.GRAPH, books.Parameters().at)

    def agreed(propose: Callable[[], Event]) -> None:
        propose()
        seen = rules.impact(NOBODY, "R-1")
        rules.approve(BEN, "R-1", seen.hash, NOBODY)

    def meanwhile(act: Callable[[], None]) -> None:
        def then() -> None:
            log.before = None
            act()

        log.before = then

    agreed(lambda: rules.submit(ANNA, rule("R-1")))
    first = date(2026, 1, 9)
    meanwhile(lambda: agreed(lambda: rules.submit(ANNA, rule("R-1", version=2))))
    with pytest.raises(RuleError, match="R-1: another version or end holds by now; look again"):
        rules.end(ANNA, "R-1", first)
    meanwhile(lambda: agreed(lambda: rules.end(ANNA, "R-1", first)))
    with pytest.raises(RuleError, match="R-1: another version or end holds by now; look again"):
        rules.end(ANNA, "R-1", date(2026, 1, 12))
    with pytest.raises(RuleError, match="R-1: holds until 2026-01-08 as it is; submit a next ver"):
        rules.end(ANNA, "R-1", first)
    meanwhile(lambda: agreed(lambda: rules.withdraw(ANNA, "R-1")))
    with pytest.raises(RuleError, match="R-1: no approved version is in force"):
        rules.withdraw(ANNA, "R-1")


def test_a_decision_that_came_too_late_is_none(log: Meeting) -> None:
    """Whoever has written it: what waits now still waits, and what is closed stays so."""
    day = date(2026, 1, 5)
    days = Told(log, NOBODY, lambda _: ())
    close = days.close(ANNA, day)
    days.approve(BEN, day)
    restatement = days.restate(ANNA, day, "late data")
    log.append(CARLA, "rejected", "day 2026-01-05", {"reason": "no"}, close.seq)
    found = days.of(day)
    assert (found.state, found.waiting) == ("closed", restatement)
    days.approve(BEN, day)
    log.append(Actor("dora"), "approved", "day 2026-01-05", {}, close.seq)
    assert days.of(day).state == "restating"
    assert restatement.kind == RESTATEMENT

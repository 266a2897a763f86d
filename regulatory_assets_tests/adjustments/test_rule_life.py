"""Rules and days under people who try anything: what the log takes, and what then holds.

A second, plain bookkeeping says of every step whether it may be taken, and after it which rules are
in force and which days take no postings. No engine calculates: an impact is what the step says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from regulatory_assets.adjustments import governance as governing
from regulatory_assets.adjustments.book import Proposals, RuleBook
from regulatory_assets.adjustments.closing import Closing, closings, is_held
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import Impact
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.control.events import Actor, EventLog, EventRefused, chain_faults
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_decisions_at_once import NOBODY, Told
from regulatory_assets_tests.adjustments.test_governance import rule, with_people
from regulatory_assets_tests.kernel import books

DAYS = [date(2026, 1, n) for n in range(5, 11)]
AUTHORS, APPROVERS, OTHERS = ("anna",), ("ben", "carla"), ("otto", "ada", "mallory")
"""Those of ``with_people``, and somebody whom nobody knows; ada is an administrator."""
Step = tuple[bool, Callable[[], None], Callable[[], Any]]
"""Whether it may be taken, what is then so, and the step itself."""
REFUSALS = (RuleError, NotAllowed, NotReady, EventRefused)


@dataclass
class Proposed:
    """What waits: what it would do once so many have approved."""

    needed: int
    do: Callable[[], None]
    approved: dict[int, set[str]] = field(default_factory=dict)
    """By how far the figures had moved: who has approved what they then were."""
    last: int = 0

    def approvers(self, moved: int) -> set[str]:
        return self.approved.setdefault(moved, set())


@dataclass
class Kept:
    """What a rule is by now: its last version's number, the days it holds, the last of all days,
    and what waits."""

    versions: int = 0
    since: date = date.min
    holds: set[date] | None = None
    until: date = date.max
    withdrawn: bool = False
    waits: Proposed | None = None


@dataclass
class KeptDay:
    """What a day is by now, and what waits."""

    state: str = "open"
    waits: Proposed | None = None


class Town:
    """The log, what people try on it, and the plain bookkeeping beside it."""

    def __init__(self, log: EventLog, seed: int) -> None:
        self.log, self.random = log, Random(seed)
        self.governance = Governance(log, ruled.GRAPH, books.Parameters().at)
        self.days = Told(log, NOBODY, lambda _: ())
        self.rules = {f"R-{n}": Kept() for n in range(3)}
        self.kept_days = {day: KeptDay() for day in DAYS[:3]}
        self.taken = self.refused = self.lapsed = 0
        self.moved = 0
        """Figures are those of one of two states, and may be again what they were."""

    def try_anything(self) -> None:
        """A random step; more often than by chance one that may be taken."""
        self.moved = self.random.choice((self.moved, 0, 1))
        steps = [self._step() for _ in range(8)]
        allowed = [step for step in steps if step[0]]
        may, effect, act = allowed[0] if allowed and self.random.random() < 0.5 else steps[0]
        before, refusal = self.log.read(), None
        try:
            act()
        except REFUSALS as error:
            refusal = error
        assert may == (refusal is None), refusal or self.log.read()[-1]
        if refusal is None:
            effect()
            self.taken += 1
        else:
            assert self.log.read() == before
            self.refused += 1
        self._check()

    def _step(self) -> Step:
        random = self.random
        who = Actor(random.choice((*AUTHORS * 3, *APPROVERS * 2, *OTHERS)))
        if random.random() < 0.3:
            of_days = (self._close, self._restate, self._decide_day, self._decide_day)
            return random.choice(of_days)(who, random.choice(list(self.kept_days)))
        of_rules = (self._submit, self._reject, self._end, self._withdraw, *(self._approve,) * 3)
        return random.choice(of_rules)(who, random.choice(list(self.rules)))

    def _check(self) -> None:
        snapshot = RuleBook(self.log).snapshot()
        for day in DAYS:
            found = snapshot.at(ruled.deal, day).order
            assert found == tuple(
                name for name, kept in sorted(self.rules.items())
                if not kept.withdrawn and day in (kept.holds or ())
            )  # fmt: skip
        of_days = closings(snapshot.events)
        for day, kept_day in self.kept_days.items():
            assert of_days.get(day, Closing(day, [])).state == kept_day.state
            assert is_held(of_days, day) == (kept_day.state == "closed")

    # -- rules ----------------------------------------------------------------------------------

    def _submit(self, who: Actor, name: str) -> Step:
        kept, random = self.rules[name], self.random
        tried = (kept.versions + 1,) * 4 + (kept.versions, kept.versions + 2)
        version = max(random.choice(tried), 1)
        effective, expiry = random.choice(DAYS), random.choice((None, *DAYS))
        large = random.random() < 0.7
        if expiry is not None and expiry < effective:
            expiry = effective

        def do() -> None:
            kept.since, kept.until = effective, expiry or date.max
            kept.holds = {d for d in DAYS if effective <= d <= kept.until}
            kept.withdrawn = False

        def effect() -> None:
            kept.versions, kept.waits = version, Proposed(2 if large else 1, do)

        document = rule(
            name, version=version, effective=str(effective), reason="large" if large else
            "small", expiry=None if expiry is None else str(expiry),
        )  # fmt: skip
        may = who.name in AUTHORS and kept.waits is None and version == kept.versions + 1
        return may, effect, lambda: self.governance.submit(who, document)

    def _approve(self, who: Actor, name: str) -> Step:
        kept = self.rules[name]
        waits = kept.waits
        hash_ok = self.random.random() < 0.8
        may = (
            who.name in APPROVERS and hash_ok and waits is not None
            and who.name not in waits.approvers(self.moved)
        )  # fmt: skip

        def effect() -> None:
            assert waits is not None
            approvers, waits.last = waits.approvers(self.moved), self.moved
            self.lapsed += any(names for names in waits.approved.values() if names != approvers)
            approvers.add(who.name)
            if len(approvers) == waits.needed:
                waits.do()
                kept.waits = None

        def act() -> Any:
            seen = self.governance.impact(NOBODY, name).hash if waits else "nothing"
            shown = seen if hash_ok else seen[::-1]
            return self.governance.approve(who, name, shown, NOBODY)

        return may, effect, act

    def _reject(self, who: Actor, name: str) -> Step:
        kept = self.rules[name]
        may = who.name in APPROVERS and kept.waits is not None
        waits = kept.waits
        may = may and waits is not None and who.name not in waits.approvers(waits.last)

        def effect() -> None:
            kept.waits = None

        return may, effect, lambda: self.governance.reject(who, name, "no")

    def _end(self, who: Actor, name: str) -> Step:
        kept, first = self.rules[name], self.random.choice(DAYS[1:])

        def do() -> None:
            kept.holds = {d for d in kept.holds or () if d < first}
            kept.until = first - timedelta(days=1)

        def effect() -> None:
            kept.waits = Proposed(1, do)

        may = self._may_stop(who, kept) and kept.since < first <= kept.until
        return may, effect, lambda: self.governance.end(who, name, first)

    def _withdraw(self, who: Actor, name: str) -> Step:
        kept = self.rules[name]

        def do() -> None:
            kept.withdrawn = True

        def effect() -> None:
            kept.waits = Proposed(1, do)

        return self._may_stop(who, kept), effect, lambda: self.governance.withdraw(who, name)

    def _may_stop(self, who: Actor, kept: Kept) -> bool:
        stands = kept.holds is not None and not kept.withdrawn
        return who.name in AUTHORS and stands and kept.waits is None

    # -- days -----------------------------------------------------------------------------------

    def _close(self, who: Actor, day: date) -> Step:
        return self._propose_day(who, day, "closed", lambda: self.days.close(who, day))

    def _restate(self, who: Actor, day: date) -> Step:
        return self._propose_day(who, day, "restating", lambda: self.days.restate(who, day, "late"))

    def _propose_day(self, who: Actor, day: date, state: str, act: Callable[[], Any]) -> Step:
        kept = self.kept_days[day]

        def do() -> None:
            kept.state = state

        def effect() -> None:
            kept.waits = Proposed(1, do)

        closed = kept.state == "closed"
        may = who.name in AUTHORS and kept.waits is None and closed == (state == "restating")
        return may, effect, act

    def _decide_day(self, who: Actor, day: date) -> Step:
        kept, yes = self.kept_days[day], self.random.random() < 0.7
        waits = kept.waits

        def effect() -> None:
            assert waits is not None
            kept.waits = None
            if yes:
                waits.do()

        def act() -> Any:
            return self.days.approve(who, day) if yes else self.days.reject(who, day, "no")

        return who.name in APPROVERS and waits is not None, effect, act


@pytest.mark.parametrize("seed", range(3))
def test_nobody_gets_in_what_two_people_have_not_agreed_on(
    migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    def impact(runner: Any, log: EventLog, proposal: int, *_: Any) -> Impact:
        event = Proposals(log.read()).by_number[proposal].event
        size = event.document.get("reason", "small")
        return Impact(event.subject, proposal, f"{size} {town.moved}", (), ())

    def second_look(found: Impact) -> tuple[str, ...]:
        return ("large",) if found.digest.startswith("large") else ()

    monkeypatch.setattr(governing, "impact", impact)
    monkeypatch.setattr(governing, "drift", lambda *_: {})
    monkeypatch.setattr(governing, "second_look", second_look)
    signed = with_people(migrated_sqlite, tmp_path)
    town = Town(signed, seed)
    for _ in range(150):
        town.try_anything()
    assert min(town.taken, town.refused) > 30
    assert town.lapsed, "somebody has approved what had moved since another did"
    assert chain_faults(signed.read()) == []
    for event in signed.read():
        decided = [e for e in signed.read() if e.decides == event.seq]
        assert event.actor not in {e.actor for e in decided}

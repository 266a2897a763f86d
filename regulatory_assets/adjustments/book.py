"""Which rules are in force on a reporting date: a pure function of the event log and the date.

Of a rule the last approved version holds, on the days of its own window, until an approved end
date; a withdrawn rule holds on no day. Expiry therefore needs no event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Literal

from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.reach import Reach
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import SUFFIX, Rule, parse
from regulatory_assets.control.events import Check, Event, EventLog, EventRefused
from regulatory_assets.control.register import Register
from regulatory_assets.ledger.stages import Stage

SUBMITTED, END, WITHDRAWAL = "rule.submitted", "rule.end", "rule.withdrawal"
APPROVED, REJECTED = "approved", "rejected"
PROPOSALS = (SUBMITTED, END, WITHDRAWAL)


def stage_name(rule: Rule) -> str:
    """The adjustment stage at which a rule acts."""
    return f"{rule.stage}{SUFFIX}"


def acts_at(rule: Rule, stage: Stage) -> bool:
    """Whether what a stage writes follows from a rule: at its own stage, and where what it adds
    there is spread if it says so."""
    if stage.spreads is not None:
        return rule.allocates and acts_at(rule, stage.spreads)
    return stage_name(rule) == stage.name


def impact_of(approval: Event) -> str:
    """The hash of the impact that an approval names."""
    return str(approval.document.get("impact", {}).get("impact", ""))


@dataclass
class Proposal:
    """Something proposed, and what has become of it. ``needed`` approvals of one impact put it in
    force, ``decided`` being the number of the last of them.

    ``approvals`` are those that count. When an approval names another impact than those before it,
    what these have looked at has moved: they have ``lapsed``, until that impact is seen again.
    """

    event: Event
    approvals: list[Event] = field(default_factory=list)
    lapsed: list[Event] = field(default_factory=list)
    rejection: Event | None = None
    needed: int = 1
    decided: int | None = None

    def approve(self, event: Event) -> None:
        """Take an approval. Once in force every further one is of what the rule does by then."""
        if self.decided is not None:
            self.approvals.append(event)
            return
        found = sorted([*self.approvals, *self.lapsed, event], key=lambda e: e.seq)
        impact = impact_of(event)
        self.approvals = [e for e in found if impact_of(e) == impact]
        self.lapsed = [e for e in found if impact_of(e) != impact]
        self.needed = max(int(e.document.get("needed", 1)) for e in self.approvals)
        if len(self.approvals) >= self.needed:
            self.decided = event.seq

    @property
    def state(self) -> Literal["proposed", "approved", "rejected"]:
        if self.rejection is not None:
            return "rejected"
        return "proposed" if self.decided is None else "approved"

    @property
    def decision(self) -> Event | None:
        """The approval that has put it in force."""
        return next((e for e in self.approvals if e.seq == self.decided), None)

    @property
    def seen(self) -> dict[date, Reach]:
        """What the rule changed on each day that was looked at, by the last approval."""
        days = [day for e in self.approvals for day in e.document["impact"]["days"]]
        return {date.fromisoformat(day["day"]): Reach.read(day["reach"]) for day in days}


@dataclass(frozen=True)
class StandingRule:
    """The approved version of a rule, and from which day on it has been ended."""

    rule: Rule
    proposal: Proposal
    ends: date | None
    withdrawn: bool

    @property
    def last(self) -> date | None:
        """The last day it may hold, by its own window and its end; open without either."""
        days = [d for d in (self.rule.expiry, self.ends and self.ends - timedelta(days=1)) if d]
        return min(days, default=None)

    def in_force(self, day: date) -> bool:
        ended = self.last is not None and day > self.last
        return not self.withdrawn and not ended and self.rule.in_force(day)


class Proposals:
    """What has been proposed about rules and decided of it, by a log of events; ``by_number`` of
    the events that propose."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.by_number: dict[int, Proposal] = {}
        for event in events:
            if event.kind in PROPOSALS:
                self.by_number[event.seq] = Proposal(event)
            elif event.kind in (APPROVED, REJECTED) and event.decides in self.by_number:
                proposal = self.by_number[event.decides]
                if event.kind == APPROVED:
                    proposal.approve(event)
                else:
                    proposal.rejection = event

    @property
    def decided(self) -> Event | None:
        """The last approval of anything about a rule: figures move with none but these."""
        found = (e for p in self.by_number.values() for e in (*p.approvals, *p.lapsed))
        return max(found, key=lambda event: event.seq, default=None)

    def rule_of(self, proposal: Proposal) -> Rule:
        """The rule that a proposal is about, in the version it names."""
        if proposal.event.kind == SUBMITTED:
            try:
                return parse(proposal.event.document)
            except RuleError as refusal:
                raise refusal.behind(lambda _: proposal.event.subject) from None
        about = int(proposal.event.document["proposal"])
        return self.rule_of(self.by_number[about])

    def of(self, rule_id: str) -> list[Proposal]:
        return [p for p in self.by_number.values() if p.event.subject == rule_id]

    def require(self, rule_id: str) -> None:
        """Raises RuleError for an id that nobody has proposed anything about."""
        if not self.of(rule_id):
            raise RuleError(f"{rule_id}: no rule has this id; rules list names them")

    def open(self, rule_id: str) -> Proposal | None:
        """The proposal about a rule that waits for a decision."""
        return next((p for p in self.of(rule_id) if p.state == "proposed"), None)

    def ids(self) -> list[str]:
        return list(dict.fromkeys(p.event.subject for p in self.by_number.values()))

    def standing(self, rule_id: str, assuming: Proposal | None = None) -> StandingRule | None:
        """The version in force, with its end; as if ``assuming`` had been approved."""

        def counts(proposal: Proposal) -> bool:
            return proposal.state == "approved" or proposal is assuming

        def order(proposal: Proposal) -> tuple[bool, int]:
            return (proposal is assuming, 0 if proposal is assuming else proposal.decided or 0)

        found = [p for p in self.of(rule_id) if counts(p)]
        versions = sorted((p for p in found if p.event.kind == SUBMITTED), key=order)
        if not versions:
            return None
        last = versions[-1]
        about = [p for p in found if p.event.document.get("proposal") == last.event.seq]
        ends = [date.fromisoformat(p.event.document["from"]) for p in about if p.event.kind == END]
        withdrawn = any(p.event.kind == WITHDRAWAL for p in about)
        return StandingRule(self.rule_of(last), last, min(ends, default=None), withdrawn)

    def by_author_of(
        self, rule_id: str, day: date, assuming: Proposal | None = None
    ) -> tuple[str, frozenset[str]]:
        """Who has proposed a rule as it stands, and the ids of their rules in force on a day."""
        found = {i: s for i in self.ids() if (s := self.standing(i, assuming)) is not None}
        author = found[rule_id].proposal.event.actor
        theirs = (i for i, s in found.items() if s.proposal.event.actor == author)
        return author, frozenset(i for i in theirs if found[i].in_force(day))

    def in_force(
        self, stage: Stage, day: date, assuming: Proposal | None = None
    ) -> tuple[Rule, ...]:
        """The rules in force at a stage on a day, in their total order."""
        standing = (self.standing(i, assuming) for i in self.ids())
        rules = (s.rule for s in standing if s is not None and s.in_force(day))
        return tuple(sorted((r for r in rules if acts_at(r, stage)), key=lambda r: r.order))


def unmoved_since(looked: Sequence[Event]) -> Check:
    """Refuses a decision on figures that were looked at before the rules moved."""
    before = Proposals(looked).decided

    def check(events: tuple[Event, ...]) -> None:
        now = Proposals(events).decided
        if now is not None and now != before:
            raise EventRefused(
                f"event {now.seq} ({now.kind} {now.subject} by {now.actor}) came meanwhile, and "
                "figures may move with it; look again"
            )

    return check


@dataclass(frozen=True)
class Snapshot:
    """The rules as the log stood at one moment, the last of its events included; ``trying`` is one
    that nobody has proposed, in force in place of what has its id."""

    events: tuple[Event, ...]
    assuming: int | None = None
    without: Collection[str] = ()
    trying: Rule | None = None

    @cached_property
    def proposals(self) -> Proposals:
        return Proposals(self.events)

    @property
    def decided(self) -> int:
        """The number of the last decision; a rule changes with none but these."""
        return max((e.seq for e in self.events if e.kind == APPROVED), default=0)

    def at(self, stage: Stage, day: date) -> CompiledRules:
        """The rules in force at a stage on a day, and how to find those of an earlier moment."""
        assumed = self.proposals.by_number.get(self.assuming) if self.assuming else None
        found, tried = self.proposals.in_force(stage, day, assumed), self.trying
        rules = tuple(r for r in found if r.id not in self.without)
        if tried is not None and tried.in_force(day) and acts_at(tried, stage):
            others = (r for r in rules if r.id != tried.id)
            rules = tuple(sorted((*others, tried), key=lambda r: r.order))

        def earlier(wanted: str) -> dict[str, str]:
            return _members_of(stage, day, wanted, self.events)

        return CompiledRules(stage, rules, earlier)

    def standing(self, stage: Stage, day: date) -> tuple[StandingRule, ...]:
        """What stands of the rules in force at a stage on a day, in their total order."""
        rules = self.proposals.in_force(stage, day)
        return tuple(s for r in rules if (s := self.proposals.standing(r.id)) is not None)


@dataclass(frozen=True)
class RuleBook:
    """The rules as the kernel asks for them; ``assuming`` takes one open proposal as approved,
    ``without`` leaves some rules out, ``trying`` is one that nobody has proposed."""

    log: EventLog
    assuming: int | None = None
    without: Collection[str] = ()
    trying: Rule | None = None

    def snapshot(self) -> Snapshot:
        return Snapshot(self.log.read(), self.assuming, self.without, self.trying)

    def at(self, stage: Stage, day: date) -> CompiledRules:
        return self.snapshot().at(stage, day)


def outdated(
    snapshot: Snapshot, stages: Iterable[Stage], register: Register
) -> dict[date, list[Stage]]:
    """The calculated days whose rules have moved since, each with its adjustment stages."""
    found: dict[date, list[Stage]] = {}
    for stage in stages:
        days = register.days(stage.name)
        histories = register.histories([(stage.name, day) for day in days])
        for (_, day), chain in histories.items():
            if chain[-1].rules != snapshot.at(stage, day).hash:
                found.setdefault(day, []).append(stage)
    return dict(sorted(found.items()))


def _members_of(stage: Stage, day: date, wanted: str, events: Sequence[Event]) -> dict[str, str]:
    """The members of an earlier set, found by going back through the log."""
    for upto in range(len(events), 0, -1):
        rules = Proposals(events[:upto]).in_force(stage, day)
        found = CompiledRules(stage, rules, lambda _: {})
        if found.hash == wanted:
            return found.members
    raise LookupError(
        f"{stage.name} for {day} was calculated with rules {wanted}, which the event log does not "
        "give at any time: it is not the log that the figures were made with"
    )

"""The life of a rule: submitted, approved or rejected, ended, withdrawn; who may do what.

Everything is an event of the log; nothing is ever taken back. Whoever proposes never decides,
which the database enforces besides. An approval names the impact that was looked at, and is refused
when a second look sees another one. Where two are needed they are of one impact: the first lapses
when what it has looked at moves, and who gave it looks again like everybody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from regulatory_assets.adjustments import currencies, fitting, overlays, people
from regulatory_assets.adjustments.book import (
    APPROVED,
    END,
    REJECTED,
    SUBMITTED,
    WITHDRAWAL,
    Proposal,
    Proposals,
    StandingRule,
    impact_of,
    stage_name,
    unmoved_since,
)
from regulatory_assets.adjustments.files import PlacedRule, Source
from regulatory_assets.adjustments.fitting import refuse
from regulatory_assets.adjustments.impact import Examine, Impact, drift, impact, nothing_examined
from regulatory_assets.adjustments.legs import of_deals
from regulatory_assets.adjustments.reach import beyond_limits
from regulatory_assets.adjustments.refusals import RuleError, each_of
from regulatory_assets.adjustments.releasing import InForce
from regulatory_assets.adjustments.rule import SUFFIX, Rule, number
from regulatory_assets.adjustments.thresholds import second_look, thresholds
from regulatory_assets.adjustments.waiting import moved_since
from regulatory_assets.control.events import Actor, Event, EventLog, New, undecided_since
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage, StageKind

Words = tuple[str, ...]


@dataclass(frozen=True)
class Valid:
    """A rule that fits its stage; ``without_rate`` warns of currencies that it names. ``source`` is
    where it is written, if that is told."""

    rule: Rule
    stage: Stage
    without_rate: Words = ()
    source: Source | None = None

    def at(self, place: str) -> str:
        """Where a place in the rule is written."""
        return self.source.at(place) if self.source else ""


@dataclass(frozen=True)
class Governance:
    """What people may do with rules, on one event log, with the parameters in force."""

    log: EventLog
    graph: Graph
    in_force: InForce
    stated: currencies.Stated = currencies.nothing_stated
    examine: Examine = nothing_examined

    # -- proposing ------------------------------------------------------------------------------

    def validate(self, rule: Rule, folder: Path = Path()) -> Valid:
        """A rule with its stage, if it fits that and its evidence, named from a folder, is the file
        it states. Raises RuleError naming place and remedy."""
        stages = {s.name: s for s in self.graph.stages if s.kind is StageKind.ADJUSTMENT}
        stage = stages.get(stage_name(rule))
        if stage is None:
            known = ", ".join(n.removesuffix(SUFFIX) for n in stages)
            raise refuse(rule, "stage", f"no rule acts at {rule.stage}; stages: {known}")
        fitting.check(rule, stage, self.graph.spreading(stage), tuple(stages.values()))
        fitting.check_names(rule, stage, lambda name: self._keys(name, rule.effective))
        without_rate = self._check_currencies(rule, stage)
        overlays.check(rule, stage, self.graph)
        if rule.linked_legs is not None and not of_deals(stage.reads):
            why = f"rules at {rule.stage} change no deal; leave it out"
            raise refuse(rule, "linked_legs", why)
        _check_evidence(rule, folder)
        return Valid(rule, stage, without_rate)

    def _check_currencies(self, rule: Rule, stage: Stage) -> Words:
        return currencies.check(rule, stage, self.graph.tables, self.stated)

    def _keys(self, parameter: str, day: date) -> set[str]:
        """The keys of a parameter on a day in any regime; that of a row is not asked."""
        rates = self.in_force(day, [parameter]).rates(parameter)
        return {"/".join(key) for regime in rates.regimes for key in rates.rows(regime)}

    def validate_all(self, found: Iterable[PlacedRule], folder: Path) -> list[Valid]:
        """The same of the rules of a file. Raises RuleError naming all that do not fit."""

        def valid(written: PlacedRule) -> Valid:
            return replace(self.validate(written.rule, folder), source=written.source)

        return each_of(found, valid, lambda written, place: written.source.at(place))

    def submit(self, actor: Actor, rule: Rule, folder: Path = Path()) -> Event:
        """Propose a rule, or a new version of one. The event holds the hash of its evidence."""
        return self.propose(actor, [self.validate(rule, folder)])[0]

    def propose(self, actor: Actor, valid: Sequence[Valid]) -> tuple[Event, ...]:
        """Propose rules that have just been validated, all or none. Raises RuleError naming all
        that cannot be."""
        beside = {v.rule.id: [w.rule for w in valid[:at]] for at, v in enumerate(valid)}

        def check(events: tuple[Event, ...]) -> None:
            people.require(events, actor, "author")
            proposals = Proposals(events)

            def may_follow(each: Valid) -> None:
                _is_next(proposals, each.rule)
                _order_is_clear(proposals, each, beside[each.rule.id])

            each_of(valid, may_follow, Valid.at)

        new = [New(SUBMITTED, v.rule.id, v.rule.document()) for v in valid]
        return self.log.append_all(actor, new, check=check)

    def end(self, actor: Actor, rule_id: str, first: date) -> Event:
        """Propose that a rule no longer holds from a day on. Raises RuleError where it holds until
        an earlier one as it is, and where no day would be left to it."""
        standing = _standing(Proposals(self.log.read()), rule_id)
        if first <= standing.rule.effective:
            raise RuleError(
                f"{rule_id}: takes effect on {standing.rule.effective}, and an end from {first} on "
                "leaves it no day; rules withdraw takes it back as if it had never held"
            )
        if standing.last is not None and standing.last < first:
            raise RuleError(
                f"{rule_id}: holds until {standing.last} as it is; submit a next version to let it "
                "hold longer"
            )
        return self._propose_about(actor, END, standing, {"from": first.isoformat()})

    def withdraw(self, actor: Actor, rule_id: str) -> Event:
        """Propose that a rule has never held."""
        standing = _standing(Proposals(self.log.read()), rule_id)
        return self._propose_about(actor, WITHDRAWAL, standing, {})

    def _propose_about(
        self, actor: Actor, kind: str, standing: StandingRule, payload: dict[str, Any]
    ) -> Event:
        rule_id, about = standing.rule.id, standing.proposal.event.seq

        def check(events: tuple[Event, ...]) -> None:
            people.require(events, actor, "author")
            proposals = Proposals(events)
            if waiting := proposals.open(rule_id):
                raise RuleError(
                    f"{rule_id}: event {waiting.event.seq} waits for a decision; decide it first"
                )
            now = _standing(proposals, rule_id)
            if (now.proposal.event.seq, now.last) != (about, standing.last):
                raise RuleError(f"{rule_id}: another version or end holds by now; look again")

        return self.log.append(actor, kind, rule_id, {**payload, "proposal": about}, check=check)

    # -- deciding -------------------------------------------------------------------------------

    def impact(
        self, runner: Runner, rule_id: str, say: Callable[[str], None] = lambda _: None
    ) -> Impact:
        """What the waiting proposal would do; of a rule that has drifted, what it does."""
        proposal = _subject(Proposals(self.log.read()), rule_id)
        drifted = self._drifted(runner, proposal)
        return impact(runner, self.log, proposal.event.seq, say, tuple(drifted), self.examine)

    def _drifted(self, runner: Runner, proposal: Proposal) -> dict[date, Words]:
        """The days on which a rule in force reaches further than was approved, with words for it;
        of a proposal that waits none. Raises RuleError where there is nothing to decide."""
        if proposal.state == "proposed":
            return {}
        rule_id = proposal.event.subject
        found = drift(runner, self.log, rule_id, number(thresholds()["drift_times"]))
        if not found:
            raise RuleError(f"{rule_id}: nothing waits for a decision")
        return found

    def approve(
        self,
        actor: Actor,
        rule_id: str,
        seen: str,
        runner: Runner,
        say: Callable[[str], None] = lambda _: None,
    ) -> tuple[Event, Impact]:
        """Approve what waits, or what a rule does that has drifted, having seen its impact. Refused
        where the impact is another now. Who has approved another one before may do so again."""
        looked = self.log.read()
        waiting = _subject(Proposals(looked), rule_id)
        given = (*waiting.approvals, *waiting.lapsed) if waiting.state == "proposed" else ()
        of_others = [e.seq for e in given if impact_of(e) != seen]
        people.require_decider(looked, actor, waiting.event, of_others)
        drifted = self._drifted(runner, waiting)
        found = impact(runner, self.log, waiting.event.seq, say, tuple(drifted), self.examine)
        if found.hash != seen:
            raise RuleError(
                f"{rule_id}: the impact is {found.hash} now, not {seen}: the rule or what it acts "
                "on has moved since; look at it again"
            )
        if waiting.event.kind == SUBMITTED:
            rule = Proposals(looked).rule_of(waiting)
            self._check_currencies(rule, self.graph.stage(stage_name(rule)))
            _within_limits(rule, found)
            _as_both(rule, found)
            _as_possible(rule, found)
        if drifted:
            reasons = [f"{day}: {word}" for day, words in drifted.items() for word in words]
            needed = waiting.needed
        else:
            reasons = list(second_look(found))
            needed = 2 if reasons else 1
        document = found.document()
        payload = {"impact": document, "needed": needed, "reasons": reasons}
        undecided, unmoved = undecided_since(looked, waiting.event), unmoved_since(looked)

        def check(events: tuple[Event, ...]) -> None:
            undecided(events)
            unmoved(events)
            if found.days and (moved := ", ".join(moved_since(document, runner.register))):
                raise RuleError(f"{rule_id}: meanwhile {moved}; look at it again")

        decided = waiting.event.seq
        event = self.log.append(actor, APPROVED, rule_id, payload, decided, check=check)
        return event, found

    def reject(self, actor: Actor, rule_id: str, reason: str) -> Event:
        """Reject what waits."""
        looked = self.log.read()
        waiting = _waiting(Proposals(looked), rule_id)
        people.require_decider(looked, actor, waiting.event, [e.seq for e in waiting.lapsed])
        payload, check = {"reason": reason}, undecided_since(looked, waiting.event)
        return self.log.append(actor, REJECTED, rule_id, payload, waiting.event.seq, check=check)


def _is_next(proposals: Proposals, rule: Rule) -> None:
    """Refuse a rule that is not the next version, or of which another one waits."""
    if waiting := proposals.open(rule.id):
        raise RuleError(
            f"{rule.id}: event {waiting.event.seq} waits for a decision; decide it first"
        )
    versions = [proposals.rule_of(p).version for p in proposals.of(rule.id)]
    expected = max(versions, default=0) + 1
    if rule.version != expected:
        raise refuse(rule, "version", f"is {rule.version}, the next is {expected}")


def _standing(proposals: Proposals, rule_id: str) -> StandingRule:
    """The approved version of a rule, unless it has been withdrawn."""
    proposals.require(rule_id)
    found = proposals.standing(rule_id)
    if found is None or found.withdrawn:
        raise RuleError(f"{rule_id}: no approved version is in force")
    return found


def _waiting(proposals: Proposals, rule_id: str) -> Proposal:
    """The proposal about a rule that waits for a decision."""
    found = proposals.open(rule_id)
    if found is None:
        proposals.require(rule_id)
        raise RuleError(f"{rule_id}: nothing waits for a decision")
    return found


def _subject(proposals: Proposals, rule_id: str) -> Proposal:
    """What a look or an approval is about: the proposal that waits, else that of the rule in force,
    which may reach further than was approved."""
    standing = proposals.standing(rule_id)
    if proposals.open(rule_id) is not None or standing is None:
        return _waiting(proposals, rule_id)
    return standing.proposal


# -- what a rule states of itself ------------------------------------------------------------------


def _check_evidence(rule: Rule, folder: Path) -> None:
    """Refuse a rule whose evidence is not the file it names."""
    if rule.evidence is None:
        return
    path, stated = folder / rule.evidence.file, rule.evidence.sha256
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        told = f"{path} cannot be read ({why}); name the file from the folder of the rule"
        raise refuse(rule, "evidence.file", told) from None
    if found != stated:
        why = (
            f"{path} has the SHA-256 {found}, the rule states {stated}; if it is the file that "
            "supports the rule, state its hash"
        )
        raise refuse(rule, "evidence.sha256", why)


def _within_limits(rule: Rule, found: Impact) -> None:
    beyond = [f"{d.day}: {word}" for d in found.days for word in beyond_limits(rule, d.reach)]
    if beyond:
        raise RuleError(
            f"{rule.id} limits: {'; '.join(beyond)}. Reject it, and submit a next version with "
            "other conditions or limits"
        )


def _as_both(rule: Rule, found: Impact) -> None:
    """Refuse a rule that states to change both legs of a trade and leaves one."""
    left = [f"{d.day}: it {d.left}" for d in found.days if d.left]
    if rule.linked_legs == "both" and left:
        raise RuleError(
            f"{rule.id} linked_legs: {'; '.join(left)}. Reject it, and submit a next version that "
            "also changes these, or with linked_legs: {this_only: why}"
        )


def _as_possible(rule: Rule, found: Impact) -> None:
    """Refuse a rule that says to spread what cannot be, or makes rows that fail a check."""
    if unspread := [word for day in found.days for word in day.unspread]:
        raise RuleError(
            f"{rule.id} allocate: {'; '.join(unspread)}. Reject it, and submit a next version"
        )
    if failing := [f"{day.day}: {word}" for day in found.days for word in day.failing]:
        raise RuleError(
            f"{rule.id} operations: {'; '.join(failing)}. Reject it, and submit a next version"
        )


# -- rules in each other's way --------------------------------------------------------------------


def _order_is_clear(proposals: Proposals, valid: Valid, beside: Sequence[Rule]) -> None:
    """Refuse a rule whose place before or after another, also of those ``beside`` it in one
    proposal, decides the result by its name only."""
    rule, stage = valid.rule, valid.stage
    for other in (*_others(proposals, rule), *beside):
        if other.stage != rule.stage or other.priority != rule.priority:
            continue
        if not _overlap(rule, other):
            continue
        for field in _conflicts(rule, other, stage):
            why = (
                f"{other.id} has priority {other.priority} too and also acts on {field}, on common "
                "days, where the order matters; choose another priority"
            )
            raise refuse(rule, "priority", why)


def _others(proposals: Proposals, rule: Rule) -> Iterator[Rule]:
    """The other rules that stand, and those that wait: both may come to be in force beside it."""
    for identity in proposals.ids():
        standing, waiting = proposals.standing(identity), proposals.open(identity)
        if identity == rule.id:
            continue
        if standing is not None and not standing.withdrawn:
            yield standing.rule
        if waiting is not None and waiting.event.kind == SUBMITTED:
            yield proposals.rule_of(waiting)


def _overlap(one: Rule, other: Rule) -> bool:
    late = max(one.effective, other.effective)
    return all(r.expiry is None or late <= r.expiry for r in (one, other))


_COMMUTING = ({"multiply", "scale"}, {"add"})


def _conflicts(one: Rule, other: Rule, stage: Stage) -> Iterator[str]:
    """Fields on which two rules act so that their order matters, each with the reason.

    An excluded row is gone in either order.
    """
    for mine in one.operations:
        for theirs in other.operations:
            kinds = {mine.op, theirs.op}
            commute = any(kinds <= those for those in _COMMUTING)
            running = {mine.basis, theirs.basis} == {"running"}
            if commute and running:
                continue
            named = " and ".join(dict.fromkeys((mine.op, theirs.op)))
            why = f"by {named}" if running else f"by {named}, once from the field's original value"
            of_theirs = fitting.fields(theirs, stage)
            for field in fitting.fields(mine, stage):
                if field in of_theirs:
                    yield f"{field} ({why})"

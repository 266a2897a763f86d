"""Which rules people should look at again, and why.

A rule is kept as long as somebody wants what it does. What waits, will expire, has held for long,
changes more than was approved or nothing any more, has never moved a figure or reaches a report
that it does not name is told here; what to do about it is up to its owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from regulatory_assets.adjustments import overlays
from regulatory_assets.adjustments.book import RuleBook, Snapshot, StandingRule, stage_name
from regulatory_assets.adjustments.impact import days_reached
from regulatory_assets.adjustments.reach import Reach, beyond_approved, measure
from regulatory_assets.adjustments.rule import number
from regulatory_assets.adjustments.thresholds import thresholds
from regulatory_assets.adjustments.undelivered import undelivered
from regulatory_assets.adjustments.unmoved import nothing_moved
from regulatory_assets.adjustments.waiting import waiting
from regulatory_assets.control.events import EventLog
from regulatory_assets.ledger.run import Runner

SOON_DAYS, LONG_DAYS = 30, 365


@dataclass(frozen=True)
class Reviewed:
    """One reason to look at a rule."""

    rule: str
    owner: str
    why: str


def to_review(runner: Runner, log: EventLog, day: date) -> Iterator[Reviewed]:
    """Rules that wait for an approval, and those in force on a day that expire soon, have held for
    more than a year, are overlays of other reports than they reach, find no table to act on,
    change more than was approved or nothing on their last calculated day, or moved no reported
    figure when they were approved."""
    snapshot = RuleBook(log).snapshot()
    proposals = snapshot.proposals
    for identity in proposals.ids():
        if open_ := waiting(proposals, identity, runner.register):
            owner, seq = proposals.rule_of(open_.proposal).owner, open_.proposal.event.seq
            yield Reviewed(identity, owner, f"event {seq} waits, {open_}")
        standing = proposals.standing(identity)
        if standing is None or not standing.in_force(day):
            continue
        for why in _reasons(runner, snapshot, standing, day):
            yield Reviewed(identity, standing.rule.owner, why)


def _reasons(
    runner: Runner, snapshot: Snapshot, standing: StandingRule, day: date
) -> Iterator[str]:
    rule, last = standing.rule, standing.last
    if last is not None and last <= day + timedelta(days=SOON_DAYS):
        yield f"expires on {last}"
    if rule.effective + timedelta(days=LONG_DAYS) < day:
        yield f"has held since {rule.effective}"
    stage = runner.graph.stage(stage_name(rule))
    if lacking := undelivered(runner.graph, runner.register, rule, stage):
        yield str(lacking)
    if also := overlays.unnamed(rule, stage, runner.graph):
        yield f"is an overlay and reaches {', '.join(also)}, which it does not name"
    reached = [d for d in days_reached(runner.register, rule) if d <= day and standing.in_force(d)]
    reach = _reach(runner, snapshot, standing, reached[-1]) if reached else None
    if reach is not None:
        times = number(thresholds()["drift_times"])
        for word in beyond_approved(standing.proposal.seen, reached[-1], reach, times):
            yield f"waits for another approval: on {reached[-1]} {word}"
    if reach is not None and not reach.rows:
        yield f"changes nothing on {reached[-1]}"
    elif said := nothing_moved(standing.proposal.approvals[-1].document["impact"]["days"]):
        yield f"moved nothing when it was approved: {said}"


def _reach(runner: Runner, snapshot: Snapshot, standing: StandingRule, day: date) -> Reach | None:
    """What a rule changes on a day; nothing where that was run with other rules."""
    rule, stage = standing.rule, runner.graph.stage(stage_name(standing.rule))
    version = runner.positions(day).version(stage.name)
    if version.chain[-1].rules != snapshot.at(stage, day).hash:
        return None
    with runner.clear_errors([version]):
        return measure(runner.reader, version, [rule.id])[rule.id]

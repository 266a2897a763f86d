"""Which approvals of a proposal count, and what speaks against those that do not.

An approval is one of the impact that it names. It lapses when somebody approves another one, which
the log says alone (``book``); and it will when a source, a day that the rule reaches, or by another
rule a figure has moved since: the next look sees another impact then, and that is told here before
anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from regulatory_assets.adjustments.book import Proposal, Proposals
from regulatory_assets.adjustments.impact import days_reached
from regulatory_assets.control.events import Event
from regulatory_assets.control.register import Register


@dataclass(frozen=True)
class Waiting:
    """A proposal that waits: how many approvals it needs as far as anybody has seen, which count,
    and why each of the others does not."""

    proposal: Proposal
    counting: tuple[Event, ...]
    lapsed: Mapping[int, str]

    def __str__(self) -> str:
        needed = self.proposal.needed
        said = f"{len(self.counting)} of {needed} approval{'s' if needed > 1 else ''}"
        again = [f"that of event {seq} counts no longer: {why}" for seq, why in self.lapsed.items()]
        return "; ".join((said, *again))


def waiting(proposals: Proposals, rule_id: str, register: Register) -> Waiting | None:
    """What waits for a decision about a rule, and its approvals."""
    proposal = proposals.open(rule_id)
    if proposal is None:
        return None
    why = {} if not proposal.approvals else _moved(proposals, proposal, register)
    counting = tuple(e for e in proposal.approvals if e.seq not in why)
    return Waiting(proposal, counting, lapsed(proposal) | why)


def lapsed(proposal: Proposal) -> dict[int, str]:
    """The approvals that count no longer because another impact was approved since, and which."""
    found = {}
    for event in proposal.lapsed:
        last = next(e for e in proposal.approvals if e.seq > event.seq)
        found[event.seq] = f"{last.actor} has approved another impact since, as event {last.seq}"
    return found


def _moved(proposals: Proposals, proposal: Proposal, register: Register) -> dict[int, str]:
    """The approvals that count by the log, where what they have looked at has moved by now."""
    seen = proposal.approvals[-1].document.get("impact", {})
    words = list(moved_since(seen, register))
    rule, standing = proposals.rule_of(proposal), proposals.standing(proposal.event.subject)
    reached = days_reached(register, rule, standing.rule if standing else None)
    known = seen.get("days_reached", [])
    words += [f"{d} has been calculated since" for d in reached if d.isoformat() not in known]
    words += _moved_by_rules(proposals, seen, proposal.approvals[-1].seq)
    return {e.seq: ", ".join(words) for e in proposal.approvals if words}


def _moved_by_rules(proposals: Proposals, seen: Mapping[str, Any], since: int) -> Iterator[str]:
    """The days whose figures before the rule are others by now, since people have decided on other
    rules: those that the last decision was to leave, by the impact that it names."""
    decisions = (p.decision for p in proposals.by_number.values())
    later = sorted((e for e in decisions if e and e.seq > since), key=lambda e: e.seq)
    left = {day["day"]: (event, day) for event in later for day in _days(event)}
    for day in seen.get("days", []):
        event, then = left.get(day["day"], (None, day))
        if event and _figures(day, "before") != _figures(then, "after"):
            with_rule = f"{event.subject}, decided on by event {event.seq}"
            yield f"figures of {day['day']} have moved with {with_rule}"


def _days(approval: Event) -> list[dict[str, Any]]:
    """What an approval has seen of each day that was looked at."""
    found: list[dict[str, Any]] = approval.document.get("impact", {}).get("days", [])
    return found


def _figures(day: Mapping[str, Any], side: str) -> dict[tuple[str, str], Any]:
    """The figures of a day on one side of an impact, by table and key."""
    return {(f["table"], f["key"]): f[side] for f in day.get("ratios", [])}


def moved_since(seen: Mapping[str, Any], register: Register) -> Iterator[str]:
    """The sources that have moved since an impact was looked at, by the revisions it names."""
    days = seen.get("days", [])
    heads = register.heads() if days else {}
    for day in days:
        for table, then in sorted(day["revisions"].items()):
            now = heads.get((table, date.fromisoformat(day["day"])), 0)
            if now != then:
                yield f"{table} of {day['day']} is at revision {now}, was at {then}"

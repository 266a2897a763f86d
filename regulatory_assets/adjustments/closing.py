"""Which reporting days are closed: a pure function of the event log, like the rules in force.

A close is proposed (``day.close``, naming the last revision of every table) and approved by
somebody else. From then on the day is held: the runner asks :class:`ClosedDays` before it posts
anything, so that whatever reaches the day waits, be it a rule in whose window it lies, an end, a
withdrawal, late data or new code. That is the one gate; neither rules nor deliveries know of it,
and a rule that also reaches open days acts there at once.

A held day is opened by a restatement (``restatement.proposed``, with the reason and the figures
that will move), approved by somebody else again. Then the day runs like any other, until it is
closed anew. The figures of every close stay readable at the revisions that it names.

Deciding events name their proposal (``decides``), so the database itself refuses that anybody
decides alone. What people may do stands in ``days``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from regulatory_assets.adjustments.book import APPROVED, REJECTED
from regulatory_assets.control.events import Event, EventLog

CLOSE, RESTATEMENT = "day.close", "restatement.proposed"


@dataclass
class Closing:
    """What the log says of one reporting day: its approved closes, each a proposal and its
    decision, whether it has been released since, and what waits for a decision."""

    day: date
    closes: list[tuple[Event, Event]]
    released: Event | None = None
    waiting: Event | None = None

    @property
    def held(self) -> bool:
        return bool(self.closes) and self.released is None

    @property
    def state(self) -> str:
        """``open``, ``closed``, or ``restating`` between a restatement and the next close."""
        if not self.closes:
            return "open"
        return "closed" if self.held else "restating"

    @property
    def revisions(self) -> Mapping[str, int]:
        """The closed revision of every table, by the last close."""
        found: dict[str, int] = self.closes[-1][0].document["revisions"] if self.closes else {}
        return found


def subject(day: date) -> str:
    """What events about a day name."""
    return f"day {day.isoformat()}"


def closings(events: Iterable[Event]) -> dict[date, Closing]:
    """Every day for which a close was ever proposed."""
    found: dict[date, Closing] = {}
    proposals: dict[int, Event] = {}
    for event in events:
        if event.kind in (CLOSE, RESTATEMENT):
            day = date.fromisoformat(event.document["day"])
            proposals[event.seq] = event
            found.setdefault(day, Closing(day, [])).waiting = event
        elif event.kind in (APPROVED, REJECTED) and event.decides in proposals:
            proposal = proposals[event.decides]
            closing = found[date.fromisoformat(proposal.document["day"])]
            if closing.waiting is not proposal:  # decided on before
                continue
            closing.waiting = None
            if event.kind == REJECTED:
                continue
            if proposal.kind == CLOSE:
                closing.closes.append((proposal, event))
                closing.released = None
            else:
                closing.released = event
    return found


def is_held(found: Mapping[date, Closing], day: date) -> bool:
    """Whether a day takes no postings."""
    return day in found and found[day].held


@dataclass(frozen=True)
class ClosedDays:
    """The gate of the runner: holds every closed day that has not been released."""

    log: EventLog

    def held(self, day: date) -> str:
        if not is_held(closings(self.log.read()), day):
            return ""
        return (
            f"{day} is closed, and what reaches it is a restatement, held until its own approval: "
            f"days restate --date {day} --reason WHY, then days approve --date {day} by somebody "
            "else"
        )

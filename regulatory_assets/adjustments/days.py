"""What people may do with reporting days: close one, restate a closed one, decide on either.

Which days are closed follows from the log alone (``closing``). Whether a day may be closed is
looked at twice, when it is proposed and when it is approved, and the same must be seen. What moves
while somebody looks refuses the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import APPROVED, REJECTED, RuleBook, unmoved_since
from regulatory_assets.adjustments.closing import CLOSE, RESTATEMENT, Closing, closings, subject
from regulatory_assets.adjustments.impact import Figure, compared, figures, ratio_tables
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.control.events import Actor, Event, EventLog, undecided_since
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.shadow import shadow


@dataclass(frozen=True)
class Against:
    """What speaks against closing a day: blocking checks that have ``failed``, and what is yet
    ``undone``, such as asking others and releasing parameters."""

    failed: Sequence[str] = ()
    undone: Sequence[str] = ()


Examined = Callable[[date], Against]


@dataclass(frozen=True)
class Days:
    """What people may do with days, on one event log; ``examined`` asks the checks."""

    log: EventLog
    runner: Runner
    examined: Examined

    def of(self, day: date) -> Closing:
        """What the log says of a day."""
        return closings(self.log.read()).get(day, Closing(day, []))

    # -- proposing ------------------------------------------------------------------------------

    def close(self, actor: Actor, day: date) -> Event:
        """Propose that the figures of a day are final. Raises NotReady where they cannot be."""
        return self._propose(actor, CLOSE, day, lambda: self._to_close(day))

    def restate(self, actor: Actor, day: date, reason: str, waiting: Sequence[str] = ()) -> Event:
        """Propose to open a closed day to what is held. ``waiting`` names delivered files."""
        return self._propose(
            actor, RESTATEMENT, day, lambda: {"reason": reason, **self._to(day, waiting)}
        )

    def _propose(
        self, actor: Actor, kind: str, day: date, look: Callable[[], dict[str, Any]]
    ) -> Event:
        """Whether it may be proposed is asked before anything is calculated, and once more."""

        def check(events: tuple[Event, ...]) -> None:
            people.require(events, actor, "author")
            closing = closings(events).get(day, Closing(day, []))
            if closing.waiting is not None:
                raise NotReady(f"{day}: event {closing.waiting.seq} waits for a decision")
            if kind == CLOSE and closing.held:
                raise NotReady(f"{day} is closed already; days restate --date {day} opens it")
            if kind == RESTATEMENT and not closing.held:
                raise NotReady(f"{day} is {closing.state}; only a closed day is restated")

        check(self.log.read())
        payload = {"day": day.isoformat(), **look()}
        return self.log.append(actor, kind, subject(day), payload, check=check)

    # -- deciding -------------------------------------------------------------------------------

    def approve(self, actor: Actor, day: date, waiting: Sequence[str] = ()) -> Event:
        """Approve the close or restatement that waits. Refused where what it names has moved, or
        somebody else has decided meanwhile."""
        looked = self.log.read()
        proposal = _decidable(looked, actor, day)
        found = self._to_close(day) if proposal.kind == CLOSE else self._to(day, waiting)
        named = {name: proposal.document[name] for name in found}
        if found != named:
            raise RuleError(
                f"{day}: the figures have moved since event {proposal.seq}; reject it, and let it "
                "be proposed anew"
            )
        undecided, unmoved = undecided_since(looked, proposal), unmoved_since(looked)

        def check(events: tuple[Event, ...]) -> None:
            undecided(events)
            unmoved(events)
            if proposal.kind == CLOSE and self._revisions(day) != proposal.document["revisions"]:
                raise RuleError(f"{day}: a run has posted meanwhile; look again")

        return self.log.append(actor, APPROVED, subject(day), {}, proposal.seq, check=check)

    def reject(self, actor: Actor, day: date, reason: str) -> Event:
        """Reject the close or restatement that waits."""
        looked = self.log.read()
        proposal = _decidable(looked, actor, day)
        payload, check = {"reason": reason}, undecided_since(looked, proposal)
        return self.log.append(actor, REJECTED, subject(day), payload, proposal.seq, check=check)

    # -- what is decided on ---------------------------------------------------------------------

    def _to_close(self, day: date) -> dict[str, Any]:
        """The revisions that a close names. Raises NotReady while they are not final.

        A check that failed is told first: a run goes no further than that, however often it is
        asked for what is not up to date behind it.
        """
        revisions = self._revisions(day)
        if not revisions:
            raise NotReady(f"nothing is registered for {day}; run it first")
        against, behind = self.examined(day), self._behind(day)
        if behind and not against.failed:
            raise NotReady(behind)
        if found := [*against.failed, *(() if behind else against.undone)]:
            raise NotReady(f"{day} cannot be closed: {'; '.join(found)}")
        return {"revisions": revisions}

    def _behind(self, day: date) -> str:
        """The first stage of a day that a run has something to do for; empty where none is."""
        positions = self.runner.positions(day)
        left_out = positions.left_out()
        for stage in self.runner.graph.stages:
            if stage.name in left_out:
                continue
            try:
                plan = self.runner.plan(stage, day, positions)
            except NotReady as waits:
                return str(waits)
            if plan.way is not Way.NOTHING:
                return f"{stage.name} for {day} is not up to date ({plan.why}); run it"
        return ""

    def _revisions(self, day: date) -> dict[str, int]:
        """The last revision of every table that has one."""
        positions = self.runner.positions(day)
        found = {name: positions.version(name).revision for name in self.runner.graph.tables}
        return {name: revision for name, revision in found.items() if revision}

    def _to(self, day: date, waiting: Sequence[str]) -> dict[str, Any]:
        """What a restatement lets in: figures that rules move, and the files that wait."""
        moved = [f.document() for f in self.pending(day)]
        return {"figures": moved, "files": list(waiting)}

    def pending(self, day: date) -> tuple[Figure, ...]:
        """The figures that the rules now in force would move on a day, were it not held."""
        with shadow(self.runner, RuleBook(self.log)) as trial:
            trial.run_day(day, "restatement")
            return _moved(figures(self.runner, trial, day))

    def since_closed(self, day: date) -> tuple[Figure, ...]:
        """Every reported figure at the closed revisions, and as it stands now."""
        closed = {(name, day): revision for name, revision in self.of(day).revisions.items()}
        positions, reader = self.runner.positions(day), self.runner.reader
        found: list[Figure] = []
        for table in ratio_tables(self.runner.graph):
            now = positions.read(table)
            found += compared(reader, now.as_consumed(closed), reader, now)
        return tuple(found)


def _decidable(events: Sequence[Event], actor: Actor, day: date) -> Event:
    """The proposal about a day that waits, for somebody who may decide on it."""
    proposal = closings(events).get(day, Closing(day, [])).waiting
    if proposal is None:
        raise NotReady(f"{day}: nothing waits for a decision")
    people.require_decider(events, actor, proposal)
    return proposal


def _moved(found: Any) -> tuple[Figure, ...]:
    return tuple(f for f in found if f.before != f.after)

"""Parameters by two persons: which contents were released, who may propose and release them.

A proposal (``parameters.proposed``) names a hash of every file's contents on every day, and one of
all of them together; somebody else releases it. What the last released set does not hold is
unreleased, be it new, changed or taken away, and is told beside every figure calculated with it.
Contents are what ``parameters show`` prints: values, citations and whether these were read in the
text. A calculation never asks; what a figure was calculated with follows from the register.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import APPROVED, REJECTED
from regulatory_assets.adjustments.closing import closings
from regulatory_assets.control.events import Actor, Event, EventLog, undecided_since
from regulatory_assets.control.register import Consumed, Register, Revision
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.regulation.comparison import digests, file_label, own_entries
from regulatory_assets.regulation.parameters import Parameters, ParameterSet
from regulatory_assets.regulation.tables import AnyTable

PROPOSED = "parameters.proposed"
SUBJECT = "parameters"

Uses = Callable[[AnyTable], Collection[str]]
"""The entries of a table that something rests on, as ``unverified`` tells them."""

InForce = Callable[[date, Iterable[str]], ParameterSet]
"""The parameters in force on a day, by name."""

Contents = Mapping[str, Mapping[str, Mapping[str, str]]]
"""By parameter and first day in force: the hash of each regime's file."""


def contents(parameters: Parameters) -> Contents:
    """What every file says on every day."""
    return {
        name: {
            first.isoformat(): {} if table is None else digests(table)
            for first, table in parameters.history(name)
        }
        for name in parameters.names
    }


def set_hash(found: Contents) -> str:
    """One hash of a whole set of parameters."""
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Released:
    """The last released set: its proposal and decision. Nothing was ever released without them."""

    proposal: Event | None = None
    decision: Event | None = None

    @property
    def contents(self) -> Contents:
        found: Contents = self.proposal.document["contents"] if self.proposal else {}
        return found

    @property
    def set_hash(self) -> str:
        return str(self.proposal.document["set"]) if self.proposal else ""

    def of(self, name: str, day: date) -> Mapping[str, str]:
        """The hash of each regime's file of a parameter as in force on a day."""
        stretches = self.contents.get(name, {})
        firsts = sorted(stretches)
        place = bisect_right(firsts, day.isoformat())
        return stretches[firsts[place - 1]] if place else {}


def last_released(events: Iterable[Event]) -> tuple[Released, Event | None]:
    """The last released set, and the proposal that waits for a decision."""
    released, waiting = Released(), None
    for event in events:
        if event.kind == PROPOSED:
            waiting = event
        elif waiting is not None and event.decides == waiting.seq:
            if event.kind == APPROVED:
                released = Released(waiting, event)
            if event.kind in (APPROVED, REJECTED):
                waiting = None
    return released, waiting


def unreleased(released: Released, found: ParameterSet) -> Iterator[str]:
    """The files whose contents on the set's day are not those that were released."""
    for name in found.names:
        yield from _differing(found[name], released.of(name, found.in_force))


def used(graph: Graph, register: Register, day: date) -> tuple[str, ...]:
    """The parameters that a day's tables were calculated with, by name. Those of a stage that was
    left out, or that had no rule to follow, are not among them."""
    chains = register.histories([(stage.name, day) for stage in graph.stages])
    found: dict[str, None] = {}
    for stage in graph.stages:
        chain = chains[stage.name, day]
        if chain and not _without_rules(stage, chain[-1]):
            found.update(dict.fromkeys(stage.parameters))
    return tuple(found)


def _without_rules(stage: Stage, revision: Revision) -> bool:
    """Whether a revision is of a stage that had no rule to follow."""
    return stage.ruled and not revision.rules


def _differing(table: AnyTable, then: Mapping[str, str]) -> Iterator[str]:
    now = digests(table)
    for regime in sorted({*now, *then}):
        if now.get(regime) != then.get(regime):
            yield file_label(table.name, regime)


def unverified(table: AnyTable) -> Iterator[str]:
    """The entries in force whose citation nobody has read in the text."""
    for regime, own in own_entries(table).items():
        label = file_label(table.name, regime)
        yield from (f"{label}: {entry.name}" for entry in own if not entry.verified)


def states(released: Released, now: Contents) -> dict[str, str]:
    """Of every file over all days: ``released``, ``changed``, ``new`` or ``removed`` since."""
    mine, theirs = _by_file(now), _by_file(released.contents)
    found = {}
    for file in sorted({*mine, *theirs}):
        changed = "changed" if file in mine and file in theirs else "new"
        state = changed if file in mine else "removed"
        found[file] = "released" if mine.get(file) == theirs.get(file) else state
    return found


def _by_file(found: Contents) -> dict[str, list[tuple[str, str]]]:
    """What each file says from each day on which that changes; empty while it says nothing."""
    files: dict[str, list[tuple[str, str]]] = {}
    for name, stretches in found.items():
        for regime in {regime for hashes in stretches.values() for regime in hashes}:
            said = [(first, hashes.get(regime, "")) for first, hashes in sorted(stretches.items())]
            before = ["", *(digest for _, digest in said)]
            changes = [each for each, last in zip(said, before, strict=False) if each[1] != last]
            files[file_label(name, regime)] = changes
    return files


# -- what people may do ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Releasing:
    """What people may do with the parameters at hand, on one event log. ``beside`` are further
    files that are released with them."""

    log: EventLog
    parameters: Parameters
    beside: Contents = field(default_factory=dict)

    @property
    def at_hand(self) -> Contents:
        """What the files say now."""
        return {**contents(self.parameters), **self.beside}

    def propose(self, actor: Actor, reason: str) -> Event:
        """Propose the parameters at hand for figures that are released."""
        now = self.at_hand
        payload = {"reason": reason, "set": set_hash(now), "contents": now}

        def check(events: tuple[Event, ...]) -> None:
            people.require(events, actor, "author")
            released, waiting = last_released(events)
            if waiting is not None:
                raise NotReady(f"event {waiting.seq} waits for a decision; decide it first")
            if released.set_hash == payload["set"]:
                raise NotReady(f"the parameters at hand are released already ({payload['set']})")

        return self.log.append(actor, PROPOSED, SUBJECT, payload, check=check)

    def release(self, actor: Actor) -> Event:
        """Release what waits. Refused where the files have moved since it was proposed."""
        looked = self.log.read()
        proposal = _decidable(looked, actor)
        now = set_hash(self.at_hand)
        if now != proposal.document["set"]:
            raise NotReady(
                f"the parameters at hand ({now}) are not those of event {proposal.seq} "
                f"({proposal.document['set']}); reject it, and let these be proposed"
            )
        check = undecided_since(looked, proposal)
        return self.log.append(actor, APPROVED, SUBJECT, {}, proposal.seq, check=check)

    def reject(self, actor: Actor, reason: str) -> Event:
        """Reject what waits."""
        looked = self.log.read()
        proposal = _decidable(looked, actor)
        payload, check = {"reason": reason}, undecided_since(looked, proposal)
        return self.log.append(actor, REJECTED, SUBJECT, payload, proposal.seq, check=check)


def _decidable(events: Sequence[Event], actor: Actor) -> Event:
    """The proposal that waits, for somebody who may decide on it."""
    _, proposal = last_released(events)
    if proposal is None:
        raise NotReady("no parameters wait for a decision; parameters propose comes first")
    people.require_decider(events, actor, proposal)
    return proposal


# -- beside a figure ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marks:
    """What a reader of a figure must know of the parameters behind it.

    ``unreleased`` are files that no second person has released, ``unverified`` entries that nobody
    has read in the text that they cite.
    """

    unreleased: tuple[str, ...]
    unverified: tuple[str, ...]


def marks(
    events: Sequence[Event],
    graph: Graph,
    register: Register,
    in_force: InForce,
    version: Version,
    uses: Mapping[str, Uses],
) -> dict[str, Marks]:
    """What to tell beside the figures of a reported version, by scope.

    ``uses`` says of each scope which entries its figures rest on. What a closed revision was
    calculated with counts as released: the close looked at it. A stage that was calculated with
    others than those at hand is told as unreleased itself.
    """
    released, _ = last_released(events)
    missing, unread = dict[str, None](), {scope: dict[str, None]() for scope in uses}
    looked_at: set[tuple[int, str]] = set()  # most days have the same table in force
    for stage, revision, closed in _calculated(graph, register, version, _closed(events)):
        found = in_force(revision.day, stage.parameters)
        for name in () if closed else found.names:
            then = released.of(name, found.in_force)
            if (place := (id(found[name]), repr(then))) not in looked_at:
                looked_at.add(place)
                missing.update(dict.fromkeys(_differing(found[name], then)))
        for name in found.names:
            if (place := (id(found[name]), "verified")) not in looked_at:
                looked_at.add(place)
                for scope, of_scope in uses.items():
                    rests_on = of_scope(found[name])
                    unread[scope] |= {e: None for e in unverified(found[name]) if e in rests_on}
        followed = not _without_rules(stage, revision)
        if not closed and found.hash != revision.parameters and followed:
            told = f"{stage.name} of {revision.day} (calculated with parameters not at hand)"
            missing[told] = None
    files = tuple(sorted(missing))
    return {scope: Marks(files, tuple(sorted(entries))) for scope, entries in unread.items()}


def together(found: Iterable[Marks]) -> Marks:
    """What to tell once of several figures."""
    of_all = list(found)
    files = {file for each in of_all for file in each.unreleased}
    return Marks(tuple(sorted(files)), tuple(sorted({e for m in of_all for e in m.unverified})))


def _closed(events: Sequence[Event]) -> set[Consumed]:
    """Every revision that a day was closed at."""
    return {
        Consumed(name, day, revision)
        for day, closing in closings(events).items()
        for proposal, _ in closing.closes
        for name, revision in proposal.document["revisions"].items()
    }


def consumed(graph: Graph, register: Register, version: Version, name: str) -> list[Consumed]:
    """The revisions of a calculated table that led to a version."""
    behind = _behind(graph, register, version, set())
    return [Consumed(row.table, row.day, row.revision) for _, row, _ in behind if row.table == name]


def _calculated(
    graph: Graph, register: Register, version: Version, closed: set[Consumed]
) -> Iterator[tuple[Stage, Revision, bool]]:
    """Every stage with parameters behind a version."""
    behind = _behind(graph, register, version, closed)
    return (found for found in behind if found[0].parameters)


def _behind(
    graph: Graph, register: Register, version: Version, closed: set[Consumed]
) -> Iterator[tuple[Stage, Revision, bool]]:
    """Every stage behind a version, the revision that led there, and whether it is closed: what a
    closed revision consumed on its own day is closed with it."""
    stages = {stage.name: stage for stage in graph.stages}
    waiting = {Consumed(version.table.name, version.day, version.revision): False}
    seen: set[Consumed] = set()
    while waiting:
        seen |= {*waiting}
        chains = register.histories((each.table, each.day) for each in waiting)
        further: dict[Consumed, bool] = {}
        for each, above in waiting.items():
            if not each.revision or each.table not in stages:
                continue
            (row,) = (r for r in chains[each.table, each.day] if r.revision == each.revision)
            is_closed = above or each in closed
            yield stages[row.table], row, is_closed
            further |= {c: is_closed and c.day == row.day for c in row.inputs if c not in seen}
        waiting = further


def told(found: Marks) -> list[str]:
    """The marks in sentences: unreleased files by name, unverified entries by number."""
    lines = []
    if found.unreleased:
        lines.append(f"not released by a second person: {', '.join(found.unreleased)}")
    if found.unverified:
        files = {entry.partition(":")[0] for entry in found.unverified}
        many = f"{len(found.unverified)} entries not read in the text they cite"
        lines.append(f"{many}, in {len(files)} parameter files; --json names them")
    return lines


def document(found: Marks) -> dict[str, Any]:
    """The marks as two keys of a figure's document."""
    return {"unreleased": list(found.unreleased), "unverified": list(found.unverified)}

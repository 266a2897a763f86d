"""Deciding, before anything is computed, what a stage has to do for a day, and why.

``plan`` (the command) prints these plans and ``run`` carries them out: one object for both. The
consistent cut is guarded here: every path from a stage to an ancestor must lead to the same
revision. Reading and posting do not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from regulatory_assets.control.register import Consumed, Register, Revision
from regulatory_assets.ledger.change import Move
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.stages import Stage


class Way(Enum):
    """How a stage will be brought up to date."""

    NOTHING = "nothing"
    EMPTY = "empty revision"
    CHANGE = "change"
    FULL = "full"


class NotReady(Exception):
    """A stage cannot be calculated yet; the message names what to run or deliver first."""


@dataclass(frozen=True)
class Identity:
    """What, besides rows, a result depends on."""

    code: str
    parameters: str
    rules: str
    engine: str


@dataclass(frozen=True)
class Plan:
    """What one stage will do for one day, from which inputs, and why."""

    stage: Stage
    day: date
    way: Way
    why: str
    moves: Mapping[str, Move]
    other_days: tuple[Move, ...]
    previous: Version
    identity: Identity

    @property
    def consumes(self) -> tuple[Consumed, ...]:
        versions = [move.new for move in (*self.moves.values(), *self.other_days)]
        return tuple(Consumed(v.table.name, v.day, v.revision) for v in versions)


class Positions:
    """Every table's revisions of a day as they stood when the plan was made, read at once."""

    def __init__(self, graph: Graph, register: Register, day: date) -> None:
        self._graph = graph
        self._register = register
        self.day = day
        wanted = [(name, day) for name in graph.tables]
        self._chains = register.histories(wanted)

    def version(self, name: str) -> Version:
        chain = self._chains.get((name, self.day), ())
        return Version(self._graph.tables[name], self.day, chain)

    def on_days(self, name: str, days: Iterable[date]) -> tuple[Version, ...]:
        """A table on other days, those that have revisions, in the order of days."""
        table = self._graph.tables[name]
        wanted = [(name, day) for day in sorted(set(days) - {self.day})]
        found = self._register.histories(wanted)
        return tuple(Version(table, day, found[name, day]) for _, day in wanted if found[name, day])

    def add(self, revision: Revision) -> None:
        """Take note of a revision just registered, without asking the register again."""
        place = (revision.table, revision.day)
        self._chains[place] = (*self._chains.get(place, ()), revision)


def plan_stage(graph: Graph, positions: Positions, stage: Stage, identity: Identity) -> Plan:
    """Decide the way for one stage. Raises NotReady where an input is missing or out of step."""
    previous = positions.version(stage.name)
    last = previous.chain[-1] if previous.chain else None
    consumed = {(c.table, c.day): c.revision for c in last.inputs} if last else {}

    def move(new: Version) -> Move:
        return Move(new.until(consumed.get((new.table.name, new.day), 0)), new)

    moves: dict[str, Move] = {}
    for table in stage.inputs:
        new = positions.version(table.name)
        if not new.chain:
            remedy = (
                f"deliver {table.name} for {positions.day}"
                if table in graph.sources
                else f"run {table.name} for {positions.day}"
            )
            raise NotReady(
                f"{stage.name}: {table.name} has no rows for {positions.day}; {remedy} first"
            )
        moves[table.name] = move(new)
    days = stage.days(positions.day) if stage.days else ()
    other_days = tuple(move(v) for v in positions.on_days(stage.reads.name, days))
    _consistent_cut(positions, stage)
    way, why = _decide(last, (*moves.values(), *other_days), identity)
    return Plan(stage, positions.day, way, why, moves, other_days, previous, identity)


def _decide(last: Revision | None, moves: Iterable[Move], identity: Identity) -> tuple[Way, str]:
    if last is None:
        return Way.FULL, "first calculation of the day"
    identifying = ("code", "parameters", "rules")
    differing = [n for n in identifying if getattr(last, n) != getattr(identity, n)]
    if differing:
        return Way.FULL, f"changed: {', '.join(differing)}; the difference is posted"
    revised = [move for move in moves if move.revised]
    changed = list(dict.fromkeys(m.new.table.name for m in revised if m.changed))
    if changed:
        return Way.CHANGE, f"changed rows in {', '.join(changed)}"
    if revised:
        names = dict.fromkeys(m.new.table.name for m in revised)
        return Way.EMPTY, f"no changed rows in {', '.join(names)}"
    return Way.NOTHING, "up to date"


def _consistent_cut(positions: Positions, stage: Stage) -> None:
    """Refuse unless every path to an ancestor leads to the same revision of it.

    Other days need no look: a stage reads one table there, so one path leads to each ancestor.
    """
    seen: dict[tuple[str, date], tuple[int, str]] = {}

    def visit(table: str, day: date, revision: int, reader: str) -> None:
        known = seen.setdefault((table, day), (revision, reader))
        if known[0] != revision:
            behind = min((known, (revision, reader)))[1]
            raise NotReady(
                f"{stage.name}: its inputs saw different revisions of {table} for {day} "
                f"({known[0]} and {revision}); run {behind} first"
            )
        if day == positions.day:
            chain = positions.version(table).chain
            if revision:
                for consumed in chain[revision - 1].inputs:
                    visit(consumed.table, consumed.day, consumed.revision, table)

    for table in stage.inputs:
        version = positions.version(table.name)
        visit(table.name, positions.day, version.revision, stage.name)

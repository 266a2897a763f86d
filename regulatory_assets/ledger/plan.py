"""Deciding, before anything is computed, what a stage has to do for a day, and why.

``plan`` (the command) prints these plans and ``run`` carries them out: one object for both. The
consistent cut is guarded here: every path from a stage to an ancestor must lead to the same
revision. Reading and posting do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    previous: Version
    identity: Identity

    @property
    def consumes(self) -> tuple[Consumed, ...]:
        return tuple(Consumed(n, m.new.day, m.new.revision) for n, m in self.moves.items())


class Positions:
    """Every table's revisions of a day as they stood when the plan was made, read at once."""

    def __init__(self, graph: Graph, register: Register, day: date) -> None:
        self._graph = graph
        self.day = day
        wanted = [(name, day) for name in graph.tables]
        self._chains = register.histories(wanted)

    def version(self, name: str) -> Version:
        chain = self._chains.get((name, self.day), ())
        return Version(self._graph.tables[name], self.day, chain)

    def add(self, revision: Revision) -> None:
        """Take note of a revision just registered, without asking the register again."""
        place = (revision.table, revision.day)
        self._chains[place] = (*self._chains.get(place, ()), revision)


def plan_stage(graph: Graph, positions: Positions, stage: Stage, identity: Identity) -> Plan:
    """Decide the way for one stage. Raises NotReady where an input is missing or out of step."""
    previous = positions.version(stage.name)
    last = previous.chain[-1] if previous.chain else None
    consumed = {c.table: c.revision for c in last.inputs} if last else {}
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
        moves[table.name] = Move(new.until(consumed.get(table.name, 0)), new)
    _consistent_cut(positions, stage)
    way, why = _decide(last, moves, identity)
    return Plan(stage, positions.day, way, why, moves, previous, identity)


def _decide(
    last: Revision | None, moves: Mapping[str, Move], identity: Identity
) -> tuple[Way, str]:
    if last is None:
        return Way.FULL, "first calculation of the day"
    names = ("code", "parameters", "rules")
    differing = [n for n in names if getattr(last, n) != getattr(identity, n)]
    if differing:
        return Way.FULL, f"changed: {', '.join(differing)}; the difference is posted"
    changed = [name for name, move in moves.items() if move.changed]
    if changed:
        return Way.CHANGE, f"changed rows in {', '.join(changed)}"
    revised = [name for name, move in moves.items() if move.revised]
    if revised:
        return Way.EMPTY, f"no changed rows in {', '.join(revised)}"
    return Way.NOTHING, "up to date"


def _consistent_cut(positions: Positions, stage: Stage) -> None:
    """Refuse unless every path to an ancestor leads to the same revision of it."""
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

"""Deciding, before anything is computed, what a stage has to do for a day, and why.

``plan`` (the command) prints these plans and ``run`` carries them out: one object for both. The
consistent cut is guarded here: every path from a stage to an ancestor must lead to the same
revision. Reading and posting do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import Enum

from regulatory_assets.control.register import Consumed, Register, Revision
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.joining import Move
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.rules import RuleSet
from regulatory_assets.ledger.stages import MovedValues, ParameterSet, Stage, StageKind
from regulatory_assets.ledger.table import Table


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
class Crossover:
    """From where on recalculating a row stage is cheaper than following a change: ``moved`` is how
    many entries its driving table was posted for each row that stands (a changed row has two),
    ``rows`` how many must stand, since of few rows either way costs the same.

    Other stages are followed whatever moves: that is never dearer for groups, nor where rules have
    changed what a stage looks up; and what a rule or a moved lookup hits nobody knows before it is
    looked for. Measured (``benchmarks/README.md``); both ways give the same rows.
    """

    moved: Decimal = Decimal("0.6")
    rows: int = 100_000

    def word(self, stage: Stage, moves: Mapping[str, Move]) -> str:
        """Why a stage is recalculated, if it is."""
        driving = moves[stage.reads.name]
        entries, stand = driving.entries, driving.new.standing_of_all
        layered = any(moves[lookup.table.name].new.layered for lookup in stage.lookups)
        if stage.kind is not StageKind.ROW or layered or stand < self.rows:
            return ""
        if entries < self.moved * stand:
            return ""
        name = driving.new.table.name
        return f"{entries:,} entries moved in {name} of {stand:,} rows; following costs more"


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
    rules: RuleSet
    values: MovedValues = field(default_factory=dict)
    """Entries of parameters whose values alone have moved; the change follows from them."""

    @property
    def consumes(self) -> tuple[Consumed, ...]:
        """The revisions read. A table that has none was read as empty, and is not among them."""
        versions = [move.new for move in (*self.moves.values(), *self.other_days)]
        parts = [part for version in versions for part in version.parts if part.chain]
        return tuple(Consumed(v.table.name, v.day, v.revision) for v in parts)


Chains = Mapping[tuple[str, date], tuple[Revision, ...]]


class Positions:
    """Every table's revisions of a day as they stood when the plan was made, read at once."""

    def __init__(self, graph: Graph, register: Register, day: date) -> None:
        self.graph = graph
        self._register = register
        self.day = day
        wanted = [(name, day) for name in graph.tables]
        self._chains = register.histories(wanted)

    def version(self, name: str) -> Version:
        """A table alone, as it stands."""
        return self._version(self._chains, name, self.day)

    def read(self, table: Table, by: Stage | None = None) -> Version:
        """A table as a stage reads it: with what adjusts it, save for the adjusting stage."""
        return self._read(self._chains, table, by, self.day)

    def on_days(self, table: Table, by: Stage, days: Iterable[date]) -> tuple[Version, ...]:
        """A table on other days, those that have revisions, in the order of days."""
        others = sorted(set(days) - {self.day})
        adjusting = self.graph.adjustments.get(table.name)
        names = {table.name, *self.graph.layers[table.name]}
        if adjusting is not None:
            names |= {adjusting.name, *self.graph.layers[adjusting.name]}
        chains = self._register.histories([(name, day) for name in sorted(names) for day in others])
        found = (self._read(chains, table, by, day) for day in others)
        return tuple(version for version in found if version.chain)

    def _read(self, chains: Chains, table: Table, by: Stage | None, day: date) -> Version:
        own = self._version(chains, table.name, day)
        adjusting = self.graph.adjustments.get(table.name)
        if adjusting is None or adjusting is by:
            return own
        beside = self._version(chains, adjusting.name, day)
        return replace(own, adjustments=beside)

    def _version(self, chains: Chains, name: str, day: date) -> Version:
        """Mixed when any table that adjusts an ancestor has ever had rows."""
        above = (chains.get((n, day), ()) for n in self.graph.layers[name])
        mixed = any(r.posting is not None for chain in above for r in chain)
        return Version(self.graph.tables[name], day, chains.get((name, day), ()), None, mixed)

    def left_out(self, arrived: Collection[str] = ()) -> frozenset[str]:
        """The optional sources of which the day has nothing, and what is not calculated for want
        of them. Those ``arrived`` are about to have rows."""
        absent = {
            t.name
            for t in self.graph.sources
            if t.optional and t.name not in arrived and not self.version(t.name).chain
        }
        return self.graph.without(absent)

    def add(self, revision: Revision) -> None:
        """Take note of a revision just registered, without asking the register again."""
        place = (revision.table, revision.day)
        self._chains[place] = (*self._chains.get(place, ()), revision)


@dataclass(frozen=True)
class Behind:
    """What stages over several days have read of other days for one day: the tables as they stand,
    those that have moved since they were read, and the stages that have not followed yet."""

    stages: tuple[Stage, ...]
    moved: tuple[Version, ...]
    read: tuple[Version, ...]


def moved_days(
    graph: Graph, register: Register, in_force: Callable[[date, Iterable[str]], ParameterSet]
) -> dict[date, Behind]:
    """The calculated days of stages over several days on which one of these is behind."""
    found: dict[date, list[tuple[Stage, Version, bool]]] = {}
    for stage in graph.stages:
        if stage.days is None:
            continue
        read = [stage.reads.name]
        if stage.reads.name in graph.adjustments:
            read.append(graph.adjustments[stage.reads.name].name)
        days = {name: register.days(name) for name in (stage.name, *read)}
        chains = register.histories([(name, day) for name, of in days.items() for day in of])
        for day in days[stage.name]:
            consumed = {(c.table, c.day): c.revision for c in chains[stage.name, day][-1].inputs}
            over = {*stage.days(day, in_force(day, stage.parameters))}
            for name in read:
                for other in sorted(over & {*days[name]} - {day}):
                    version = Version(graph.tables[name], other, chains[name, other])
                    moved = bool(version.since(consumed.get((name, other), 0)))
                    found.setdefault(day, []).append((stage, version, moved))
    return {
        day: Behind(
            tuple(dict.fromkeys(stage for stage, _, moved in looks if moved)),
            tuple(version for _, version, moved in looks if moved),
            tuple(version for _, version, _ in looks),
        )
        for day, looks in sorted(found.items())
        if any(moved for _, _, moved in looks)
    }


def plan_stage(
    graph: Graph,
    positions: Positions,
    stage: Stage,
    identity: Identity,
    parameters: ParameterSet,
    rules: RuleSet,
    crossover: Crossover,
    moved_values: Callable[[str], MovedValues | None],
) -> Plan:
    """Decide the way for one stage. Raises NotReady where an input is missing or out of step.

    ``moved_values`` compares the parameters in force with those of a hash."""
    previous = positions.version(stage.name)
    last = previous.chain[-1] if previous.chain else None
    consumed = {(c.table, c.day): c.revision for c in last.inputs} if last else {}

    def move(new: Version) -> Move:
        return Move(new.as_consumed(consumed), new)

    left_out = positions.left_out()
    for table in graph.inputs(stage):
        done_without = table.name in left_out and stage.name not in left_out
        if not positions.version(table.name).chain and not done_without:
            remedy = (
                f"deliver {table.name} for {positions.day}"
                if table in graph.sources
                else f"run {table.name} for {positions.day}"
            )
            raise NotReady(
                f"{stage.name}: {table.name} has no rows for {positions.day}; {remedy} first"
            )
    moves = {table.name: move(positions.read(table, stage)) for table in stage.inputs}
    days = stage.days(positions.day, parameters) if stage.days else ()
    other_days = tuple(move(v) for v in positions.on_days(stage.reads, stage, days))
    _consistent_cut(positions, graph.inputs(stage), stage)
    way, why = _decide(stage, last, (*moves.values(), *other_days), identity)
    if way is Way.CHANGE and (word := crossover.word(stage, moves)):
        way, why = Way.FULL, word
    values: MovedValues = {}
    if last is not None and way is Way.FULL and _parameters_alone(last, identity, moves.values()):
        moved = moved_values(last.parameters)
        if moved and moved.keys() <= {cited.parameter for cited in stage.cites}:
            values = _used(stage, moved)
            way = Way.CHANGE if values else Way.EMPTY
            using = f"the {'groups' if stage.by else 'rows'} that use them"
            why = f"{_told(moved)}; {using if values else 'none that it uses'}"
    return Plan(
        stage, positions.day, way, why, moves, other_days, previous, identity, rules, values
    )


def _parameters_alone(last: Revision, identity: Identity, moves: Iterable[Move]) -> bool:
    """Whether nothing but parameters differs from the last revision: inputs may have revisions in
    which no row changed, as other stages have that read the same parameters."""
    then = Identity(last.code, identity.parameters, last.rules, identity.engine)
    return then == identity and not any(move.changed for move in moves)


def _used(stage: Stage, moved: MovedValues) -> MovedValues:
    """The moved entries of those parameters of which a row of the stage may use one."""
    used = {c.parameter for c in stage.cites if c.uses(moved.get(c.parameter, ()))}
    return {name: entries for name, entries in moved.items() if name in used}


def _told(values: MovedValues) -> str:
    regimes: dict[str, list[str]] = {}
    for name, of in values.items():
        for regime, *key in sorted(of):
            regimes.setdefault(" ".join((name, *key)), []).append(regime)
    entries = [f"{entry} ({', '.join(under)})" for entry, under in regimes.items()]
    more = f" and {len(entries) - _TOLD} more" if len(entries) > _TOLD else ""
    return f"changed values: {', '.join(entries[:_TOLD])}{more}"


_TOLD = 3
"""Changed values that a plan names one by one."""


def _decide(
    stage: Stage, last: Revision | None, moves: Iterable[Move], identity: Identity
) -> tuple[Way, str]:
    without_rules = stage.ruled and not identity.rules
    if without_rules and (last is None or not last.rules):
        revised = last is None or any(move.revised for move in moves)
        return (Way.EMPTY if revised else Way.NOTHING), "no rule in force"
    if last is None:
        return Way.FULL, "first calculation of the day"
    differing = [n for n in ("code", "parameters") if getattr(last, n) != getattr(identity, n)]
    if differing:
        return Way.FULL, f"changed: {', '.join(differing)}; the difference is posted"
    revised_moves = [move for move in moves if move.revised]
    changed = list(dict.fromkeys(name for m in revised_moves for name in m.changed_tables))
    if last.rules != identity.rules:
        also = f", and rows in {', '.join(changed)}" if changed else ""
        return Way.CHANGE, f"changed rules{also}"
    if changed:
        return Way.CHANGE, f"changed rows in {', '.join(changed)}"
    if revised_moves:
        names = dict.fromkeys(m.new.table.name for m in revised_moves)
        return Way.EMPTY, f"no changed rows in {', '.join(names)}"
    return Way.NOTHING, "up to date"


def _consistent_cut(positions: Positions, inputs: Iterable[Table], stage: Stage) -> None:
    """Refuse unless every path to an ancestor leads to the same revision of it.

    Other days need no look: a stage reads one table there, so one path leads to each ancestor.
    """
    graph = positions.graph
    writers = {s.name: s for s in graph.stages}
    seen: dict[tuple[str, date], tuple[int, str]] = {}

    def visit(table: str, day: date, revision: int, reader: str) -> None:
        if day == positions.day:
            revision = positions.version(table).until(revision).stated
        if (table, day) in seen:
            known, first = seen[table, day]
            if known == revision:
                return
            behind = first if known < revision else reader
            raise NotReady(
                f"{stage.name}: its inputs saw different revisions of {table} for {day} "
                f"({known} and {revision}); run {behind} first"
            )
        seen[table, day] = revision, reader
        if day != positions.day or not revision:
            return
        inputs_then = positions.version(table).chain[revision - 1].inputs
        read = {(c.table, c.day): c.revision for c in inputs_then}
        if table in writers:  # what had no revision then is not among them
            read = {(t.name, day): 0 for t in graph.inputs(writers[table])} | read
        for (name, of), at in read.items():
            visit(name, of, at, table)

    for table in inputs:
        version = positions.version(table.name)
        visit(table.name, positions.day, version.revision, stage.name)

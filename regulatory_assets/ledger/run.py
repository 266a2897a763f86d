"""Carrying plans out: compute, write a posting, check it, register it.

The register row is the commit. A writer that was overtaken is refused, its rows stay uncounted,
and it plans again from what is registered now. Which way a stage takes is decided in ``plan``, what
it computes stands in ``change``; rows that no stage calculates are posted by ``deliver``, which
asks the runner here for the steps that both have in common.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Protocol

from pyspark.errors.exceptions.base import PySparkException
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Consumed, LostRace, Register, Revision
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.fingerprint import code_fingerprint
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.gate import DayClosed, Gate, Open
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.kept import KeptParameters
from regulatory_assets.ledger.lake import Lake, new_posting
from regulatory_assets.ledger.plan import (
    Crossover,
    Identity,
    NotReady,
    Plan,
    Positions,
    Way,
    plan_stage,
)
from regulatory_assets.ledger.postcheck import Counts, PostingRefused, check_posting
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.rules import NoRules, RuleSet, RuleSource
from regulatory_assets.ledger.stages import MovedValues, ParameterSet, Stage

log = logging.getLogger(__name__)

CheckedPosting = tuple[str | None, Counts]
"""A posting that is written and checked, and how much it holds; no id where that is nothing."""

ATTEMPTS = 5
"""How often a writer that was overtaken plans again before it gives up."""


class ParameterSource(Protocol):
    """Where parameter values come from; the kernel knows only their hash."""

    def at(self, day: date, names: Iterable[str]) -> ParameterSet: ...


@dataclass(frozen=True)
class Outcome:
    """What a run of one stage or one delivery did."""

    table: str
    day: date
    way: Way
    why: str
    revision: int
    data_revision: int
    booked: int
    reversed: int
    seconds: float
    recalled: int = 0
    """Looks by key that were answered by what the run had found before (``recall``)."""

    @classmethod
    def of(cls, way: Way, why: str, version: Version, counts: Counts) -> Outcome:
        """What was done, but for the time that it took."""
        return cls(
            table=version.table.name,
            day=version.day,
            way=way,
            why=why,
            revision=version.revision,
            data_revision=version.data_revision,
            booked=counts.booked,
            reversed=counts.reversed,
            seconds=0.0,
        )

    @property
    def rows(self) -> int:
        return self.booked + self.reversed


@dataclass(frozen=True)
class Runner:
    """Runs stages of a graph on one lake, one register and one engine."""

    graph: Graph
    lake: Lake
    register: Register
    parameters: ParameterSource
    engine: str
    run_id: str
    rules: RuleSource = field(default_factory=NoRules)
    gate: Gate = field(default_factory=Open)
    crossover: Crossover = field(default_factory=Crossover)
    recall: Recall | None = None
    """What a run has found so far that has its stages calculated one by one, as Dagster does."""

    @property
    def reader(self) -> Reader:
        return Reader(self.lake)

    @property
    def kept_parameters(self) -> KeptParameters:
        return KeptParameters(self.lake.parameters)

    # -- planning -------------------------------------------------------------------------------

    def positions(self, day: date) -> Positions:
        return Positions(self.graph, self.register, day)

    def parameters_for(self, stage: Stage, day: date) -> ParameterSet:
        return self.parameters.at(day, stage.parameters)

    def identity(self, stage: Stage, day: date, rules: RuleSet) -> Identity:
        """What a result of the stage would depend on now, besides rows."""
        return Identity(
            code=code_fingerprint(stage, self.engine),
            parameters=self.parameters_for(stage, day).hash,
            rules=rules.hash,
            engine=self.engine,
        )

    def rules_for(self, stage: Stage, day: date) -> RuleSet:
        """The rules in force; none where a stage does not follow from any."""
        if not stage.ruled:
            return NoRules()
        return self.rules.at(stage, day)

    def plan(self, stage: Stage, day: date, positions: Positions | None = None) -> Plan:
        """What ``run_stage`` would do now. Raises NotReady where something is missing."""
        where = positions or self.positions(day)
        rules = self.rules_for(stage, day)
        identity, parameters = self.identity(stage, day, rules), self.parameters_for(stage, day)
        moved = partial(self._moved_values, stage, day)
        return plan_stage(
            self.graph, where, stage, identity, parameters, rules, self.crossover, moved
        )

    def _moved_values(self, stage: Stage, day: date, before: str) -> MovedValues | None:
        """The values that differ from those of a hash; None where that is not known."""
        text = self.kept_parameters.text(before) if stage.cites else None
        return None if text is None else self.parameters_for(stage, day).moved_since(text)

    def require_open(self, day: date) -> None:
        """Raise DayClosed where the day takes no postings."""
        if reason := self.gate.held(day):
            raise DayClosed(reason)

    # -- running --------------------------------------------------------------------------------

    def run_day(
        self, day: date, cause: str, only: Iterable[str] | None = None
    ) -> tuple[Outcome, ...]:
        """Bring the stages of a day up to date, in order; all of them, or those named.

        Where all are meant, those for which an optional source was not delivered are left out.

        Where another writer was faster, all starts again from what is registered by then: the
        stages before may be behind it, and those that are not cost nothing.

        Raises NotReady for a name of no table; one that no stage writes has nothing to be done.
        """
        wanted = None if only is None else set(only)
        if unknown := sorted((wanted or set()) - set(self.graph.tables)):
            known = ", ".join(sorted(s.name for s in self.graph.stages))
            raise NotReady(f"no table {', '.join(unknown)}; stages: {known}")
        if wanted is None:
            left_out = self.positions(day).left_out()
            stages = [s for s in self.graph.stages if s.name not in left_out]
        else:
            stages = [s for s in self.graph.stages if s.name in wanted]
        done: dict[str, Outcome] = {}
        overtaken: Counter[str] = Counter()
        while True:
            positions = self.positions(day)
            try:
                with self._remembering() as reader:
                    for stage in stages:
                        outcome = self._attempt(stage, day, cause, positions, reader)
                        if outcome.way is not Way.NOTHING or stage.name not in done:
                            done[stage.name] = outcome
            except LostRace as lost:
                overtaken[lost.table] += 1
                if overtaken[lost.table] == ATTEMPTS:
                    raise
                log.info("%s: overtaken at revision %s, starting again", lost.table, lost.revision)
            else:
                return tuple(done[stage.name] for stage in stages)

    def run_stage(self, stage: Stage, day: date, cause: str) -> Outcome:
        """Bring one stage of a day up to date."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._attempt_alone(stage, day, cause)
            except LostRace as lost:
                log.info("%s: overtaken at revision %s, planning again", stage.name, lost.revision)
        return self._attempt_alone(stage, day, cause)

    def _attempt_alone(self, stage: Stage, day: date, cause: str) -> Outcome:
        with self._remembering() as reader:
            return self._attempt(stage, day, cause, self.positions(day), reader)

    @contextmanager
    def _remembering(self) -> Iterator[Reader]:
        """A reader that looks once for what several stages, or several looks of one, ask for."""
        if self.recall is not None:
            yield Reader(self.lake, self.recall)
            return
        with self.lake.scratch() as store:
            yield Reader(self.lake, Recall(store))

    def _attempt(
        self, stage: Stage, day: date, cause: str, positions: Positions, reader: Reader
    ) -> Outcome:
        start, recall = time.monotonic(), reader.recall
        before = recall.answered if recall else 0
        outcome = self._carry_out(self.plan(stage, day, positions), cause, positions, reader)
        recalled = recall.answered - before if recall else 0
        return replace(outcome, seconds=time.monotonic() - start, recalled=recalled)

    def _carry_out(self, plan: Plan, cause: str, positions: Positions, reader: Reader) -> Outcome:
        stage, previous = plan.stage, plan.previous
        if plan.way is Way.NOTHING:
            return Outcome.of(plan.way, plan.why, previous, Counts(0, 0, 0))
        self.require_open(plan.day)
        posting, counts = None, Counts(0, 0, 0)
        if plan.way is not Way.EMPTY:
            moves = (*plan.moves.values(), *plan.other_days)
            read = [previous, *(m.new for m in moves)]
            with self.clear_errors(read), self.lake.scratch() as store:
                calculation = self._calculation(plan, reader, store)
                posting, counts = self.write(previous, self._entries(plan, calculation))
            if posting and not counts.base and reader.recall:
                reader.recall.by_rules.add(posting)
        if stage.cites:
            self.kept_parameters.keep(self.parameters_for(stage, plan.day))
        revision = self.revision(previous, posting, counts, cause, plan.identity, plan.consumes)
        self.require_open(plan.day)  # it may have been closed meanwhile
        (registered,) = self.register.commit([revision])
        positions.add(registered)
        return Outcome.of(plan.way, plan.why, positions.version(stage.name), counts)

    def _calculation(
        self, plan: Plan, reader: Reader, store: Callable[[DataFrame], DataFrame]
    ) -> Calculation:
        stage, day, chain = plan.stage, plan.day, plan.previous.chain
        before = chain[-1].rules if chain else ""
        return Calculation(
            stage,
            dict(plan.moves),
            plan.previous,
            self.parameters_for(stage, day),
            reader,
            store,
            plan.other_days,
            plan.rules,
            plan.rules.differing(before) if plan.rules.hash != before else frozenset(),
        )

    def _entries(self, plan: Plan, calculation: Calculation) -> DataFrame:
        """What takes the rows that stand to those that are right now, the way that was planned."""
        previous, store = plan.previous, calculation.store
        if plan.values:
            keys = store(calculation.using(plan.values))
            return self.difference(store(calculation.full(keys)), previous, keys)
        if plan.way is Way.CHANGE:
            return calculation.change()
        if previous.data_revision == 0:
            return calculation.full()
        return self.difference(store(calculation.full()), previous)

    # -- posting --------------------------------------------------------------------------------

    def revision(
        self,
        previous: Version,
        posting: str | None,
        counts: Counts,
        cause: str,
        identity: Identity | None = None,
        inputs: tuple[Consumed, ...] = (),
    ) -> Revision:
        """The row to register; what was delivered has no identity and consumed nothing."""
        by = identity or Identity(code="", parameters="", rules="", engine=self.engine)
        return Revision(
            table=previous.table.name,
            day=previous.day,
            revision=previous.revision + 1,
            posting=posting,
            kind="delta",
            cause=cause,
            run_id=self.run_id,
            known_at=datetime.now(UTC),
            booked=counts.booked,
            reversed=counts.reversed,
            code=by.code,
            parameters=by.parameters,
            rules=by.rules,
            engine=by.engine,
            inputs=inputs,
        )

    def difference(
        self, new: DataFrame, previous: Version, among: DataFrame | None = None
    ) -> DataFrame:
        """The entries that take what stands to ``new``, found by comparing two hashes a row.

        ``among`` holds the keys of what stands that is compared, or columns of them; all of it if
        not given.

        A key hash and a content hash stand for each row: a group-by over all columns of a large
        table needs several times the memory.
        """
        table = previous.table
        content = table.content
        new = new.select(ENTRY, *content)
        on = () if among is None else tuple(c for c in table.key if c in among.columns)
        standing = self.reader.rows(previous, among=among, on=on)
        old = frames.negative(standing).select(ENTRY, *content)
        hashes = {
            "__key": frames.fingerprint(table.ledger_key),
            "__content": frames.fingerprint(content),
        }
        names = tuple(hashes)
        both = frames.union([new, old]).withColumns(hashes)
        differing = frames.net(both.select(ENTRY, *names), names)
        return frames.semi(both, differing, names).select(ENTRY, *content)

    def write(self, previous: Version, entries: DataFrame) -> CheckedPosting:
        """Write a posting and check it; no posting where there are no entries. One that is refused
        is removed again."""
        posting = new_posting()
        self.lake.append(previous.table, previous.day, posting, entries)
        try:
            counts = check_posting(self.reader, previous, posting)
        except PostingRefused:
            self.lake.remove(previous.table, [posting])
            raise
        return (posting if counts.booked or counts.reversed else None), counts

    @contextmanager
    def clear_errors(self, versions: Iterable[Version]) -> Iterator[None]:
        """Turn an engine's failure to read into a word about which table lacks which file."""
        try:
            yield
        except PySparkException as error:
            for version in versions:
                clear = self.lake.explain_failure(version.table, error)
                if clear is not None:
                    raise clear from error
            raise

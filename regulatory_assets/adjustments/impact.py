"""What a proposal would do, found by the code that would do it, without posting.

The day is run in a shadow with the proposal taken as approved; what its stages write there, and
the reported figures before and after, are its impact. Its hash covers the rule, the revisions it
was computed from, every amount and every figure, so an approval names exactly what was looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.allocating import unspread_by
from regulatory_assets.adjustments.book import Proposal, Proposals, RuleBook, stage_name
from regulatory_assets.adjustments.closing import closings, is_held
from regulatory_assets.adjustments.legs import Left, left_by
from regulatory_assets.adjustments.reach import Reach, beyond_approved, measure, rows_changed
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule, canonical
from regulatory_assets.adjustments.undelivered import Undelivered, undelivered
from regulatory_assets.adjustments.unmoved import Unmoved, unmoved
from regulatory_assets.adjustments.written import Written, written
from regulatory_assets.control.events import EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.shadow import shadow
from regulatory_assets.ledger.stages import Stage, StageKind
from regulatory_assets.ledger.table import Table

RATIO = "ratio"

Examine = Callable[[Runner, Stage, date], Sequence[str]]
"""What a day's blocking checks say against the rows that rules make at a stage."""


def nothing_examined(runner: Runner, stage: Stage, day: date) -> Sequence[str]:
    """Where there are no checks."""
    return ()


@dataclass(frozen=True)
class Figure:
    """A reported row before and after: its ratio and its amounts, by column."""

    table: str
    key: str
    before: dict[str, Decimal | None]
    after: dict[str, Decimal | None]

    def document(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "key": self.key,
            "before": {n: _text(v) for n, v in self.before.items()},
            "after": {n: _text(v) for n, v in self.after.items()},
        }


@dataclass(frozen=True)
class Together:
    """What all rules of one author do on a day, those in force after the decision: figures without
    any of them and with all; of each table at which they act, how many of its rows they change."""

    author: str
    rules: tuple[str, ...]
    rows: Mapping[str, tuple[int, int]]
    figures: tuple[Figure, ...]

    def document(self) -> dict[str, Any]:
        return {
            "author": self.author,
            "rules": list(self.rules),
            "rows": {t: {"affected": n, "rows": of} for t, (n, of) in self.rows.items()},
            "ratios": [f.document() for f in self.figures],
        }


@dataclass(frozen=True)
class DayImpact:
    """What a proposal does to one reporting date.

    ``affected`` of the ``rows`` are changed by the rule before the proposal holds or after it, none
    where that is the same (an end of later days); ``reach`` is what the rule changes after,
    ``left`` the legs of trades that it then leaves, ``unspread`` what it then says is to be spread
    and cannot be, ``failing`` the checks that its rows then fail. ``together`` is what the rule
    does with all others of its author, where it does not act alone. ``unmoved`` is told where no
    reported figure moves. What is approved is held on a ``closed`` day until its restatement.
    """

    day: date
    affected: int
    rows: int
    reach: Reach
    stages: tuple[Written, ...]
    figures: tuple[Figure, ...]
    revisions: dict[str, int]
    left: Left | None = None
    unspread: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    together: Together | None = None
    unmoved: Unmoved | None = None
    closed: bool = False

    def document(self) -> dict[str, Any]:
        left = {} if self.left is None else {"linked_legs": self.left.document()}
        words = {"unspread": self.unspread, "failing": self.failing}
        together = {} if self.together is None else {"together": self.together.document()}
        still = {} if self.unmoved is None else {"unmoved": self.unmoved.document()}
        return {
            "day": self.day.isoformat(),
            **({"closed": True} if self.closed else {}),
            "affected_records": self.affected,
            "rows": self.rows,
            "reach": self.reach.document(),
            "stages_updated": [w.document() for w in self.stages],
            "ratios": [f.document() for f in self.figures],
            "revisions": self.revisions,
            **left,
            **{name: list(said) for name, said in words.items() if said},
            **together,
            **still,
        }


@dataclass(frozen=True)
class Impact:
    """What a proposal does, on the days that were looked at, among all days it reaches; on which
    others its stage had no table to act on."""

    rule_id: str
    proposal: int
    digest: str
    reached: tuple[date, ...]
    days: tuple[DayImpact, ...]
    undelivered: Undelivered | None = None

    @property
    def hash(self) -> str:
        """The same exactly when a second look sees the same."""
        return hashlib.sha256(canonical(self._contents()).encode()).hexdigest()[:16]

    def _contents(self) -> dict[str, Any]:
        return {
            "rule_id": self.rule_id,
            "proposal": self.proposal,
            "rule": self.digest,
            "days_reached": [d.isoformat() for d in self.reached],
            "days": [d.document() for d in self.days],
            **({"undelivered": self.undelivered.document()} if self.undelivered else {}),
        }

    def document(self) -> dict[str, Any]:
        return {"impact": self.hash, **self._contents()}

    def result(self, seconds: float) -> dict[str, Any]:
        """What is injected, in one word for all days that were looked at."""
        tables = [o.table for d in self.days for o in d.stages]
        return {
            "rule_id": self.rule_id,
            "affected_records": sum(d.affected for d in self.days),
            "processing_time": round(seconds, 3),
            "stages_updated": list(dict.fromkeys(tables)),
            "ratios": [
                {"day": d.day.isoformat(), **f.document()}
                for d in self.days
                for f in d.figures
                if f.before != f.after
            ],
        }


def days_reached(register: Register, rule: Rule, before: Rule | None = None) -> tuple[date, ...]:
    """The calculated days in a rule's window, or in that of the version it replaces."""
    known = register.days(stage_name(rule))
    return tuple(d for d in known if rule.in_force(d) or (before and before.in_force(d)))


def days_to_look_at(
    reached: Sequence[date], closed: Container[date] = frozenset()
) -> tuple[date, ...]:
    """The latest day, the last one of each month, and every closed one."""
    last_of_month = {(d.year, d.month): d for d in sorted(reached)}
    return tuple(
        sorted({*last_of_month.values(), *reached[-1:], *(d for d in reached if d in closed)})
    )


def impact(
    runner: Runner,
    log: EventLog,
    proposal: int,
    say: Callable[[str], None] = lambda _: None,
    days: Sequence[date] = (),
    examine: Examine = nothing_examined,
) -> Impact:
    """The impact of an open proposal; of a rule in force, on the days given, that of having it.

    Of a proposal it also holds what all rules of its author do together. That costs each day once
    more, without them, and so is looked at only where a rule of theirs is in force on the day by
    now: another one, or an earlier version of this.
    """
    events = log.read()
    proposals = Proposals(events)
    found = proposals.by_number.get(proposal)
    if found is None or found.state == "rejected":
        raise RuleError(f"event {proposal} is no proposal to look at")
    rule = proposals.rule_of(found)
    standing = proposals.standing(rule.id)
    reached = days_reached(runner.register, rule, standing.rule if standing else None)
    found_closed = closings(events)
    closed = {day for day, closing in found_closed.items() if closing.closes}
    looked = []
    for day in days or days_to_look_at(reached, closed):
        say(f"impact on {day}")
        with _up_to_date(runner, log, day) as now:
            if found.state == "proposed":
                with shadow(now, RuleBook(log, proposal)) as trial:
                    wrote = _run(trial, day)
                    alone = _of_day(now, trial, rule, day, wrote, examine)
                    together = _together(now, trial, log, proposals, found, day)
                    looked.append(replace(alone, together=together))
            else:
                with shadow(now, RuleBook(log, without=(rule.id,))) as trial:
                    wrote = tuple(w.undone() for w in _run(trial, day))
                    looked.append(_of_day(trial, now, rule, day, wrote, examine))
    marked = (replace(of, closed=is_held(found_closed, of.day)) for of in looked)
    lacking = undelivered(runner.graph, runner.register, rule, runner.graph.stage(stage_name(rule)))
    return Impact(rule.id, proposal, rule.digest, reached, tuple(marked), lacking)


def would_do(
    runner: Runner, log: EventLog, rule: Rule, day: date, examine: Examine = nothing_examined
) -> DayImpact:
    """What a rule that nobody has proposed would do on a calculated day of its window. Raises
    NotReady where that day cannot be run."""
    with (
        _up_to_date(runner, log, day) as now,
        shadow(now, RuleBook(log, trying=rule)) as trial,
    ):
        return _of_day(now, trial, rule, day, _run(trial, day), examine)


def _run(trial: Runner, day: date) -> tuple[Written, ...]:
    return written(trial, day, trial.run_day(day, "impact"))


@contextmanager
def _up_to_date(runner: Runner, log: EventLog, day: date) -> Iterator[Runner]:
    """A shadow of the day as it stands, in which what is still to be run has been: so an impact is
    that of the rule alone, also beside a run of the day."""
    with shadow(runner, RuleBook(log)) as trial:
        trial.run_day(day, "impact")
        yield trial


def _of_day(
    before: Runner,
    after: Runner,
    rule: Rule,
    day: date,
    wrote: tuple[Written, ...],
    examine: Examine,
) -> DayImpact:
    positions, stage = after.positions(day), after.graph.stage(stage_name(rule))
    was, reach = _reach(before, rule, day), _reach(after, rule, day)
    made = after.reader.rows(positions.version(stage.name)).where(F.col("rule_id") == rule.id)
    moved, rows = tuple(figures(before, after, day)), max(was.rows, reach.rows)
    still, tables = all(f.before == f.after for f in moved), [w.table for w in wrote]
    return DayImpact(
        day=day,
        affected=rows if wrote else 0,
        rows=positions.version(stage.reads.name).standing,
        reach=reach,
        stages=wrote,
        figures=moved,
        revisions={t.name: positions.version(t.name).revision for t in after.graph.sources},
        left=left_by(rule, made, stage, after.reader, positions) if reach.rows else None,
        unspread=unspread_by(rule, after, day) if reach.rows else (),
        failing=_failing(before, after, stage, day, examine) if reach.rows else (),
        unmoved=unmoved(before, after, rule, day, rows, tables) if still else None,
    )


def _failing(
    before: Runner, after: Runner, stage: Stage, day: date, examine: Examine
) -> tuple[str, ...]:
    """What checks say after and did not before."""
    said = tuple(examine(after, stage, day))
    known = examine(before, stage, day) if said else ()
    return tuple(word for word in said if word not in known)


def _together(
    now: Runner, after: Runner, log: EventLog, proposals: Proposals, proposal: Proposal, day: date
) -> Together | None:
    """What the rules of the author of what is proposed do on a day, once that is in force."""
    rule = proposals.rule_of(proposal)
    author, rules = proposals.by_author_of(rule.id, day, proposal)
    out = rules | {rule.id}
    standing = (proposals.standing(i) for i in out)
    if not rules or not any(s is not None and s.in_force(day) for s in standing):
        return None
    with shadow(now, RuleBook(log, without=out)) as bare:
        bare.run_day(day, "impact")
        moved = tuple(figures(bare, after, day))
    positions, rows = after.positions(day), {}
    for stage in after.graph.adjustments.values():
        version = positions.version(stage.name)
        with after.clear_errors([version]):
            if changed := rows_changed(after.reader, version, rules):
                standing_rows = positions.version(stage.reads.name).standing
                rows[stage.reads.name] = (changed, standing_rows)
    return Together(author, tuple(sorted(rules)), rows, moved)


def _reach(runner: Runner, rule: Rule, day: date) -> Reach:
    version = runner.positions(day).version(stage_name(rule))
    with runner.clear_errors([version]):
        return measure(runner.reader, version, [rule.id])[rule.id]


def drift(
    runner: Runner, log: EventLog, rule_id: str, times: Decimal
) -> dict[date, tuple[str, ...]]:
    """The calculated days on which a rule in force changes more than so many times what was seen
    at its approval, each with the words for it."""
    standing = Proposals(log.read()).standing(rule_id)
    if standing is None:
        return {}
    seen, found = standing.proposal.seen, {}
    for day in days_reached(runner.register, standing.rule):
        if standing.in_force(day):
            reach = _reach(runner, standing.rule, day)
            if words := tuple(beyond_approved(seen, day, reach, times)):
                found[day] = words
    return found


def figures(before: Runner, after: Runner, day: date) -> Iterator[Figure]:
    """The reported rows of a day as two runners see them."""
    was, now = before.positions(day), after.positions(day)
    for table in ratio_tables(before.graph):
        versions = was.read(table), now.read(table)
        with before.clear_errors(versions):
            found = list(compared(before.reader, versions[0], after.reader, versions[1]))
        yield from found


def ratio_tables(graph: Graph) -> tuple[Table, ...]:
    """The reported tables whose ratio people decide by."""
    reports = (s.writes for s in graph.stages if s.kind is StageKind.REPORT)
    return tuple(t for t in reports if RATIO in t.column_names)


def compared(one: Reader, before: Version, other: Reader, after: Version) -> Iterator[Figure]:
    """The reported rows of one table at two versions, which takes one request."""
    table = before.table
    sides = [
        reader.net(version).select(F.lit(of).alias("__of"), *table.key, *table.money)
        for of, reader, version in (("before", one, before), ("after", other, after))
        if version.chain
    ]
    found: dict[str, dict[str, dict[str, Decimal | None]]] = {}
    for row in frames.values(frames.union(sides)) if sides else ():
        key = " ".join(str(row[k]) for k in table.key)
        found.setdefault(key, {})[row["__of"]] = {m: row[m] for m in table.money}
    for key, said in sorted(found.items()):
        yield Figure(table.name, key, said.get("before", {}), said.get("after", {}))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")

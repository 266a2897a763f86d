"""Which rows of a day a rule matches and what it makes of them, without anything being posted.

A look at the rule's own stage, before it is proposed or after; what follows from it further down
stands in ``impact``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.book import Snapshot
from regulatory_assets.adjustments.legs import Left, left_by
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.ledger import adjusted, frames
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.rules import RuleSet
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Changed:
    """One row that a rule changes: its key, and the columns that differ as they were and will be.

    A row that is taken out has nothing after, one that is added nothing before.
    """

    key: Values
    before: Values | None
    after: Values | None


@dataclass(frozen=True)
class Trial:
    """How many rows meet a rule's conditions, how many it changes, and the first of these; the legs
    of trades that it leaves."""

    rule_id: str
    day: date
    matched: int
    changed: int
    rows: tuple[Changed, ...]
    left: Left | None


def trial(runner: Runner, rule: Rule, rules: Snapshot, stage: Stage, day: date, most: int) -> Trial:
    """Try a rule among the others in force on a day; of the changed rows show so many at most.

    Raises RuleError for a day outside the rule's window, NotReady where inputs are missing.
    """
    if not rule.in_force(day):
        until = rule.expiry or "it is ended"
        raise RuleError(f"{rule.id}: holds from {rule.effective} until {until}, not on {day}")
    compiled = replace(rules, trying=rule).at(stage, day)
    with _calculating(runner, stage, day, compiled) as calculation:
        mine = calculation.store(calculation.full().where(F.col("rule_id") == rule.id))
        left = left_by(rule, mine, stage, runner.reader, runner.positions(day))
        changed, rows = _first(calculation, mine, most)
        matched = adjusted.matched(calculation, rule.id)
        return Trial(rule.id, day, matched, changed, rows, left)


def rows_matched(runner: Runner, rule: Rule, stage: Stage, day: date) -> int:
    """How many rows of a day meet the conditions of a rule that a runner has in force."""
    compiled = runner.rules_for(stage, day)
    with _calculating(runner, stage, day, compiled) as calculation:
        return adjusted.matched(calculation, rule.id)


@contextmanager
def _calculating(runner: Runner, stage: Stage, day: date, rules: RuleSet) -> Iterator[Calculation]:
    """The calculation of a stage with some rules, of what is registered; nothing is written."""
    plan, given = runner.plan(stage, day), runner.parameters_for(stage, day)
    moves, reader = dict(plan.moves), runner.reader
    versions = [move.new for move in plan.moves.values()]
    with runner.clear_errors(versions), runner.lake.scratch() as store:
        yield Calculation(stage, moves, plan.previous, given, reader, store, rules=rules)


def _first(calculation: Calculation, mine: DataFrame, most: int) -> tuple[int, tuple[Changed, ...]]:
    """How many rows a rule changes, and the first of them."""
    key = calculation.stage.writes.key
    keys = mine.select(*key).distinct()
    shown = calculation.store(keys.orderBy(*key).limit(most))
    found: dict[tuple[Any, ...], dict[int, Values]] = {}
    for row in frames.values(frames.semi(mine, shown, key)):
        side = {c: row[c] for c in calculation.stage.writes.column_names if c not in key}
        found.setdefault(tuple(row[k] for k in key), {})[row["sign"]] = side
    rows = tuple(
        _changed(dict(zip(key, place, strict=True)), sides.get(-1), sides.get(1))
        for place, sides in sorted(found.items(), key=repr)
    )
    return keys.count(), rows


def _changed(key: Values, before: Values | None, after: Values | None) -> Changed:
    if before is None or after is None:
        return Changed(key, before, after)
    moved = [c for c in before if before[c] != after[c]]
    return Changed(key, {c: before[c] for c in moved}, {c: after[c] for c in moved})

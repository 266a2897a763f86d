"""A reported figure from before any rule to after all of them, rule by rule.

The rules are added one by one in total order, stage by stage as the graph runs, then what they
change by way of lookups and groups; after each the report's own function is asked again. So the
steps sum to the difference, whatever the order does to a single one.

A report that reads another one (the ratio reads components) follows from it: what it reads is
computed from the same rules, and what rules have added to that is added to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage, StageKind
from regulatory_assets.ledger.table import Table

BEFORE = "before rules"


@dataclass(frozen=True)
class Step:
    """A figure after one more rule. ``change`` is empty where it is not defined before or after."""

    key: tuple[Any, ...]
    rule: str
    figure: Decimal | None
    change: Decimal | None


@dataclass(frozen=True)
class _Level:
    """A report stage, the standing rows of what it reads, and the rules that act on these."""

    stage: Stage
    rows: Sequence[Mapping[str, Any]]
    parameters: Any
    rules: frozenset[str]


def waterfall(runner: Runner, stage: Stage, day: date, column: str) -> list[Step]:
    """The steps of a report stage's column, by key; the first one is the figure before any rule.

    Raises NotReady where neither the stage nor a report below it is one over a table whose rows
    add up.
    """
    levels = [_level(runner, each, day) for each in _reports(runner, stage)]
    present = {row["rule_id"] for row in levels[0].rows}
    present |= {row["rule_id"] for level in levels[1:] for row in level.rows} & {
        rule for level in levels[1:] for rule in level.rules
    }
    found: list[Step] = []
    last: dict[tuple[Any, ...], Decimal | None] = {}
    taken: set[str | None] = {None}
    for rule in (None, *_order(runner, day, present)):
        taken.add(rule)
        figures = _figures(levels, taken, column)
        for key in sorted({*last, *figures}, key=repr):
            now, before = figures.get(key), last.get(key)
            change = None if now is None or before is None else now - before
            if rule is None or now != before:
                found.append(Step(key, rule or BEFORE, now, None if rule is None else change))
        last = figures
    return found


def _reports(runner: Runner, stage: Stage) -> list[Stage]:
    """The report, after those that it is computed from, the first of them over sums."""
    found = [stage]
    writers = {each.writes.name: each for each in runner.graph.stages}
    while found[0].kind is StageKind.REPORT and found[0].days is None:
        if found[0].reads.additive:
            return found
        if (below := writers.get(found[0].reads.name)) is None:
            break
        found.insert(0, below)
    raise NotReady(f"{stage.name}: only a report of one day over sums has a waterfall")


def _level(runner: Runner, stage: Stage, day: date) -> _Level:
    beside = runner.graph.adjustments.get(stage.reads.name)
    rules = frozenset(runner.rules.at(beside, day).order if beside else ())
    return _Level(stage, _rows(runner, stage, day), runner.parameters_for(stage, day), rules)


def _rows(runner: Runner, stage: Stage, day: date) -> list[dict[str, Any]]:
    """The standing rows of all layers with what the stage looks up; the table is bounded."""
    plan = runner.plan(stage, day)
    calculation = Calculation(
        stage,
        dict(plan.moves),
        plan.previous,
        None,
        runner.reader,
        store=lambda frame: frame,
    )
    joined = calculation.join(runner.reader.rows(calculation.driving.new), calculation.all_places)
    found: list[dict[str, Any]] = frames.values(joined.drop(ENTRY))
    return found


def _order(runner: Runner, day: date, present: set[str | None]) -> Iterable[str]:
    """The rules that have left rows, in total order; then what came through lookups and groups."""
    rules = [
        rule
        for other in runner.graph.stages
        if other.kind is StageKind.ADJUSTMENT
        for rule in runner.rules.at(other, day).order
    ]
    known = [r for r in rules if r in present]
    return (*known, *sorted(r for r in present if r is not None and r not in known))


def _figures(
    levels: Sequence[_Level], taken: set[str | None], column: str
) -> dict[tuple[Any, ...], Decimal | None]:
    """The column of the last report's rows, by key, with the rules that are taken."""
    first = levels[0]
    results = _results(first, _added_up(first, [r for r in first.rows if r["rule_id"] in taken]))
    for level in levels[1:]:
        results = _results(level, _followed(level, results, taken))
    key = levels[-1].stage.writes.key
    return {tuple(row[k] for k in key): row[column] for row in results}


def _added_up(level: _Level, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of some layers added up, as far as any are left."""
    additive = level.stage.reads.additive
    kept = [c for c in (rows[0] if rows else {}) if c not in (*additive, *_OWN)]
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = tuple(row[c] for c in kept)
        added = sums.setdefault(place, {c: row[c] for c in kept} | dict.fromkeys(additive, 0))
        for name in additive:
            added[name] += row[name] * row["sign"]
    return [row for row in sums.values() if row["n"] > 0]


def _followed(
    level: _Level, results: Iterable[Mapping[str, Any]], taken: set[str | None]
) -> list[dict[str, Any]]:
    """The rows that a report has made, with what is looked up for them and what rules add."""
    table = level.stage.reads
    standing = _by_key(table, level.rows)
    made = {
        place: dict(standing.get(place, {})) | dict(row)
        for place, row in _by_key(table, results).items()
    }
    for row in level.rows:
        if row["rule_id"] in level.rules & taken:
            for place in _by_key(table, [row]).keys() & made.keys():
                for name in table.money:
                    made[place][name] += row[name] * row["sign"]
    return [{c: v for c, v in row.items() if c not in _OWN} for row in made.values()]


def _by_key(
    table: Table, rows: Iterable[Mapping[str, Any]]
) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple(row[k] for k in table.key): row for row in rows}


def _results(level: _Level, rows: Iterable[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """What the report's function makes of rows, group by group."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[c] for c in level.stage.by), []).append(row)
    return [
        result
        for members in groups.values()
        for result in _call(level.stage.function, members, level.parameters)
    ]


_OWN = ("layer", "sign", "rule_id")


def _call(function: Any, members: list[dict[str, Any]], parameters: Any) -> Iterable[Any]:
    members.sort(key=lambda row: repr(sorted(row.items())))
    result: Iterable[Any] = function(members, parameters)
    return result

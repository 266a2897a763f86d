"""A reported figure from before any rule to after all of them, rule by rule.

The rules are added one by one in total order, stage by stage as the graph runs, then what they
change by way of lookups and groups; after each the report's own function is asked again. So the
steps sum to the difference, whatever the order does to a single one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage, StageKind

BEFORE = "before rules"


@dataclass(frozen=True)
class Step:
    """A figure after one more rule. ``change`` is empty where it is not defined before or after."""

    key: tuple[Any, ...]
    rule: str
    figure: Decimal | None
    change: Decimal | None


def waterfall(runner: Runner, stage: Stage, day: date, column: str) -> list[Step]:
    """The steps of a report stage's column, by key; the first one is the figure before any rule.

    Raises NotReady where the stage is no report over a table whose rows add up.
    """
    table = stage.reads
    if stage.kind is not StageKind.REPORT or not table.additive or stage.days is not None:
        raise NotReady(f"{stage.name}: only a report of one day over sums has a waterfall")
    rows = _rows(runner, stage, day)
    parameters = runner.parameters_for(stage, day)
    found: list[Step] = []
    last: dict[tuple[Any, ...], Decimal | None] = {}
    taken: set[str | None] = {None}
    for rule in (None, *_order(runner, stage, day, {r["rule_id"] for r in rows})):
        taken.add(rule)
        figures = _figures(stage, [r for r in rows if r["rule_id"] in taken], parameters, column)
        for key in sorted({*last, *figures}, key=repr):
            now, before = figures.get(key), last.get(key)
            change = None if now is None or before is None else now - before
            if rule is None or now != before:
                found.append(Step(key, rule or BEFORE, now, None if rule is None else change))
        last = figures
    return found


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
    joined = calculation._join(runner.reader.rows(calculation.driving.new), calculation._all)
    found: list[dict[str, Any]] = joined.drop(ENTRY).toArrow().to_pylist()
    return found


def _order(runner: Runner, stage: Stage, day: date, present: set[str | None]) -> Iterable[str]:
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
    stage: Stage, rows: Sequence[Mapping[str, Any]], parameters: Any, column: str
) -> dict[tuple[Any, ...], Decimal | None]:
    """The column of the report's rows, made from rows of some layers added up."""
    table, function = stage.reads, stage.function
    kept = [c for c in (rows[0] if rows else {}) if c not in (*table.additive, *_OWN)]
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = tuple(row[c] for c in kept)
        added = sums.setdefault(place, {c: row[c] for c in kept} | dict.fromkeys(table.additive, 0))
        for name in table.additive:
            added[name] += row[name] * row["sign"]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in sums.values():
        if row["n"] > 0:
            groups.setdefault(tuple(row[c] for c in stage.by), []).append(row)
    return {
        tuple(result[k] for k in stage.writes.key): result[column]
        for members in groups.values()
        for result in _call(function, members, parameters)
    }


_OWN = ("layer", "sign", "rule_id")


def _call(function: Any, members: list[dict[str, Any]], parameters: Any) -> Iterable[Any]:
    members.sort(key=lambda row: repr(sorted(row.items())))
    result: Iterable[Any] = function(members, parameters)
    return result

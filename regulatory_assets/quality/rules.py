"""Checks of what rules change, against what people have approved, and of what they spread.

A rule is judged only where the day was made with the rules now in force: before it is run again
nobody can say what a new rule does. What the numbers mean stands in ``adjustments.reach``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.allocating import unspread
from regulatory_assets.adjustments.book import StandingRule
from regulatory_assets.adjustments.reach import Reach, beyond_approved, beyond_limits, measure
from regulatory_assets.adjustments.rule import number
from regulatory_assets.adjustments.thresholds import thresholds
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.joining import Move
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.quality.examination import Check, Examination, Result


def rule_checks(graph: Graph) -> Iterator[Check]:
    """The checks of every adjustment stage, and of every stage that spreads what rules add."""
    yield from (_spread(stage) for stage in graph.stages if stage.spreads is not None)
    for stage in graph.adjustments.values():
        yield Check(
            stage.writes,
            "approved_reach",
            "Every rule stays within its own limits, and within "
            f"{thresholds()['drift_times']} times the rows and amounts that were approved.",
            True,
            _of_each(stage, _too_far),
        )
        yield Check(
            stage.writes,
            "base_changed",
            "What every rule changes is what was looked at when it was approved.",
            False,
            _of_each(stage, _moved),
        )
        if stage.inserts is not None:
            yield _given_way(stage, stage.inserts)


Judge = Callable[[StandingRule, Examination, Stage, Reach], Iterator[str]]


def _given_way(stage: Stage, name: str) -> Check:
    def examine(day: Examination, since: int) -> Result:
        if word := _not_judged(day, stage):
            return Result(True, word)
        made = day.rules.at(stage, day.version(stage.writes).day).insertions
        if not made:
            return Result(True, "no rule adds a row")
        ids = F.col("rule_id").isin(sorted({m.rule_id for m in made}))
        rows = frames.values(day.rows(stage.writes).where(ids).select(name))
        standing = {row[name] for row in rows}
        gone = [
            f"{m.row[name]} has given way to {m.expected}; end {m.rule_id} from this day on"
            for m in made
            if m.row[name] not in standing
        ]
        facts: dict[str, int | str] = {"rows": len(made), "given_way": len(gone)}
        return Result(not gone, "; ".join(gone) or f"{len(made)} rows stand", facts)

    said = "Every row that a rule adds stands; its expected source row has not been delivered."
    return Check(stage.writes, "given_way", said, False, examine)


def _spread(stage: Stage) -> Check:
    def examine(day: Examination, since: int) -> Result:
        if word := _not_judged(day, stage):
            return Result(True, word)
        version = day.version(stage.writes)
        read = {table.name: day.read_by(stage, table) for table in stage.inputs}
        moves = {name: Move(found, found) for name, found in read.items()}
        rules = day.rules.at(stage, version.day)
        words = list(unspread(stage, moves, version, day.reader, rules))
        made = len(rules.allocations)
        facts: dict[str, int | str] = {"allocations": made, "not_spread": len(words)}
        return Result(not words, "; ".join(words) or f"{made} amounts are spread", facts)

    said = "What rules say is to be spread has members that it can be spread over."
    return Check(stage.writes, "spread", said, False, examine)


def _not_judged(day: Examination, stage: Stage) -> str:
    """Why nothing can be said of the rules of a day, if so."""
    version = day.version(stage.writes)
    made_with = version.chain[-1].rules if version.chain else ""
    if not made_with:
        return "no rule is in force"
    if made_with != day.rules.at(stage, version.day).hash:
        return "the rules have changed since; nothing is said before the next run"
    return ""


def _of_each(stage: Stage, judge: Judge) -> Callable[[Examination, int], Result]:
    def examine(day: Examination, since: int) -> Result:
        if word := _not_judged(day, stage):
            return Result(True, word)
        version = day.version(stage.writes)
        standing = day.rules.standing(stage, version.day)
        reaches = measure(day.reader, version, [s.rule.id for s in standing])
        wrong = [
            f"{s.rule.id}: {word}"
            for s in standing
            for word in judge(s, day, stage, reaches[s.rule.id])
        ]
        facts: dict[str, int | str] = {s.rule.id: reaches[s.rule.id].rows for s in standing}
        if wrong:
            return Result(False, "; ".join(wrong), facts)
        return Result(True, f"{len(standing)} rules change what was approved", facts)

    return examine


def _too_far(standing: StandingRule, day: Examination, stage: Stage, reach: Reach) -> Iterator[str]:
    identity, times = standing.rule.id, number(thresholds()["drift_times"])
    for word in beyond_limits(standing.rule, reach):
        yield f"{word}; end it, or submit a next version with other conditions or limits"
    seen, of = standing.proposal.seen, day.version(stage.writes).day
    for word in beyond_approved(seen, of, reach, times):
        yield f"{word}; somebody else looks at rules impact {identity} and approves it, or end it"


def _moved(standing: StandingRule, day: Examination, stage: Stage, reach: Reach) -> Iterator[str]:
    seen = standing.proposal.seen.get(day.version(stage.writes).day)
    if seen is None or seen == reach:
        return
    if seen.rows != reach.rows:
        yield f"changes {reach.rows} rows, {seen.rows} when it was approved"
    for column in dict.fromkeys((*seen.moved, *reach.moved)):
        before, now = seen.moved.get(column, {}), reach.moved.get(column, {})
        for currency in sorted({*before, *now}):
            was, moves = before.get(currency, 0), now.get(currency, 0)
            if was != moves:
                yield f"moves {column} by {moves:f} {currency}, {was:f} when it was approved"

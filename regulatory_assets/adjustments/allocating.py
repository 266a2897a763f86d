"""What rules spread for analysis, as people look at it: what cannot be spread, and who bears it.

An amount cannot be spread on a day on which members have nothing, or amounts of both signs. A rule
is not approved where such a day was looked at; where data turn out so later a check says it, and no
share is stored. How an amount is spread stands in ``ledger.allocated``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.book import stage_name
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.allocated import Base, bases
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.joining import Joining, Move
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.rules import RuleSet
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage


def unspread(
    stage: Stage,
    moves: Mapping[str, Move],
    previous: Version,
    reader: Reader,
    rules: RuleSet,
    rule_id: str | None = None,
) -> Iterator[str]:
    """What rules cannot spread at an allocation stage, all of them or one, and what to do."""
    joining = Joining(
        stage, dict(moves), previous, None, reader, store=lambda frame: frame, rules=rules
    )
    for base in bases(joining):
        if base.fault and rule_id in (None, base.allocation.rule_id):
            yield _word(base, joining.driving.new.day)


def _word(base: Base, day: date) -> str:
    made = base.allocation
    line = " ".join(str(value) for value in made.leaf.values() if value is not None)
    return (
        f"{made.rule_id} operation {made.operation} does not spread the {made.measure} added to "
        f"{line} on {day}: {base.fault}; choose members of one sign with where, or leave allocate "
        "out"
    )


def unspread_by(rule: Rule, runner: Runner, day: date) -> tuple[str, ...]:
    """What one rule cannot spread on a day that was run with it in force."""
    positions, stage = runner.positions(day), _spreading(runner.graph, rule)
    if stage is None or stage.name in positions.left_out():
        return ()
    plan = runner.plan(stage, day, positions)
    return tuple(unspread(stage, plan.moves, plan.previous, runner.reader, plan.rules, rule.id))


def _spreading(graph: Graph, rule: Rule) -> Stage | None:
    """The stage that spreads what a rule adds, if the rule says so."""
    return graph.spreading(graph.stage(stage_name(rule))) if rule.allocates else None


def shares_by(
    rule: Rule, runner: Runner, day: date, by: Sequence[str], most: int
) -> list[dict[str, Any]]:
    """What a rule has spread on a day, added up by columns of the members: for each operation the
    largest shares, so many at most of all.

    Raises NotReady where the rule spreads nothing, was not run on the day, or a column is unknown.
    """
    stage = _spreading(runner.graph, rule)
    if stage is None:
        raise NotReady(f"{rule.id} spreads nothing; it has no operation allocate")
    if unknown := [c for c in by if c not in stage.reads.column_names]:
        known = ", ".join(stage.reads.column_names)
        raise NotReady(f"{stage.reads.name} has no {', '.join(unknown)}; its columns are {known}")
    positions, key = runner.positions(day), stage.reads.key
    version = positions.version(stage.name)
    if not version.chain:
        raise NotReady(f"{stage.name} was not calculated for {day}; run it first")
    read = {(i.table, i.day): i.revision for i in version.chain[-1].inputs}
    members = positions.read(stage.reads, stage).as_consumed(read)
    stored = runner.reader.rows(version).where(F.col("rule_id") == rule.id)
    own = stored.select(*key, "operation", "measure", "share")
    of_members = runner.reader.net(members, among=own, on=key).select(
        *(F.col(c).alias(f"__key_{c}") for c in key), *(F.col(c) for c in by if c not in key)
    )
    joined = frames.attach(own, of_members, key, [f"__key_{c}" for c in key], "left")
    sums = joined.groupBy("operation", "measure", *by).agg(
        F.count(F.lit(1)).alias("members"), total(F.col("share")).alias("share")
    )
    ordered = sums.orderBy("operation", F.abs(F.col("share")).desc(), *by).limit(most)
    found: list[dict[str, Any]] = frames.values(ordered)
    return found

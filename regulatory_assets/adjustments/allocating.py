"""What rules say is to be spread and cannot be: on a day on which members have nothing, or amounts
of both signs.

A rule is not approved where such a day was looked at; where data turn out so later a check says it,
and no share is stored. How an amount is spread stands in ``ledger.allocated``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from regulatory_assets.adjustments.book import stage_name
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.ledger.allocated import Base, bases
from regulatory_assets.ledger.joining import Joining
from regulatory_assets.ledger.run import Runner


def unspread(joining: Joining, rule_id: str | None = None) -> Iterator[str]:
    """What the rules in force at an allocation stage, or one of them, cannot spread, and what to
    do."""
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
    positions = runner.positions(day)
    stage = runner.graph.spreading(runner.graph.stage(stage_name(rule)))
    if stage is None or not rule.allocates or stage.name in positions.left_out():
        return ()
    plan = runner.plan(stage, day, positions)
    joining = Joining(
        stage,
        dict(plan.moves),
        plan.previous,
        None,
        runner.reader,
        store=lambda frame: frame,
        rules=plan.rules,
    )
    return tuple(unspread(joining, rule.id))

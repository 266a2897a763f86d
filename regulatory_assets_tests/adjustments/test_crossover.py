"""Where much has moved a stage is recalculated instead of followed, and the rows are the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import Crossover, Way
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_scenarios import DAY, Play


def test_the_way_is_the_cheaper_one_and_the_plan_says_so(sail: Engine, tmp_path: Path) -> None:
    """Of 24 deals 17, then 18 change: 34 and 36 entries, which is less than 1.5 a row and as much.
    A table with fewer rows than the crossover asks for is followed whatever moves."""
    play = Play(sail, tmp_path, 8)
    play.deliver()
    play.run()
    flows = ruled.GRAPH.stage("flows")
    for changed, rows, way in (
        (17, 24, Way.CHANGE), (18, 24, Way.FULL), (24, 25, Way.CHANGE)
    ):  # fmt: skip
        play.runner = replace(play.runner, crossover=Crossover(Decimal("1.5"), rows))
        for place in sorted(play.given.deals)[:changed]:
            deal = play.given.deals[place]
            play.given.deals[place] = replace(deal, amount=deal.amount + 1)
        play.deliver()
        play.runner.run_day(DAY, "test", ruled.GRAPH.ancestors(flows))
        planned = play.runner.plan(flows, DAY)
        (outcome,) = play.runner.run_day(DAY, "test", ["flows"])
        assert (planned.way, outcome.way, planned.why) == (way, way, outcome.why)
        assert (planned.why == "36 entries moved in deals of 24 rows; following costs more") == (
            way is Way.FULL
        )
        assert outcome.rows > 0
        play.run()
        play.check()
    play.check_full()

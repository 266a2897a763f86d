"""Where recalculating a stage becomes cheaper than following a change: both ways, measured.

python -m benchmarks.crossover --deals 100000

Begins with the state that ``system_full`` has left. A share of the deals gets another amount, by a
delivery or by a rule, or a share of the currencies, by name, another rate. Then each stage of the
day is run, once following whatever moves and once recalculated. Processor time of this process is
printed, which holds the engine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column

from benchmarks import system
from benchmarks.__main__ import fresh_copy
from benchmarks.data import DAY
from regulatory_assets.adjustments.book import APPROVED
from regulatory_assets.adjustments.people import open_demo
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.control.events import Actor
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.joining import Move
from regulatory_assets.ledger.plan import Crossover
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.runtime import Runtime

TENTHS = (1, 3, 6, 10)


class Always(Crossover):
    """Every stage is recalculated, also those for which that is never cheaper."""

    def word(self, stage: Stage, moves: Mapping[str, Move]) -> str:
        return "recalculated"


WAYS = {"followed": Crossover(Decimal(10**9)), "recalculated": Always()}
SHOWN = ("depositors", "lcr_flows")


def main() -> None:
    """Print a line for each kind of change, share and way."""
    parser = argparse.ArgumentParser(description="Follow a change or recalculate.")
    parser.add_argument("--deals", type=int, default=100_000)
    root = Path(os.environ.get("REGULATORY_ASSETS_VAR", "var")) / "bench"
    root /= str(parser.parse_args().deals)
    for change in (_deliver, _rule, _rates):
        for tenths in TENTHS:
            for way, crossover in WAYS.items():
                found = system.runtime(fresh_copy(root / "system_full", root / "crossover"))
                change(found, tenths)
                runner = replace(found.runner("benchmark"), crossover=crossover)
                seconds = dict(_stages(runner))
                shown = ", ".join(f"{name} {seconds[name]:.2f}" for name in SHOWN)
                total = sum(seconds.values())
                print(f"{change.__name__[1:]:8s} {tenths * 10:3d} % {way:12s} "
                      f"all {total:6.2f} cpu s, {shown}", flush=True)  # fmt: skip


def _stages(runner: Runner) -> Iterator[tuple[str, float]]:
    """Each stage of the day up to the ratio with the processor time that it took."""
    behind = runner.graph.ancestors(runner.graph.stage("lcr"))
    needed = {*system.STAGES, *behind} - runner.positions(DAY).left_out()
    for stage in runner.graph.stages:
        if stage.name in needed:
            start = time.process_time()
            runner.run_stage(stage, DAY, "benchmark")
            yield stage.name, time.process_time() - start


def _patterns(tenths: int) -> list[str]:
    """Of ids that end in evenly spread digits, so many tenths."""
    return [f"%{digit}" for digit in range(tenths)]


def _deliver(found: Runtime, tenths: int) -> None:
    hit = F.lit(False)
    for pattern in _patterns(tenths):
        hit = hit | F.col("deal_id").like(pattern)
    _lower(found, "deals", "amount", hit)


def _rates(found: Runtime, tenths: int) -> None:
    runner = found.runner("benchmark")
    rows = runner.reader.rows(runner.positions(DAY).version("fx_rates")).select("currency")
    names = sorted(row[0] for row in rows.collect())
    _lower(found, "fx_rates", "rate", F.col("currency").isin(names[: len(names) * tenths // 10]))


def _lower(found: Runtime, name: str, column: str, hit: Column) -> None:
    """Deliver a table again, with less in a column of the rows that are hit."""
    runner, table = found.runner("benchmark"), found.graph.tables[name]
    rows = runner.reader.rows(runner.positions(DAY).version(name)).select(*table.column_names)
    less = product(F.col(column), F.lit("0.95").cast("decimal(12,8)"))
    changed = F.when(hit, less.cast(table.type_of(column).value)).otherwise(F.col(column))
    deliver(runner, table, DAY, rows.withColumn(column, changed), "full", "benchmark")


def _rule(found: Runtime, tenths: int) -> None:
    tests = [{"field": "deal_id", "op": "like", "value": pattern} for pattern in _patterns(tenths)]
    document = {
        "id": "BENCH", "stage": "deal", "purpose": "methodology", "reason": "benchmark",
        "owner": "benchmark", "effective": DAY.isoformat(), "conditions": {"any": tests},
        "operations": [{"op": "multiply", "field": "amount", "value": "0.95"}],
    }  # fmt: skip
    open_demo(found.events)
    submitted = found.governance.submit(Actor("author"), parse(document, "benchmark"))
    found.events.append(Actor("approver"), APPROVED, "BENCH", {"needed": 1}, submitted.seq)


if __name__ == "__main__":
    main()

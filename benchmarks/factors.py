"""Another factor of one line: followed to the parts on it, or all parts calculated anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks import system
from benchmarks.data import DAY, Files
from benchmarks.shares import LINES
from benchmarks.steps import Steps
from benchmarks.system import results as results
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.regulation.tables import Key, Row


def _more(line: str) -> Parameters:
    """Parameters in which one line has a hundredth more, under every regime."""

    def values(regime: str, key: Key, row: Row) -> Mapping[str, Decimal]:
        if key != (line,):
            return row.values
        return {name: number + Decimal("0.01") for name, number in row.values.items()}

    return Parameters.default().with_values("lcr/lines", values)


def factor(line: str, kept: bool, files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    """The day after a changed factor; where nothing is kept of what it was, all is calculated."""
    found = system.runtime(state)
    runner = found.runner("benchmark")
    runner.run_day(DAY, "benchmark")  # with the reports that follow the ratio
    if not kept:
        shutil.rmtree(found.lake.parameters)
    system.observe(steps)
    changed = replace(runner, parameters=_more(line))
    return partial(system.stages, changed, steps)


FOLLOWED = {share: partial(factor, line, True) for share, line in LINES.items()}
WHOLE = {share: partial(factor, line, False) for share, line in LINES.items()}

"""Another factor of one line: followed to the parts on it, or all parts calculated anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import system
from benchmarks.data import DAY, Files
from benchmarks.shares import LINES
from benchmarks.steps import Steps
from benchmarks.system import results as results
from regulatory_assets.ledger.run import ParameterSource
from regulatory_assets.regulation.parameters import ParameterSet

_LINES = "lcr/lines"


@dataclass(frozen=True)
class _Other:
    """Parameters in which one line has a hundredth more, under every regime."""

    known: ParameterSource
    line: str

    def at(self, day: date, names: Iterable[str]) -> Any:
        found: Any = self.known.at(day, names)
        if _LINES not in found.names:
            return found
        table = found.rates(_LINES)
        by_regime = {
            regime: {
                key: replace(row, values={n: v + Decimal("0.01") for n, v in row.values.items()})
                if key == (self.line,)
                else row
                for key, row in rows.items()
            }
            for regime, rows in table.by_regime.items()
        }
        tables = {name: found[name] for name in found.names}
        return ParameterSet(day, tables | {_LINES: replace(table, by_regime=by_regime)})


def factor(line: str, kept: bool, files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    """The day after a changed factor; where nothing is kept of what it was, all is calculated."""
    found = system.runtime(state)
    runner = found.runner("benchmark")
    runner.run_day(DAY, "benchmark")  # with the reports that follow the ratio
    if not kept:
        shutil.rmtree(found.lake.parameters)
    system.observe(steps)
    changed = replace(runner, parameters=_Other(runner.parameters, line))
    return partial(system.stages, changed, steps)


FOLLOWED = {share: partial(factor, line, True) for share, line in LINES.items()}
WHOLE = {share: partial(factor, line, False) for share, line in LINES.items()}

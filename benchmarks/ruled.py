"""A governed rule on a share of the deals: its impact, and its recalculation after approval.

The rule takes the deals whose id ends in so many zeros, so that they lie all over the book.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarks import system
from benchmarks.data import DAY, Files
from benchmarks.shares import SHARES
from benchmarks.steps import Steps
from benchmarks.system import results as results
from regulatory_assets.adjustments.book import APPROVED
from regulatory_assets.adjustments.people import open_demo
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.control.events import Actor, Event
from regulatory_assets.runtime import Runtime


def _rule(share: str) -> Rule:
    document = {
        "id": "BENCH", "stage": "deal", "purpose": "methodology", "reason": "benchmark",
        "owner": "benchmark", "effective": DAY.isoformat(),
        "conditions": {"field": "deal_id", "op": "like", "value": SHARES[share]},
        "operations": [{"op": "multiply", "field": "amount", "value": "0.95"}],
    }  # fmt: skip
    return parse(document, "benchmark")


def _submitted(state: Path, share: str) -> tuple[Runtime, Event]:
    found = system.runtime(state)
    found.runner("benchmark").run_day(DAY, "benchmark")  # with the reports that follow the ratio
    open_demo(found.events)
    return found, found.governance.submit(Actor("author"), _rule(share))


def impact(share: str, files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    """The impact of the rule, as the approver sees it."""
    found, _ = _submitted(state, share)
    for imported_late in ("pandera.pyspark", "pandera.backends.pyspark.builtin_checks"):
        import_module(imported_late)  # by the first look at a rule's rows

    def work() -> None:
        seen = found.governance.impact(found.runner("impact"), "BENCH")
        steps.count("affected deals", seen.days[0].affected)

    return work


def recalculation(share: str, files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    """The day after the rule's approval."""
    found, submitted = _submitted(state, share)
    found.events.append(Actor("approver"), APPROVED, "BENCH", {"needed": 1}, submitted.seq)
    return system.day(found, steps)


IMPACT = {share: partial(impact, share) for share in SHARES}
RECALCULATION = {share: partial(recalculation, share) for share in SHARES}

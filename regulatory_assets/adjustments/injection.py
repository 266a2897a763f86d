"""What a run has done by the rules that were new, changed or gone when it started.

Told of each rule: how many rows it changes, what was written, the reported figures before the run
and after it. Found from the register alone, so a run is told the same whenever it is asked about.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from regulatory_assets.adjustments.impact import compared
from regulatory_assets.adjustments.reach import measure
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.table import Table


def injections(
    runner: Runner, report: Table, day: date, run_id: str, seconds: float
) -> list[dict[str, Any]]:
    """One document a rule: ``{rule_id, affected_records, processing_time, stages_updated,
    ratios}``; none where the run has found the rules as the run before it did. Where no figure of
    the report moves, ``unmoved`` says so.

    ``ratios`` are the figures of the report that differ, ``stages_updated`` the tables that the run
    has written so far, ``seconds`` what it has taken.
    """
    positions = runner.positions(day)

    def before(version: Version) -> Version:
        earlier = {(p.table.name, day): _last_before(p, run_id) for p in version.parts}
        return version.as_consumed(earlier)

    affected: dict[str, int] = {}
    for stage in runner.graph.adjustments.values():
        now, rules = positions.version(stage.name), runner.rules_for(stage, day)
        was = before(now)
        with_rules = was.chain[-1].rules if was.chain else ""
        made_with = now.chain[-1].rules if now.chain else ""
        if made_with == with_rules or made_with != rules.hash:  # decided anew since: the next run
            continue
        changed = sorted(rules.differing(with_rules))
        reach = measure(runner.reader, now, changed)
        reached = measure(runner.reader, was, changed)
        affected |= {r: max(reach[r].rows, reached[r].rows) for r in changed}
    if not affected:
        return []
    read = positions.read(report)
    figures = list(compared(runner.reader, before(read), runner.reader, read))
    tables = [n for n in runner.graph.tables if _written(positions.version(n), run_id)]
    moved = [f.document() for f in figures if f.before != f.after]
    return [
        {
            "rule_id": rule,
            "affected_records": rows,
            "processing_time": round(seconds, 3),
            "stages_updated": tables,
            "ratios": moved,
            **({} if moved else {"unmoved": _unmoved(rows, report)}),
        }
        for rule, rows in affected.items()
    ]


def _unmoved(rows: int, report: Table) -> str:
    what = f"{rows} rows are changed" if rows > 1 else f"{rows or 'no'} row is changed"
    return f"{what}, and no figure of {report.name} moves"


def _last_before(version: Version, run_id: str) -> int:
    """The last revision that another run has registered, before this one's first."""
    own = [r.revision for r in version.chain if r.run_id == run_id]
    return min(own) - 1 if own else version.revision


def _written(version: Version, run_id: str) -> bool:
    return any(r.run_id == run_id and r.posting is not None for r in version.chain)

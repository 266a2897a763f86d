"""Which reports follow from a stage, and whether an overlay names them all.

An overlay acts where the reports that it names have parted from the others (decision 0019).
"""

from __future__ import annotations

from regulatory_assets.adjustments.fitting import refuse
from regulatory_assets.adjustments.rule import SUFFIX, Overlay, Rule
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import Stage, StageKind


def reports_after(stage: Stage, graph: Graph) -> tuple[str, ...]:
    """The reports whose lines follow from a stage, by the groups of their tables."""
    return tuple(
        sorted(
            {
                s.writes.group
                for s in graph.stages
                if s.kind is not StageKind.ADJUSTMENT and stage.name in graph.ancestors(s)
            }
        )
    )


def unnamed(rule: Rule, stage: Stage, graph: Graph) -> list[str]:
    """The reports that follow from a stage and that an overlay does not name; none of others."""
    if not isinstance(rule.purpose, Overlay):
        return []
    return [r for r in reports_after(stage, graph) if r not in rule.purpose.overlay]


def check(rule: Rule, stage: Stage, graph: Graph) -> None:
    """Refuse an overlay at a stage that reaches other reports than those it names."""
    if not isinstance(rule.purpose, Overlay):
        return
    named, reached = set(rule.purpose.overlay), reports_after(stage, graph)
    if never := sorted(named - set(reached)):
        why = f"does not reach {', '.join(never)}; from there on follow {', '.join(reached)}"
        raise refuse(rule, "purpose", f"{rule.stage} {why}")
    if also := unnamed(rule, stage, graph):
        later = (s for s in graph.adjustments.values() if stage.name in graph.ancestors(s))
        stages = {s.name.removesuffix(SUFFIX): s for s in later}
        own = [n for n, s in stages.items() if set(reports_after(s, graph)) <= named]
        remedy = f"act at {' or '.join(own)}, or" if own else "no stage reaches these alone:"
        why = f"also reaches {', '.join(also)}, which the overlay does not name"
        raise refuse(rule, "purpose", f"{rule.stage} {why}; {remedy} name all that it reaches")

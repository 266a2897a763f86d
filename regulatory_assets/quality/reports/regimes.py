"""Whether every entity follows a regime that a parameter file names: else its deals have no factor,
and what it states of itself counts by Basel. Asked of what was delivered, and of what rules make of
it."""

from __future__ import annotations

from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.ledger import frames
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.adjustments import entity_adjustments


def _delivered(day: Examination, since: int) -> Result:
    return _known(day.rows(ENTITIES), "deliver one of")


def _ruled(day: Examination, since: int) -> Result:
    if not day.version(entity_adjustments.writes).live:
        return Result(True, "no rule acts on entities")
    remedy = "end the rule that says it, or submit a next version with one of"
    return _known(day.reader.net(day.as_read(ENTITIES)), remedy)


def _known(entities: DataFrame, remedy: str) -> Result:
    regimes = Parameters.default().regimes
    found = frames.values(entities.select("entity_id", "regime"))
    wrong = sorted((r["entity_id"], r["regime"]) for r in found if r["regime"] not in regimes)
    if not wrong:
        return Result(True, "every entity's regime is known", {"offending": 0})
    named = ", ".join(f"{entity} ({regime})" for entity, regime in wrong[:SHOWN])
    said = f"{len(wrong)} entities follow a regime that no parameter file names, for instance"
    return Result(
        False,
        f"{said} {named}; {remedy} {', '.join(regimes)}, or add the regime's files",
        {"offending": len(wrong)},
    )


_SAID = "The regime that an entity follows is one that parameter files name"

known = Check(ENTITIES, "regimes", f"{_SAID}.", True, _delivered)
known_after_rules = Check(
    entity_adjustments.writes, "regimes", f"{_SAID}, after all rules.", True, _ruled, (ENTITIES,)
)

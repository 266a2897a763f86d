"""Whether the scopes of consolidation above an entity stand there once, under names of their own:
else its figures count twice in a scope, or those of others in its own. Asked of what was delivered,
with the line, and of what rules make of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.provenance import provenance
from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.ledger import frames
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result
from regulatory_assets.reports.adjustments import entity_adjustments


def _delivered(day: Examination, since: int) -> Result:
    def line_of(entity: str) -> str:
        with suppress(DeliveryError):
            of, key = day.version(ENTITIES).day, {"entity_id": entity}
            found = provenance(day.reader, day.register, ENTITIES, of, key)
            return f", {found.file_name} line {found.line}"
        return ""

    return _once(day.rows(ENTITIES), "deliver", line_of)


def _ruled(day: Examination, since: int) -> Result:
    if not day.version(entity_adjustments.writes).live:
        return Result(True, "no rule acts on entities")
    remedy = "end the rule that says it, or submit a next version with"
    return _once(day.reader.net(day.as_read(ENTITIES)), remedy, lambda _: "")


def _once(entities: DataFrame, remedy: str, line_of: Callable[[str], str]) -> Result:
    rows = frames.values(entities.select("entity_id", "group_path").orderBy("entity_id"))
    known = {row["entity_id"] for row in rows}
    wrong = {
        row["entity_id"]: f"{row['group_path']}: {word}"
        for row in rows
        if row["group_path"] and (word := _fault(row["group_path"].split("/"), known))
    }
    if not wrong:
        return Result(True, "every scope stands once above its entities", {"offending": 0})
    shown = [f"{entity} ({said}{line_of(entity)})" for entity, said in [*wrong.items()][:SHOWN]]
    said = f"{len(wrong)} entities have scopes above them that cannot be told apart, for instance"
    each = "each scope once, outermost first, under a name that no entity has"
    return Result(False, f"{said} {', '.join(shown)}; {remedy} {each}", {"offending": len(wrong)})


def _fault(scopes: list[str], entities: Collection[str]) -> str:
    """What is wrong with the scopes above an entity; empty where nothing is."""
    if not all(scopes):
        return "a scope has no name"
    if twice := next((s for s in scopes if scopes.count(s) > 1), ""):
        return f"{twice} stands twice"
    if entity := next((s for s in scopes if s in entities), ""):
        return f"{entity} is an entity"
    return ""


_SAID = "The scopes above an entity stand there once each, and none has the name of an entity"

once = Check(ENTITIES, "group_paths", f"{_SAID}.", True, _delivered)
once_after_rules = Check(
    entity_adjustments.writes, "group_paths", f"{_SAID}, after all rules.", True, _ruled,
    (ENTITIES,),
)  # fmt: skip

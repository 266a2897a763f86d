"""The adjustment entity of each scope of consolidation, to which only that scope's figure belongs.

What a group corrects above its members' books belongs to none of them. It is booked on an entity
that nobody delivers, named after the scope; lines find their scopes through this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.ledger.stages import ReportRow, report_stage
from regulatory_assets.reports.lcr.tables import ADJUSTMENT_ENTITIES, ADJUSTMENT_PREFIX


@report_stage(reads=ENTITIES, writes=ADJUSTMENT_ENTITIES)
def adjustment_entities(entities: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """One entity for each scope above a delivered one (convention 13).

    Where members disagree on a scope's place or currency, the first of them by id has the say.
    """
    found: dict[str, ReportRow] = {}
    for entity in entities:
        path = (entity["group_path"] or "").split("/")
        for place, scope in enumerate(path, start=1):
            if scope:
                row = {
                    "entity_id": f"{ADJUSTMENT_PREFIX}{scope}",
                    "scope_path": "/".join(path[:place]),
                    "reporting_currency": entity["reporting_currency"],
                }
                found.setdefault(scope, row)
    return found.values()

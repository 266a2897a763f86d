"""A small bank as its scopes of consolidation see it: whose parts of deals each of them reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regulatory_assets.reports.lcr.plain.parts import Parts
from regulatory_assets.reports.lcr.plain.reading import Deal, Part


class Bank(Parts):
    """A small bank, with what each scope reports of it."""

    def kind_of(self, scope: str) -> str:
        """Whose share of net outflows a scope counts: its head's, where the regime has it."""
        told = self.adjustments.get(self.head_of(scope) or "") or "FULL"
        shares = self.reading.parameters.rates("lcr/outflow_adjustment").rows(self.regime_of(scope))
        return told if (told,) in shares else "FULL"

    def lines_of(self, scope: str) -> list[Part]:
        """The parts that a scope reports: of deals of its entities with parties outside."""
        positions = [p for name in self.position_names() for p in self.positions(name)]
        found = [
            part for deal in self.deals if self._is_of(scope, deal) for part in self.parts(deal)
        ]
        found += [
            part
            for position in positions
            if self._is_of(scope, vars(position))
            for part in self._taken(position)
        ]
        return [part for part in found if part.only_in in (None, scope)]

    def _is_of(self, scope: str, deal: Deal) -> bool:
        """Whether a scope has one side of a deal alone."""
        inside = scope in self.scopes.get(self.partner(deal), ())
        return scope in self.scopes[deal["entity_id"]] and not inside

    def rows_of(self, scope: str) -> Iterator[dict[str, Any]]:
        """The parts that a scope reports, with whose they are."""
        for part in self.lines_of(scope):
            yield {**vars(part), **self.of_entity(part.entity_id, scope)}

    def of_entity(self, entity: str, scope: str) -> dict[str, Any]:
        """Whose a row is, and whether the entity's liquid assets may leave it for a scope."""
        return {
            "entity_id": entity,
            "consolidation": "solo" if scope == entity else "group",
            "transferable": self.transferable.get(entity),
        }

    def partner(self, deal: Deal) -> str:
        """The entity of the group on the other side."""
        counterparty = self.counterparties.get(deal["counterparty_id"])
        return str(counterparty["partner_entity_id"]) if counterparty else ""

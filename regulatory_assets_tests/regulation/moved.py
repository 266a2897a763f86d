"""Parameters with other numbers in some entries."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.stages import Cited, Entry
from regulatory_assets.regulation.parameters import Parameters, ParameterSet, RateTable


@dataclass(frozen=True)
class Moved:
    """The parameters of the product, with a hundredth more in each number of some entries."""

    parameter: str
    entries: Collection[Entry]

    def at(self, day: date, names: Iterable[str]) -> ParameterSet:
        known = Parameters.default().at(day, names)
        in_force: dict[str, Any] = {name: known[name] for name in known.names}
        if self.parameter in in_force:
            in_force[self.parameter] = self._moved(known.rates(self.parameter))
        return ParameterSet(day, in_force)

    def _moved(self, table: RateTable) -> RateTable:
        by_regime = {
            regime: {
                key: replace(row, values={n: v + Decimal("0.01") for n, v in row.values.items()})
                if (regime, *key) in self.entries
                else row
                for key, row in rows.items()
            }
            for regime, rows in table.by_regime.items()
        }
        return replace(table, by_regime=by_regime)


def entries(cited: Cited, day: date, *, alone: bool) -> list[Entry]:
    """The entries of a cited table that its stage may follow, or those that it may not."""
    table = Parameters.default().at(day, [cited.parameter]).rates(cited.parameter)
    every = [(regime, *key) for regime in table.regimes for key in table.rows(regime)]
    return [entry for entry in every if cited.alone(entry) == alone]

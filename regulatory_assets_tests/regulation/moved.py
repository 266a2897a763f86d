"""Parameters with other numbers in some entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.stages import Cited, Entry
from regulatory_assets.regulation.parameters import Parameters, ParameterSet, RateTable


@dataclass(frozen=True)
class Moved:
    """The parameters of the product, with other numbers in some entries: a hundredth more, if
    nothing else is said."""

    parameter: str
    entries: Collection[Entry]
    other: Callable[[Decimal], Decimal] = lambda number: number + Decimal("0.01")

    def at(self, day: date, names: Iterable[str]) -> ParameterSet:
        known = Parameters.default().at(day, names)
        in_force: dict[str, Any] = {name: known[name] for name in known.names}
        if self.parameter in in_force:
            in_force[self.parameter] = self._moved(known.rates(self.parameter))
        return ParameterSet(day, in_force)

    def _moved(self, table: RateTable) -> RateTable:
        by_regime = {
            regime: {
                key: replace(row, values={n: self.other(v) for n, v in row.values.items()})
                if (regime, *key) in self.entries
                else row
                for key, row in rows.items()
            }
            for regime, rows in table.by_regime.items()
        }
        return replace(table, by_regime=by_regime)


def entries(cited: Cited, day: date) -> list[Entry]:
    """The entries of a cited table."""
    table = Parameters.default().at(day, [cited.parameter]).rates(cited.parameter)
    return [(regime, *key) for regime in table.regimes for key in table.rows(regime)]

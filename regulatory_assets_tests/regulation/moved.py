"""The product's parameters with other numbers in some entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal

from regulatory_assets.ledger.stages import Cited, Entry
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.regulation.tables import Key, Row


def more(number: Decimal) -> Decimal:
    return number + Decimal("0.01")


def moved(
    parameter: str, entries: Collection[Entry], other: Callable[[Decimal], Decimal] = more
) -> Parameters:
    """Each number of some entries made another, if nothing else is said a hundredth more."""

    def values(regime: str, key: Key, row: Row) -> Mapping[str, Decimal]:
        if (regime, *key) not in entries:
            return row.values
        return {name: other(number) for name, number in row.values.items()}

    return Parameters.default().with_values(parameter, values)


def entries(cited: Cited, day: date) -> list[Entry]:
    """The entries of a cited table."""
    table = Parameters.default().at(day, [cited.parameter]).rates(cited.parameter)
    return [(regime, *key) for regime in table.regimes for key in table.rows(regime)]

"""Which entries of the parameters the lines of a scope rest on.

A line is taken and weighted by the values of a regime, so an entry that names a line concerns the
scopes that have this line by these values. An entry that names none (a limit, a cap, the level of a
security) concerns every scope that follows its regime. Reading lines does not belong here.
"""

from __future__ import annotations

from collections.abc import Collection

from regulatory_assets.regulation.comparison import entries, file_label
from regulatory_assets.regulation.tables import DecisionTable, RateTable
from regulatory_assets.reports.lcr.calculation import EXCESS

Lines = Collection[tuple[str, str]]
"""Lines of a scope, each with the regime whose values took it."""

LINE = "line"


def used(table: RateTable | DecisionTable, lines: Lines) -> set[str]:
    """The entries as they are told beside a figure: file and name."""
    found = set()
    for regime in {regime for _, regime in lines} & {*table.regimes}:
        of_regime = {line for line, by in lines if by == regime} | {EXCESS}
        named = _named(table, regime)
        for name, entry in entries(table, regime).items():
            if named is None or named[name] in of_regime:
                found.add(f"{file_label(table.name, entry.regime)}: {name}")
    return found


def _named(table: RateTable | DecisionTable, regime: str) -> dict[str, str] | None:
    """The line that each entry names; None for a table that names none."""
    if isinstance(table, DecisionTable):
        rules = {rule.name: rule.then for rule in table.rules(regime)}
        return {n: then[LINE] for n, then in rules.items()} if LINE in table.outputs else None
    return {key[0]: key[0] for key in table.rows(regime)} if table.key_columns == (LINE,) else None

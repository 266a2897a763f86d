"""The page of parameters: every entry with its regime and citation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from regulatory_assets.reference.markdown import grid
from regulatory_assets.regulation.parameters import Parameters, RateTable
from regulatory_assets.regulation.tables import BASEL, Citation, DecisionTable, plain

_Name = TypeVar("_Name")
_Entry = TypeVar("_Entry")


_PARAMETERS = """\
Entries in force on a day, each with the regime whose file has it. A regime takes those of `basel`
where it has none of its own."""


def parameters(day: date) -> Iterator[str]:
    """Every entry in force on a day."""
    known = Parameters.default()
    found = known.at(day, sorted(known.names))
    yield from (_PARAMETERS, "")
    for name in found.names:
        table = found[name]
        yield from (f"## {name}", "")
        if not table.overlaid:
            yield from ("Holds for every regime; no other file may overlay it.", "")
        for column, reference in table.references.items():
            excepted = " and ".join(f"`{value}`" for value in reference.excepted)
            but = f", but for {excepted}" if excepted else ""
            yield from (f"`{column}` names rows of {reference.parameter}{but}.", "")
        yield from _rates(table) if isinstance(table, RateTable) else _decisions(table)


def _rates(table: RateTable) -> Iterator[str]:
    head = (*table.key_columns, *table.types, *table.texts, "regime", "citation", "verified")
    yield from grid(
        head,
        (
            (
                *key,
                *(plain(row.values[n]) for n in table.types),
                *(row.texts[n] for n in table.texts),
                regime,
                *cited(row.citation),
            )
            for key, regime, row in own(table.regimes, table.rows)
        ),
    )


def _decisions(table: DecisionTable) -> Iterator[str]:
    yield from grid(
        ("rule", "when", "then", "regime", "citation", "verified"),
        (
            (
                rule.name,
                "; ".join(f"{k} in {', '.join(v)}" for k, v in rule.when.items()) or "any",
                ", ".join(rule.then.values()),
                regime,
                *cited(rule.citation),
            )
            for _, regime, rule in own(
                table.regimes, lambda regime: {rule.name: rule for rule in table.rules(regime)}
            )
        ),
    )


def cited(citation: Citation) -> tuple[str, str]:
    """Where something is written, and whether somebody has read it there."""
    return str(citation), "yes" if citation.verified else "no"


def own(
    regimes: Iterable[str], of_regime: Callable[[str], Mapping[_Name, _Entry]]
) -> Iterator[tuple[_Name, str, _Entry]]:
    """Each entry once, with the regime whose file has it; those of Basel first."""
    basel = of_regime(BASEL)
    for regime in regimes:
        for name, entry in of_regime(regime).items():
            if regime == BASEL or basel.get(name) is not entry:
                yield name, regime, entry

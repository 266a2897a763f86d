"""Parameters as people read and compare them: one line for each entry in force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.regulation.tables import (
    BASEL,
    Citation,
    DecisionTable,
    RateTable,
    Rule,
    plain,
)


@dataclass(frozen=True)
class Entry:
    """One row or rule in force; ``regime`` is the one whose file says so."""

    name: str
    value: str
    regime: str
    citation: str
    verified: bool


@dataclass(frozen=True)
class Difference:
    """An entry whose value differs between two sets; None where it is in one of them only."""

    parameter: str
    entry: str
    before: str | None
    after: str | None


def entries(table: RateTable | DecisionTable, regime: str = BASEL) -> dict[str, Entry]:
    """The entries of a table for a regime, by name, in the order of the files.

    Raises ParameterError for a regime that no file names.
    """
    if isinstance(table, RateTable):
        basel = table.rows(BASEL)
        return {
            (name := "/".join(key)): _entry(
                name,
                ", ".join(
                    [
                        *(f"{column} {plain(number)}" for column, number in row.values.items()),
                        *(f"{column} {code}" for column, code in row.texts.items()),
                    ]
                ),
                BASEL if basel.get(key) is row else regime,
                row.citation,
            )
            for key, row in table.rows(regime).items()
        }
    known = {rule.name: rule for rule in table.rules(BASEL)}
    return {
        rule.name: _entry(
            rule.name,
            _condition(rule) + " -> " + ", ".join(rule.then.values()),
            BASEL if known.get(rule.name) is rule else regime,
            rule.citation,
        )
        for rule in table.rules(regime)
    }


def own_entries(table: RateTable | DecisionTable) -> dict[str, tuple[Entry, ...]]:
    """The entries of a table by the regime whose file has them; each entry once."""
    found = {
        regime: tuple(e for e in entries(table, regime).values() if e.regime == regime)
        for regime in table.regimes
    }
    return {regime: own for regime, own in found.items() if own}


def digests(table: RateTable | DecisionTable) -> dict[str, str]:
    """A hash of what each regime's file says, with citations; order and comments do not count."""
    return {
        regime: hashlib.sha256(
            json.dumps(sorted([*vars(entry).values()] for entry in own)).encode()
        ).hexdigest()
        for regime, own in own_entries(table).items()
    }


def file_label(name: str, regime: str) -> str:
    """How people call the file of a parameter and regime."""
    return name if regime == BASEL else f"{name} {regime}"


def _condition(rule: Rule) -> str:
    return "; ".join(f"{name} in {', '.join(codes)}" for name, codes in rule.when.items()) or "any"


def _entry(name: str, value: str, regime: str, citation: Citation) -> Entry:
    return Entry(name, value, regime, str(citation), citation.verified)


def compare(
    before: Parameters,
    day: date,
    regime: str,
    after: Parameters,
    other_day: date,
    other_regime: str,
) -> Iterator[Difference]:
    """Every entry that differs, parameter by parameter; citations are not compared.

    A parameter that is not in force on a day, or not in one of the two sets, has no entries there.
    """
    for name in dict.fromkeys((*before.names, *after.names)):
        old = _in_force(before, name, day, regime)
        new = _in_force(after, name, other_day, other_regime)
        for entry in dict.fromkeys((*old, *new)):
            if old.get(entry) != new.get(entry):
                yield Difference(name, entry, old.get(entry), new.get(entry))


def _in_force(parameters: Parameters, name: str, day: date, regime: str) -> dict[str, str]:
    if name not in parameters.names or not parameters.is_in_force(name, day):
        return {}
    table = parameters.at(day, [name])[name]
    return {entry.name: entry.value for entry in entries(table, regime).values()}

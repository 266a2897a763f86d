"""Worked examples of a regulation, as YAML beside its parameters, and their loader.

A file is one of four kinds, written in its first line: ``cases: calculation``, ``currencies`` and
``profile`` stand in ``sums``, ``cases: deals`` in ``banks``. Every number is a quoted decimal,
every date plain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.ledger.table import Table
from regulatory_assets.regulation.cases.banks import DealBank, DealCase, ExpectedPart, bank
from regulatory_assets.regulation.cases.sums import (
    CalculationCase,
    CurrencyCase,
    ProfileCase,
    calculations,
    currencies,
    profiles,
)
from regulatory_assets.regulation.document import read

__all__ = [
    "CalculationCase",
    "Cases",
    "CurrencyCase",
    "DealBank",
    "DealCase",
    "ExpectedPart",
    "ProfileCase",
    "load_cases",
]


@dataclass(frozen=True)
class Cases:
    """Every case of a folder."""

    calculations: tuple[CalculationCase, ...]
    banks: tuple[DealBank, ...]
    profiles: tuple[ProfileCase, ...] = ()
    currencies: tuple[CurrencyCase, ...] = ()


def load_cases(folder: Path, tables: Iterable[Table] = SOURCES) -> Cases:
    """Every ``*.yaml`` file of a folder; ``tables`` are those that deal cases may fill."""
    found = Cases((), ())
    for path in sorted(folder.glob("*.yaml")):
        root = read(path)
        head = root.pairs()
        if "cases" not in head:
            raise root.error("the key cases is missing", "Add cases: calculation or cases: deals")
        kind = head["cases"].code(
            ("calculation", "currencies", "deals", "profile"), "kind of cases"
        )
        if kind == "calculation":
            found = replace(found, calculations=(*found.calculations, *calculations(root)))
        elif kind == "profile":
            found = replace(found, profiles=(*found.profiles, *profiles(root)))
        elif kind == "currencies":
            found = replace(found, currencies=(*found.currencies, *currencies(root)))
        else:
            found = replace(found, banks=(*found.banks, bank(root, tables)))
    return found

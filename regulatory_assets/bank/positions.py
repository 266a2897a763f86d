"""What some deals of the sample bank are, as columns of whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TypeVar

import numpy as np

from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import KINDS, SECTOR_POOLS

INSURED_CENTS = 10_000_000

PRODUCTS = tuple(dict.fromkeys(k.product for k in KINDS))
SECTORS = tuple(name for name, _, _ in SECTOR_POOLS)
KIND = {k.name: n for n, k in enumerate(KINDS)}
LOAN, DEPOSIT = PRODUCTS.index("LOAN"), PRODUCTS.index("DEPOSIT")
REPO, REVERSE_REPO = PRODUCTS.index("REPO"), PRODUCTS.index("REVERSE_REPO")
LIABILITIES = (DEPOSIT, REPO)

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Deals:
    """Columns of some deals. Amounts are cents, days count from 1970-01-01, -1 is null."""

    number: Ints
    entity: Ints
    counterparty: Ints
    has_account: Bools
    product: Ints
    currency: Ints
    amount: Ints
    maturity: Ints
    open: Bools
    security: Ints
    collateral: Ints
    operational: Ints
    transactional: Bools
    insurable: Bools
    locked: Bools
    eligible: Bools
    past_due: Ints


@dataclass(frozen=True)
class Places:
    """Places of the book: kind of deal, rank among its kind, key of all draws, which occupant."""

    kind: Ints
    rank: Ints
    key: Ints
    occupant: Ints

    @property
    def is_security(self) -> Bools:
        found: Bools = self.kind == KIND["security"]
        return found


Columns = TypeVar("Columns", Deals, Places)


@dataclass(frozen=True)
class Positions:
    """Deals before the treasury's sizes are known, with what they were made from."""

    deals: Deals
    at: Places
    sector: Ints
    variant: Ints

    def take(self, rows: Ints) -> Positions:
        """Some of the deals, by their place among these."""
        return Positions(
            _take(self.deals, rows), _take(self.at, rows), self.sector[rows], self.variant[rows]
        )


def _take(columns: Columns, rows: Ints) -> Columns:
    return replace(columns, **{f.name: getattr(columns, f.name)[rows] for f in fields(columns)})


def table(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Arrow counts them."""
    return day.toordinal() - _EPOCH

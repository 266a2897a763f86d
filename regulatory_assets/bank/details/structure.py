"""The sample group's structure, its deposit schemes and its general ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.accounts import branch_of
from regulatory_assets.bank.book import Book
from regulatory_assets.bank.details.capital import equity
from regulatory_assets.bank.draw import Ints
from regulatory_assets.bank.kinds import (
    BRANCHES,
    CURRENCIES,
    ENTITIES,
    ENTITY_COUNTRIES,
    REPORTING_CURRENCY,
)
from regulatory_assets.bank.positions import INSURED_CENTS, LIABILITIES, PRODUCTS, table
from regulatory_assets.bank.rows import codes, money

SCHEMES = ("EDB", "FGDR", "")
"""Each entity's scheme; the broker takes no insured deposits."""
_SCHEME_NAMES = ("Entschaedigungseinrichtung deutscher Banken", "Fonds de garantie des depots", "")

_EQUITY, _OTHER_ASSET, _OTHER_LIABILITY = "EQUITY", "OTHER_ASSET", "OTHER_LIABILITY"
_CLASSES = (*PRODUCTS, _OTHER_ASSET, _OTHER_LIABILITY, _EQUITY)
_FIXED_ASSETS_PER_MILLE = 8


def structure_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The first entity holds the others; the broker keeps its liquidity to itself."""
    yield pa.table(
        {
            "entity_id": ENTITIES,
            "parent_entity_id": [None, ENTITIES[0], ENTITIES[0]],
            "share_held": [None, "1.00", "0.85"],
            "country": ENTITY_COUNTRIES,
            "transferable": [True, True, False],
            "calendar": ["TARGET"] * len(ENTITIES),
            "outflow_adjustment": pa.nulls(len(ENTITIES), pa.string()),
        }
    )


def scheme_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The schemes of those entities that have one, with the limit that the book knows."""
    insured = [n for n, name in enumerate(SCHEMES) if name]
    yield pa.table(
        {
            "entity_id": [ENTITIES[n] for n in insured],
            "scheme_id": [SCHEMES[n] for n in insured],
            "name": [_SCHEME_NAMES[n] for n in insured],
            "currency": [REPORTING_CURRENCY] * len(insured),
            "insured_limit": money(np.full(len(insured), INSURED_CENTS)),
            "covers_foreign_currency": [True] * len(insured),
            "additional_criteria": [False] * len(insured),
        }
    )


def general_ledger_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Balances of the deals by entity, kind, currency and branch, and what closes the books."""
    shape = (len(ENTITIES), len(PRODUCTS), len(CURRENCIES), len(BRANCHES) + 1)
    sums, held = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for places in book.chunks():
        found = book.settled(day, places)
        deals = found.deals
        at = (deals.entity, deals.product, deals.currency, branch_of(book, found) + 1)
        np.add.at(sums, at, deals.amount)
        np.add.at(held, at, 1)
    places = np.argwhere(held > 0)
    balances = sums[tuple(places.T)]
    closing, amounts = _closing(book, day, places, balances)
    places, balances = np.concatenate([places, closing]), np.concatenate([balances, amounts])
    entity, kind, currency, branch = places.T
    yield pa.table(
        {
            "entity_id": codes(ENTITIES, entity),
            "gl_account": [f"{1000 + 100 * k}" for k in kind.tolist()],
            "account_class": codes(_CLASSES, kind),
            "currency": codes(CURRENCIES, currency),
            "branch_id": codes([b.number for b in BRANCHES], branch - 1),
            "balance": money(balances),
        }
    )


def _closing(book: Book, day: date, places: Ints, balances: Ints) -> tuple[Ints, Ints]:
    """What no deal stands for: fixed assets, equity, and the other side that closes the books."""
    rates = table(book.rate(day, c) // 100 for c in range(len(CURRENCIES)))
    euro = balances // 10**6 * rates[places[:, 2]] + balances % 10**6 * rates[places[:, 2]] // 10**6
    liability = np.isin(places[:, 1], LIABILITIES)
    rows, amounts, own = [], [], equity(book, day)
    for entity in range(len(ENTITIES)):
        mine = places[:, 0] == entity
        assets, debts = int(euro[mine & ~liability].sum()), int(euro[mine & liability].sum())
        fixed, held = assets * _FIXED_ASSETS_PER_MILLE // 1000, int(own[entity])
        gap = assets + fixed - debts - held
        for name, amount in (
            (_OTHER_ASSET, fixed + max(-gap, 0)),
            (_OTHER_LIABILITY, max(gap, 0)),
            (_EQUITY, held),
        ):
            rows.append((entity, _CLASSES.index(name), 0, 0))
            amounts.append(amount)
    return np.array(rows, dtype=np.int64), np.array(amounts, dtype=np.int64)

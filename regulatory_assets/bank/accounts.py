"""The sample bank's branches, accounts, movements and customer assessments, as Arrow columns.

Made like the book: each is a pure function of seed, day and place, so any day can be made alone.
Balances and movements are drawn apart from each other and do not add up from day to day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulatory_assets.bank.book import CHUNK, Book
from regulatory_assets.bank.draw import Ints
from regulatory_assets.bank.kinds import (
    BRANCHES,
    COUNTRIES,
    CURRENCIES,
    ENTITIES,
    KINDS,
    MOVEMENTS,
    MOVEMENTS_PER_MILLE,
    NEAR_CASH,
    UNITS_PER_EURO,
)
from regulatory_assets.bank.positions import SECTORS, Positions, day_number, table
from regulatory_assets.bank.rows import codes, identifiers, money
from regulatory_assets.bank.tables import ACCOUNT_PRODUCTS, ACCOUNT_STATUSES, RISK_BANDS

SLOTS = 4
"""The most movements of an account on a day."""

_PRODUCT = table(-1 if k.account is None else ACCOUNT_PRODUCTS.index(k.account) for k in KINDS)
_CURRENT = ACCOUNT_PRODUCTS.index("CURRENT")
_FIRST_BRANCH = table(
    next(n for n, b in enumerate(BRANCHES) if b.entity == entity) for entity in ENTITIES
)
_BRANCH_COUNT = table(sum(b.entity == entity for b in BRANCHES) for entity in ENTITIES)
_PER_MILLE = table(MOVEMENTS_PER_MILLE[name] for name in ACCOUNT_PRODUCTS)
_UP_TO = np.cumsum(table(m.per_mille for m in MOVEMENTS))
_MEDIAN = table(m.median * 100 for m in MOVEMENTS)
_TRANSFERS = table(n for n, m in enumerate(MOVEMENTS) if m.channel == "TRANSFER")
_CASH_DEPOSIT = next(n for n, m in enumerate(MOVEMENTS) if m.cash and m.direction == "CREDIT")
_UNITS = table(UNITS_PER_EURO)
_ABROAD = len(COUNTRIES) - 2


def branch_rows() -> pa.Table:
    """The branches, each entity's head office first."""
    return pa.table(
        {
            "branch_id": [b.number for b in BRANCHES],
            "entity_id": [b.entity for b in BRANCHES],
            "name": [b.name for b in BRANCHES],
            "region": [b.region for b in BRANCHES],
            "country": [b.country for b in BRANCHES],
            "opened": [b.opened for b in BRANCHES],
            "staff": [b.staff for b in BRANCHES],
            "atms": [b.atms for b in BRANCHES],
        }
    )


def account_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The account behind each deposit and loan of a customer."""
    for found in _with_accounts(book, day):
        deals, at = found.deals, found.at
        branch = branch_of(book, found)
        yield pa.table(
            {
                "account_id": identifiers("A", deals.number),
                "counterparty_id": identifiers("C", deals.counterparty + 1),
                "entity_id": codes(ENTITIES, deals.entity),
                "branch_id": codes([b.number for b in BRANCHES], branch),
                "product": codes(ACCOUNT_PRODUCTS, _PRODUCT[at.kind]),
                "currency": codes(CURRENCIES, deals.currency),
                "opened": pa.array(book.begun(at).astype(np.int32), pa.date32()),
                "status": codes(ACCOUNT_STATUSES, _status(book, found)),
                "opened_remotely": pa.array((branch < 0) | book.draw.chance(50, "remote", at.key)),
                "held_for_others": pa.array(book.draw.chance(8, "nominee", at.key)),
            }
        )


def transaction_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The day's movements; now and then a customer pays in cash just below the threshold."""
    for found in _with_accounts(book, day):
        active = _status(book, found) == ACCOUNT_STATUSES.index("ACTIVE")
        places = active.nonzero()[0]
        slots = [_movements(book, day, found.take(places), slot) for slot in range(SLOTS)]
        in_order = pa.concat_tables(slots).sort_by([("place", "ascending"), ("slot", "ascending")])
        yield in_order.drop_columns(["place", "slot"])


def risk_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The assessment of each counterparty outside the group."""
    for start in range(len(ENTITIES), book.counterparties, CHUNK):
        number = np.arange(start, min(start + CHUNK, book.counterparties), dtype=np.int64)
        exposed = book.draw.chance(6, "exposed", number)
        drawn = book.draw.below(1000, "risk", number)
        band = (drawn >= 800).astype(np.int64) + (drawn >= 970)
        yield pa.table(
            {
                "counterparty_id": identifiers("C", number + 1),
                "risk_band": codes(RISK_BANDS, np.where(exposed, 2, band)),
                "country": codes(COUNTRIES, country_of(book, number)),
                "politically_exposed": pa.array(exposed),
            }
        )


def branch_of(book: Book, found: Positions) -> Ints:
    """The branch that keeps each deal's account; -1 for accounts online, and where there is none.

    A customer has one branch in each entity.
    """
    deals = found.deals
    drawn = book.draw.below(_BRANCH_COUNT[deals.entity], "branch", deals.counterparty)
    nowhere = ~deals.has_account | book.draw.chance(80, "online", found.at.key)
    return np.where(nowhere, -1, _FIRST_BRANCH[deals.entity] + drawn)


def country_of(book: Book, counterparty: Ints) -> Ints:
    """The country of each counterparty's residence, mostly that of its bank."""
    foreign = 2 + book.draw.below(_ABROAD, "foreign", counterparty)
    home = np.where(book.at_home(counterparty), 0, 1)
    return np.where(book.draw.chance(40, "non-resident", counterparty), foreign, home)


def _with_accounts(book: Book, day: date) -> Iterator[Positions]:
    for places in book.chunks():
        found = book.before_treasury(day, places)
        yield found.take(found.deals.has_account.nonzero()[0])


def _status(book: Book, found: Positions) -> Ints:
    drawn = book.draw.below(1000, "status", found.at.key, found.at.occupant)
    names = ("BLOCKED", "DORMANT", "ACTIVE")
    places = table(ACCOUNT_STATUSES.index(name) for name in names)
    status: Ints = places[(drawn >= 3).astype(np.int64) + (drawn >= 25)]
    return status


def _movements(book: Book, day: date, found: Positions, slot: int) -> pa.Table:
    """At most one movement of each account, with its place among them."""
    draw, today = book.draw, np.full(len(found.at.key), day_number(day))
    which = (found.at.key, found.at.occupant, today, np.full_like(today, slot))
    product = _PRODUCT[found.at.kind]
    retail = np.isin(found.sector, (SECTORS.index("RETAIL"), SECTORS.index("SMALL_BUSINESS")))
    splits = draw.chance(3, "splits", found.at.key, today) & retail & (product == _CURRENT)
    moves = draw.chance(_PER_MILLE[product], "moves", *which) | splits
    moved = moves.nonzero()[0]
    found, which = found.take(moved), tuple(key[moved] for key in which)
    product, splits = product[moved], splits[moved]

    drawn = draw.below(1000, "movement", *which)
    kind = np.searchsorted(_UP_TO, drawn, side="right")
    kind = np.where(product == _CURRENT, kind, _TRANSFERS[drawn % len(_TRANSFERS)])
    kind = np.where(splits, _CASH_DEPOSIT, kind)
    amount = draw.log_normal(_MEDIAN[kind], np.full_like(kind, 800), "moved", *which)
    amount = np.where(splits, NEAR_CASH[0] + draw.below(NEAR_CASH[1], "near", *which), amount)
    travels = table(m.channel in ("CARD", "TRANSFER") for m in MOVEMENTS)[kind] > 0
    foreign = 2 + draw.below(_ABROAD, "counter country", *which)
    home = np.where(found.deals.entity == ENTITIES.index("BANK_FR"), 1, 0)
    country = np.where(draw.chance(70, "abroad", *which), foreign, home)
    number = identifiers("T", found.deals.number * SLOTS + slot)
    return pa.table(
        {
            "place": moved,
            "slot": which[3],
            "transaction_id": pc.binary_join_element_wise(f"{day:%Y%m%d}", number, ""),
            "account_id": identifiers("A", found.deals.number),
            "booking_date": pa.array(which[2].astype(np.int32), pa.date32()),
            "direction": codes([m.direction for m in MOVEMENTS], kind),
            "currency": codes(CURRENCIES, found.deals.currency),
            "amount": money(amount * _UNITS[found.deals.currency]),
            "channel": codes([m.channel for m in MOVEMENTS], kind),
            "cash": pa.array(table(m.cash for m in MOVEMENTS)[kind] > 0),
            "counter_country": codes(COUNTRIES, np.where(travels, country, -1)),
        }
    )

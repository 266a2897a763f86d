"""The sample bank's securities: terms, ratings, what of the holdings is free."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import Book
from regulatory_assets.bank.details.customers import AGENCIES
from regulatory_assets.bank.draw import Ints
from regulatory_assets.bank.kinds import (
    COUNTRIES,
    CURRENCIES,
    ENTITIES,
    REPORTING_CURRENCY,
    SECURITY_VARIANTS,
)
from regulatory_assets.bank.positions import SECTORS, Positions, day_number, table
from regulatory_assets.bank.rows import codes, dates, decimals, identifiers, money
from regulatory_assets.bank.tables.customers import RATING_SCALE

VARIANTS = len(SECURITY_VARIANTS)
_ISSUERS = table(
    SECTORS.index(
        {"SOVEREIGN": "SOVEREIGN", "RMBS": "OTHER_LEGAL_ENTITY"}.get(
            v.asset_class, "BANK" if v.financial_issuer else "CORPORATE"
        )
    )
    for v in SECURITY_VARIANTS
)
_SHARES = np.array([v.asset_class == "EQUITY" for v in SECURITY_VARIANTS])
_RMBS = np.array([v.asset_class == "RMBS" for v in SECURITY_VARIANTS])
_BANDS = {"AAA_TO_AA_MINUS": (0, 4), "A_PLUS_TO_BBB_MINUS": (4, 6), "BELOW_BBB_MINUS": (10, 6)}
"""First place in the scale, and how many; other qualities have no rating."""
_FIRST = table(_BANDS.get(v.credit_quality, (-1, 1))[0] for v in SECURITY_VARIANTS)
_WIDTH = table(_BANDS.get(v.credit_quality, (-1, 1))[1] for v in SECURITY_VARIANTS)
_FREE, _POOLED, _PLEDGED, _OUT_OF_REACH = range(4)


def term_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Issuer, country, maturity and price of every security."""
    number = np.arange(book.securities, dtype=np.int64)
    variant, draw = number % VARIANTS, book.draw
    sector = _ISSUERS[variant]
    issuer = book.pool_start[sector] + draw.below(book.pool[sector], "issuer", number)
    matures = day_number(book.first_day) + 200 + draw.below(3_600, "security matures", number)
    good = ~draw.chance(50, "loan to value", number)
    yield pa.table(
        {
            "security_id": identifiers("S", number + 1),
            "issuer_id": identifiers("C", issuer + 1),
            "country": codes(COUNTRIES, draw.below(4, "security country", number)),
            "currency": codes(CURRENCIES, draw.below(3, "security currency", number)),
            "maturity_date": dates(matures, _SHARES[variant]),
            "price": money(price(book, day, number)),
            "exchange_traded": pa.array(draw.chance(900, "listed", number)),
            "main_index": pa.array(_SHARES[variant] & draw.chance(700, "index", number)),
            "subordinated": pa.array(~_SHARES[variant] & draw.chance(20, "junior", number)),
            "average_ltv": decimals(
                np.where(good, 50, 81) + draw.below(19, "ltv", number), 2, ~_RMBS[variant]
            ),
            "full_recourse": pa.array(_RMBS[variant]),
            "risk_retention": pa.array(_RMBS[variant]),
            "originator_id": pa.nulls(len(number), pa.string()),
            "price_decline": decimals(draw.below(10, "decline", number), 2),
            "haircut_increase": pa.nulls(len(number), pa.decimal128(28, 2)),
        }
    )


def rating_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One to three ratings whose outcome lies in the security's band.

    One counts, the worse of two, the second best of three: the first is what counts, the second a
    notch better, the third a notch worse.
    """
    number = np.arange(book.securities, dtype=np.int64)
    number = number[_FIRST[number % VARIANTS] >= 0]
    variant = number % VARIANTS
    centre = _FIRST[variant] + book.draw.below(_WIDTH[variant], "rating", number)
    count = 1 + book.draw.below(len(AGENCIES), "agencies", number)
    who, agency = np.nonzero(count[:, None] > np.arange(len(AGENCIES)))
    rating = np.maximum(centre[who] + table((0, -1, 1))[agency], 0)
    yield pa.table(
        {
            "security_id": identifiers("S", number[who] + 1),
            "agency": codes(AGENCIES, agency),
            "term": ["LONG"] * len(who),
            "rating": codes(RATING_SCALE, rating),
        }
    )


def holding_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Free where the deal is eligible; else in the entity's pool, pledged or out of reach."""
    for places in book.places_of(("security",)):
        found = book.settled(day, places)
        deals, state = found.deals, _state(book, found)
        held = units(book, day, deals.security, deals.amount)
        pledged = state == _PLEDGED
        until = day_number(day) + 20 + book.draw.below(400, "pledged", found.at.key)
        yield pa.table(
            {
                "deal_id": identifiers("D", deals.number),
                "quantity": money(held),
                "encumbered_quantity": money(np.where(pledged, held, 0)),
                "encumbered_until": dates(until, ~pledged),
                "pool_id": codes(_POOLS, np.where(state == _POOLED, deals.entity, -1)),
                "operational_ok": pa.array(state != _OUT_OF_REACH),
                "borrowed": pa.array(np.zeros(len(held), dtype=np.bool_)),
                "carrying_value": money(deals.amount),
            }
        )


def pool_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One pool an entity, of which its central bank needs about seventy per cent."""
    value = np.zeros(len(ENTITIES), np.int64)
    rates = table(book.rate(day, c) // 100 for c in range(len(CURRENCIES)))
    for places in book.places_of(("security",)):
        found = book.settled(day, places)
        pooled = found.take((_state(book, found) == _POOLED).nonzero()[0]).deals
        np.add.at(value, pooled.entity, pooled.amount * rates[pooled.currency] // 10**6)
    entity = np.arange(len(ENTITIES), dtype=np.int64)
    central = SECTORS.index("CENTRAL_BANK")
    holder = book.pool_start[central] + entity % book.pool[central]
    yield pa.table(
        {
            "pool_id": _POOLS,
            "entity_id": ENTITIES,
            "counterparty_id": identifiers("C", holder + 1),
            "currency": [REPORTING_CURRENCY] * len(ENTITIES),
            "used": money(value * 7 // 10),
            "pledged_until": pa.nulls(len(ENTITIES), pa.date32()),
        }
    )


_POOLS = tuple(f"POOL-{name}" for name in ENTITIES)


def price(book: Book, day: date, security: Ints) -> Ints:
    """Cents for one unit: around par, moving a little each day."""
    level = 9_000 + book.draw.below(2_000, "price", security)
    today = np.full_like(security, day_number(day))
    return level + book.draw.below(41, "price today", security, today) - 20


def units(book: Book, day: date, security: Ints, cents: Ints) -> Ints:
    """Hundredths of units that are worth an amount, rounded down."""
    each = price(book, day, security)
    return cents // each * 100 + cents % each * 100 // each


def _state(book: Book, found: Positions) -> Ints:
    drawn = 1 + book.draw.below(3, "not free", found.at.key)
    return np.where(found.deals.eligible, _FREE, drawn)

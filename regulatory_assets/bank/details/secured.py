"""The sample bank's repos, reverse repos and collateral swaps: legs, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import CHUNK, Book
from regulatory_assets.bank.details.securities import VARIANTS, units
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import (
    CURRENCIES,
    ENTITIES,
    REPORTING_CURRENCY,
    SECURITY_VARIANTS,
)
from regulatory_assets.bank.positions import REPO, SECTORS, day_number
from regulatory_assets.bank.rows import codes, dates, identifiers, money

LONGEST = 90
"""Days of the longest trade with an end."""
PIECES = 3
"""The most pieces in a leg."""

_TERMS_DECIDE = np.array(
    [
        v.asset_class in ("RMBS", "EQUITY")
        or (v.asset_class == "SOVEREIGN" and v.risk_weight != "0")
        for v in SECURITY_VARIANTS
    ]
)
"""Of which class two securities may differ in level: by their mortgages, index or country."""

_TRADES = ("repo", "reverse repo", "intragroup repo", "intragroup reverse repo")
_DIRECTIONS, _GIVEN, _RECEIVED = ("GIVEN", "RECEIVED"), 0, 1
_SWAP_CENTS = 20_000_000


@dataclass(frozen=True)
class _Swaps:
    """Collateral swaps: one class of securities given, another received, no cash."""

    number: Ints
    entity: Ints
    counterparty: Ints
    value: Ints
    start: Ints
    end: Ints
    given: Ints
    received: Ints


def leg_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Two legs of every trade, the cash first."""
    for places in book.places_of(_TRADES):
        found = book.before_treasury(day, places)
        deals = found.deals
        twice = np.repeat(np.arange(len(places)), 2)
        leg = 1 + np.arange(len(twice)) % 2
        cash = leg == 1
        receives = cash == (deals.product == REPO)[twice]
        trade = identifiers("D", deals.number[twice])
        begun = book.begun(found.at)
        start = np.where(deals.open, begun, np.maximum(begun, deals.maturity - LONGEST))
        yield pa.table(
            {
                "trade_id": trade,
                "leg": leg,
                "deal_id": trade,
                "entity_id": codes(ENTITIES, deals.entity[twice]),
                "counterparty_id": identifiers("C", deals.counterparty[twice] + 1),
                "direction": codes(_DIRECTIONS, receives.astype(np.int64)),
                "asset": codes(("SECURITIES", "CASH"), cash.astype(np.int64)),
                "currency": codes(CURRENCIES, deals.currency[twice]),
                "value": money(np.where(cash, deals.amount[twice], deals.collateral[twice])),
                "start_date": dates(start[twice]),
                "end_date": dates(deals.maturity[twice], deals.open[twice]),
                "notice_days": pa.array(np.ones_like(twice), mask=~deals.open[twice]),
            }
        )
    for swaps in _swaps(book, day):
        yield _swap_legs(swaps)


def piece_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One to three securities of one class and level in a leg; their values are the leg's."""
    for places in book.places_of(_TRADES):
        found = book.before_treasury(day, places)
        deals, at = found.deals, found.at
        count = 1 + book.draw.below(PIECES, "pieces", at.key)
        who, number = np.nonzero(count[:, None] > np.arange(PIECES))
        part = deals.collateral // count
        last = number == count[who] - 1
        value = np.where(last, deals.collateral[who] - number * part[who], part[who])
        other = np.where(_TERMS_DECIDE[deals.security[who] % VARIANTS], 0, number * VARIANTS)
        security = (deals.security[who] + other) % book.securities
        quantity = units(book, day, security, value)
        given = (deals.product == REPO)[who]
        reusable = given | deals.eligible[who] | book.draw.chance(400, "reusable", at.key)[who]
        reused = np.where(given | deals.eligible[who] | ~reusable, 0, quantity)
        recallable = ~given & ~deals.eligible[who] & book.draw.chance(60, "recall", at.key)[who]
        trade = identifiers("D", deals.number[who])
        leg = np.full_like(number, 2)
        yield _pieces(trade, leg, number + 1, security, quantity, value, reusable, reused,
                      recallable)  # fmt: skip
    for swaps in _swaps(book, day):
        twice = np.repeat(np.arange(len(swaps.number)), 2)
        leg = 1 + np.arange(len(twice)) % 2
        security = np.where(leg == 1, swaps.given[twice], swaps.received[twice])
        value = swaps.value[twice]
        quantity = units(book, day, security, value)
        none = np.zeros(len(twice), dtype=np.bool_)
        trade = identifiers("W", swaps.number[twice] + 1)
        yield _pieces(trade, leg, np.ones_like(leg), security, quantity, value, ~none,
                      np.zeros_like(quantity), none)  # fmt: skip


def _pieces(
    trade: pa.Array,
    leg: Ints,
    piece: Ints,
    security: Ints,
    quantity: Ints,
    value: Ints,
    reusable: Bools,
    reused: Ints,
    recallable: Bools,
) -> pa.Table:
    return pa.table(
        {
            "trade_id": trade,
            "leg": leg,
            "piece": piece,
            "security_id": identifiers("S", security + 1),
            "quantity": money(quantity),
            "market_value": money(value),
            "reusable": pa.array(reusable),
            "reused_quantity": money(reused),
            "recallable": pa.array(recallable),
        }
    )


def _swaps(book: Book, day: date) -> Iterator[_Swaps]:
    total, banks = max(3, book.deals // 20_000), SECTORS.index("BANK")
    for first in range(0, total, CHUNK):
        number = np.arange(first, min(first + CHUNK, total), dtype=np.int64)
        draw = book.draw
        length = 20 + draw.below(60, "swap length", number)
        left = (draw.below(length, "swap ends", number) - day_number(day)) % length
        end = day_number(day) + np.where(left == 0, length, left)
        median = np.full(len(number), _SWAP_CENTS)
        yield _Swaps(
            number=number,
            entity=number % len(ENTITIES),
            counterparty=book.pool_start[banks] + draw.below(int(book.pool[banks]), "swap", number),
            value=draw.log_normal(median, np.full_like(median, 500), "swap size", number),
            start=end - length,
            end=end,
            given=draw.below(book.securities, "swap gives", number),
            received=draw.below(book.securities, "swap receives", number),
        )


def _swap_legs(swaps: _Swaps) -> pa.Table:
    count = len(swaps.number)
    twice = np.repeat(np.arange(count), 2)
    leg = 1 + np.arange(2 * count) % 2
    return pa.table(
        {
            "trade_id": identifiers("W", swaps.number[twice] + 1),
            "leg": leg,
            "deal_id": pa.nulls(2 * count, pa.string()),
            "entity_id": codes(ENTITIES, swaps.entity[twice]),
            "counterparty_id": identifiers("C", swaps.counterparty[twice] + 1),
            "direction": codes(_DIRECTIONS, np.where(leg == 1, _GIVEN, _RECEIVED)),
            "asset": ["SECURITIES"] * (2 * count),
            "currency": [REPORTING_CURRENCY] * (2 * count),
            "value": money(swaps.value[twice]),
            "start_date": dates(swaps.start[twice]),
            "end_date": dates(swaps.end[twice]),
            "notice_days": pa.nulls(2 * count, pa.int64()),
        }
    )

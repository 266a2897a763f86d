"""The sample bank's derivatives: netting sets, margin, trades, payments, collateral moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import CHUNK, Book
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import ENTITIES, REPORTING_CURRENCY
from regulatory_assets.bank.positions import SECTORS, day_number
from regulatory_assets.bank.rows import codes, dates, identifiers, money

MONTHS_24 = 730
"""Days for which collateral flows are told."""

_KINDS = ("SWAP", "FORWARD", "CROSS_CURRENCY_SWAP", "OPTION_BOUGHT", "OPTION_SOLD")
_UNDERLYING = ("INTEREST_RATE", "CURRENCY", "CURRENCY", "EQUITY", "EQUITY")
_CROSS, _OPTIONS = _KINDS.index("CROSS_CURRENCY_SWAP"), _KINDS.index("OPTION_BOUGHT")
_NOTIONAL_CENTS = 50_000_000
_TRADES_A_SET = 4


@dataclass(frozen=True)
class _Trades:
    """Columns of some trades; ``netting`` is -1 for one that stands alone."""

    number: Ints
    netting: Ints
    entity: Ints
    counterparty: Ints
    kind: Ints
    notional: Ints
    value: Ints
    maturity: Ints


def netting_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One set for about four trades; most have a master agreement and daily margin."""
    worth = _worth(book, day)
    number = np.arange(len(worth), dtype=np.int64)
    margined = _margined(book, number)
    exposure = np.maximum(worth, 0) * 14 // 10 + np.abs(worth) // 5
    downgrade = np.where(margined, np.abs(worth) // 10, 0)
    excess = np.where(margined, book.draw.below(1000, "excess", number) * 100, 0)
    yield pa.table(
        {
            "netting_set_id": identifiers("M", number + 1),
            "entity_id": codes(ENTITIES, _entity(number)),
            "counterparty_id": identifiers("C", _counterparty(book, number) + 1),
            "kind": ["DERIVATIVES"] * len(number),
            "master_agreement": pa.array(np.ones(len(number), dtype=np.bool_)),
            "central_counterparty": pa.array(book.draw.chance(300, "cleared", number)),
            "margined": pa.array(margined),
            "currency": [REPORTING_CURRENCY] * len(number),
            "exposure_value": money(exposure),
            "downgrade_collateral": money(downgrade),
            "uncalled_collateral": money(excess // 4),
            "excess_collateral": money(excess),
        }
    )


def margin_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Cash variation margin of most of a margined set's worth, and initial margin both ways."""
    worth = _worth(book, day)
    number = np.arange(len(worth), dtype=np.int64)
    number = number[_margined(book, number)]
    # Variation margin, initial margin posted, initial margin received.
    each, part = np.repeat(number, 3), np.tile(np.arange(3), len(number))
    variation = part == 0
    received = np.where(variation, worth[each] > 0, part == 2)
    initial = 1_000_000 + 10_000 * book.draw.below(500, "initial", each)
    amount = np.where(variation, np.abs(worth[each]) * 95 // 100, initial)
    yield pa.table(
        {
            "margin_id": identifiers("V", each * 3 + part + 1),
            "netting_set_id": identifiers("M", each + 1),
            "direction": codes(("POSTED", "RECEIVED"), received.astype(np.int64)),
            "kind": codes(("INITIAL", "VARIATION"), variation.astype(np.int64)),
            "security_id": pa.nulls(len(each), pa.string()),
            "currency": [REPORTING_CURRENCY] * len(each),
            "amount": money(amount),
            "segregated": pa.array(~variation),
            "reusable": pa.array(variation),
        }
    )


def trade_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The trades; every tenth stands outside the netting sets."""
    for trades in _trades(book, day):
        option = trades.kind >= _OPTIONS
        bought = trades.kind == _OPTIONS
        yield pa.table(
            {
                "trade_id": identifiers("F", trades.number + 1),
                "netting_set_id": identifiers("M", trades.netting + 1, trades.netting < 0),
                "entity_id": codes(ENTITIES, trades.entity),
                "counterparty_id": identifiers("C", trades.counterparty + 1),
                "kind": codes(_KINDS, trades.kind),
                "underlying": codes(_UNDERLYING, trades.kind),
                "currency": [REPORTING_CURRENCY] * len(trades.number),
                "notional": money(trades.notional),
                "market_value": money(trades.value),
                "maturity_date": dates(trades.maturity),
                "in_the_money": pa.array(option & (np.where(bought, 1, -1) * trades.value > 0)),
            }
        )


def flow_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One payment each way at the next date; a cross-currency swap exchanges principal too."""
    for trades in _trades(book, day):
        swaps = trades.kind < _OPTIONS
        who = np.repeat(swaps.nonzero()[0], 2)
        flow = 1 + np.arange(len(who)) % 2
        received = flow == 2
        due = trades.maturity[who] - (trades.maturity[who] - day_number(day) - 1) // 91 * 91
        final = (trades.kind[who] == _CROSS) & (due == trades.maturity[who])
        rate = 5 + book.draw.below(8, "coupon", trades.number[who], flow)
        amount = np.where(final, trades.notional[who], trades.notional[who] * rate // 1000)
        yield pa.table(
            {
                "trade_id": identifiers("F", trades.number[who] + 1),
                "flow": flow,
                "due_date": dates(due),
                "direction": codes(("PAID", "RECEIVED"), received.astype(np.int64)),
                "currency": codes(
                    (REPORTING_CURRENCY, "USD"),
                    ((trades.kind[who] == _CROSS) & received).astype(np.int64),
                ),
                "amount": money(amount),
                "principal_exchange": pa.array(final),
            }
        )


def collateral_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """What moved on each Wednesday of the last 24 months; a past day stays as it was."""
    today = day_number(day)
    # 1970-01-01 was a Thursday.
    weeks = np.arange(today - MONTHS_24, today + 1)
    weeks = weeks[weeks % 7 == 6]
    entity, when = np.repeat(np.arange(len(ENTITIES)), len(weeks)), np.tile(weeks, len(ENTITIES))
    median = np.full(len(when), book.deals * 40)
    amounts = [
        book.draw.log_normal(median, np.full_like(median, 700), f"collateral {way}", entity, when)
        for way in ("posted", "received")
    ]
    yield pa.table(
        {
            "entity_id": codes(ENTITIES, entity),
            "flow_date": dates(when),
            "currency": [REPORTING_CURRENCY] * len(when),
            "posted": money(amounts[0]),
            "received": money(amounts[1]),
        }
    )


def _sets(book: Book) -> int:
    return max(9, book.deals // 2_000)


def _entity(netting: Ints) -> Ints:
    return netting % len(ENTITIES)


def _counterparty(book: Book, netting: Ints) -> Ints:
    banks = SECTORS.index("BANK")
    partner: Ints = book.pool_start[banks] + netting % book.pool[banks]
    return partner


def _margined(book: Book, netting: Ints) -> Bools:
    return book.draw.chance(800, "margined", netting)


def _trades(book: Book, day: date) -> Iterator[_Trades]:
    sets, today, draw = _sets(book), day_number(day), book.draw
    for first in range(0, sets * _TRADES_A_SET, CHUNK):
        number = np.arange(first, min(first + CHUNK, sets * _TRADES_A_SET), dtype=np.int64)
        netting = number % sets
        median = np.full(len(number), _NOTIONAL_CENTS)
        notional = draw.log_normal(median, np.full_like(median, 800), "notional", number)
        kind = draw.below(len(_KINDS), "derivative", number)
        moved = draw.below(101, "worth", number) - 50
        moved += draw.below(5, "worth today", number, np.full_like(number, today)) - 2
        # An option is worth something to who bought it, and costs who sold it.
        moved = np.where(kind == _OPTIONS, np.abs(moved), moved)
        moved = np.where(kind == _OPTIONS + 1, -np.abs(moved), moved)
        length = 30 + draw.below(1_800, "derivative length", number)
        left = (draw.below(length, "derivative ends", number) - today) % length
        yield _Trades(
            number=number,
            netting=np.where(draw.chance(100, "alone", number), -1, netting),
            entity=_entity(netting),
            counterparty=_counterparty(book, netting),
            kind=kind,
            notional=notional,
            value=notional * moved // 1000,
            maturity=today + np.where(left == 0, length, left),
        )


def _worth(book: Book, day: date) -> Ints:
    """The net market value of each netting set."""
    worth = np.zeros(_sets(book), np.int64)
    for trades in _trades(book, day):
        inside = trades.netting >= 0
        np.add.at(worth, trades.netting[inside], trades.value[inside])
    return worth

"""The sample bank's tables as Arrow columns, in the shape of their definitions.

Text and decimals are made from whole numbers by moving bytes, so that ten million rows take
seconds and no amount passes through a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import CHUNK, Book
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import (
    CURRENCIES,
    ENTITIES,
    ENTITY_NAMES,
    GROUP,
    REPORTING_CURRENCY,
    SECURITY_VARIANTS,
)
from regulatory_assets.bank.positions import PRODUCTS, SECTORS, Deals

_ID_DIGITS = 10


def deal_rows(found: Deals) -> dict[str, pa.Array]:
    return {
        "deal_id": identifiers("D", found.number),
        "entity_id": codes(ENTITIES, found.entity),
        "counterparty_id": identifiers("C", found.counterparty + 1, found.counterparty < 0),
        "account_id": identifiers("A", found.number, ~found.has_account),
        "product_type": codes(PRODUCTS, found.product),
        "currency": codes(CURRENCIES, found.currency),
        "amount": money(found.amount),
        "maturity_date": pa.array(found.maturity.astype(np.int32), pa.date32(), mask=found.open),
        "security_id": identifiers("S", found.security + 1, found.security < 0),
        "collateral_value": money(found.collateral, found.collateral < 0),
        "operational_amount": money(found.operational, found.operational < 0),
        "transactional": pa.array(found.transactional),
        "insurable": pa.array(found.insurable),
        "locked_in": pa.array(found.locked),
        "eligible": pa.array(found.eligible),
        "days_past_due": pa.array(found.past_due),
    }


def entity_rows() -> pa.Table:
    count = len(ENTITIES)
    return pa.table(
        {
            "entity_id": ENTITIES,
            "name": ENTITY_NAMES,
            "group_path": [GROUP] * count,
            "regime": ["basel"] * count,
            "reporting_currency": [REPORTING_CURRENCY] * count,
        }
    )


def rate_rows(book: Book, day: date) -> pa.Table:
    rates = np.array([book.rate(day, c) for c in range(len(CURRENCIES))], dtype=np.int64)
    return pa.table({"currency": CURRENCIES, "rate": decimals(rates, scale=8)})


def security_rows(book: Book) -> pa.Table:
    number = np.arange(book.securities, dtype=np.int64)
    variants = [SECURITY_VARIANTS[n % len(SECURITY_VARIANTS)] for n in range(book.securities)]
    return pa.table(
        {
            "security_id": identifiers("S", number + 1),
            "asset_class": [v.asset_class for v in variants],
            "risk_weight": [v.risk_weight for v in variants],
            "credit_quality": [v.credit_quality for v in variants],
            "financial_issuer": [v.financial_issuer for v in variants],
        }
    )


def counterparty_rows(book: Book, day: date) -> Iterator[pa.Table]:
    for start in range(0, book.counterparties, CHUNK):
        number = np.arange(start, min(start + CHUNK, book.counterparties), dtype=np.int64)
        own = number < len(ENTITIES)
        sector = np.searchsorted(book.pool_start, number, side="right") - 1
        broker = number == ENTITIES.index("BROKER_DE")
        affiliate = np.where(broker, SECTORS.index("OTHER_FINANCIAL"), SECTORS.index("BANK"))
        yield pa.table(
            {
                "counterparty_id": identifiers("C", number + 1),
                "sector": codes(SECTORS, np.where(own, affiliate, sector)),
                "relationship": pa.array(own | book.relationship(day, number)),
                "partner_entity_id": codes(ENTITIES, np.where(own, number, -1)),
            }
        )


def identifiers(prefix: str, numbers: Ints, null: Bools | None = None) -> pa.Array:
    """``prefix`` and the numbers with leading zeros, as text."""
    width = 1 + _ID_DIGITS
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    letters[:, 0] = ord(prefix)
    rest = numbers
    for place in range(width - 1, 0, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, place] = digit + ord("0")
    ends = np.arange(len(numbers) + 1, dtype=np.int32) * width
    valid = None
    if null is not None:
        valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
    buffers = [valid, pa.py_buffer(ends), pa.py_buffer(letters)]
    return pa.Array.from_buffers(pa.string(), len(numbers), buffers)


def codes(names: Sequence[str], places: Ints) -> pa.Array:
    """The name at each place; null where the place is negative."""
    indices = pa.array(places.astype(np.int32), mask=places < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def dates(days: Ints, null: Bools | None = None) -> pa.Array:
    """Days since 1970-01-01 as dates."""
    return pa.array(days.astype(np.int32), pa.date32(), mask=null)


def money(cents: Ints, null: Bools | None = None) -> pa.Array:
    """Cents as decimals."""
    return decimals(cents, scale=2, null=null)


def decimals(units: Ints, scale: int, null: Bools | None = None) -> pa.Array:
    """Whole numbers of the smallest unit as decimals, without arithmetic on them."""
    wide = np.zeros((len(units), 2), dtype="<i8")
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    valid = None
    if null is not None:
        valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
    kind = pa.decimal128(28, scale)
    return pa.Array.from_buffers(kind, len(units), [valid, pa.py_buffer(wide)])

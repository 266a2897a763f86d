"""The sample bank's joint accounts and the terms of its deposits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import Book
from regulatory_assets.bank.details.structure import SCHEMES
from regulatory_assets.bank.kinds import KINDS, NOTICE_30, NOTICE_31
from regulatory_assets.bank.positions import DEPOSIT, PRODUCTS, SECTORS, day_number, table
from regulatory_assets.bank.rows import codes, decimals, identifiers, money

_JOINT_PER_MILLE = 60
_DEPOSITS = tuple(k.name for k in KINDS if k.product == PRODUCTS[DEPOSIT])
_NOTICE = np.array([set(k.tenors) <= {NOTICE_30, NOTICE_31} for k in KINDS])
_RETAIL = [SECTORS.index(name) for name in ("RETAIL", "SMALL_BUSINESS")]
_INSURED = table(n for n, name in enumerate(SCHEMES) if name)


def holder_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Two holders of some retail accounts: the deal's customer, and the next of the pool."""
    retail = SECTORS.index("RETAIL")
    first, size = int(book.pool_start[retail]), int(book.pool[retail])
    for places in book.places_of(_DEPOSITS):
        found = book.before_treasury(day, places)
        joint = (found.sector == retail) & book.draw.chance(_JOINT_PER_MILLE, "joint", found.at.key)
        found = found.take(joint.nonzero()[0])
        deals = found.deals
        other = first + (deals.counterparty - first + 1) % size
        shared = book.draw.chance(500, "shares", found.at.key)
        part = 10 * (1 + book.draw.below(9, "share", found.at.key))
        parts = np.stack([part, 100 - part], axis=1).ravel()
        yield pa.table(
            {
                "account_id": identifiers("A", np.repeat(deals.number, 2)),
                "counterparty_id": identifiers(
                    "C", np.stack([deals.counterparty, other], axis=1).ravel() + 1
                ),
                "share": decimals(parts, scale=2, null=np.repeat(~shared, 2)),
            }
        )


def deposit_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The terms behind what the deals say in one word: insurable, locked in, operational."""
    for places in book.places_of(_DEPOSITS):
        found = book.before_treasury(day, places)
        deals, at = found.deals, found.at
        term = ~deals.open
        penalty = deals.locked & book.draw.chance(400, "penalty", at.key)
        insured = deals.insurable & np.isin(deals.entity, _INSURED)
        notice = _NOTICE[at.kind]
        days = np.where(notice, deals.maturity - day_number(day), 0)
        retail = np.isin(found.sector, _RETAIL)
        bank = found.sector == SECTORS.index("BANK")
        nostro = bank & deals.open & (deals.operational < 0)
        yield pa.table(
            {
                "deal_id": identifiers("D", deals.number),
                "scheme_id": codes(SCHEMES, np.where(insured, deals.entity, -1)),
                "accrued_interest": money(deals.amount * book.draw.below(9, "accrued", at.key)
                                          // 1000),
                "notice_days": pa.array(days, mask=~notice),
                "notice_given": pa.nulls(len(days), pa.date32()),
                "withdrawal_right": pa.array(~term | notice | np.where(retail, ~deals.locked, False)
                                             | penalty),
                "material_penalty": pa.array(penalty),
                "correspondent_banking": pa.array(nostro),
            }
        )  # fmt: skip

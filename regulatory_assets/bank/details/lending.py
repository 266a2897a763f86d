"""The sample bank's loans: what secures them, when they are repaid, what is still to be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import Book
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import CURRENCIES, ENTITIES, KINDS, REPORTING_CURRENCY
from regulatory_assets.bank.positions import KIND, LOAN, PRODUCTS, SECTORS, Positions, day_number
from regulatory_assets.bank.rows import codes, dates, identifiers, money
from regulatory_assets.bank.tables.lending import COLLATERAL_TYPES

DEFAULT_DAYS = 60
"""A sample loan overdue for longer is in default."""
INSTALMENTS = 8
_INTERVAL = 91
_NONE, _RESIDENTIAL = COLLATERAL_TYPES.index("NONE"), COLLATERAL_TYPES.index("RESIDENTIAL")
_COMMERCIAL = COLLATERAL_TYPES.index("COMMERCIAL")
_LOANS = tuple(k.name for k in KINDS if k.product == PRODUCTS[LOAN])
_REPAID = ("mortgage", "consumer loan", "business loan")
_LINES = ("card and overdraft", "corporate loan")


def loan_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Every loan, those inside the group among them."""
    for places in book.places_of(_LOANS):
        found = book.before_treasury(day, places)
        deals, at = found.deals, found.at
        house = at.kind == KIND["mortgage"]
        shop = np.isin(at.kind, (KIND["business loan"], KIND["corporate loan"]))
        shop &= book.draw.chance(400, "premises", at.key)
        kind = np.where(house, _RESIDENTIAL, np.where(shop, _COMMERCIAL, _NONE))
        # Loan to value from 40 to 105 %.
        value = deals.amount * 1000 // (400 + book.draw.below(651, "loan to value", at.key))
        provision = specific_provision(book, found)
        card = at.kind == KIND["card and overdraft"]
        retail = np.isin(found.sector, (SECTORS.index("RETAIL"), SECTORS.index("SMALL_BUSINESS")))
        least = deals.open & retail
        extendable = np.isin(at.kind, (KIND["corporate loan"],)) & ~deals.open
        extendable &= (deals.past_due == 0) & book.draw.chance(50, "extendable", at.key)
        pledged = house & book.draw.chance(150, "cover pool", at.key)
        yield pa.table(
            {
                "deal_id": identifiers("D", deals.number),
                "granted": dates(book.begun(at)),
                "carrying_value": money(deals.amount - provision),
                "collateral_type": codes(COLLATERAL_TYPES, kind),
                "collateral_value": money(value, kind == _NONE),
                "income_producing": pa.array(house & book.draw.chance(120, "let", at.key)),
                "defaulted": pa.array(deals.past_due > DEFAULT_DAYS),
                "arrears": money(arrears(deals.amount, deals.past_due, ~deals.open, deals.maturity,
                                         day)),
                "minimum_payment": money(deals.amount // 50, ~least),
                "extendable_until": dates(deals.maturity + 365, ~extendable),
                "transactor": pa.array(card & book.draw.chance(600, "transactor", at.key)),
                "currency_mismatch": pa.array(
                    retail & (deals.currency > 0) & book.draw.chance(500, "mismatch", at.key)
                ),
                "subordinated": pa.array(
                    (at.kind == KIND["financial loan"]) & book.draw.chance(30, "junior", at.key)
                ),
                "encumbered_until": dates(deals.maturity, ~pledged),
            }
        )  # fmt: skip


def arrears(amount: Ints, past_due: Ints, dated: Bools, maturity: Ints, day: date) -> Ints:
    """All of a matured loan, else one part in twenty of an overdue one."""
    matured = dated & (maturity <= day_number(day))
    return np.where(past_due == 0, 0, np.where(matured, amount, amount // 20))


def flow_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Quarterly instalments of the loans that are repaid so, and the rest at maturity."""
    today = day_number(day)
    for places in book.places_of(_REPAID):
        found = book.before_treasury(day, places)
        steady = book.draw.chance(400, "instalments", found.at.key)
        current = ~found.deals.open & (found.deals.maturity > today)
        found = found.take((steady & current).nonzero()[0])
        deals = found.deals
        left = deals.maturity - today
        count = np.minimum(INSTALMENTS, (left - 1) // _INTERVAL + 1)
        part = deals.amount // np.maximum(left // _INTERVAL + 1, 1)
        rate = 20 + book.draw.below(50, "interest", found.at.key)
        # The days before maturity by whole quarters; the balance of all others with the last one.
        who, number = np.nonzero(count[:, None] > np.arange(INSTALMENTS))
        last = number == count[who] - 1
        paid = number * part[who]
        first_due = deals.maturity - (left - 1) // _INTERVAL * _INTERVAL
        due = np.where(last, deals.maturity[who], first_due[who] + number * _INTERVAL)
        balance = deals.amount[who] - paid
        yield pa.table(
            {
                "deal_id": identifiers("D", deals.number[who]),
                "instalment": number + 1,
                "due_date": dates(due),
                "payment_date": pa.nulls(len(who), pa.date32()),
                "principal": money(np.where(last, balance, part[who])),
                "interest": money(balance * rate[who] // 4000),
            }
        )


def specific_provision(book: Book, found: Positions) -> Ints:
    """Between 10 and 50 % of what is in default."""
    share = 100 + book.draw.below(401, "provision", found.at.key)
    defaulted = found.deals.past_due > DEFAULT_DAYS
    return np.where(defaulted, found.deals.amount * share // 1000, 0)


def provision_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Specific ones of loans in default; one general provision an entity, from all its loans."""
    lent = np.zeros(len(ENTITIES), np.int64)
    rates = np.array([book.rate(day, c) // 100 for c in range(len(CURRENCIES))], np.int64)
    for places in book.places_of(_LOANS):
        found = book.before_treasury(day, places)
        deals = found.deals
        np.add.at(lent, deals.entity, deals.amount * rates[deals.currency] // 10**6)
        provision = specific_provision(book, found)
        made = provision > 0
        yield pa.table(
            {
                "provision_id": identifiers("P", deals.number[made]),
                "entity_id": codes(ENTITIES, deals.entity[made]),
                "kind": ["SPECIFIC"] * int(made.sum()),
                "deal_id": identifiers("D", deals.number[made]),
                "currency": codes(CURRENCIES, deals.currency[made]),
                "amount": money(provision[made]),
            }
        )
    yield pa.table(
        {
            "provision_id": [f"GENERAL-{name}" for name in ENTITIES],
            "entity_id": ENTITIES,
            "kind": ["GENERAL"] * len(ENTITIES),
            "deal_id": pa.nulls(len(ENTITIES), pa.string()),
            "currency": [REPORTING_CURRENCY] * len(ENTITIES),
            "amount": money(lent // 500),
        }
    )


def facility_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """The limits behind cards, overdrafts and some corporate loans; deals hold what is drawn."""
    for places in book.places_of(_LINES):
        found = book.before_treasury(day, places)
        card = found.at.kind == KIND["card and overdraft"]
        has_line = card | book.draw.chance(300, "line", found.at.key)
        found, card = found.take(has_line.nonzero()[0]), card[has_line]
        deals, at = found.deals, found.at
        undrawn = deals.amount * book.draw.below(2001, "undrawn", at.key) // 1000
        liquidity = ~card & book.draw.chance(100, "backs debt", at.key)
        yield pa.table(
            {
                "facility_id": identifiers("L", deals.number),
                "entity_id": codes(ENTITIES, deals.entity),
                "counterparty_id": identifiers("C", deals.counterparty + 1),
                "direction": ["GRANTED"] * len(card),
                "kind": codes(("CREDIT", "LIQUIDITY"), liquidity.astype(np.int64)),
                "drawn_deal_id": identifiers("D", deals.number),
                "undrawn_deal_id": pa.nulls(len(card), pa.string()),
                "currency": codes(CURRENCIES, deals.currency),
                "facility_limit": money(deals.amount + undrawn),
                "drawn": money(deals.amount),
                "undrawn": money(undrawn),
                "backed_debt": money(undrawn // 2, ~liquidity),
                "cancellable": codes(
                    ("NO", "CONDITIONALLY", "UNCONDITIONALLY"),
                    np.where(card, 2, book.draw.below(2, "cancellable", at.key)),
                ),
                "granted": dates(book.begun(at)),
                "maturity_date": dates(deals.maturity, deals.open | (deals.past_due > 0)),
            }
        )

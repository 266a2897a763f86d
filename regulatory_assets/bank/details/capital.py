"""The sample group's own funds, its own debt, and risk-weighted assets of other systems.

Sized like the liquid assets: from rough weights of the book, so that the ratios come out
believable at any size and seed. The figures that count are the reports'.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.book import Book
from regulatory_assets.bank.draw import Ints
from regulatory_assets.bank.kinds import CURRENCIES, ENTITIES, GROUP, KINDS, REPORTING_CURRENCY
from regulatory_assets.bank.positions import LOAN, PRODUCTS, day_number, table
from regulatory_assets.bank.rows import codes, dates, money

_SCOPES = (*ENTITIES, GROUP)
_LOANS = tuple(k.name for k in KINDS if k.product == PRODUCTS[LOAN])
_WEIGHTS = {"mortgage": 40, "corporate loan": 100, "callable loan": 80, "public loan": 25,
            "financial loan": 45, "intragroup loan": 20}  # fmt: skip
_RETAIL_WEIGHT = 75

_OTHER_RISKS = {"MARKET_RISK": 30, "OPERATIONAL_RISK": 110, "CVA_RISK": 10,
                "COUNTERPARTY_CREDIT_RISK": 25, "LEVERAGE_DERIVATIVES": 15,
                "LEVERAGE_SECURITIES_FINANCING": 20}  # fmt: skip
"""Per mille of the credit risk."""
_COMPONENTS = {"COMMON_SHARES": 40, "SHARE_PREMIUM": 35, "RETAINED_EARNINGS": 90,
               "OTHER_COMPREHENSIVE_INCOME": 3, "OTHER_RESERVES": 12, "CET1_INTANGIBLES": 6,
               "CET1_DEFERRED_TAX": 4, "AT1_INSTRUMENTS": 15, "T2_INSTRUMENTS": 22,
               "T2_GENERAL_PROVISIONS": 3}  # fmt: skip
"""Per mille of the credit risk; about 14.5 % of all risks remain as Common Equity Tier 1."""
_EQUITY = ("COMMON_SHARES", "SHARE_PREMIUM", "RETAINED_EARNINGS", "OTHER_COMPREHENSIVE_INCOME",
           "OTHER_RESERVES")  # fmt: skip


def own_funds_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Each entity's components, and the group's as their sum."""
    yield _delivered("component", _COMPONENTS, _credit_risk(book, day))


def other_rwa_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """What other systems calculate, in proportion to the credit risk."""
    yield _delivered("kind", _OTHER_RISKS, _credit_risk(book, day))


def own_debt_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Covered, senior, Tier 2 and Additional Tier 1 of the banks; half may be called."""
    kinds = ("COVERED", "SENIOR", "TIER_2", "ADDITIONAL_TIER_1")
    mille = table((60, 90, _COMPONENTS["T2_INSTRUMENTS"], _COMPONENTS["AT1_INSTRUMENTS"]))
    issuer, ranking = np.divmod(np.arange(2 * len(kinds)), len(kinds))
    base = _credit_risk(book, day)[issuer] // 1000
    issued = day_number(book.first_day) - 400 - book.draw.below(900, "issued", issuer, ranking)
    years = 5 + book.draw.below(6, "debt matures", issuer, ranking)
    perpetual = ranking == kinds.index("ADDITIONAL_TIER_1")
    callable_ = ranking >= kinds.index("TIER_2")
    putable = (ranking == kinds.index("SENIOR")) & (issuer == 0)
    yield pa.table(
        {
            "instrument_id": [
                f"{ENTITIES[i]}-{kinds[r]}"
                for i, r in zip(issuer.tolist(), ranking.tolist(), strict=True)
            ],
            "entity_id": codes(ENTITIES, issuer),
            "deal_id": pa.nulls(len(issuer), pa.string()),
            "ranking": codes(kinds, ranking),
            "currency": [REPORTING_CURRENCY] * len(issuer),
            "outstanding": money(base * mille[ranking]),
            "issued": dates(issued),
            "maturity_date": dates(issued + years * 365, perpetual),
            "call_date": dates(issued + 4 * 365, ~callable_),
            "call_expected": pa.array(perpetual),
            "put_date": dates(issued + 3 * 365, ~putable),
            "retail_only": pa.array(np.zeros(len(issuer), dtype=np.bool_)),
        }
    )


def equity(book: Book, day: date) -> Ints:
    """Each entity's equity in euro cents, before deductions."""
    shares = sum(_COMPONENTS[name] for name in _EQUITY)
    return _credit_risk(book, day)[: len(ENTITIES)] // 1000 * shares


def _delivered(name: str, parts: dict[str, int], base: Ints) -> pa.Table:
    scope, part = np.divmod(np.arange(len(_SCOPES) * len(parts)), len(parts))
    mille = table(parts.values())
    return pa.table(
        {
            "scope": codes(_SCOPES, scope),
            name: codes(tuple(parts), part),
            "currency": [REPORTING_CURRENCY] * len(scope),
            "amount": money(base[scope] // 1000 * mille[part]),
        }
    )


def _credit_risk(book: Book, day: date) -> Ints:
    """Roughly weighted loans of the entities, and their sum, in euro cents."""
    risk = np.zeros(len(ENTITIES), np.int64)
    rates = table(book.rate(day, c) // 100 for c in range(len(CURRENCIES)))
    for name in _LOANS:
        for places in book.places_of((name,)):
            deals = book.before_treasury(day, places).deals
            weighted = deals.amount * rates[deals.currency] // 10**8
            np.add.at(risk, deals.entity, weighted * _WEIGHTS.get(name, _RETAIL_WEIGHT))
    return np.append(risk, risk.sum())

"""The sample bank's counterparties: groups of connected customers, size, ratings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from regulatory_assets.bank.accounts import country_of
from regulatory_assets.bank.book import CHUNK, Book
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import COUNTRIES, ENTITIES
from regulatory_assets.bank.positions import SECTORS
from regulatory_assets.bank.rows import codes, identifiers, money
from regulatory_assets.bank.tables.customers import RATING_SCALE

AGENCIES = ("AGENCY_A", "AGENCY_B", "AGENCY_C")
_GROUPED_PER_MILLE = 250
_SALES_CENTS = {"SMALL_BUSINESS": 80_000_000, "CORPORATE": 4_000_000_000}
_RATED = {"SOVEREIGN": 1000, "PSE": 700, "MDB": 1000, "CENTRAL_BANK": 1000, "BANK": 600,
          "OTHER_FINANCIAL": 300, "CORPORATE": 200}  # fmt: skip


def detail_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Every counterparty's country; sales of businesses, the standing of banks."""
    for number in _numbers(book):
        sector = sector_of(book, number)
        sales = np.full(len(number), -1)
        for name, median in _SALES_CENTS.items():
            drawn = book.draw.log_normal(
                np.full(len(number), median), np.full(len(number), 900), "sales", number
            )
            sales = np.where(sector == SECTORS.index(name), drawn, sales)
        bank = sector == SECTORS.index("BANK")
        grade = np.where(bank, book.draw.below(100, "grade", number) // 45, -1)
        small = np.isin(sector, (SECTORS.index("RETAIL"), SECTORS.index("SMALL_BUSINESS")))
        yield pa.table(
            {
                "counterparty_id": identifiers("C", number + 1),
                "country": codes(COUNTRIES, country_of(book, number)),
                "annual_sales": money(sales, sales < 0),
                "bank_grade": codes(("A", "B", "C"), grade),
                "regulatory_retail": pa.array(small & ~book.draw.chance(15, "bulky", number)),
            }
        )


def group_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """Neighbours of one sector form groups of three now and then."""
    for number in _numbers(book):
        third = number // 3
        firms = [SECTORS.index(name) for name in _SALES_CENTS]
        ends = (sector_of(book, third * 3), sector_of(book, third * 3 + 2))
        whole = np.isin(ends[0], firms) & np.isin(ends[1], firms)
        grouped = whole & book.draw.chance(_GROUPED_PER_MILLE, "grouped", third)
        control = book.draw.chance(700, "control", third)
        reason = np.where(control, 0, 1)[grouped]
        yield pa.table(
            {
                "counterparty_id": identifiers("C", number[grouped] + 1),
                "group_id": identifiers("G", third[grouped]),
                "reason": codes(("CONTROL", "ECONOMIC_DEPENDENCE"), reason),
            }
        )


def rating_rows(book: Book, day: date) -> Iterator[pa.Table]:
    """One to three agencies' long-term ratings of those that have any, a notch apart at most."""
    share = np.array([_RATED.get(name, 0) for name in SECTORS], dtype=np.int64)
    for number in _numbers(book):
        drawn = book.draw.chance(share[sector_of(book, number)], "rated", number)
        rated = number[drawn & (number >= len(ENTITIES))]
        centre = 1 + book.draw.below(12, "standing", rated)
        count = 1 + book.draw.below(len(AGENCIES), "agencies", rated)
        who, agency = np.nonzero(count[:, None] > np.arange(len(AGENCIES)))
        notch = book.draw.below(3, "notch", rated[who], agency) - 1
        yield pa.table(
            {
                "counterparty_id": identifiers("C", rated[who] + 1),
                "agency": codes(AGENCIES, agency),
                "term": ["LONG"] * len(who),
                "rating": codes(RATING_SCALE, centre[who] + notch),
            }
        )


def sector_of(book: Book, number: Ints) -> Ints:
    """Each counterparty's sector; the group's own entities are banks, its broker is not."""
    sector = np.searchsorted(book.pool_start, number, side="right") - 1
    broker: Bools = number == ENTITIES.index("BROKER_DE")
    own = np.where(broker, SECTORS.index("OTHER_FINANCIAL"), SECTORS.index("BANK"))
    return np.where(number < len(ENTITIES), own, sector)


def _numbers(book: Book) -> Iterator[Ints]:
    # In threes, so that no group of neighbours is cut.
    step = CHUNK - CHUNK % 3
    for start in range(0, book.counterparties, step):
        yield np.arange(start, min(start + step, book.counterparties), dtype=np.int64)

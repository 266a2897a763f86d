"""The sample bank as delivered files: full deliveries, dirty rows, a correction.

Same arguments, same bytes. The book is written in pieces, so memory does not grow with it.

    python -m regulatory_assets.bank.generator --deals 2000 --days 3 --seed 20260105 --out bank
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulatory_assets.bank import accounts
from regulatory_assets.bank.book import Book, Rates
from regulatory_assets.bank.details import (
    capital,
    customers,
    deposits,
    derivatives,
    lending,
    secured,
    securities,
    structure,
)
from regulatory_assets.bank.dirty import dirty_rows
from regulatory_assets.bank.draw import Bools
from regulatory_assets.bank.ecb import ecb_rate
from regulatory_assets.bank.rows import (
    codes,
    counterparty_rows,
    deal_rows,
    entity_rows,
    identifiers,
    rate_rows,
    security_rows,
)
from regulatory_assets.bank.tables import (
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    BRANCHES,
    COUNTERPARTIES,
    CUSTOMER_RISK,
    DEALS,
    DETAILS,
    ENTITIES,
    FX_RATES,
    POSITIONS,
    SECURITIES,
)
from regulatory_assets.bank.tables.capital import OTHER_RWA, OWN_DEBT, OWN_FUNDS
from regulatory_assets.bank.tables.customers import (
    COUNTERPARTY_DETAILS,
    COUNTERPARTY_RATINGS,
    CUSTOMER_GROUPS,
)
from regulatory_assets.bank.tables.deposits import ACCOUNT_HOLDERS, DEPOSIT_TERMS
from regulatory_assets.bank.tables.derivatives import (
    COLLATERAL_FLOWS,
    DERIVATIVE_FLOWS,
    DERIVATIVES,
    MARGIN_BALANCES,
    NETTING_SETS,
)
from regulatory_assets.bank.tables.lending import CASH_FLOWS, FACILITIES, LOANS, PROVISIONS
from regulatory_assets.bank.tables.securities import (
    COLLATERAL_PIECES,
    FINANCING_LEGS,
    HOLDINGS,
    PLEDGED_POOLS,
    SECURITY_RATINGS,
    SECURITY_TERMS,
)
from regulatory_assets.bank.tables.structure import (
    DEPOSIT_SCHEMES,
    ENTITY_STRUCTURE,
    GENERAL_LEDGER,
)
from regulatory_assets.bank.writing import write_control_totals, write_delta, write_full
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.table import Table

FIRST_DAY = date(2026, 1, 5)


_ROWS: Mapping[Table, Callable[[Book, date], Iterable[pa.Table]]] = {
    ENTITIES: lambda book, day: [entity_rows()],
    FX_RATES: lambda book, day: [rate_rows(book, day)],
    SECURITIES: lambda book, day: [security_rows(book)],
    COUNTERPARTIES: counterparty_rows,
    BRANCHES: lambda book, day: [accounts.branch_rows()],
    ACCOUNTS: accounts.account_rows,
    ACCOUNT_TRANSACTIONS: accounts.transaction_rows,
    CUSTOMER_RISK: accounts.risk_rows,
    ENTITY_STRUCTURE: structure.structure_rows,
    DEPOSIT_SCHEMES: structure.scheme_rows,
    COUNTERPARTY_DETAILS: customers.detail_rows,
    CUSTOMER_GROUPS: customers.group_rows,
    COUNTERPARTY_RATINGS: customers.rating_rows,
    ACCOUNT_HOLDERS: deposits.holder_rows,
    DEPOSIT_TERMS: deposits.deposit_rows,
    LOANS: lending.loan_rows,
    CASH_FLOWS: lending.flow_rows,
    PROVISIONS: lending.provision_rows,
    FACILITIES: lending.facility_rows,
    SECURITY_TERMS: securities.term_rows,
    SECURITY_RATINGS: securities.rating_rows,
    PLEDGED_POOLS: securities.pool_rows,
    HOLDINGS: securities.holding_rows,
    FINANCING_LEGS: secured.leg_rows,
    COLLATERAL_PIECES: secured.piece_rows,
    NETTING_SETS: derivatives.netting_rows,
    MARGIN_BALANCES: derivatives.margin_rows,
    DERIVATIVES: derivatives.trade_rows,
    DERIVATIVE_FLOWS: derivatives.flow_rows,
    COLLATERAL_FLOWS: derivatives.collateral_rows,
    OWN_DEBT: capital.own_debt_rows,
    OWN_FUNDS: capital.own_funds_rows,
    OTHER_RWA: capital.other_rwa_rows,
    GENERAL_LEDGER: structure.general_ledger_rows,
}
"""How the rows of each table are made, but those of the deals."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Generated:
    """What was written: rows of every deals file (dirty ones included), and of those, dirty."""

    deals: Mapping[date, int]
    dirty: int


def business_days(first: date, count: int) -> tuple[date, ...]:
    """``count`` days from ``first`` on, without Saturdays and Sundays. Raises ValueError where the
    calendar ends before."""
    days: list[date] = []
    day = first
    try:
        while len(days) < count:
            if day.weekday() < 5:
                days.append(day)
            day += timedelta(days=1)
    except OverflowError:
        raise ValueError(f"there are no {count} business days from {first} on") from None
    return tuple(days)


def generate(
    out: Path,
    deals: int,
    days: Sequence[date],
    seed: int,
    dirty: Decimal = Decimal(0),
    progress: Progress | None = None,
    tables: Sequence[Table] = (*POSITIONS, *DETAILS),
    first_day: date | None = None,
    totals: bool = False,
    rates: Rates | None = None,
    gzip: bool = False,
) -> Generated:
    """Write a delivery folder for each day under ``out``, with the files of some ``tables``.

    ``dirty`` is a share of ``deals``; so many broken rows are added to the first day's deals
    (``dirty.KINDS`` by turns). Existing files of the same names are replaced. The book is as it is
    on these days if it began on ``first_day``, by default the first of them. ``totals`` writes
    control totals beside the files. ``rates`` are exchange rates (``ecb_rate``); without them they
    move around stated levels. ``gzip`` compresses what is not small. Raises ValueError
    before anything is written.
    """
    if not 0 <= dirty < 1:
        raise ValueError(f"the share of dirty rows must be from 0 to below 1, not {dirty}")
    book = _book(deals, first_day or days[0], seed, rates)
    for day in days:
        rate_rows(book, day)  # raises where there is no rate
    broken = int(deals * dirty)
    written = {}
    for day in days:
        added = broken if day == days[0] else 0
        rows = _with_progress(_deal_chunks(book, day, progress), deals, day, progress)
        counted = [
            write_full(
                out,
                day,
                table,
                _with_dirty_rows(rows, deals, added) if table == DEALS else _ROWS[table](book, day),
                gzip,
            )
            for table in tables
        ]
        if totals:
            write_control_totals(out, day, counted)
        written[day] = deals + added
    return Generated(written, broken)


def generate_correction(
    out: Path,
    deals: int,
    first_day: date,
    seed: int,
    share: Decimal = Decimal("0.001"),
    day: date | None = None,
    progress: Progress | None = None,
    rates: Rates | None = None,
    gzip: bool = False,
) -> Path:
    """Write a delta that corrects ``share`` of a day's deals (by default the first day's).

    Of the corrections 80 % change an amount, 10 % are new deals and 10 % delete one. The deals are
    spread evenly over the book. ``deals``, ``first_day``, ``seed``, ``rates`` and ``gzip`` are
    those of ``generate``.
    """
    count = int(deals * share)
    if count < 1:
        raise ValueError(f"a share of {share} of {deals} deals is not one deal")
    day, book = day or first_day, _book(deals, first_day, seed, rates)
    turn = np.arange(count, dtype=np.int64)
    found = book.position(
        day, turn * deals // count, _book_progress(f"{day}: weighing the book", progress)
    )
    new, deleted = turn % 10 == 8, turn % 10 == 9
    factor = np.where(deleted, 1000, 500 + book.draw.below(1001, "corrected", found.number))
    scaled = found.amount * factor // 1000
    corrected = replace(
        found,
        amount=np.where(~deleted & (scaled == found.amount), scaled + 1, scaled),
        collateral=np.where(found.collateral < 0, -1, found.collateral * factor // 1000),
        operational=np.where(found.operational < 0, -1, found.operational * factor // 1000),
    )
    rows = deal_rows(corrected)
    fresh = identifiers("N", turn + 1)
    rows["deal_id"] = pc.if_else(pa.array(new), fresh, rows["deal_id"])
    return write_delta(out, day, DEALS, _changes(rows, deleted), gzip)


def correct_largest_retail_deposit(
    out: Path,
    deals: int,
    first_day: date,
    seed: int,
    day: date,
    added: Decimal,
    rates: Rates | None = None,
) -> Path:
    """Write a delta with one deal: the day's largest retail deposit in euro, ``added`` larger.

    ``deals``, ``first_day``, ``seed`` and ``rates`` are those of ``generate``.
    """
    book = _book(deals, first_day, seed, rates)
    largest, place = -1, 0
    for places in book.chunks():
        amounts = np.where(
            book.is_retail_deposit(day, places), book.position(day, places).amount, -1
        )
        at = int(amounts.argmax())
        if amounts[at] > largest:
            largest, place = int(amounts[at]), int(places[at])
    found = book.position(day, np.array([place], dtype=np.int64))
    corrected = replace(found, amount=found.amount + int(added * 100))
    changes = _changes(deal_rows(corrected), np.array([False]))
    return write_delta(out, day, DEALS, changes)


@lru_cache(maxsize=2)
def _book(deals: int, first_day: date, seed: int, rates: Rates | None = None) -> Book:
    """Kept, since a book remembers what weighing it once per day found."""
    return Book(deals, first_day, seed, rates)


def _deal_chunks(book: Book, day: date, progress: Progress | None) -> Iterator[pa.Table]:
    book.treasury(day, _book_progress(f"{day}: weighing the book", progress))
    for places in book.chunks():
        found = book.position(day, places)
        yield pa.table(deal_rows(found))


def _changes(rows: dict[str, pa.Array], deleted: Bools) -> pa.Table:
    operation = codes(("upsert", "delete"), deleted.astype(np.int64))
    return pa.table({OPERATION: operation, **rows})


def _with_dirty_rows(
    pieces: Iterator[pa.Table], deals: int, broken: int
) -> Iterator[pa.Table | bytes]:
    """The deals with ``broken`` dirty rows spread evenly between them."""
    bad, start = dirty_rows(broken), 0
    after = deque((n + 1) * deals // (broken + 1) for n in range(broken))
    for piece in pieces:
        cut = 0
        while after and after[0] <= start + piece.num_rows:
            upto = after.popleft() - start
            yield piece.slice(cut, upto - cut)
            yield next(bad)(piece["deal_id"][upto - 1].as_py())
            cut = upto
        yield piece.slice(cut)
        start += piece.num_rows


def _book_progress(what: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)


def _with_progress(
    pieces: Iterator[pa.Table], deals: int, day: date, progress: Progress | None
) -> Iterator[pa.Table]:
    done = 0
    for piece in pieces:
        yield piece
        done += piece.num_rows
        if progress is not None:
            progress(f"{day}: writing deals", done, deals)


def _print_progress(what: str, done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r{what}: {done:,} of {total:,}{end}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: ``python -m regulatory_assets.bank.generator``."""
    parser = argparse.ArgumentParser(description="Write the sample bank as delivered files.")
    parser.add_argument("--deals", type=int, required=True, help="deals of each day")
    parser.add_argument("--days", type=int, default=1, help="number of business days")
    parser.add_argument("--first-day", type=date.fromisoformat, default=FIRST_DAY)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--stated-rates", action="store_true", help="exchange rates not the ECB's")
    parser.add_argument("--out", type=Path, required=True, help="folder of the deliveries")
    parser.add_argument("--dirty", type=Decimal, default=Decimal(0), help="share of broken rows")
    parser.add_argument("--correction", type=Decimal, help="share of the first day's deals")
    chosen = parser.parse_args(arguments)
    days = business_days(chosen.first_day, chosen.days)
    rates = None if chosen.stated_rates else ecb_rate
    generate(
        chosen.out, chosen.deals, days, chosen.seed, chosen.dirty, _print_progress, rates=rates
    )
    if chosen.correction is not None:
        generate_correction(
            chosen.out,
            chosen.deals,
            days[0],
            chosen.seed,
            chosen.correction,
            progress=_print_progress,
            rates=rates,
        )


if __name__ == "__main__":
    main()

"""The sample bank as delivered files: full deliveries, dirty rows, a correction.

Same arguments, same bytes. The book is written in pieces, so memory does not grow with it.

    python -m regulatory_assets.bank.generator --deals 2000 --days 3 --seed 20260105 --out data
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from regulatory_assets.bank.book import CHUNK, PRODUCTS, Book, Deals
from regulatory_assets.bank.delivery import OPERATION
from regulatory_assets.bank.dirty import dirty_rows
from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import (
    CURRENCIES,
    ENTITIES,
    ENTITY_NAMES,
    GROUP,
    REPORTING_CURRENCY,
    SECTOR_POOLS,
    SECURITY_VARIANTS,
)
from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, FX_RATES, SECURITIES
from regulatory_assets.bank.tables import ENTITIES as ENTITIES_TABLE
from regulatory_assets.ledger.table import Table

FIRST_DAY = date(2026, 1, 5)

_ID_DIGITS = 10
_AS_DELIVERED = pacsv.WriteOptions(include_header=False, quoting_style="none")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Generated:
    """What was written: rows of every deals file (dirty ones included), and of those, dirty."""

    deals: Mapping[date, int]
    dirty: int


def business_days(first: date, count: int) -> tuple[date, ...]:
    """``count`` days from ``first`` on, without Saturdays and Sundays."""
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return tuple(days)


def generate(
    out: Path,
    deals: int,
    days: Sequence[date],
    seed: int,
    dirty: Decimal = Decimal(0),
    progress: Progress | None = None,
) -> Generated:
    """Write a delivery folder for each day under ``out``.

    ``dirty`` is a share of ``deals``; so many broken rows are added to the first day's deals
    (``dirty.KINDS`` by turns). Existing files of the same names are replaced.
    """
    book = _book(deals, days[0], seed)
    broken = int(deals * dirty)
    written = {}
    for day in days:
        folder = out / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, ENTITIES_TABLE, iter([_entities()]))
        _write(folder, FX_RATES, iter([_fx_rates(book, day)]))
        _write(folder, SECURITIES, iter([_securities(book)]))
        _write(folder, COUNTERPARTIES, _counterparties(book, day))
        added = broken if day == days[0] else 0
        pieces = _with_progress(_deal_chunks(book, day, progress), deals, day, progress)
        _write_deals(folder, pieces, deals, added)
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
) -> Path:
    """Write a delta that corrects ``share`` of a day's deals (by default the first day's).

    Of the corrections 80 % change an amount, 10 % are new deals and 10 % delete one. The deals are
    spread evenly over the book. ``deals``, ``first_day`` and ``seed`` are those of ``generate``.
    """
    count = int(deals * share)
    if count < 1:
        raise ValueError(f"{share} of {deals} deals is none")
    day, book = day or first_day, _book(deals, first_day, seed)
    turn = np.arange(count, dtype=np.int64)
    found = book.position(
        day, turn * deals // count, _book_progress(f"{day}: weighing the book", progress)
    )
    new, deleted = turn % 10 == 8, turn % 10 == 9
    factor = 500 + book.draw.below(1001, "corrected", found.number)
    factor = np.where(deleted, 1000, np.where(factor == 1000, 1001, factor))
    corrected = replace(
        found,
        amount=found.amount * factor // 1000 + np.where(deleted, 0, 1),
        collateral=np.where(found.collateral < 0, -1, found.collateral * factor // 1000),
        operational=np.where(found.operational < 0, -1, found.operational * factor // 1000),
    )
    rows = _deals(corrected)
    fresh = _identifiers("N", turn + 1)
    rows["deal_id"] = pc.if_else(pa.array(new), fresh, rows["deal_id"])
    return _write_delta(out, day, rows, deleted)


def correct_largest_retail_deposit(
    out: Path, deals: int, first_day: date, seed: int, day: date, added: Decimal
) -> Path:
    """Write a delta with one deal: the day's largest retail deposit in euro, ``added`` larger."""
    book = _book(deals, first_day, seed)
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
    return _write_delta(out, day, _deals(corrected), np.array([False]))


@lru_cache(maxsize=2)
def _book(deals: int, first_day: date, seed: int) -> Book:
    """Kept, since a book remembers what weighing it once per day found."""
    return Book(deals, first_day, seed)


def _deal_chunks(book: Book, day: date, progress: Progress | None) -> Iterator[pa.Table]:
    book.treasury(day, _book_progress(f"{day}: weighing the book", progress))
    for places in book.chunks():
        found = book.position(day, places)
        yield pa.table(_deals(found)).select(DEALS.column_names)


def _deals(found: Deals) -> dict[str, pa.Array]:
    return {
        "deal_id": _identifiers("D", found.number),
        "entity_id": _codes(ENTITIES, found.entity),
        "counterparty_id": _identifiers("C", found.counterparty + 1, found.counterparty < 0),
        "product_type": _codes(PRODUCTS, found.product),
        "currency": _codes(CURRENCIES, found.currency),
        "amount": _money(found.amount),
        "maturity_date": pa.array(found.maturity.astype(np.int32), pa.date32(), mask=found.open),
        "security_id": _identifiers("S", found.security + 1, found.security < 0),
        "collateral_value": _money(found.collateral, found.collateral < 0),
        "operational_amount": _money(found.operational, found.operational < 0),
        "transactional": pa.array(found.transactional),
        "insurable": pa.array(found.insurable),
        "locked_in": pa.array(found.locked),
        "eligible": pa.array(found.eligible),
        "days_past_due": pa.array(found.past_due),
    }


def _entities() -> pa.Table:
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


def _fx_rates(book: Book, day: date) -> pa.Table:
    rates = np.array([book.rate(day, c) for c in range(len(CURRENCIES))], dtype=np.int64)
    return pa.table({"currency": CURRENCIES, "rate": _decimals(rates, scale=8)})


def _securities(book: Book) -> pa.Table:
    number = np.arange(book.securities, dtype=np.int64)
    variants = [SECURITY_VARIANTS[n % len(SECURITY_VARIANTS)] for n in range(book.securities)]
    return pa.table(
        {
            "security_id": _identifiers("S", number + 1),
            "asset_class": [v.asset_class for v in variants],
            "risk_weight": [v.risk_weight for v in variants],
            "credit_quality": [v.credit_quality for v in variants],
            "financial_issuer": [v.financial_issuer for v in variants],
        }
    )


def _counterparties(book: Book, day: date) -> Iterator[pa.Table]:
    sectors = tuple(name for name, _, _ in SECTOR_POOLS)
    for start in range(0, book.counterparties, CHUNK):
        number = np.arange(start, min(start + CHUNK, book.counterparties), dtype=np.int64)
        own = number < len(ENTITIES)
        sector = np.searchsorted(book.pool_start, number, side="right") - 1
        broker = number == ENTITIES.index("BROKER_DE")
        affiliate = np.where(broker, sectors.index("OTHER_FINANCIAL"), sectors.index("BANK"))
        yield pa.table(
            {
                "counterparty_id": _identifiers("C", number + 1),
                "sector": _codes(sectors, np.where(own, affiliate, sector)),
                "relationship": pa.array(own | book.relationship(day, number)),
                "partner_entity_id": _codes(ENTITIES, np.where(own, number, -1)),
            }
        )


def _identifiers(prefix: str, numbers: Ints, null: Bools | None = None) -> pa.Array:
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


def _codes(names: Sequence[str], places: Ints) -> pa.Array:
    """The name at each place; null where the place is negative."""
    indices = pa.array(places.astype(np.int32), mask=places < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def _money(cents: Ints, null: Bools | None = None) -> pa.Array:
    return _decimals(cents, scale=2, null=null)


def _decimals(units: Ints, scale: int, null: Bools | None = None) -> pa.Array:
    """Whole numbers of the smallest unit as decimals, without arithmetic on them."""
    wide = np.zeros((len(units), 2), dtype="<i8")
    wide[:, 0] = units
    wide[:, 1] = units >> 63
    valid = None
    if null is not None:
        valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
    kind = pa.decimal128(28, scale)
    return pa.Array.from_buffers(kind, len(units), [valid, pa.py_buffer(wide)])


def _write(folder: Path, table: Table, pieces: Iterator[pa.Table]) -> None:
    with _replacing(folder / f"{table.name}.csv") as sink:
        sink.write((",".join(table.column_names) + "\n").encode())
        for piece in pieces:
            sink.write(_text(piece.select(table.column_names)))


def _write_deals(folder: Path, pieces: Iterator[pa.Table], deals: int, broken: int) -> None:
    """The deals with ``broken`` dirty rows spread evenly between them."""
    bad = dirty_rows(broken)
    after = [(n + 1) * deals // (broken + 1) for n in range(broken)]
    with _replacing(folder / f"{DEALS.name}.csv") as sink:
        sink.write((",".join(DEALS.column_names) + "\n").encode())
        start = 0
        for piece in pieces:
            cut = 0
            while after and after[0] <= start + piece.num_rows:
                upto = after.pop(0) - start
                before = piece.slice(cut, upto - cut)
                sink.write(_text(before))
                sink.write(next(bad)(before))
                cut = upto
            sink.write(_text(piece.slice(cut)))
            start += piece.num_rows


def _write_delta(out: Path, day: date, rows: dict[str, pa.Array], deleted: Bools) -> Path:
    folder = out / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{DEALS.name}.delta-001.csv"
    header = (OPERATION, *DEALS.column_names)
    operation = _codes(("upsert", "delete"), deleted.astype(np.int64))
    with _replacing(target) as sink:
        sink.write((",".join(header) + "\n").encode())
        sink.write(_text(pa.table({OPERATION: operation, **rows}).select(header)))
    return target


def _text(rows: pa.Table) -> bytes:
    if rows.num_rows == 0:
        return b""
    sink = io.BytesIO()
    pacsv.write_csv(rows, sink, _AS_DELIVERED)
    return sink.getvalue()


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that stands under its name only when it is complete."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as sink:
        yield sink
    part.replace(path)


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
    parser.add_argument("--out", type=Path, required=True, help="folder of the deliveries")
    parser.add_argument("--dirty", type=Decimal, default=Decimal(0), help="share of broken rows")
    parser.add_argument("--correction", type=Decimal, help="share of the first day's deals")
    chosen = parser.parse_args(arguments)
    days = business_days(chosen.first_day, chosen.days)
    generate(chosen.out, chosen.deals, days, chosen.seed, chosen.dirty, _print_progress)
    if chosen.correction is not None:
        generate_correction(
            chosen.out,
            chosen.deals,
            days[0],
            chosen.seed,
            chosen.correction,
            progress=_print_progress,
        )


if __name__ == "__main__":
    main()

"""Broken rows for the sample bank, one function per kind of error that sources really make.

A broken row is an addition: the deals beside it stay whole, except that a repeated key also costs
the deal before it, whose key it repeats (nobody can say which of the two is meant).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from regulatory_assets.bank.tables import DEALS

Row = dict[str, str]

_GOOD: Row = {
    "entity_id": "BANK_DE",
    "counterparty_id": "C0000000010",
    "product_type": "DEPOSIT",
    "currency": "EUR",
    "amount": "1250.00",
    "transactional": "true",
    "insurable": "true",
    "locked_in": "false",
    "eligible": "false",
    "days_past_due": "0",
}


def _changed(column: str, text: str, row: Row, _before: str) -> bytes:
    return _line({**row, column: text})


def _repeated_key(row: Row, before: str) -> bytes:
    return _line({**row, "deal_id": before})


def _short(row: Row, _before: str) -> bytes:
    return _line(row).rstrip(b"\n").rsplit(b",", 3)[0] + b"\n"


def _long(row: Row, _before: str) -> bytes:
    return _line(row).replace(b"1250.00", b"1,250.00")


KINDS: dict[str, Callable[[Row, str], bytes]] = {
    "bad number": partial(_changed, "amount", "125O.00"),
    "bad date": partial(_changed, "maturity_date", "2026-02-30"),
    "unknown code": partial(_changed, "product_type", "DEPOSTI"),
    "missing value": partial(_changed, "entity_id", ""),
    "repeated key": _repeated_key,
    "too few columns": _short,
    "negative amount": partial(_changed, "amount", "-1250.00"),
    "too many columns": _long,
    "bad boolean": partial(_changed, "insurable", "yes"),
    "amount too large": partial(_changed, "amount", "1" + "0" * 15),
    "another date format": partial(_changed, "maturity_date", "05.02.2026"),
    "code in small letters": partial(_changed, "product_type", "deposit"),
    "too many decimals": partial(_changed, "amount", "1250.123456789"),
    "a word for nothing": partial(_changed, "collateral_value", "NULL"),
    "fraction of a day": partial(_changed, "days_past_due", "1.5"),
}


def dirty_rows(count: int) -> Iterator[Callable[[str], bytes]]:
    """``count`` broken lines, the kinds by turns; each is told the deal before it."""
    kinds = tuple(KINDS.values())
    for n in range(count):
        yield partial(kinds[n % len(kinds)], {**_GOOD, "deal_id": f"X{n + 1:010d}"})


def _line(row: Row) -> bytes:
    return (",".join(row.get(c, "") for c in DEALS.column_names) + "\n").encode()

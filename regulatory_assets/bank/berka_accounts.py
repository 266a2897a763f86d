"""Branches, accounts and movements of the real bank (PKDD'99), from its files as read by ``berka``.

What the files say and what is made of it:

* An account is kept in a district: the districts are the branches. Their files describe the people
  who live there, not an office; opening date, staff and cash machines are not known.
* Movements are those booked on the reporting date. VKLAD and VYBER are cash, also where the bank
  itself charges something by VYBER (``k_symbol``); a movement without an operation is the bank's
  own (interest). The country of the other side's bank is not told.
* Nobody has assessed the customers: ``customer_risk`` is delivered without rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.tables import CREDIT, DEBIT

OPERATIONS: Mapping[str | None, tuple[str, bool]] = {
    "VKLAD": ("BRANCH", True),
    "VYBER": ("BRANCH", True),
    "VYBER KARTOU": ("CARD", False),
    "PREVOD Z UCTU": ("TRANSFER", False),
    "PREVOD NA UCET": ("TRANSFER", False),
    None: ("INTERNAL", False),
}
"""Channel, and whether notes changed hands, by the operation of a movement."""

Row = dict[str, object]


def branch_rows(districts: pa.Table, entity: str) -> list[Row]:
    """A branch for each district."""
    return [
        {
            "branch_id": _branch(row["A1"]),
            "entity_id": entity,
            "name": row["A2"],
            "region": row["A3"],
            "country": "CZ",
            "opened": None,
            "staff": None,
            "atms": None,
        }
        for row in sorted(districts.to_pylist(), key=lambda row: row["A1"])
    ]


def account_rows(
    accounts: pa.Table, owners: Mapping[int, int], entity: str, currency: str
) -> list[Row]:
    """Every account with its owner and district."""
    return [
        {
            "account_id": account_id(row["account_id"]),
            "counterparty_id": client_id(owners[row["account_id"]]),
            "entity_id": entity,
            "branch_id": _branch(row["district_id"]),
            "product": "CURRENT",
            "currency": currency,
            "opened": row["date"],
            "status": "ACTIVE",
            "opened_remotely": False,
            "held_for_others": False,
        }
        for row in sorted(accounts.to_pylist(), key=lambda row: row["account_id"])
    ]


def transaction_rows(
    trans: pa.Table, day: date, signs: Mapping[str, int], currency: str, source: Path
) -> list[Row]:
    """The movements booked on a day. Raises DeliveryError for an operation that is not known."""
    rows: list[Row] = []
    booked = trans.filter(pc.equal(trans["date"], pa.scalar(day)))
    for row in sorted(booked.to_pylist(), key=lambda row: row["trans_id"]):
        if row["operation"] not in OPERATIONS:
            raise DeliveryError(
                f"{source / 'trans.asc'}: movement {row['trans_id']} has the operation "
                f"{row['operation']!r}; known are {', '.join(filter(None, OPERATIONS))} and none"
            )
        channel, cash = OPERATIONS[row["operation"]]
        rows.append(
            {
                "transaction_id": f"TRANS-{row['trans_id']:07d}",
                "account_id": account_id(row["account_id"]),
                "booking_date": row["date"],
                "direction": CREDIT if signs[row["type"]] > 0 else DEBIT,
                "currency": currency,
                "amount": row["amount"],
                "channel": channel,
                "cash": cash,
                "counter_country": None,
            }
        )
    return rows


def account_id(number: int) -> str:
    return f"ACCOUNT-{number:06d}"


def client_id(number: int) -> str:
    return f"CLIENT-{number:06d}"


def _branch(district: int) -> str:
    return f"DISTRICT-{district:02d}"

"""A real bank (PKDD'99 Discovery Challenge, "Berka") as a standard delivery folder.

What the files say and what is made of it:

* The balance of an account is the sum of its signed movements up to the day (PRIJEM is a credit,
  VYDAJ and VYBER are debits). The balance that is printed on each movement is only compared: an
  account where no printed balance of its last day with movements agrees within 0.50 is reported.
* A negative balance is an overdraft: an open loan to the account's owner.
* A loan is outstanding by schedule: its amount less one payment for each whole month that has
  passed since it was granted (a payment falls due on the day of the month of the grant, or on the
  month's last day). It is due as a whole at the end of its duration: source tables hold no cash
  flows yet, so instalments within the window give no inflow. The delivered status is the outcome
  known years later and is not used; so no loan is past due.
* The depositor and borrower is the account's owner; who may only dispose of it does not matter.
* Deposits are retail and less stable: ``insurable`` is false, because the files name no deposit
  insurance and the Czech fund is later than the data (from general knowledge: 1994);
  ``transactional`` and ``relationship`` are false, because the files do not say whose salary or
  whose main bank this is, and a lower run-off must be shown, not assumed.
* What is made of districts and movements stands in ``berka_accounts``.
* Liquid assets are not in the files. They come from a file of assumptions, each with its reason.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from regulatory_assets.bank.berka_accounts import (
    account_id,
    account_rows,
    branch_rows,
    client_id,
    transaction_rows,
)
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.tables import (
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    BRANCHES,
    COUNTERPARTIES,
    CUSTOMER_RISK,
    DEALS,
    ENTITIES,
    FX_RATES,
    SECURITIES,
)
from regulatory_assets.bank.writing import write_full
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.regulation import document

ENTITY, CURRENCY = "BERKA", "CZK"
TOLERANCE = Decimal("0.50")

_CENTS = pa.decimal128(18, 2)
_SIGNS = {"PRIJEM": 1, "VYDAJ": -1, "VYBER": -1}
# Of each file the columns that are read; the first one is its key.
_FILES: dict[str, dict[str, pa.DataType]] = {
    "account": {"account_id": pa.int64(), "district_id": pa.int64(), "date": pa.string()},
    "disp": {
        "disp_id": pa.int64(),
        "client_id": pa.int64(),
        "account_id": pa.int64(),
        "type": pa.string(),
    },
    "district": {"A1": pa.int64(), "A2": pa.string(), "A3": pa.string()},
    "loan": {
        "loan_id": pa.int64(),
        "account_id": pa.int64(),
        "date": pa.string(),
        "amount": _CENTS,
        "duration": pa.int64(),
        "payments": _CENTS,
    },
    "trans": {
        "trans_id": pa.int64(),
        "account_id": pa.int64(),
        "date": pa.string(),
        "type": pa.string(),
        "operation": pa.string(),
        "amount": _CENTS,
        "balance": _CENTS,
    },
}
_MAY_BE_EMPTY = {"operation"}
_LIQUID_ASSETS = {"cash": "CASH", "central_bank_reserve": "CENTRAL_BANK_RESERVE"}

Row = dict[str, object]


@dataclass(frozen=True)
class Mismatch:
    """An account whose movements do not add up to a printed balance of its last day."""

    account: int
    computed: Decimal
    printed: tuple[Decimal, ...]


@dataclass(frozen=True)
class Loan:
    """A loan as granted."""

    number: int
    account: int
    granted: date
    amount: Decimal
    months: int
    payment: Decimal

    @property
    def due(self) -> date:
        return months_later(self.granted, self.months)

    def outstanding(self, day: date) -> Decimal:
        """The amount less the payments that fell due up to and including ``day``."""
        paid = sum(1 for n in range(1, self.months + 1) if months_later(self.granted, n) <= day)
        return max(Decimal(0), self.amount - paid * self.payment) if day < self.due else Decimal(0)


@dataclass(frozen=True)
class BerkaReport:
    """What was delivered, and what did not agree."""

    day: date
    movements: int
    movements_of_day: int
    accounts: int
    branches: int
    total_balance: Decimal
    overdrafts: int
    loans: int
    loans_outstanding: Decimal
    liquid_assets: Mapping[str, Decimal]
    mismatches: tuple[Mismatch, ...]

    def lines(self) -> tuple[str, ...]:
        """The report in words."""
        found = [
            f"{self.accounts:,} accounts, {self.movements:,} movements up to {self.day}, "
            f"balances sum to {self.total_balance:,} {CURRENCY}",
            f"{self.movements_of_day:,} movements on the day itself; {self.branches} districts",
            f"{self.overdrafts} overdrafts; {self.loans} loans with "
            f"{self.loans_outstanding:,} {CURRENCY} outstanding by schedule",
        ]
        found += [
            f"assumed, not in the files: {name} {amount:,} {CURRENCY}"
            for name, amount in self.liquid_assets.items()
        ]
        found += [
            f"account {m.account}: movements sum to {m.computed:,}, but its last day prints "
            f"{', '.join(f'{p:,}' for p in m.printed)}"
            for m in self.mismatches
        ]
        return tuple(found)


def deliver(source: Path, day: date, out: Path, assumptions: Path) -> BerkaReport:
    """Write the bank's position at the close of ``day`` to ``out/<day>``.

    Raises DeliveryError where a file is missing or cannot be used.
    """
    liquid = _read_assumptions(assumptions)
    _complete(source)
    files = {name: _read(source, name, day) for name in _FILES}
    owners = _owners(files["disp"])
    accounts = {n: Decimal(0) for n in files["account"]["account_id"].to_pylist()}
    moved = _balances(files["trans"], source)
    _known(source, "trans", moved, accounts)
    balances = accounts | moved
    loans = [loan for loan in _loans(files["loan"]) if loan.outstanding(day)]
    _known(source, "loan", (loan.account for loan in loans), accounts)
    _known(source, "account", accounts, owners, "has no owner in disp.asc")
    districts = dict.fromkeys(files["district"]["A1"].to_pylist())
    kept_in = files["account"]["district_id"].to_pylist()
    _known(source, "account", kept_in, districts, "is not in district.asc", "district")
    moved_today = transaction_rows(files["trans"], day, _SIGNS, CURRENCY, source)

    deals = [_account_deal(n, owners[n], balances[n]) for n in sorted(balances)]
    deals += [_loan_deal(loan, owners[loan.account], day) for loan in loans]
    deals += [
        _deal(f"ASSET-{name.upper()}", product, liquid[name], eligible=True)
        for name, product in _LIQUID_ASSETS.items()
    ]
    parties = sorted({str(d["counterparty_id"]) for d in deals if d["counterparty_id"]})
    _write(out, day, ENTITIES, [_ENTITY])
    _write(out, day, FX_RATES, [{"currency": CURRENCY, "rate": Decimal(1)}])
    _write(out, day, SECURITIES, [])
    _write(out, day, COUNTERPARTIES, [_counterparty(party) for party in parties])
    _write(out, day, DEALS, deals)
    _write(out, day, BRANCHES, branch_rows(files["district"], ENTITY))
    _write(out, day, ACCOUNTS, account_rows(files["account"], owners, ENTITY, CURRENCY))
    _write(out, day, ACCOUNT_TRANSACTIONS, moved_today)
    _write(out, day, CUSTOMER_RISK, [])
    return BerkaReport(
        day=day,
        movements=files["trans"].num_rows,
        movements_of_day=len(moved_today),
        accounts=len(balances),
        branches=len(districts),
        total_balance=sum(balances.values(), Decimal(0)),
        overdrafts=sum(1 for b in balances.values() if b < 0),
        loans=len(loans),
        loans_outstanding=sum((loan.outstanding(day) for loan in loans), Decimal(0)),
        liquid_assets=liquid,
        mismatches=_mismatches(files["trans"], balances),
    )


def months_later(day: date, months: int) -> date:
    """The same day ``months`` calendar months later, clipped to the month's end."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _complete(source: Path) -> None:
    """Refuse a folder that is not there or lacks a file."""
    if not source.is_dir():
        raise DeliveryError(
            f"{source}: there is no such folder; it should hold the PKDD'99 files "
            f"{', '.join(f'{name}.asc' for name in _FILES)}"
        )
    missing = [f"{name}.asc" for name in _FILES if not (source / f"{name}.asc").is_file()]
    if missing:
        raise DeliveryError(
            f"{source}: {', '.join(missing)} missing; put the PKDD'99 files there under these names"
        )


def _read(source: Path, name: str, day: date) -> pa.Table:
    """The columns needed of a file, of its rows dated up to and including ``day``."""
    path, types = source / f"{name}.asc", _FILES[name]
    try:
        rows = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(encoding="latin-1"),
            parse_options=pacsv.ParseOptions(delimiter=";"),
            convert_options=pacsv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        empty = [c for c in types if rows[c].null_count and c not in _MAY_BE_EMPTY]
        if empty:
            raise DeliveryError(f"{path}: empty values in {', '.join(empty)}; every row needs them")
        key = next(iter(types))
        if pc.count_distinct(rows[key]).as_py() != rows.num_rows:
            raise DeliveryError(f"{path}: a {key} stands twice; each row would count twice")
        if "date" not in types:
            return rows
        digits = pc.binary_join_element_wise("19", rows["date"], "")
        dates = pc.strptime(digits, format="%Y%m%d", unit="s")
        if pc.any(pc.not_equal(pc.strftime(dates, format="%Y%m%d"), digits)).as_py():
            raise DeliveryError(f"{path}: a date is not a day written YYMMDD")
        rows = rows.set_column(rows.column_names.index("date"), "date", dates.cast(pa.date32()))
        return rows.filter(pc.less_equal(rows["date"], pa.scalar(day)))
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DeliveryError(f"{path}: not a PKDD'99 {name} file: {error}") from error


def _known(
    source: Path,
    name: str,
    accounts: Iterable[int],
    known: Mapping[int, object],
    wrong: str = "is not in account.asc, or opened after the day",
    what: str = "account",
) -> None:
    """Refuse accounts, or districts, that another file does not know."""
    missing = sorted(set(accounts) - set(known))
    if missing:
        raise DeliveryError(f"{source / name}.asc: {what} {missing[0]} {wrong}")


def _owners(disp: pa.Table) -> dict[int, int]:
    """The client that owns each account."""
    owning = disp.filter(pc.equal(disp["type"], "OWNER"))
    accounts, clients = owning["account_id"].to_pylist(), owning["client_id"].to_pylist()
    owners = dict(zip(accounts, clients, strict=True))
    if len(owners) != len(accounts):
        raise DeliveryError("disp.asc: an account has two owners; the depositor is not certain")
    return owners


def _balances(trans: pa.Table, source: Path) -> dict[int, Decimal]:
    """The signed sum of the movements of each account."""
    known = pc.is_in(trans["type"], value_set=pa.array(list(_SIGNS)))
    if not pc.all(known, min_count=0).as_py():
        first = trans.filter(pc.invert(known)).slice(0, 1).to_pylist()[0]
        raise DeliveryError(
            f"{source / 'trans.asc'}: movement {first['trans_id']} has the type {first['type']!r}; "
            f"known are {', '.join(_SIGNS)}"
        )
    credit = pa.array([name for name, sign in _SIGNS.items() if sign > 0])
    signed = pc.if_else(
        pc.is_in(trans["type"], value_set=credit), trans["amount"], pc.negate(trans["amount"])
    )
    sums = (
        pa.table({"account_id": trans["account_id"], "signed": signed})
        .group_by("account_id")
        .aggregate([("signed", "sum")])
    )
    return dict(zip(sums["account_id"].to_pylist(), sums["signed_sum"].to_pylist(), strict=True))


def _mismatches(trans: pa.Table, balances: Mapping[int, Decimal]) -> tuple[Mismatch, ...]:
    """Accounts where no balance printed on the last day with movements is near the sum."""
    last = trans.group_by("account_id").aggregate([("date", "max")])
    of_last = trans.join(last, "account_id")
    of_last = of_last.filter(pc.equal(of_last["date"], of_last["date_max"]))
    printed: dict[int, list[Decimal]] = {}
    for account, balance in zip(
        of_last["account_id"].to_pylist(), of_last["balance"].to_pylist(), strict=True
    ):
        printed.setdefault(account, []).append(balance)
    return tuple(
        Mismatch(account, balances[account], tuple(sorted(found)))
        for account, found in sorted(printed.items())
        if all(abs(p - balances[account]) > TOLERANCE for p in found)
    )


def _loans(rows: pa.Table) -> list[Loan]:
    return [
        Loan(
            number=row["loan_id"],
            account=row["account_id"],
            granted=row["date"],
            amount=row["amount"],
            months=row["duration"],
            payment=row["payments"],
        )
        for row in sorted(rows.to_pylist(), key=lambda r: r["loan_id"])
    ]


def _read_assumptions(path: Path) -> dict[str, Decimal]:
    """Amounts by name; each entry needs a reason, and nothing else may stand there."""
    if not path.is_file():
        raise DeliveryError(
            f"{path}: the file of assumed liquid assets is missing; it should hold "
            f"{', '.join(_LIQUID_ASSETS)}, each with an amount in {CURRENCY} and a reason"
        )
    found = {}
    for name, entry in document.read(path).fields(_LIQUID_ASSETS).items():
        fields = entry.fields(("amount", "reason"))
        fields["reason"].text()
        found[name] = fields["amount"].decimal(ColumnType.MONEY)
        if found[name] < 0:
            raise fields["amount"].error(f"{name} is negative", "Write an amount of zero or more")
    return {name: found[name] for name in _LIQUID_ASSETS}


_ENTITY: Row = {
    "entity_id": ENTITY,
    "name": "PKDD'99 bank",
    "group_path": None,
    "regime": "basel",
    "reporting_currency": CURRENCY,
}


def _counterparty(number: str) -> Row:
    return {
        "counterparty_id": number,
        "sector": "RETAIL",
        "relationship": False,
        "partner_entity_id": None,
    }


def _account_deal(account: int, owner: int, balance: Decimal) -> Row:
    product = "DEPOSIT" if balance >= 0 else "LOAN"
    return _deal(account_id(account), product, abs(balance), owner, account)


def _loan_deal(loan: Loan, owner: int, day: date) -> Row:
    amount = loan.outstanding(day)
    return _deal(f"LOAN-{loan.number:06d}", "LOAN", amount, owner, loan.account, loan.due)


def _deal(
    deal_id: str,
    product: str,
    amount: Decimal,
    client: int | None = None,
    account: int | None = None,
    due: date | None = None,
    eligible: bool = False,
) -> Row:
    return {
        "deal_id": deal_id,
        "entity_id": ENTITY,
        "counterparty_id": None if client is None else client_id(client),
        "account_id": None if account is None else account_id(account),
        "product_type": product,
        "currency": CURRENCY,
        "amount": amount,
        "maturity_date": due,
        "security_id": None,
        "collateral_value": None,
        "operational_amount": None,
        "transactional": False,
        "insurable": False,
        "locked_in": False,
        "eligible": eligible,
        "days_past_due": 0,
    }


def _write(out: Path, day: date, table: Table, rows: list[Row]) -> None:
    schema = pa.schema([(c.name, c.type.arrow) for c in table.columns])
    write_full(out, day, table, [pa.Table.from_pylist(rows, schema=schema)])

"""The tables of the customer-transaction report, each declared once."""

from __future__ import annotations

from regulatory_assets.bank.tables import ACCOUNT_TRANSACTIONS, ACCOUNTS, CUSTOMER_RISK, RISK_BANDS
from regulatory_assets.ledger.table import Column, ColumnType, Table

_STRING, _DATE, _MONEY = ColumnType.STRING, ColumnType.DATE, ColumnType.MONEY
_BOOL, _LONG = ColumnType.BOOLEAN, ColumnType.LONG
NOT_ASSESSED = "NOT_ASSESSED"


def _secret(name: str, type_: ColumnType, description: str, nullable: bool = False) -> Column:
    return Column(name, type_, description, nullable, classification="confidential")


def _money(name: str, description: str) -> Column:
    unit = "reporting currency"
    return Column(name, _MONEY, description, unit=unit, classification="confidential")


_CURRENCY = Column("reporting_currency", _STRING, "ISO 4217 code of the reported amounts.")
_RISK_BAND = Column(
    "risk_band",
    _STRING,
    f"The customer's risk; {NOT_ASSESSED} where the bank has made no assessment.",
    allowed=(*RISK_BANDS, NOT_ASSESSED),
    classification="confidential",
)

AML_CUSTOMER_TRANSACTIONS = Table(
    name="aml_customer_transactions",
    description="Every movement with its account and customer, in reporting currency.",
    key=("transaction_id",),
    group="aml",
    columns=(
        ACCOUNT_TRANSACTIONS.column("transaction_id"),
        ACCOUNTS.column("entity_id"),
        ACCOUNTS.column("counterparty_id"),
        ACCOUNTS.column("account_id"),
        ACCOUNTS.column("branch_id"),
        ACCOUNTS.column("product"),
        ACCOUNTS.column("status"),
        ACCOUNTS.column("opened_remotely"),
        ACCOUNTS.column("held_for_others"),
        _RISK_BAND,
        _secret("country", _STRING, "ISO 3166 code of the customer's country.", nullable=True),
        _secret(
            "politically_exposed",
            _BOOL,
            CUSTOMER_RISK.column("politically_exposed").description,
            nullable=True,
        ),
        ACCOUNT_TRANSACTIONS.column("booking_date"),
        ACCOUNT_TRANSACTIONS.column("direction"),
        ACCOUNT_TRANSACTIONS.column("channel"),
        ACCOUNT_TRANSACTIONS.column("cash"),
        ACCOUNT_TRANSACTIONS.column("counter_country"),
        _secret(
            "cross_border", _BOOL, "The other side's bank lies outside the customer's country."
        ),
        ACCOUNT_TRANSACTIONS.column("currency"),
        ACCOUNT_TRANSACTIONS.column("amount"),
        _CURRENCY,
        _money("reported_amount", "Amount at the reporting date's rate."),
    ),
)

AML_CUSTOMER_DAYS = Table(
    name="aml_customer_days",
    description="A customer's day at an entity: velocity and signs of structuring.",
    key=("entity_id", "counterparty_id", "booking_date"),
    selective="counterparty_id",
    group="aml",
    columns=(
        ACCOUNTS.column("entity_id"),
        ACCOUNTS.column("counterparty_id"),
        ACCOUNT_TRANSACTIONS.column("booking_date"),
        _CURRENCY,
        _RISK_BAND,
        _secret("transactions", _LONG, "Number of movements."),
        _secret("accounts", _LONG, "Number of accounts moved."),
        _secret("credits", _LONG, "Number of credits."),
        _money("credited", "Sum of the credits; with `debited` the operands of the in-out ratio."),
        _secret("debits", _LONG, "Number of debits."),
        _money("debited", "Sum of the debits."),
        _money("largest", "The largest movement."),
        _secret("cross_border", _LONG, "Number of movements across a border."),
        _money("cross_border_amount", "Sum of the movements across a border."),
        _secret("cash_deposits", _LONG, "Number of cash deposits."),
        _money("cash_deposited", "Sum of the cash deposits."),
        _money("threshold", "Amount from which a cash deposit is identified or reported."),
        _secret("large_deposits", _LONG, "Cash deposits that reach the threshold each."),
        _secret("small_deposits", _LONG, "Cash deposits that do not reach it."),
        _money("small_deposited", "Their sum."),
        _secret("near_deposits", _LONG, "Of these, the deposits just below the threshold."),
        _money("near_deposited", "Their sum."),
        _secret(
            "linked",
            _BOOL,
            "Several cash deposits, none of which reaches the threshold, reach it together.",
        ),
    ),
)  # fmt: skip

"""Branches, customers' accounts, what moves on them, and the customers' risk."""

from __future__ import annotations

from regulatory_assets.bank.tables.core import MONEY_MAX
from regulatory_assets.ledger.table import Classification, Column, ColumnType, Table

_STRING, _DATE, _INT = ColumnType.STRING, ColumnType.DATE, ColumnType.INTEGER
_BOOL, _MONEY = ColumnType.BOOLEAN, ColumnType.MONEY
_PUBLIC: Classification = "public"
_CONFIDENTIAL: Classification = "confidential"

ACCOUNT_PRODUCTS = ("CURRENT", "SAVINGS", "TERM_DEPOSIT", "LOAN")
ACCOUNT_STATUSES = ("ACTIVE", "DORMANT", "BLOCKED", "CLOSED")
CREDIT, DEBIT = "CREDIT", "DEBIT"
CHANNELS = ("BRANCH", "ATM", "CARD", "TRANSFER", "INTERNAL")
RISK_BANDS = ("LOW", "MEDIUM", "HIGH")

BRANCHES = Table(
    name="branches",
    description="Places of business: where the accounts of an entity are kept.",
    key=("branch_id",),
    group="sources",
    bounded=True,
    optional=True,
    columns=(
        Column("branch_id", _STRING, "Identifier of the branch.", classification=_PUBLIC),
        Column("entity_id", _STRING, "Entity that the branch belongs to.", classification=_PUBLIC),
        Column("name", _STRING, "Name of the branch.", classification=_PUBLIC),
        Column("region", _STRING, "Region in which it lies.", classification=_PUBLIC),
        Column("country", _STRING, "ISO 3166 code of its country.", classification=_PUBLIC),
        Column(
            "opened",
            _DATE,
            "First day of business; empty if not known.",
            nullable=True,
            classification=_PUBLIC,
        ),
        Column(
            "staff",
            _INT,
            "Staff in full-time equivalents, rounded; empty if not known.",
            nullable=True,
            minimum="0",
        ),
        Column(
            "atms",
            _INT,
            "Cash machines; empty if not known.",
            nullable=True,
            minimum="0",
            classification=_PUBLIC,
        ),
    ),
)

ACCOUNTS = Table(
    name="accounts",
    description="Customers' accounts: who holds them, where they are kept, what is to be watched.",
    key=("account_id",),
    group="sources",
    optional=True,
    columns=(
        Column("account_id", _STRING, "Identifier of the account.", classification=_CONFIDENTIAL),
        Column("counterparty_id", _STRING, "The holder.", classification=_CONFIDENTIAL),
        Column("entity_id", _STRING, "Entity that keeps the account."),
        Column(
            "branch_id",
            _STRING,
            "Branch that keeps it; empty where no branch does (an online account).",
            nullable=True,
        ),
        Column("product", _STRING, "Kind of account.", allowed=ACCOUNT_PRODUCTS),
        Column("currency", _STRING, "ISO 4217 code in which it is kept."),
        Column("opened", _DATE, "Day on which it was opened.", classification=_CONFIDENTIAL),
        Column(
            "status",
            _STRING,
            "State of the account.",
            allowed=ACCOUNT_STATUSES,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "opened_remotely",
            _BOOL,
            "Opened without the customer being present (FATF Recommendation 10).",
            classification=_CONFIDENTIAL,
        ),
        Column(
            "held_for_others",
            _BOOL,
            "The holder acts for others: trust, nominee or client money (FATF Recommendation 10).",
            classification=_CONFIDENTIAL,
        ),
    ),
)

ACCOUNT_TRANSACTIONS = Table(
    name="account_transactions",
    description="Movements on customers' accounts that the reporting date brought.",
    key=("transaction_id",),
    group="sources",
    optional=True,
    columns=(
        Column(
            "transaction_id",
            _STRING,
            "Identifier of the movement.",
            classification=_CONFIDENTIAL,
        ),
        Column("account_id", _STRING, "Account that is moved.", classification=_CONFIDENTIAL),
        Column(
            "booking_date",
            _DATE,
            "Day on which it is booked; the reporting date, or a day without business before it.",
            classification=_CONFIDENTIAL,
        ),
        Column("direction", _STRING, "CREDIT increases the balance.", allowed=(CREDIT, DEBIT)),
        Column("currency", _STRING, "ISO 4217 code of the amount."),
        Column(
            "amount",
            _MONEY,
            "Amount moved, without sign.",
            unit="transaction currency",
            minimum="0",
            maximum=MONEY_MAX,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "channel",
            _STRING,
            "How it came about; INTERNAL is booked by the bank itself (interest, charges).",
            allowed=CHANNELS,
        ),
        Column("cash", _BOOL, "Notes or coins changed hands.", classification=_CONFIDENTIAL),
        Column(
            "counter_country",
            _STRING,
            "ISO 3166 code of the country of the other side's bank; empty where there is none.",
            nullable=True,
            classification=_CONFIDENTIAL,
        ),
    ),
)

CUSTOMER_RISK = Table(
    name="customer_risk",
    description="What the bank's own assessment says of each customer (FATF Recommendation 1).",
    key=("counterparty_id",),
    group="sources",
    optional=True,
    columns=(
        Column("counterparty_id", _STRING, "The customer.", classification=_CONFIDENTIAL),
        Column(
            "risk_band",
            _STRING,
            "Risk of money laundering as assessed.",
            allowed=RISK_BANDS,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "country",
            _STRING,
            "ISO 3166 code of the country of residence or of the seat.",
            classification=_CONFIDENTIAL,
        ),
        Column(
            "politically_exposed",
            _BOOL,
            "Politically exposed person, or close to one (FATF Recommendation 12).",
            classification=_CONFIDENTIAL,
        ),
    ),
)

"""The tables of the branch report, each declared once.

An empty ``branch_id`` is the row of what no branch of the entity holds: deals without an account
(cash, securities, secured funding) and accounts without a branch.
"""

from __future__ import annotations

from regulatory_assets.bank.tables import ACCOUNTS, BRANCHES, DEALS
from regulatory_assets.ledger.table import Column, ColumnType, Table

_STRING, _MONEY, _LONG = ColumnType.STRING, ColumnType.MONEY, ColumnType.LONG

_ENTITY = Column("entity_id", _STRING, "Entity that the branch belongs to.")
_BRANCH = Column("branch_id", _STRING, "Branch; empty for what no branch holds.", nullable=True)
_COUNTS = (
    Column("n_rows", _LONG, "Ledger rows of the group."),
    Column("n", _LONG, "Ledger rows by sign; contra and rebooking cancel."),
)


def _money(name: str, description: str, nullable: bool = False) -> Column:
    return Column(name, _MONEY, description, unit="reporting currency", nullable=nullable)


POSITION_SUMS = (
    _money("deposits", "Deposits taken."),
    _money("loans", "Loans granted."),
    _money("other", "Everything else: cash, reserves, securities, secured trades."),
)
TURNOVER_SUMS = (
    _money("credited", "Movements that increase accounts."),
    _money("debited", "Movements that decrease accounts."),
    _money("cash_in", "Of the credits, cash."),
    _money("cash_out", "Of the debits, cash."),
)

BRANCH_UNITS = Table(
    name="branch_units",
    description="The rows of the branch report: each branch, and each entity's unassigned rest.",
    key=("entity_id", "branch_id"),
    group="branch",
    bounded=True,
    columns=(
        _ENTITY,
        _BRANCH,
        Column("name", _STRING, "Name of the branch; 'unassigned' for what no branch holds."),
        *(
            Column(c.name, c.type, c.description, nullable=True, classification=c.classification)
            for c in BRANCHES.columns
            if c.name not in ("entity_id", "branch_id", "name")
        ),
    ),
)

BRANCH_ACCOUNTS = Table(
    name="branch_accounts",
    description="Accounts with the branch of their entity that keeps them.",
    key=("account_id",),
    group="branch",
    columns=(
        ACCOUNTS.column("account_id"),
        _ENTITY,
        _BRANCH,
        ACCOUNTS.column("counterparty_id"),
        ACCOUNTS.column("status"),
    ),
)

BRANCH_CUSTOMERS = Table(
    name="branch_customers",
    description="Customers and accounts of each branch.",
    key=("entity_id", "branch_id"),
    group="branch",
    bounded=True,
    columns=(
        _ENTITY,
        _BRANCH,
        Column("customers", _LONG, "Holders of accounts that are not closed, each once."),
        Column("accounts", _LONG, "Accounts that are not closed."),
    ),
)

BRANCH_DEALS = Table(
    name="branch_deals",
    description="Deals with the branch that keeps their account, in reporting currency.",
    key=("deal_id",),
    group="branch",
    columns=(
        DEALS.column("deal_id"),
        _ENTITY,
        _BRANCH,
        DEALS.column("account_id"),
        Column(
            "account_known", ColumnType.BOOLEAN, "False where the deal names an account that is "
            "not delivered, or that another entity keeps.",
        ),
        *POSITION_SUMS,
    ),
)  # fmt: skip

BRANCH_POSITIONS = Table(
    name="branch_positions",
    description="What each branch holds.",
    key=("entity_id", "branch_id"),
    group="branch",
    bounded=True,
    additive=(*(c.name for c in POSITION_SUMS), "n_rows", "n"),
    columns=(_ENTITY, _BRANCH, *POSITION_SUMS, *_COUNTS),
)

BRANCH_TRANSACTIONS = Table(
    name="branch_transactions",
    description="Movements with the branch that keeps their account, in reporting currency.",
    key=("transaction_id",),
    group="branch",
    columns=(
        Column("transaction_id", _STRING, "Identifier of the movement."),
        _ENTITY,
        _BRANCH,
        *TURNOVER_SUMS,
    ),
)

BRANCH_TURNOVER = Table(
    name="branch_turnover",
    description="What moved on the accounts of each branch.",
    key=("entity_id", "branch_id"),
    group="branch",
    bounded=True,
    additive=(*(c.name for c in TURNOVER_SUMS), "n_rows", "n"),
    columns=(_ENTITY, _BRANCH, *TURNOVER_SUMS, *_COUNTS),
)

BRANCH_SUMMARY_REPORT = Table(
    name="branch_summary_report",
    description="Each branch: operational details, customers, deposits, loans, transactions.",
    key=("entity_id", "branch_id"),
    group="branch",
    bounded=True,
    columns=(
        *BRANCH_UNITS.columns,
        Column("currency", _STRING, "ISO 4217 code of the amounts."),
        *BRANCH_CUSTOMERS.columns[2:],
        Column("deals", _LONG, "Number of deals."),
        *POSITION_SUMS,
        Column("transactions", _LONG, "Number of movements of the reporting date."),
        *TURNOVER_SUMS,
    ),
)

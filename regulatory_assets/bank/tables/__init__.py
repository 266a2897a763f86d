"""The source tables, each declared once: columns, types, units, keys, allowed codes, meaning.

One module a family. A new source table is a new entry in its family and in ``SOURCES``; its asset,
validation, Delta schema and documentation follow. Calculated tables do not belong here: they stand
beside the stages that write them.
"""

from __future__ import annotations

from regulatory_assets.bank.tables.accounts import (
    ACCOUNT_PRODUCTS,
    ACCOUNT_STATUSES,
    ACCOUNT_TRANSACTIONS,
    ACCOUNTS,
    BRANCHES,
    CHANNELS,
    CREDIT,
    CUSTOMER_RISK,
    DEBIT,
    RISK_BANDS,
)
from regulatory_assets.bank.tables.capital import OTHER_RWA, OWN_DEBT, OWN_FUNDS
from regulatory_assets.bank.tables.core import (
    ASSET_CLASSES,
    COUNTERPARTIES,
    CREDIT_QUALITIES,
    DEALS,
    ENTITIES,
    FX_RATES,
    PRODUCT_TYPES,
    SECTORS,
    SECURITIES,
)
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
from regulatory_assets.bank.tables.persons import PERSONS
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
from regulatory_assets.ledger.table import Table

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_PRODUCTS",
    "ACCOUNT_STATUSES",
    "ACCOUNT_TRANSACTIONS",
    "ASSET_CLASSES",
    "BRANCHES",
    "CHANNELS",
    "COUNTERPARTIES",
    "CREDIT",
    "CREDIT_QUALITIES",
    "CUSTOMER_RISK",
    "DEALS",
    "DEBIT",
    "DETAILS",
    "ENTITIES",
    "FX_RATES",
    "POSITIONS",
    "PRODUCT_TYPES",
    "RISK_BANDS",
    "SECTORS",
    "SECURITIES",
    "SOURCES",
]

POSITIONS: tuple[Table, ...] = (
    ENTITIES,
    COUNTERPARTIES,
    FX_RATES,
    SECURITIES,
    DEALS,
    BRANCHES,
    ACCOUNTS,
    ACCOUNT_TRANSACTIONS,
    CUSTOMER_RISK,
)
"""What the reports so far are calculated from."""

DETAILS: tuple[Table, ...] = (
    ENTITY_STRUCTURE,
    DEPOSIT_SCHEMES,
    COUNTERPARTY_DETAILS,
    CUSTOMER_GROUPS,
    COUNTERPARTY_RATINGS,
    ACCOUNT_HOLDERS,
    DEPOSIT_TERMS,
    LOANS,
    CASH_FLOWS,
    PROVISIONS,
    FACILITIES,
    SECURITY_TERMS,
    SECURITY_RATINGS,
    PLEDGED_POOLS,
    HOLDINGS,
    FINANCING_LEGS,
    COLLATERAL_PIECES,
    NETTING_SETS,
    MARGIN_BALANCES,
    DERIVATIVES,
    DERIVATIVE_FLOWS,
    COLLATERAL_FLOWS,
    OWN_DEBT,
    OWN_FUNDS,
    OTHER_RWA,
    GENERAL_LEDGER,
)
"""What the regulation asks beyond positions; all optional, and no deal's amount stands here."""

SOURCES: tuple[Table, ...] = (*POSITIONS, *DETAILS, PERSONS)

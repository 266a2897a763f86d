"""Who holds an account, and on which terms a deposit may leave."""

from __future__ import annotations

from regulatory_assets.bank.tables.accounts import ACCOUNTS
from regulatory_assets.bank.tables.columns import (
    DEAL_CURRENCY,
    day,
    flag,
    money,
    share,
    text,
    whole,
)
from regulatory_assets.bank.tables.core import COUNTERPARTIES, DEALS
from regulatory_assets.ledger.table import Reference, Table

ACCOUNT_HOLDERS = Table(
    name="account_holders",
    description="Holders of joint accounts; an account in no row belongs to its one holder.",
    key=("account_id", "counterparty_id"),
    group="sources",
    optional=True,
    references=(
        Reference(("account_id",), ACCOUNTS, blocking=False),
        Reference(("counterparty_id",), COUNTERPARTIES),
    ),
    columns=(
        text("account_id", "The joint account."),
        text("counterparty_id", "One of its holders."),
        share("share", "Share of the balance; empty for all holders of one account alike.",
              nullable=True),
    ),
)  # fmt: skip

DEPOSIT_TERMS = Table(
    name="deposit_terms",
    description="Insurance and early withdrawal of a deposit (BCBS 238 paras 75-105).",
    key=("deal_id",),
    group="sources",
    optional=True,
    references=(Reference(("deal_id",), DEALS, blocking=False),),
    columns=(
        text("deal_id", "The deposit."),
        text("scheme_id", "Scheme of the entity that insures it; empty if none does.",
             nullable=True),
        money("accrued_interest", "Part of the deal's amount that is accrued interest.",
              unit=DEAL_CURRENCY),
        whole("notice_days", "Days of notice before it is paid; empty if none are needed.",
              unit="days", nullable=True),
        day("notice_given", "Day on which notice was given; empty if it was not.",
            nullable=True),
        flag("withdrawal_right", "The holder may withdraw before maturity."),
        flag("material_penalty",
             "Early withdrawal costs materially more than the interest (BCBS 238 para 83)."),
        flag(
            "correspondent_banking",
            "Held for correspondent banking or prime brokerage, so never operational "
            "(BCBS 238 paras 99 and 103).",
        ),
    ),
)  # fmt: skip

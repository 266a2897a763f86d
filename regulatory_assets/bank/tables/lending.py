"""Loans, their instalments and provisions, and promises to lend."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import (
    DEAL_CURRENCY,
    day,
    flag,
    money,
    text,
    whole,
)
from regulatory_assets.bank.tables.core import COUNTERPARTIES, DEALS, ENTITIES
from regulatory_assets.ledger.table import Reference, Table

COLLATERAL_TYPES = ("NONE", "RESIDENTIAL", "COMMERCIAL", "LAND", "FINANCIAL", "OTHER")

LOANS = Table(
    name="loans",
    description="What decides a loan's risk weight, its required funding and its inflow.",
    key=("deal_id",),
    group="sources",
    optional=True,
    references=(Reference(("deal_id",), DEALS, blocking=False),),
    columns=(
        text("deal_id", "The loan."),
        day("granted", "Day on which it was granted; original maturity counts from it."),
        money("carrying_value", "Carrying value, net of specific provisions.", unit=DEAL_CURRENCY),
        text("collateral_type", "Main collateral.", allowed=COLLATERAL_TYPES),
        money(
            "collateral_value",
            "Prudent value of the collateral (CRE20.75); empty where there is none.",
            unit=DEAL_CURRENCY,
            nullable=True,
        ),
        flag("income_producing",
             "Repayment depends materially on what the property yields (CRE20.79)."),
        flag("defaulted", "The borrower is in default (CRE20.104)."),
        money(
            "arrears",
            "Part of the amount that is past due; the deal's days say for how long.",
            unit=DEAL_CURRENCY,
        ),
        money(
            "minimum_payment",
            "Least payment due within 30 days on a loan without maturity (BCBS 238 para 152); not "
            "looked at where instalments of it are delivered.",
            unit=DEAL_CURRENCY,
            nullable=True,
        ),
        day(
            "extendable_until",
            "Latest date to which the borrower may extend it; empty if he may not.",
            nullable=True,
        ),
        flag("transactor", "Revolving and repaid in full at each due date (CRE20.66)."),
        flag("currency_mismatch",
             "In another currency than the borrower's income, not hedged (CRE20.92)."),
        flag("subordinated", "Ranks behind other creditors (CRE20.60)."),
        day(
            "encumbered_until",
            "Day until which it is pledged; empty if it is free (NSF30.20).",
            nullable=True,
        ),
    ),
)  # fmt: skip

CASH_FLOWS = Table(
    name="cash_flows",
    description="Instalments and interest of a deal that are to come; a deal in no row, or with "
    "nothing but interest, is paid at maturity.",
    key=("deal_id", "instalment"),
    selective="deal_id",
    group="sources",
    optional=True,
    references=(Reference(("deal_id",), DEALS, blocking=False),),
    columns=(
        text("deal_id", "The deal that is repaid."),
        whole("instalment", "Number of the instalment.", minimum="1"),
        day("due_date", "Contractual day."),
        day("payment_date", "Day of payment where it is not the contractual one.", nullable=True),
        money("principal", "Repaid; over all instalments the deal's amount, or nothing where all "
              "are interest.", unit=DEAL_CURRENCY),
        money("interest", "Interest due with it beyond what has accrued, also of deposits and "
              "secured trades (BCBS 238 paras 69, 141, 153-154); coupons of a security held.",
              unit=DEAL_CURRENCY),
    ),
)  # fmt: skip

PROVISIONS = Table(
    name="provisions",
    description="Provisions for credit losses (CRE20.1, CAP10.18).",
    key=("provision_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("deal_id",), DEALS, blocking=False),
        Reference(("entity_id",), ENTITIES),
    ),
    columns=(
        text("provision_id", "Identifier of the provision."),
        text("entity_id", "Entity that has made it."),
        text("kind", "For one deal, or for losses not yet known.", allowed=("SPECIFIC", "GENERAL")),
        text("deal_id", "The deal of a specific provision.", nullable=True),
        text("currency", "ISO 4217 code of the amount."),
        money("amount", "The provision."),
    ),
)

FACILITIES = Table(
    name="facilities",
    description="Committed credit and liquidity lines, granted or received (BCBS 238 paras "
    "126-131, CRE20.94-101).",
    key=("facility_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("entity_id",), ENTITIES),
        Reference(("counterparty_id",), COUNTERPARTIES),
        Reference(("drawn_deal_id",), DEALS, blocking=False),
        Reference(("undrawn_deal_id",), DEALS),
    ),
    columns=(
        text("facility_id", "Identifier of the line."),
        text("entity_id", "Entity that grants it or to which it is granted."),
        text("counterparty_id", "The other party."),
        text("direction", "Granted by the entity, or received.", allowed=("GRANTED", "RECEIVED")),
        text(
            "kind",
            "What it serves; a liquidity line or note issuance facility backs a customer's debt.",
            allowed=("CREDIT", "LIQUIDITY", "TRADE_FINANCE", "GUARANTEE", "NOTE_ISSUANCE"),
        ),
        text("drawn_deal_id", "Deal that holds what is drawn; empty if nothing is.",
             nullable=True),
        text("undrawn_deal_id", "Deal that holds what is not drawn and then counts, as one has to "
             "where the customer has posted liquid assets (BCBS 238 paras 126-130); empty where no "
             "deal carries it.", nullable=True),
        text("currency", "ISO 4217 code of the amounts."),
        money("facility_limit", "The limit: drawn and undrawn together."),
        money("drawn", "Drawn so far."),
        money("undrawn", "Still to be drawn."),
        money("backed_debt", "Debt due within 30 days that it backs; empty where that is not told, "
              "as of hedge funds, money market funds and vehicles.", nullable=True),
        text(
            "cancellable",
            "Whether, and on which condition, the grantor may end it at any time.",
            allowed=("NO", "CONDITIONALLY", "UNCONDITIONALLY"),
        ),
        day("granted", "Day on which it was granted."),
        day("maturity_date", "Last day on which it may be drawn; empty if open.", nullable=True),
    ),
)  # fmt: skip

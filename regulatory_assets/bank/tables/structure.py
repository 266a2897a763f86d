"""The group's structure, the deposit schemes of its entities, and the general ledger."""

from __future__ import annotations

from regulatory_assets.bank.tables.accounts import BRANCHES
from regulatory_assets.bank.tables.columns import flag, money, share, text
from regulatory_assets.bank.tables.core import ENTITIES, PRODUCT_TYPES
from regulatory_assets.ledger.table import Reference, Table

ACCOUNT_CLASSES = (*PRODUCT_TYPES, "OTHER_ASSET", "OTHER_LIABILITY", "EQUITY", "OFF_BALANCE")
"""What the general ledger's accounts hold: kinds of deals, and what no deal stands for."""

OUTFLOW_ADJUSTMENTS = ("FULL", "REDUCED", "FURTHER_REDUCED")
"""What a bank may multiply its net outflows with (12 CFR 249.30(c))."""

ENTITY_STRUCTURE = Table(
    name="entity_structure",
    description="Where an entity stands in its group, and what binds its liquidity.",
    key=("entity_id",),
    group="sources",
    bounded=True,
    optional=True,
    references=(Reference(("entity_id",), ENTITIES), Reference(("parent_entity_id",), ENTITIES)),
    columns=(
        text("entity_id", "The entity.", classification="public"),
        text(
            "parent_entity_id",
            "Entity that holds it; empty for the head of the group.",
            nullable=True,
            classification="public",
        ),
        share("share_held", "The parent's share of its capital; empty for the head.",
              nullable=True, classification="public"),
        text("country", "ISO 3166 code of the country that supervises it.",
             classification="public"),
        flag(
            "transferable",
            "Liquid assets beyond its own need are at the group's disposal "
            "(BCBS 238 paras 36 and 171-172).",
            classification="internal",
        ),
        text("calendar", "Calendar of its business days, such as TARGET.",
             classification="public"),
        text("outflow_adjustment", "Which share of its net outflows an American bank counts: "
             "REDUCED in Category III with less than $75 billion of short-term wholesale funding, "
             "FURTHER_REDUCED in Category IV (12 CFR 249.30(c)); empty for all of them.",
             nullable=True, allowed=OUTFLOW_ADJUSTMENTS, classification="public"),
    ),
)  # fmt: skip

DEPOSIT_SCHEMES = Table(
    name="deposit_schemes",
    description="Schemes that insure an entity's deposits (BCBS 238 paras 75-78).",
    key=("entity_id", "scheme_id"),
    group="sources",
    bounded=True,
    optional=True,
    references=(Reference(("entity_id",), ENTITIES),),
    columns=(
        text("entity_id", "Entity whose deposits are insured.", classification="public"),
        text("scheme_id", "Identifier of the scheme.", classification="public"),
        text("name", "Name of the scheme.", classification="public"),
        text("currency", "ISO 4217 code of the limit.", classification="public"),
        money("insured_limit", "What the scheme pays to one depositor of the entity at most."),
        flag("covers_foreign_currency", "Deposits in other currencies are insured too.",
             classification="public"),
        flag(
            "additional_criteria",
            "Prefunded, and pays within seven business days, so that the lower outflow may hold "
            "(BCBS 238 para 78).",
            classification="public",
        ),
    ),
)  # fmt: skip

GENERAL_LEDGER = Table(
    name="general_ledger",
    description="Balances of the general ledger at the close of the day.",
    key=("entity_id", "gl_account", "currency", "branch_id"),
    group="sources",
    bounded=True,
    optional=True,
    references=(Reference(("entity_id",), ENTITIES), Reference(("branch_id",), BRANCHES)),
    columns=(
        text("entity_id", "Entity whose books these are.", classification="internal"),
        text("gl_account", "Number of the account.", classification="internal"),
        text(
            "account_class",
            "What the account holds: the kind of its deals, or what no deal stands for.",
            allowed=ACCOUNT_CLASSES,
            classification="internal",
        ),
        text("currency", "ISO 4217 code of the balance.", classification="internal"),
        text(
            "branch_id",
            "Branch at which it is booked; empty for the head office's own books.",
            nullable=True,
            classification="internal",
        ),
        money(
            "balance",
            "Balance in the sense of its class: debit of an asset, credit of a liability or of "
            "equity, notional amount off balance.",
            signed=True,
        ),
    ),
)

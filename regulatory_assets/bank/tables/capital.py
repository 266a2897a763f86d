"""Own debt, own funds, and the risk-weighted assets that are delivered as amounts."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import day, flag, money, text
from regulatory_assets.bank.tables.core import DEALS, ENTITIES
from regulatory_assets.ledger.table import Reference, Table

OWN_FUNDS_COMPONENTS = (
    # Common Equity Tier 1 (CAP10.6) and its regulatory adjustments (CAP30).
    "COMMON_SHARES",
    "SHARE_PREMIUM",
    "RETAINED_EARNINGS",
    "OTHER_COMPREHENSIVE_INCOME",
    "OTHER_RESERVES",
    "CET1_MINORITY_INTEREST",
    "CET1_GOODWILL",
    "CET1_INTANGIBLES",
    "CET1_DEFERRED_TAX",
    "CET1_OWN_SHARES",
    "CET1_CASH_FLOW_HEDGES",
    "CET1_FINANCIAL_HOLDINGS",
    "CET1_OTHER_DEDUCTIONS",
    # Additional Tier 1 (CAP10.11).
    "AT1_INSTRUMENTS",
    "AT1_MINORITY_INTEREST",
    "AT1_DEDUCTIONS",
    # Tier 2 (CAP10.16).
    "T2_INSTRUMENTS",
    "T2_MINORITY_INTEREST",
    "T2_GENERAL_PROVISIONS",
    "T2_DEDUCTIONS",
)

OWN_DEBT = Table(
    name="own_debt",
    description="Instruments that the entity has issued, with the options in them.",
    key=("instrument_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("entity_id",), ENTITIES),
        Reference(("deal_id",), DEALS),
    ),
    columns=(
        text("instrument_id", "Identifier of the instrument.", classification="public"),
        text("entity_id", "The issuer.", classification="public"),
        text("deal_id", "Deal that carries it and then counts, of the kind COVERED_DEBT where its "
             "ranking is COVERED, else OWN_DEBT; empty where none does.",
             nullable=True),
        text(
            "ranking",
            "Place in the order of creditors; COVERED is secured by a pool of the issuer's own, as "
            "covered bonds and asset-backed securities are (BCBS 238 para 124).",
            allowed=("COVERED", "SENIOR", "SUBORDINATED", "TIER_2", "ADDITIONAL_TIER_1"),
            classification="public",
        ),
        text("currency", "ISO 4217 code of the amount.", classification="public"),
        money("outstanding", "Outstanding with accrued interest."),
        day("issued", "Day of issue.", classification="public"),
        day("maturity_date", "Final maturity; empty if perpetual.", nullable=True,
            classification="public"),
        day("call_date", "First day on which the issuer may call it; empty if never.",
            nullable=True, classification="public"),
        flag("call_expected", "The market, or the issuer's repute, expects the call."),
        day("put_date", "First day on which the holder may return it; empty if never.",
            nullable=True, classification="public"),
        flag("retail_only", "Sold to retail customers alone and held by them (BCBS 238 para 110); "
             "of covered debt it does not matter."),
    ),
)  # fmt: skip

OWN_FUNDS = Table(
    name="own_funds",
    description="Components of regulatory capital of an entity or a group (CAP10, CAP30).",
    key=("scope", "component"),
    group="sources",
    bounded=True,
    optional=True,
    columns=(
        text("scope", "Entity, or scope of consolidation as in the entities' group path."),
        text(
            "component",
            "Component or deduction; a deduction is given without sign.",
            allowed=OWN_FUNDS_COMPONENTS,
        ),
        text("currency", "ISO 4217 code of the amount."),
        money(
            "amount",
            "The component; only reserves, income and hedges may be negative.",
            signed=True,
        ),
    ),
)

OTHER_RWA = Table(
    name="other_rwa",
    description="Risk-weighted assets and exposures that other systems calculate.",
    key=("scope", "kind"),
    group="sources",
    bounded=True,
    optional=True,
    columns=(
        text("scope", "Entity, or scope of consolidation as in the entities' group path."),
        text(
            "kind",
            "Risk, or exposure that counts for the leverage ratio only.",
            allowed=(
                "MARKET_RISK",
                "OPERATIONAL_RISK",
                "CVA_RISK",
                "COUNTERPARTY_CREDIT_RISK",
                "SETTLEMENT_RISK",
                "LEVERAGE_DERIVATIVES",
                "LEVERAGE_SECURITIES_FINANCING",
            ),
        ),
        text("currency", "ISO 4217 code of the amount."),
        money("amount", "Risk-weighted assets, or the exposure."),
    ),
)

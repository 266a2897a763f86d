"""Securities beyond their class: terms, ratings, holdings, pledged pools, secured trades."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import (
    DEAL_CURRENCY,
    day,
    flag,
    money,
    share,
    text,
    whole,
)
from regulatory_assets.bank.tables.core import COUNTERPARTIES, DEALS, ENTITIES, SECURITIES
from regulatory_assets.bank.tables.customers import RATING_SCALE, RATING_TERMS
from regulatory_assets.ledger.table import Reference, Table

SECURITY_TERMS = Table(
    name="security_terms",
    description="Terms of a security: who issued it, where, until when, how it trades.",
    key=("security_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("security_id",), SECURITIES, blocking=False),
        Reference(("issuer_id",), COUNTERPARTIES),
        Reference(("originator_id",), COUNTERPARTIES),
    ),
    columns=(
        text("security_id", "The security.", classification="public"),
        text("issuer_id", "Counterparty that issued it; empty if it is none of the bank's.",
             nullable=True),
        text("country", "ISO 3166 code of the issuer's country.", classification="public"),
        text("currency", "ISO 4217 code in which it is issued.", classification="public"),
        day("maturity_date", "Final maturity; empty for shares.", nullable=True,
            classification="public"),
        money("price", "Price of one unit at the close.", unit="security currency"),
        flag("exchange_traded", "Listed on a recognised exchange.", classification="public"),
        flag("main_index", "A share in the main index of its home market (BCBS 238 para 54(c)).",
             classification="public"),
        flag("subordinated", "Ranks behind other creditors.", classification="public"),
        share("average_ltv", "Average loan-to-value of the pool behind a mortgage-backed security.",
              nullable=True, maximum="10", classification="public"),
        flag("full_recourse", "The loans behind it are full recourse (BCBS 238 para 54(a)).",
             classification="public"),
        flag("risk_retention", "The originator keeps part of the risk (BCBS 238 para 54(a)).",
             classification="public"),
        text("originator_id", "Counterparty that originated the loans behind it; empty if it is "
             "none of the bank's.", nullable=True),
        share("price_decline", "Largest decline of its price over 30 days in a time of stress "
              "(BCBS 238 paras 52 and 54); empty if it is not known.", nullable=True,
              classification="public"),
        share("haircut_increase", "Largest increase of its haircut in repos over such 30 days; "
              "empty if it is not known.", nullable=True, classification="public"),
    ),
)  # fmt: skip

SECURITY_RATINGS = Table(
    name="security_ratings",
    description="What each agency says of a security: one rating counts, the worse of two, the "
    "second best of more.",
    key=("security_id", "agency", "term"),
    selective="security_id",
    group="sources",
    optional=True,
    references=(Reference(("security_id",), SECURITIES),),
    columns=(
        text("security_id", "The security.", classification="public"),
        text("agency", "The agency, recognised for the purpose.", classification="public"),
        text("term", "Long or short term.", allowed=RATING_TERMS, classification="public"),
        text("rating", "The rating, on one scale for all agencies.", allowed=RATING_SCALE,
             classification="public"),
    ),
)  # fmt: skip

PLEDGED_POOLS = Table(
    name="pledged_pools",
    description="Pools of securities pledged as a whole; the least liquid count as pledged first.",
    key=("pool_id",),
    group="sources",
    bounded=True,
    optional=True,
    references=(
        Reference(("entity_id",), ENTITIES),
        Reference(("counterparty_id",), COUNTERPARTIES),
    ),
    columns=(
        text("pool_id", "Identifier of the pool."),
        text("entity_id", "Entity that has pledged it."),
        text("counterparty_id", "Who holds the pledge, such as a central bank."),
        text("currency", "ISO 4217 code of the amount."),
        money("used", "Value that the pool must have for what is drawn against it."),
        day("pledged_until", "Day until which it is needed; empty if open.", nullable=True),
    ),
)

HOLDINGS = Table(
    name="holdings",
    description="How much of a held security is free, pledged or out of the treasury's reach; "
    "a deal that stands here is eligible as far as this says, and not as the deal does.",
    key=("deal_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("deal_id",), DEALS, blocking=False),
        Reference(("pool_id",), PLEDGED_POOLS),
    ),
    columns=(
        text("deal_id", "The holding: a deal of the kind SECURITY."),
        money("quantity", "Units held.", unit="units"),
        money("encumbered_quantity", "Units pledged outside a pool.", unit="units"),
        day("encumbered_until", "Day until which they are; empty if none are or if open.",
            nullable=True),
        text("pool_id", "Pool that holds it; empty if none does.", nullable=True),
        flag("operational_ok",
             "The treasury may and can turn it into money at any time (BCBS 238 paras 31-40)."),
        flag("borrowed", "Borrowed, so not on the balance sheet."),
        money("carrying_value", "Value on the balance sheet.", unit=DEAL_CURRENCY),
    ),
)  # fmt: skip

FINANCING_LEGS = Table(
    name="financing_legs",
    description="Both legs of repos, reverse repos, securities lent or borrowed and collateral "
    "swaps (BCBS 238 paras 48, 112-115, 145-148).",
    key=("trade_id", "leg"),
    selective="trade_id",
    group="sources",
    optional=True,
    references=(
        Reference(("deal_id",), DEALS, blocking=False),
        Reference(("entity_id",), ENTITIES),
        Reference(("counterparty_id",), COUNTERPARTIES),
    ),
    columns=(
        text("trade_id", "Identifier of the trade."),
        whole("leg", "1 or 2; a collateral swap has two legs of securities.", minimum="1"),
        text("deal_id", "Deal that holds the trade; a collateral swap that none holds is in no "
             "figure.", nullable=True),
        text("entity_id", "Entity that trades."),
        text("counterparty_id", "The other party."),
        text("direction", "Given by the entity, or received.", allowed=("GIVEN", "RECEIVED")),
        text("asset", "What moves on the leg.", allowed=("CASH", "SECURITIES")),
        text("currency", "ISO 4217 code of the value."),
        money("value", "Cash, or market value of the securities."),
        day("start_date", "First day."),
        day("end_date", "Last day; empty if open.", nullable=True),
        whole("notice_days", "Days of notice of an open trade.", unit="days", nullable=True),
    ),
)  # fmt: skip

COLLATERAL_PIECES = Table(
    name="collateral_pieces",
    description="What lies in a leg of securities, piece by piece.",
    key=("trade_id", "leg", "piece"),
    selective="trade_id",
    group="sources",
    optional=True,
    references=(
        Reference(("trade_id", "leg"), FINANCING_LEGS),
        Reference(("security_id",), SECURITIES),
    ),
    columns=(
        text("trade_id", "The trade."),
        whole("leg", "The leg of securities.", minimum="1"),
        whole("piece", "Number of the piece in the leg.", minimum="1"),
        text("security_id", "The security."),
        money("quantity", "Units.", unit="units"),
        money("market_value", "Market value; over a leg its value.", unit="leg currency"),
        flag("reusable", "Whoever received it may use it again (BCBS 238 para 31)."),
        money("reused_quantity", "Units that the entity has used again.", unit="units"),
        flag(
            "recallable",
            "Its owner can have it back within 30 days, against nothing or worse securities.",
        ),
    ),
)

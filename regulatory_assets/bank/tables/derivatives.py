"""Derivatives: netting sets, margin, trades, their flows, and what collateral has moved."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import day, flag, money, text, whole
from regulatory_assets.bank.tables.core import COUNTERPARTIES, ENTITIES, SECURITIES
from regulatory_assets.ledger.table import Reference, Table

NETTING_SETS = Table(
    name="netting_sets",
    description="What is netted by contract (BCBS 238 para 116, NSF30.6-30.8).",
    key=("netting_set_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("entity_id",), ENTITIES),
        Reference(("counterparty_id",), COUNTERPARTIES),
    ),
    columns=(
        text("netting_set_id", "Identifier of the set."),
        text("entity_id", "Entity that is bound."),
        text("counterparty_id", "The other party."),
        text("kind", "What is netted.", allowed=("DERIVATIVES", "SECURITIES_FINANCING")),
        flag("master_agreement", "A valid master netting agreement stands behind it."),
        flag("central_counterparty", "Cleared by a central counterparty."),
        flag("margined", "Variation margin is exchanged daily."),
        text("currency", "ISO 4217 code of the amounts."),
        money("exposure_value", "Exposure at default as calculated by the source (CRE52)."),
        money(
            "downgrade_collateral",
            "Collateral to be posted on a downgrade by up to three notches (BCBS 238 para 118).",
        ),
        money("uncalled_collateral", "Due to the other party, not yet called (para 121)."),
        money("excess_collateral", "Held beyond what is due, callable at once (para 120)."),
    ),
)

MARGIN_BALANCES = Table(
    name="margin_balances",
    description="Margin posted and received, by netting set, kind and asset.",
    key=("margin_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("netting_set_id",), NETTING_SETS),
        Reference(("security_id",), SECURITIES),
    ),
    columns=(
        text("margin_id", "Identifier of the balance."),
        text("netting_set_id", "The netting set."),
        text("direction", "Posted by the entity, or received.", allowed=("POSTED", "RECEIVED")),
        text(
            "kind",
            "Variation or initial margin, or contribution to a default fund.",
            allowed=("VARIATION", "INITIAL", "DEFAULT_FUND"),
        ),
        text("security_id", "The security; empty for cash.", nullable=True),
        text("currency", "ISO 4217 code of the amount."),
        money("amount", "Cash, or market value of the securities."),
        flag("segregated", "Kept apart, out of the receiver's use."),
        flag("reusable", "The receiver may use it again."),
    ),
)

DERIVATIVES = Table(
    name="derivatives",
    description="Derivatives at the close of the day.",
    key=("trade_id",),
    group="sources",
    optional=True,
    references=(
        Reference(("netting_set_id",), NETTING_SETS),
        Reference(("entity_id",), ENTITIES),
        Reference(("counterparty_id",), COUNTERPARTIES),
    ),
    columns=(
        text("trade_id", "Identifier of the trade."),
        text("netting_set_id", "Its netting set; empty if it stands alone.", nullable=True),
        text("entity_id", "Entity that trades."),
        text("counterparty_id", "The other party."),
        text(
            "kind",
            "Kind of contract.",
            allowed=("FORWARD", "SWAP", "CROSS_CURRENCY_SWAP", "OPTION_BOUGHT", "OPTION_SOLD"),
        ),
        text(
            "underlying",
            "What it depends on.",
            allowed=("INTEREST_RATE", "CURRENCY", "CREDIT", "EQUITY", "COMMODITY"),
        ),
        text("currency", "ISO 4217 code of the amounts."),
        money("notional", "Notional amount."),
        money("market_value", "Replacement cost: what it is worth to the entity.", signed=True),
        day("maturity_date", "Last day."),
        flag("in_the_money", "An option that its holder would exercise today."),
    ),
)

DERIVATIVE_FLOWS = Table(
    name="derivative_flows",
    description="Contractual payments of derivatives that are to come; of an option those of its "
    "exercise.",
    key=("trade_id", "flow"),
    selective="trade_id",
    group="sources",
    optional=True,
    references=(Reference(("trade_id",), DERIVATIVES),),
    columns=(
        text("trade_id", "The trade."),
        whole("flow", "Number of the payment.", minimum="1"),
        day("due_date", "Day of payment."),
        text("direction", "Paid by the entity, or received.", allowed=("PAID", "RECEIVED")),
        text("currency", "ISO 4217 code of the amount."),
        money("amount", "The payment."),
        flag(
            "principal_exchange",
            "Part of a full exchange of principal on one day, netted without an agreement.",
        ),
    ),
)

COLLATERAL_FLOWS = Table(
    name="collateral_flows",
    description="Collateral that moved on account of market values in the last 24 months "
    "(BCBS 238 para 123); a day without a row had none.",
    key=("entity_id", "flow_date", "currency"),
    group="sources",
    bounded=True,
    optional=True,
    references=(Reference(("entity_id",), ENTITIES),),
    columns=(
        text("entity_id", "Entity whose collateral moved."),
        day("flow_date", "Day on which it moved."),
        text("currency", "ISO 4217 code of the amounts."),
        money("posted", "Given by the entity that day."),
        money("received", "Received by it that day."),
    ),
)

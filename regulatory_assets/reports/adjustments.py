"""Where governed rules act on what all reports share: reference data, rates and deals.

The stages at which rules act on one report's own rows stand with that report.
"""

from __future__ import annotations

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES, FX_RATES, SECURITIES
from regulatory_assets.ledger.stages import Lookup, adjustment_stage

reference_adjustments = adjustment_stage(reads=COUNTERPARTIES, name="reference_adjustments")
entity_adjustments = adjustment_stage(
    reads=ENTITIES,
    name="entity_adjustments",
    fixed=("reporting_currency",),  # the rates convert to it; another name would convert nothing
)
security_adjustments = adjustment_stage(reads=SECURITIES, name="security_adjustments")
market_adjustments = adjustment_stage(reads=FX_RATES, name="market_adjustments")
deal_adjustments = adjustment_stage(
    reads=DEALS,
    name="deal_adjustments",
    inserts="deal_id",
    lookups=(
        Lookup(ENTITIES, by=("entity_id",), take=("regime", "reporting_currency")),
        Lookup(COUNTERPARTIES, by=("counterparty_id",), take=("sector", "relationship")),
        Lookup(
            SECURITIES,
            by=("security_id",),
            take=("asset_class", "risk_weight", "credit_quality", "financial_issuer"),
        ),
    ),
)

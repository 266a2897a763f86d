"""Where governed rules act on what all reports share: reference data, rates, deals, and what no
deal stands for.

The stages at which rules act on one report's own rows stand with that report.
"""

from __future__ import annotations

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES, SECURITIES
from regulatory_assets.bank.tables.capital import OWN_DEBT
from regulatory_assets.bank.tables.derivatives import (
    COLLATERAL_FLOWS,
    DERIVATIVE_FLOWS,
    DERIVATIVES,
    MARGIN_BALANCES,
    NETTING_SETS,
)
from regulatory_assets.bank.tables.lending import FACILITIES
from regulatory_assets.ledger.stages import Lookup, adjustment_stage
from regulatory_assets.reports.rates import RATES_OF_DAY

_OF_ENTITY = Lookup(ENTITIES, by=("entity_id",), take=("regime", "reporting_currency"))
_OF_PARTY = Lookup(COUNTERPARTIES, by=("counterparty_id",), take=("sector", "relationship"))

reference_adjustments = adjustment_stage(reads=COUNTERPARTIES, name="reference_adjustments")
entity_adjustments = adjustment_stage(
    reads=ENTITIES,
    name="entity_adjustments",
    fixed=("reporting_currency",),  # the rates convert to it; another name would convert nothing
)
security_adjustments = adjustment_stage(reads=SECURITIES, name="security_adjustments")
market_adjustments = adjustment_stage(
    reads=RATES_OF_DAY,
    name="market_adjustments",
    fixed=("rate_date",),  # of which day a rate is follows from what was delivered
)
deal_adjustments = adjustment_stage(
    reads=DEALS,
    name="deal_adjustments",
    inserts="deal_id",
    lookups=(
        _OF_ENTITY,
        _OF_PARTY,
        Lookup(
            SECURITIES,
            by=("security_id",),
            take=("asset_class", "risk_weight", "credit_quality", "financial_issuer"),
        ),
    ),
)
facility_adjustments = adjustment_stage(
    reads=FACILITIES,
    name="facility_adjustments",
    inserts="facility_id",
    lookups=(_OF_ENTITY, _OF_PARTY),
    fixed=("undrawn_deal_id",),  # that deal counts as well, whatever the facility says
)
debt_adjustments = adjustment_stage(
    reads=OWN_DEBT,
    name="debt_adjustments",
    inserts="instrument_id",
    lookups=(_OF_ENTITY,),
    fixed=("deal_id",),  # likewise
)
derivative_flow_adjustments = adjustment_stage(
    reads=DERIVATIVE_FLOWS,
    name="derivative_flow_adjustments",
    lookups=(
        Lookup(
            DERIVATIVES,
            by=("trade_id",),
            take=("netting_set_id", "entity_id", "counterparty_id", "kind"),
        ),
        _OF_ENTITY,
        _OF_PARTY,
    ),
)
netting_set_adjustments = adjustment_stage(
    reads=NETTING_SETS,
    name="netting_set_adjustments",
    lookups=(_OF_ENTITY, _OF_PARTY),
)
margin_adjustments = adjustment_stage(
    reads=MARGIN_BALANCES,
    name="margin_adjustments",
    lookups=(
        Lookup(NETTING_SETS, by=("netting_set_id",), take=("entity_id", "counterparty_id")),
        _OF_ENTITY,
        _OF_PARTY,
    ),
)
collateral_flow_adjustments = adjustment_stage(
    reads=COLLATERAL_FLOWS, name="collateral_flow_adjustments", lookups=(_OF_ENTITY,)
)

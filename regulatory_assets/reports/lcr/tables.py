"""The tables that the LCR's stages write, each declared once."""

from __future__ import annotations

from regulatory_assets.ledger.table import Column, ColumnType, Table

_STRING, _MONEY, _RATE = ColumnType.STRING, ColumnType.MONEY, ColumnType.RATE
_LONG = ColumnType.LONG
_REPORTING = "reporting currency"


def _money(name: str, description: str, nullable: bool = False) -> Column:
    return Column(name, _MONEY, description, unit=_REPORTING, nullable=nullable)


DEPOSITORS = Table(
    name="depositors",
    description="What each customer funds an entity with, and how much of it is insured.",
    key=("entity_id", "counterparty_id"),
    group="lcr",
    columns=(
        Column("entity_id", _STRING, "Entity that took the deposits; the insured institution."),
        Column("counterparty_id", _STRING, "Depositor.", nullable=True),
        _money("funding", "Deposits, own debt and repos with the depositor as counterparty."),
        _money("balance", "Deposits of the depositor at the entity."),
        _money("eligible_balance", "Those that the entity's one insurance scheme covers."),
        _money("insured_amount", "The smaller of the eligible balance and the scheme's limit."),
        _money("largest_balance", "The largest eligible deposit."),
        Column("all_insured", ColumnType.BOOLEAN, "The insured amount is the whole balance."),
        _money(
            "spread_balance",
            "Eligible balance over which the limit is spread; empty where the limit covers it.",
            nullable=True,
        ),
        _money("spread_limit", "The limit that is spread; empty with the balance.", nullable=True),
        Column(
            "residue_deal_id",
            _STRING,
            "Largest eligible deposit (ties: first deal id), which takes the rounding residue.",
            nullable=True,
        ),
        _money("residue", "The limit that is spread less the rounded shares of the deposits."),
    ),
)

_ONLY_IN = Column(
    "only_in",
    _STRING,
    "Scope that alone treats the deal so; empty where all scopes of its entity agree.",
    nullable=True,
)

_DUE_DAY = Column(
    "due_day",
    ColumnType.INTEGER,
    "Day of the window on which it is due, where the regime asks for it; empty elsewhere.",
    unit="days",
    nullable=True,
)

_REGIME = Column("regime", _STRING, "Regime whose parameters were applied.", nullable=True)

_FLOW_COLUMNS = (
    Column("entity_id", _STRING, "Entity in whose books it stands."),
    Column("partner_entity_id", _STRING, "Group entity on the other side, if any.", nullable=True),
    Column("currency", _STRING, "ISO 4217 code of what was delivered."),
    _REGIME,
    Column("component", _STRING, "Part of the ratio that the line enters."),
    Column("line", _STRING, "LCR line; its factor and paragraph are in lcr/lines."),
    _DUE_DAY,
    _money("amount", "Amount of the part.", nullable=True),
    Column(
        "factor",
        _RATE,
        "Run-off, inflow or (1 - haircut) factor: a share, as all rates of lcr/lines are.",
        unit="fraction",
        nullable=True,
        minimum="0",
        maximum="1",
    ),
    _money("weighted", "Amount times factor.", nullable=True),
)


def _flows(name: str, description: str, *key: Column) -> Table:
    """A table whose rows are taken by LCR lines, each told by ``key``, of which the first column
    tells most apart, and the scope that alone treats it so. ``lcr_lines`` adds such tables up."""
    names = tuple(column.name for column in key)
    return Table(
        name=name,
        description=description,
        key=(*names, _ONLY_IN.name),
        selective=names[0],
        group="lcr",
        columns=(*key, _ONLY_IN, *(c for c in _FLOW_COLUMNS if c.name not in names)),
    )


LCR_FLOWS = _flows(
    "lcr_flows",
    "One row per part of a deal: the LCR line that takes it, and its weighted amount.",
    Column("deal_id", _STRING, "Identifier of the deal."),
    Column("part", _STRING, "Part of the deal that one line takes; where collateral of several "
           "levels divides a trade, with the level."),
)  # fmt: skip

LCR_FACILITY_FLOWS = _flows(
    "lcr_facility_flows",
    "What is not drawn of lines that no deal carries: debt that it backs, and the rest.",
    Column("facility_id", _STRING, "Identifier of the line."),
    Column("part", _STRING, "backed or rest."),
)

LCR_DEBT_FLOWS = _flows(
    "lcr_debt_flows",
    "Instruments issued that no deal carries, due when their holders can first be paid.",
    Column("instrument_id", _STRING, "Identifier of the instrument."),
)

LCR_DERIVATIVE_FLOWS = _flows(
    "lcr_derivative_flows",
    "Payments of derivatives in the window, on the side on which their netting set is.",
    Column("trade_id", _STRING, "The trade."),
    Column("flow", ColumnType.INTEGER, "Number of the payment."),
)

LCR_COLLATERAL_FLOWS = _flows(
    "lcr_collateral_flows",
    "Collateral that the other parties of netting sets may ask for.",
    Column("netting_set_id", _STRING, "Identifier of the set."),
    Column("part", _STRING, "downgrade, excess or uncalled."),
)

LCR_POSTED_FLOWS = _flows(
    "lcr_posted_flows",
    "Collateral that each entity has posted to each counterparty, net, and that may lose value.",
    Column("counterparty_id", _STRING, "The other party."),
    Column("entity_id", _STRING, "Entity that has posted it."),
)

LCR_VALUATION_FLOWS = _flows(
    "lcr_valuation_flows",
    "The largest net collateral flow of the look-back period, by entity.",
    Column("entity_id", _STRING, "Entity whose collateral moved."),
)

FLOWS_BESIDE_DEALS = (
    LCR_FACILITY_FLOWS,
    LCR_DEBT_FLOWS,
    LCR_DERIVATIVE_FLOWS,
    LCR_COLLATERAL_FLOWS,
    LCR_POSTED_FLOWS,
    LCR_VALUATION_FLOWS,
)
"""What lines take beside deals (``positions``)."""

OF_LINES = (
    "hqla_level1",
    "hqla_level2a",
    "hqla_level2b",
    "unwind_level1",
    "unwind_level2a",
    "unwind_level2b",
    "outflow",
    "inflow",
    "lending",
    "out_of_scope",
    "unclassified",
)
"""The components that lines enter, and those of lines that enter no total."""

_LINE_COLUMNS = (
    Column(
        "entity_id", _STRING, "Entity in whose books it stands, or a scope's adjustment entity."
    ),
    Column("partner_entity_id", _STRING, "Group entity on the other side, if any.", nullable=True),
    Column("currency", _STRING, "ISO 4217 code of what was delivered."),
    _ONLY_IN,
    _REGIME,
    Column("component", _STRING, "Part of the ratio that the line enters.", allowed=OF_LINES),
    Column("line", _STRING, "LCR line."),
    _DUE_DAY,
)
_LINE_SUMS = (
    _money("amount", "Sum of the parts' amounts."),
    _money("weighted", "Sum of the parts' weighted amounts."),
)

LCR_LINES = Table(
    name="lcr_lines",
    description="LCR lines by booking entity, intragroup partner and currency.",
    key=tuple(c.name for c in _LINE_COLUMNS),
    group="lcr",
    bounded=True,
    additive=("amount", "weighted", "n_rows", "n"),
    columns=(
        *_LINE_COLUMNS,
        *_LINE_SUMS,
        Column("n_rows", _LONG, "Ledger rows of the group; what a rule adds is one."),
        Column("n", _LONG, "Ledger rows by sign; contra and rebooking cancel."),
    ),
)

ADJUSTMENT_PREFIX = "ADJ-"

ADJUSTMENT_ENTITIES = Table(
    name="adjustment_entities",
    description="The entity of each scope of consolidation for what stands in no member's books.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, f"{ADJUSTMENT_PREFIX} and the scope."),
        Column(
            "scope_path",
            _STRING,
            "The scope after those above it, outermost first, separated by '/'.",
        ),
        Column("reporting_currency", _STRING, "ISO 4217 code in which the scope reports."),
    ),
)

LCR_SCOPE_LINES = Table(
    name="lcr_scope_lines",
    description="LCR lines of each scope, solo and consolidated, without deals inside the scope.",
    key=("scope", *LCR_LINES.key),
    group="lcr",
    bounded=True,
    additive=("amount", "weighted", "n"),
    columns=(
        Column("scope", _STRING, "Entity, or group of entities, that reports."),
        Column("consolidation", _STRING, "solo or group."),
        Column("reporting_currency", _STRING, "ISO 4217 code of the amounts."),
        *_LINE_COLUMNS,
        *_LINE_SUMS,
        Column("n", _LONG, "Rows of flows behind the line; what a rule adds counts as one."),
    ),
)

COMPONENTS = (
    "hqla_level1",
    "hqla_level2a",
    "hqla_level2b",
    "unwind_level1",
    "unwind_level2a",
    "unwind_level2b",
    "outflow",
    "lending_excess",
    "inflow",
    "mismatch_add_on",
)
"""The totals that the ratio is computed from; sums of lines, but for the lending excess and the
add-on for maturity mismatch."""

UNTRANSFERABLE = ("untransferable_level1", "untransferable_level2a", "untransferable_level2b")
"""What does not count of the levels in a group, as it may not leave its entity and this has no need
of it (paragraph 171); there are such rows where a group has an entity that keeps its liquidity."""

UNTRANSFERABLE_UNWIND = tuple(
    name.replace("untransferable_", "untransferable_unwind_") for name in UNTRANSFERABLE
)
"""What does not count of the unwinding of such an entity's trades, beside ``UNTRANSFERABLE``; of
either sign."""

PROMOTED = ("promoted_level1", "promoted_level2a", "promoted_level2b")
"""Sovereigns in a foreign currency that are Level 1 up to the outflows in it, and what that takes
from the level that they have without (paragraph 50(e)); there are such rows where a scope has any.
"""

LCR_COMPONENTS = Table(
    name="lcr_components",
    description="The totals of each scope that its ratio is computed from, one row each.",
    key=("scope", "component"),
    group="lcr",
    bounded=True,
    columns=(
        Column("scope", _STRING, "Entity, or group of entities, that reports."),
        Column(
            "component",
            _STRING,
            "Part of the ratio.",
            allowed=(*COMPONENTS, *PROMOTED, *UNTRANSFERABLE, *UNTRANSFERABLE_UNWIND),
        ),
        Column("consolidation", _STRING, "solo or group."),
        Column("reporting_currency", _STRING, "ISO 4217 code of the amount."),
        _money("amount", "Weighted amounts of the component's lines; zero where it has none."),
    ),
)

LCR = Table(
    name="lcr",
    description="Liquidity coverage ratio of each scope, with all operands (BCBS 238 Annex 1).",
    key=("scope",),
    group="lcr",
    bounded=True,
    columns=(
        Column("scope", _STRING, "Entity, or group of entities, that reports."),
        Column("consolidation", _STRING, "solo or group."),
        Column("currency", _STRING, "ISO 4217 code of the amounts."),
        _money(
            "level1",
            "Level 1 assets after haircuts, foreign-currency sovereigns among them "
            "(para 50(e)), without what may not leave its entity.",
        ),
        _money("level2a", "Level 2A assets after haircuts, likewise."),
        _money("level2b", "Level 2B assets after haircuts, likewise."),
        _money("adjusted_level1", "Level 1 after unwinding (Annex 1)."),
        _money("adjusted_level2a", "Level 2A after unwinding (Annex 1)."),
        _money("adjusted_level2b", "Level 2B after unwinding (Annex 1)."),
        _money("cap_level2b", "Deduction for the 15 % cap (Annex 1)."),
        _money("cap_level2", "Deduction for the 40 % cap (Annex 1)."),
        _money("hqla", "Stock of high-quality liquid assets."),
        _money("lending_excess", "Lending beyond a share of customers' inflows (para 133)."),
        _money("outflows", "Total expected cash outflows, the lending excess among them."),
        _money("inflows_uncapped", "Total expected cash inflows."),
        _money("inflows", "Inflows after the cap of 75 % of outflows (paras 69, 144)."),
        _money("mismatch_add_on", "Add-on for maturity mismatch (12 CFR 249.30); none in Basel."),
        _money("net_outflows", "Total net cash outflows."),
        Column(
            "ratio",
            _MONEY,
            "Stock divided by net outflows; empty where there are none (not defined).",
            unit="fraction",
            nullable=True,
        ),
    ),
)

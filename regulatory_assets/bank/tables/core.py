"""What every bank must deliver: entities, counterparties, rates, securities and deals."""

from __future__ import annotations

from regulatory_assets.ledger.table import (
    MONEY_LIMIT_DIGITS,
    Classification,
    Column,
    ColumnType,
    Table,
)

MONEY_MAX = "9" * MONEY_LIMIT_DIGITS
_STRING, _DATE, _INT = ColumnType.STRING, ColumnType.DATE, ColumnType.INTEGER
_BOOL, _MONEY, _RATE = ColumnType.BOOLEAN, ColumnType.MONEY, ColumnType.RATE
_PUBLIC: Classification = "public"
_CONFIDENTIAL: Classification = "confidential"

PRODUCT_TYPES = (
    "CASH",
    "CENTRAL_BANK_RESERVE",
    "SECURITY",
    "DEPOSIT",
    "REPO",
    "REVERSE_REPO",
    "LOAN",
    # Funding and placements beside deposits.
    "OWN_DEBT",
    # Secured by a pool of the issuer's own: covered bonds and other structured financing.
    "COVERED_DEBT",
    "NETWORK_DEPOSIT",
    "OPERATIONAL_PLACEMENT",
    "MARGIN_LOAN",
    "SHORT_COVER_LENDING",
    # Securities against securities: what is received is the amount, what is given the collateral.
    "COLLATERAL_SWAP",
    # Promises: the amount is what is not drawn yet.
    "CREDIT_FACILITY",
    "LIQUIDITY_FACILITY",
    "LENDING_COMMITMENT",
    "FACILITY_RECEIVED",
    "UNCOMMITTED_FACILITY",
    "GUARANTEE",
    "TRADE_FINANCE",
    "OTHER_CONTINGENT",
    # Delivered amounts: flows netted by the source, collateral needs, vehicles, the rest.
    "DERIVATIVE_OUTFLOW",
    "DERIVATIVE_INFLOW",
    "DOWNGRADE_COLLATERAL",
    "VALUATION_COLLATERAL",
    "EXCESS_COLLATERAL",
    "UNCALLED_COLLATERAL",
    "SUBSTITUTABLE_COLLATERAL",
    "MARKET_VALUATION",
    "STRUCTURED_VEHICLE",
    "CUSTOMER_SHORT",
    "OTHER_CONTRACTUAL_OUTFLOW",
    "OTHER_CONTRACTUAL_INFLOW",
)
SECTORS = (
    "RETAIL",
    "SMALL_BUSINESS",
    "CORPORATE",
    "SOVEREIGN",
    "PSE",
    "MDB",
    "CENTRAL_BANK",
    "BANK",
    "OTHER_FINANCIAL",
    "OTHER_LEGAL_ENTITY",
)
ASSET_CLASSES = (
    "SOVEREIGN",
    "PUBLIC_SECTOR",
    "COVERED_BOND",
    "CORPORATE_BOND",
    "RMBS",
    "EQUITY",
    "OTHER",
)
CREDIT_QUALITIES = ("AAA_TO_AA_MINUS", "A_PLUS_TO_BBB_MINUS", "BELOW_BBB_MINUS", "UNRATED")

ENTITIES = Table(
    name="entities",
    description="Legal entities of the banking group.",
    key=("entity_id",),
    group="sources",
    bounded=True,
    columns=(
        Column("entity_id", _STRING, "Identifier of the legal entity.", classification=_PUBLIC),
        Column("name", _STRING, "Registered name.", classification=_PUBLIC),
        Column(
            "group_path",
            _STRING,
            "Scopes of consolidation above the entity, outermost first, separated by '/'; each "
            "once, none named as an entity.",
            nullable=True,
        ),
        Column("regime", _STRING, "Regime whose parameters apply to the entity."),
        Column("reporting_currency", _STRING, "ISO 4217 code in which the entity reports."),
    ),
)

COUNTERPARTIES = Table(
    name="counterparties",
    description="Customers and other counterparties, as the regulation classifies them.",
    key=("counterparty_id",),
    group="sources",
    columns=(
        Column(
            "counterparty_id",
            _STRING,
            "Identifier of the counterparty.",
            classification=_CONFIDENTIAL,
        ),
        Column(
            "sector", _STRING, "Regulatory sector.", allowed=SECTORS, classification=_CONFIDENTIAL
        ),
        Column(
            "relationship",
            _BOOL,
            "Established relationship that makes withdrawal highly unlikely (BCBS 238 para 75).",
            classification=_CONFIDENTIAL,
        ),
        Column(
            "partner_entity_id",
            _STRING,
            "Entity of the same group that this counterparty is, for intragroup deals.",
            nullable=True,
        ),
    ),
)

FX_RATES = Table(
    name="fx_rates",
    description="Exchange rates of the reporting date into the reporting currency.",
    key=("currency",),
    group="sources",
    bounded=True,
    columns=(
        Column("currency", _STRING, "ISO 4217 code.", classification=_PUBLIC),
        Column(
            "rate",
            _RATE,
            "Reporting currency units for one unit of the currency.",
            unit="reporting currency per unit",
            minimum="0.00000001",
            classification=_PUBLIC,
        ),
    ),
)

SECURITIES = Table(
    name="securities",
    description="Securities master: what decides the level of a liquid asset.",
    key=("security_id",),
    group="sources",
    columns=(
        Column("security_id", _STRING, "Identifier of the security.", classification=_PUBLIC),
        Column(
            "asset_class",
            _STRING,
            "Kind of security and issuer.",
            allowed=ASSET_CLASSES,
            classification=_PUBLIC,
        ),
        Column(
            "risk_weight",
            _RATE,
            "Basel II standardised risk weight of the issuer.",
            unit="fraction",
            nullable=True,
            minimum="0",
            maximum="12.5",
        ),
        Column(
            "credit_quality",
            _STRING,
            "Rating band; it holds where no rating of an agency was delivered.",
            allowed=CREDIT_QUALITIES,
            classification=_PUBLIC,
        ),
        Column(
            "financial_issuer", _BOOL, "Issued by a financial institution.", classification=_PUBLIC
        ),
    ),
)

DEALS = Table(
    name="deals",
    description="Positions and contracts at the close of the reporting date.",
    key=("deal_id",),
    group="sources",
    columns=(
        Column("deal_id", _STRING, "Identifier of the deal.", classification=_CONFIDENTIAL),
        Column("entity_id", _STRING, "Entity that books the deal."),
        Column(
            "counterparty_id",
            _STRING,
            "The other party; empty for cash and securities held.",
            nullable=True,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "account_id",
            _STRING,
            "Account through which the customer holds the deal; empty where there is none.",
            nullable=True,
            classification=_CONFIDENTIAL,
        ),
        Column("product_type", _STRING, "Kind of deal.", allowed=PRODUCT_TYPES),
        Column("currency", _STRING, "ISO 4217 code of the amounts."),
        Column(
            "amount",
            _MONEY,
            "Outstanding amount with accrued interest; market value of a security, or of those "
            "received in a collateral swap; what is not drawn of a promise; the netted or needed "
            "amount of a delivered one.",
            unit="deal currency",
            minimum="0",
            maximum=MONEY_MAX,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "maturity_date",
            _DATE,
            "Contractual maturity, or the earliest date the holder can be paid; empty if open.",
            nullable=True,
        ),
        Column(
            "security_id",
            _STRING,
            "Security held or given in a collateral swap, or collateral of a repo, reverse repo "
            "or facility.",
            nullable=True,
        ),
        Column(
            "collateral_value",
            _MONEY,
            "Market value of the collateral of a repo, reverse repo or facility, or of the "
            "securities given in a collateral swap.",
            unit="deal currency",
            nullable=True,
            minimum="0",
            maximum=MONEY_MAX,
            classification=_CONFIDENTIAL,
        ),
        Column(
            "operational_amount",
            _MONEY,
            "Part of a deposit needed for clearing, custody or cash management.",
            unit="deal currency",
            nullable=True,
            minimum="0",
            maximum=MONEY_MAX,
            classification=_CONFIDENTIAL,
        ),
        Column("transactional", _BOOL, "Transactional account (BCBS 238 para 75)."),
        Column("insurable", _BOOL, "Deposit eligible for the deposit insurance scheme."),
        Column(
            "locked_in",
            _BOOL,
            "Term deposit with no right of, or a material penalty on, early withdrawal (para 82).",
        ),
        Column(
            "eligible",
            _BOOL,
            "Unencumbered and under the treasury's control (BCBS 238 paras 31-40).",
        ),
        Column(
            "days_past_due",
            _INT,
            "Days the oldest payment is overdue.",
            unit="days",
            minimum="0",
            classification=_CONFIDENTIAL,
        ),
    ),
)

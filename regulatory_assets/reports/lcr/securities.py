"""What decides the level of a security in the stock and as collateral, once per security.

securities, security_ratings, security_terms -> security_qualities, security_conditions ->
security_grades. Whether a unit is unencumbered is a matter of the deal and does not belong here.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, SECURITIES
from regulatory_assets.bank.tables.customers import RATING_SCALE
from regulatory_assets.bank.tables.securities import SECURITY_RATINGS, SECURITY_TERMS
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.regulation.expressions import decide, value
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES

_STRING, _INTEGER, _BOOL = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN

SECURITY_QUALITIES = Table(
    name="security_qualities",
    description="The rating of a security that counts among those of all agencies.",
    key=("security_id",),
    group="lcr",
    columns=(
        Column("security_id", _STRING, "The security."),
        Column("term", _STRING, "Long or short term: which ratings were compared."),
        Column("ratings", _INTEGER, "How many ratings were compared."),
        Column("rating", _STRING, "The one that counts.", allowed=RATING_SCALE),
        Column("credit_quality", _STRING, "Its band (lcr/rating_bands)."),
    ),
)

SECURITY_CONDITIONS = Table(
    name="security_conditions",
    description="What the terms of a security say of its level.",
    key=("security_id",),
    group="lcr",
    columns=(
        Column("security_id", _STRING, "The security."),
        Column("issuer_entity_id", _STRING, "Issuing entity of the group.", nullable=True),
        Column("mortgages_qualify", _BOOL, "Originator, loan-to-value, recourse and risk retention "
               "are as paragraph 54(a) asks; a loan-to-value that is not told is not."),
        Column("main_index", _BOOL, "In the main index, as paragraph 54(c) asks of equity."),
        Column("stress_decline", ColumnType.RATE, "The worse of price and haircut in stress.",
               unit="fraction", nullable=True),
        Column("country", _STRING, "Country of the issuer."),
        Column("issue_currency", _STRING, "Currency in which it is issued."),
    ),
)  # fmt: skip

SECURITY_GRADES = Table(
    name="security_grades",
    description="What decides the level of each security (lcr/security_level).",
    key=("security_id",),
    group="lcr",
    columns=(
        Column("security_id", _STRING, "The security."),
        Column("asset_class", _STRING, "Kind of security and issuer."),
        Column("risk_weight_band", _STRING, "Band of the issuer's weight (lcr/risk_weight_bands)."),
        Column("credit_quality", _STRING, "Rating band: of the ratings, else as delivered."),
        Column("issuer", _STRING, "An entity of the group, a financial institution, or another."),
        Column(
            "conditions",
            _STRING,
            "UNMET where terms do not show what its class must have; else "
            "how far it fell in stress (lcr/stress_declines).",
        ),
        Column(
            "sovereign",
            _STRING,
            "Of a sovereign with a weight above 0 % its country and the currency of its issue.",
            nullable=True,
        ),
    ),
)


@group_stage(
    reads=SECURITY_RATINGS,
    writes=SECURITY_QUALITIES,
    by=("security_id",),
    parameters=("lcr/rating_bands", "lcr/ratings_counted"),
)
def security_qualities(ratings: DataFrame, p: Any) -> DataFrame:
    """The rating that counts (convention 10): the only one, the worse of two, the second best of
    more. Short-term ratings count where there is no long-term one (BCBS 238 paras 52(b), 54)."""
    scale = F.array(*(F.lit(rating) for rating in RATING_SCALE))

    def places(term: str) -> Expression:
        of_term = F.when(F.col("term") == term, F.array_position(scale, F.col("rating")))
        return F.sort_array(F.collect_list(of_term.cast("int")))

    number = F.size("compared")
    how_many = F.when(number == 1, "ONE").when(number == 2, "TWO").otherwise("MORE")
    counts = decide(p["lcr/ratings_counted"], {"ratings": how_many}, "counts")
    place = F.when(counts == "BEST", 1).when(counts == "SECOND_BEST", 2)
    compared = ratings.groupBy("security_id").agg(
        places("LONG").alias("long_term"), places("SHORT").alias("short_term")
    )
    is_long = F.size("long_term") > 0
    found = (
        compared.withColumn("term", F.when(is_long, "LONG").otherwise("SHORT"))
        .withColumn("compared", F.when(is_long, F.col("long_term")).otherwise(F.col("short_term")))
        .withColumn("ratings", number)
        .withColumn("rating", F.element_at(scale, F.element_at("compared", place)))
    )
    band = decide(p["lcr/rating_bands"], {"rating": F.col("rating")}, "credit_quality")
    return found.withColumn("credit_quality", band)


@row_stage(
    reads=SECURITY_TERMS,
    writes=SECURITY_CONDITIONS,
    lookups=(
        Lookup(COUNTERPARTIES, by=("issuer_id",), take=("partner_entity_id",)),
        Lookup(
            COUNTERPARTIES,
            by=("originator_id",),
            take=("partner_entity_id",),
            prefix="originator_",
        ),
    ),
    parameters=("lcr/mortgage_pools",),
)
def security_conditions(terms: DataFrame, p: Any) -> DataFrame:
    """Issuer, index, mortgages behind a security and what it lost in stress (BCBS 238 paras 50, 52,
    54).

    Issuer and originator are entities of the group where the counterparty named is one.
    """
    most = F.lit(p["lcr/mortgage_pools"].value("rmbs", "average_ltv")).cast(ColumnType.RATE.value)
    lent = F.coalesce(F.col("average_ltv") <= most, F.lit(False))
    of_others = F.col("originator_partner_entity_id").isNull()
    kept = F.col("full_recourse") & F.col("risk_retention")
    price, haircut = F.col("price_decline"), F.col("haircut_increase")
    worse = F.greatest(F.coalesce(price, haircut), F.coalesce(haircut, price))
    return (
        terms.withColumn("issuer_entity_id", F.col("partner_entity_id"))
        .withColumn("mortgages_qualify", of_others & lent & kept)
        .withColumn("stress_decline", worse)
        .withColumn("issue_currency", F.col("currency"))
    )


@row_stage(
    reads=SECURITIES,
    writes=SECURITY_GRADES,
    lookups=(
        Lookup(
            SECURITY_QUALITIES,
            by=("security_id",),
            take=("credit_quality",),
            prefix="rated_",
            optional=True,
        ),
        Lookup(
            SECURITY_CONDITIONS,
            by=("security_id",),
            take=(
                "issuer_entity_id",
                "mortgages_qualify",
                "main_index",
                "stress_decline",
                "country",
                "issue_currency",
            ),
            prefix="terms_",
            optional=True,
        ),
    ),
    parameters=("lcr/risk_weight_bands", "lcr/stress_declines"),
)
def security_grades(securities: DataFrame, p: Any) -> DataFrame:
    """Weight, rating and issuer in the bands of paragraphs 50-54 of BCBS 238.

    A security without a rating of an agency keeps the band that was delivered with it; one of whose
    terms nothing is known counts as not issued by the group, and as what its class must be.
    """
    weight, bands = F.col("risk_weight"), p["lcr/risk_weight_bands"]
    declines = p["lcr/stress_declines"].rows()
    weight_band = (
        F.when(weight.isNull(), "NONE")
        .when(weight == bands.value("ZERO", "risk_weight"), "ZERO")
        .when(weight == bands.value("TWENTY", "risk_weight"), "TWENTY")
        .otherwise("HIGHER")
    )
    issuer = (
        F.when(F.col("terms_issuer_entity_id").isNotNull(), "OWN")
        .when(F.col("financial_issuer"), "FINANCIAL")
        .otherwise("OTHER")
    )
    rated = F.coalesce(F.col("rated_credit_quality"), F.col("credit_quality"))
    kind = F.col("asset_class")
    unmet = ((kind == "RMBS") & ~F.col("terms_mortgages_qualify")) | (
        (kind == "EQUITY") & ~F.col("terms_main_index")
    )
    conditions = F.when(unmet, "UNMET").when(F.col("terms_stress_decline").isNull(), "MET")
    for (within,), row in sorted(declines.items(), key=lambda item: item[1].values["most"]):
        most = F.lit(row.values["most"]).cast(ColumnType.RATE.value)
        conditions = conditions.when(F.col("terms_stress_decline") <= most, within)
    issue = F.concat("terms_country", F.lit(" "), "terms_issue_currency")
    weighted = (kind == "SOVEREIGN") & (weight_band != "ZERO") & (issuer == "OTHER")
    return (
        securities.withColumn("credit_quality", rated)
        .withColumn("risk_weight_band", weight_band)
        .withColumn("issuer", issuer)
        .withColumn("conditions", conditions.otherwise("UNMET"))
        .withColumn("sovereign", F.when(weighted, issue))
    )


_DECIDING = ("asset_class", "risk_weight_band", "credit_quality", "issuer", "conditions")
OF_GRADE = Lookup(SECURITY_GRADES, by=("security_id",), take=(*_DECIDING, "sovereign"))
OF_ENTITY = Lookup(
    ENTITY_SCOPES,
    by=("entity_id",),
    take=("regime", "scopes", "regimes", "mixed", "at_home", "currency_area"),
)
"""With ``OF_GRADE``: what ``with_sovereigns`` and ``level_of`` look at, and who is domestic."""


def with_sovereigns(rows: DataFrame, prefix: str = "") -> DataFrame:
    """Rows with ``domestic`` and ``foreign``: YES for a sovereign above 0 % of the country where
    the entity takes its risk, or of the home of its group, that has issued in the currency of this
    country (BCBS 238 para 50(d)), or in another (50(e)). ``prefix`` tells of two securities one."""
    sovereign, at_home = F.col(f"{prefix}sovereign"), F.col("at_home")
    country = F.concat(F.lit("/"), F.element_at(F.split(sovereign, " "), 1), F.lit(" "))
    here = F.contains(F.concat(F.lit("/"), at_home), country)
    domestic = F.array_contains(F.split(at_home, "/"), sovereign)

    def said(yes: Expression) -> Expression:
        """Few rows have a sovereign: of the others no text is taken apart."""
        of_known = F.when(yes, "YES").otherwise("NO")
        return F.when(sovereign.isNotNull(), of_known).otherwise("NO")

    return rows.withColumns(
        {f"{prefix}domestic": said(domestic), f"{prefix}foreign": said(here & ~domestic)}
    )


def level_of(p: Any, prefix: str = "") -> Expression:
    """Level 1, 2A, 2B or none under a row's regime; null where there is no security."""
    inputs = {name: F.col(f"{prefix}{name}") for name in (*_DECIDING, "domestic")}
    level = decide(p["lcr/security_level"], inputs, "level", F.col("regime"))
    return F.when(F.col(f"{prefix}asset_class").isNotNull(), level)


_UNWIND = "unwind_"


def unwind_line(level: Expression) -> Expression:
    """The line of collateral of a level that is unwound; its factor is what the haircut leaves."""
    return F.concat(F.lit(_UNWIND), level)


def is_unwound(line: str) -> bool:
    """Whether a line is of what is unwound, whose factors decide more than the parts on it."""
    return line.startswith(_UNWIND)


def after_haircut(p: Any, level: Expression) -> Expression:
    """What the haircut of a level leaves under a row's regime; null where it is no liquid asset."""
    lines = p["lcr/lines"].among(lambda key: is_unwound(*key))
    return value(lines, unwind_line(level), "rate", F.col("regime"))

"""What is known of counterparties beyond their sector: groups, size, ratings."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import flag, money, text
from regulatory_assets.bank.tables.core import COUNTERPARTIES
from regulatory_assets.ledger.table import Reference, Table

RATING_SCALE = (
    "AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+", "BB", "BB-",
    "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C", "D",
)  # fmt: skip
"""From the best to default; a mapping translates an agency's own symbols."""
RATING_TERMS = ("LONG", "SHORT")

COUNTERPARTY_DETAILS = Table(
    name="counterparty_details",
    description="What the risk weight of a counterparty depends on beside its sector (CRE20).",
    key=("counterparty_id",),
    group="sources",
    optional=True,
    references=(Reference(("counterparty_id",), COUNTERPARTIES, blocking=False),),
    columns=(
        text("counterparty_id", "The counterparty."),
        text("country", "ISO 3166 code of the country of residence or of the seat."),
        money(
            "annual_sales",
            "Sales of the consolidated group in the last year (CRE20.47); empty for others than "
            "businesses.",
            unit="EUR",
            nullable=True,
        ),
        text(
            "bank_grade",
            "Grade of an unrated bank's standing (CRE20.21-20.31); empty for others.",
            nullable=True,
            allowed=("A", "B", "C"),
        ),
        flag(
            "regulatory_retail",
            "Meets product, size and granularity criteria of retail (CRE20.65).",
        ),
    ),
)

CUSTOMER_GROUPS = Table(
    name="customer_groups",
    description="Groups of connected customers: who counts as one (BCBS 238 para 90, LEX10).",
    key=("counterparty_id",),
    group="sources",
    optional=True,
    references=(Reference(("counterparty_id",), COUNTERPARTIES),),
    columns=(
        text("counterparty_id", "A member; who is in no row stands for itself."),
        text("group_id", "Identifier of the group of connected customers."),
        text("reason", "Why they count as one.", allowed=("CONTROL", "ECONOMIC_DEPENDENCE")),
    ),
)

COUNTERPARTY_RATINGS = Table(
    name="counterparty_ratings",
    description="What each agency says of a counterparty.",
    key=("counterparty_id", "agency", "term"),
    selective="counterparty_id",
    group="sources",
    optional=True,
    references=(Reference(("counterparty_id",), COUNTERPARTIES),),
    columns=(
        text("counterparty_id", "Who is rated."),
        text("agency", "The agency, recognised for the purpose.", classification="public"),
        text("term", "Long or short term.", allowed=RATING_TERMS, classification="public"),
        text("rating", "The rating, on one scale for all agencies.", allowed=RATING_SCALE,
             classification="public"),
    ),
)  # fmt: skip

"""Positions within the group: whether both books hold the same, and whether an entity has any with
itself, which is none.

What one entity has lent another, or has promised to, is what that one owes it or may draw. Such
positions fall out of a scope that holds both, whatever the books say.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES
from regulatory_assets.bank.tables.lending import FACILITIES
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result, verdict
from regulatory_assets.reports.lcr.tables import FLOWS_BESIDE_DEALS, LCR_FLOWS, LCR_LINES

_HELD_AS = {"DEPOSIT": ("LOAN", "OPERATIONAL_PLACEMENT"), "REPO": ("REVERSE_REPO",)}
"""What one book owes, and as what the other holds it."""


def _two_books(day: Examination, since: int) -> Result:
    kind = F.col("product_type")
    assets = [asset for held in _HELD_AS.values() for asset in held]
    owed = F.lit(None).cast("string")
    for liability, held in _HELD_AS.items():
        owed = F.when(kind.isin(liability, *held), liability).otherwise(owed)
    columns = ("entity_id", "counterparty_id", "product_type", "currency", "amount")
    deals = day.rows(DEALS).select(*columns).withColumn("owed_as", owed)
    both = deals.where(F.col("owed_as").isNotNull())
    return _compared(day, both, kind.isin(*assets), ("owed_as", "currency"))


def _two_books_of_lines(day: Examination, since: int) -> Result:
    """By what is not drawn: what is drawn is a deal of both."""
    lines = day.rows(FACILITIES).withColumn("amount", F.col("undrawn"))
    return _compared(day, lines, F.col("direction") == "GRANTED", ("currency",))


def _compared(
    day: Examination, positions: DataFrame, lent: Column, alike: tuple[str, ...]
) -> Result:
    """Whether what entities lend each other, or have promised, is what the other side has."""
    entity, partner, amount = F.col("entity_id"), F.col("partner_entity_id"), F.col("amount")
    parties = day.rows(COUNTERPARTIES).where(partner.isNotNull())
    known = frames.semi(parties, day.rows(ENTITIES), ("partner_entity_id",), ("entity_id",))
    by_party, party = ("counterparty_id",), known.select("counterparty_id", "partner_entity_id")
    within = frames.attach(positions, party, by_party, by_party, "inner")
    sides = within.select(
        F.when(lent, entity).otherwise(partner).alias("lender"),
        F.when(lent, partner).otherwise(entity).alias("borrower"),
        *alike,
        F.when(lent, amount).otherwise(-amount).alias("amount"),
    )
    by = ("lender", "borrower", *alike)
    summed = sides.groupBy(*by).agg(total(F.col("amount")).alias("lent_more_than_owed"))
    differing = summed.where(F.col("lent_more_than_owed") != 0)
    said = "positions within the group differ between its books, and its figures leave out both"
    shown = (*by, "lent_more_than_owed")
    return verdict(differing.count(), differing, shown, said, "both books of the group agree")


def _with_itself(day: Examination, since: int) -> Result:
    """Asked of the lines, which are few; only where there are such are their rows looked for."""
    itself = F.col("entity_id") == F.col("partner_entity_id")
    lines = frames.values(day.keys(LCR_LINES, ("entity_id",), among=itself))
    if not lines:
        return Result(True, "no entity has a position with itself", {"offending": 0})
    rows = sum(line["rows"] for line in lines)
    named = "; ".join(_rows_of(day, itself))
    said = (
        f"{rows} lines are of entities with themselves, for instance {named}; deliver them with "
        "another counterparty or not at all, or the counterparty with another partner_entity_id"
    )
    return Result(False, said, {"offending": rows, "examples": named})


def _rows_of(day: Examination, among: Column) -> Iterator[str]:
    for table in (LCR_FLOWS, *FLOWS_BESIDE_DEALS):
        if day.version(table).live:
            found = day.keys(table, table.key, among).orderBy(*table.key).limit(SHOWN)
            for row in frames.values(found):
                named = (f"{n}={row[n]}" for n in table.key if row[n] is not None)
                yield f"{table.name}: {', '.join(named)}"


two_books = Check(
    DEALS,
    "two_books",
    "What entities have lent each other is what they owe each other, by kind and currency.",
    False,
    _two_books,
    (COUNTERPARTIES, ENTITIES),
)

two_books_of_lines = Check(
    FACILITIES,
    "two_books",
    "What entities may draw of each other is what these have promised them, by currency.",
    False,
    _two_books_of_lines,
    (COUNTERPARTIES, ENTITIES),
)

with_itself = Check(
    LCR_LINES,
    "with_itself",
    "No entity has a position with itself: it would stand in none of its scopes.",
    True,
    _with_itself,
    (LCR_FLOWS, *FLOWS_BESIDE_DEALS),
)

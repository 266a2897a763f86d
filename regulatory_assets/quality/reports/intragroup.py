"""Whether both books of the group hold the same: what one entity has lent another, and what that
one owes it. Such deals fall out of a scope that holds both, whatever the books say."""

from __future__ import annotations

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.quality.examination import Check, Examination, Result, verdict

_HELD_AS = {"DEPOSIT": ("LOAN", "OPERATIONAL_PLACEMENT"), "REPO": ("REVERSE_REPO",)}
"""What one book owes, and as what the other holds it."""


def _two_books(day: Examination, since: int) -> Result:
    entity, kind = F.col("entity_id"), F.col("product_type")
    assets = [asset for held in _HELD_AS.values() for asset in held]
    owed = F.lit(None).cast("string")
    for liability, held in _HELD_AS.items():
        owed = F.when(kind.isin(liability, *held), liability).otherwise(owed)
    parties = day.rows(COUNTERPARTIES).where(F.col("partner_entity_id").isNotNull())
    known = frames.semi(parties, day.rows(ENTITIES), ("partner_entity_id",), ("entity_id",))
    deals = day.rows(DEALS).select(
        "entity_id", "counterparty_id", "product_type", "currency", "amount"
    )
    both = deals.withColumn("owed_as", owed).where(F.col("owed_as").isNotNull())
    by_party, party = ("counterparty_id",), known.select("counterparty_id", "partner_entity_id")
    within = frames.attach(both, party, by_party, by_party, "inner")
    lent, partner, amount = kind.isin(*assets), F.col("partner_entity_id"), F.col("amount")
    sides = within.select(
        F.when(lent, entity).otherwise(partner).alias("lender"),
        F.when(lent, partner).otherwise(entity).alias("borrower"),
        "owed_as",
        "currency",
        F.when(lent, amount).otherwise(-amount).alias("amount"),
    )
    by = ("lender", "borrower", "owed_as", "currency")
    summed = sides.groupBy(*by).agg(total(F.col("amount")).alias("lent_more_than_owed"))
    differing = summed.where(F.col("lent_more_than_owed") != 0)
    said = "positions within the group differ between its books, and its figures leave out both"
    shown = (*by, "lent_more_than_owed")
    return verdict(differing.count(), differing, shown, said, "both books of the group agree")


two_books = Check(
    DEALS,
    "two_books",
    "What entities have lent each other is what they owe each other, by kind and currency.",
    False,
    _two_books,
    (COUNTERPARTIES, ENTITIES),
)

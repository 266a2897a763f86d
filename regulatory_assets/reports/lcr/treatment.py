"""A deal, or another position, as the scopes of its entity treat it: once, or once for each where
they differ.

What makes scopes differ is found before, in small tables: their regimes (``scopes``), where a
depositor's group is large (``customers``), and of what levels a trade's collateral is
(``collateral``).
"""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.reports.lcr.collateral import with_shares
from regulatory_assets.reports.lcr.customers import SMALL
from regulatory_assets.reports.lcr.insurance import is_deposit
from regulatory_assets.reports.lcr.scopes import regime_of_scope, seen_by


def by_regime(positions: DataFrame) -> DataFrame:
    """Each position once, or once for every scope of its entity where their regimes differ: with
    ``only_in`` and the ``regime`` of that scope. A retail deposit keeps that of the entity
    (convention 13)."""
    scopes = seen_by(F.col("mixed") & ~is_retail_deposit())
    seen = positions.withColumn("only_in", F.explode(scopes))
    return seen.withColumn("regime", F.coalesce(regime_of_scope(), F.col("regime")))


def as_treated(deals: DataFrame) -> DataFrame:
    """Each deal once, or once for every scope of its entity where these do not agree on it; and of
    a trade that ``collateral`` divides each share, with what is told of it (``share``).

    A small business is a corporate in the scopes in which its group's funding reaches the limit
    (convention 8). A group's regime is its head's, but retail and small business deposits keep
    that of the entity that took them (convention 13).
    """
    scopes, scope = F.split(F.col("scopes"), "/"), F.col("only_in")
    large = F.when(is_deposit() & (F.col("sector") == SMALL), F.split(F.col("large_scopes"), "/"))
    host = is_retail_deposit() & large.isNull()
    differ = (F.col("mixed") & ~host) | (F.size(large) < F.size(scopes))
    corporate = large.isNotNull() & (scope.isNull() | F.array_contains(large, scope))
    of_scope = F.when(~is_retail_deposit(), regime_of_scope())
    return (
        with_shares(deals, seen_by(differ))
        .withColumn("sector", F.when(corporate, F.lit("CORPORATE")).otherwise(F.col("sector")))
        .withColumn("regime", F.coalesce(of_scope, F.col("regime")))
    )


def is_retail_deposit() -> Column:
    """A deposit of a person or a small business, as the row's scopes see its sector."""
    retail = F.col("sector").isin("RETAIL", SMALL)
    return is_deposit() & F.coalesce(retail, F.lit(False))

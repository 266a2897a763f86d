"""A deal, or another position, as the scopes of its entity treat it: once, or once for each where
they differ.

What makes scopes differ is found before, in small tables: their regimes (``scopes``) and where a
depositor's group is large (``customers``).
"""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.reports.lcr.customers import SMALL
from regulatory_assets.reports.lcr.insurance import is_deposit


def by_regime(positions: DataFrame) -> DataFrame:
    """Each position once, or once for every scope of its entity where their regimes differ: with
    ``only_in`` and the ``regime`` of that scope. A retail deposit keeps that of the entity
    (convention 13)."""
    seen = _of_scopes(positions, F.col("mixed") & ~is_retail_deposit())
    return seen.withColumn("regime", F.coalesce(_regime_of_scope(), F.col("regime")))


def as_treated(deals: DataFrame) -> DataFrame:
    """Each deal once, or once for every scope of its entity where these do not agree on it.

    A small business is a corporate in the scopes in which its group's funding reaches the limit
    (convention 8). A group's regime is its head's, but retail and small business deposits keep
    that of the entity that took them (convention 13).
    """
    scopes, scope = F.split(F.col("scopes"), "/"), F.col("only_in")
    large = F.when(is_deposit() & (F.col("sector") == SMALL), F.split(F.col("large_scopes"), "/"))
    host = is_retail_deposit() & large.isNull()
    differ = (F.col("mixed") & ~host) | (F.size(large) < F.size(scopes))
    corporate = large.isNotNull() & (scope.isNull() | F.array_contains(large, scope))
    of_scope = F.when(~is_retail_deposit(), _regime_of_scope())
    return (
        _of_scopes(deals, differ)
        .withColumn("sector", F.when(corporate, F.lit("CORPORATE")).otherwise(F.col("sector")))
        .withColumn("regime", F.coalesce(of_scope, F.col("regime")))
    )


def _of_scopes(rows: DataFrame, differ: Column) -> DataFrame:
    """Rows with ``only_in``: for every scope of the entity where they differ, else empty."""
    scopes, alike = F.split(F.col("scopes"), "/"), F.array(F.lit(None).cast("string"))
    seen = F.when(F.coalesce(differ, F.lit(False)), scopes).otherwise(alike)
    return rows.withColumn("only_in", F.explode(seen))


def _regime_of_scope() -> Column:
    """The regime of the scope that alone sees a row; null where all do."""
    place = F.array_position(F.split(F.col("scopes"), "/"), F.col("only_in")).cast("int")
    found = F.element_at(F.split(F.col("regimes"), "/"), place)
    return F.when(F.col("only_in").isNotNull(), found)


def is_retail_deposit() -> Column:
    """A deposit of a person or a small business, as the row's scopes see its sector."""
    retail = F.col("sector").isin("RETAIL", SMALL)
    return is_deposit() & F.coalesce(retail, F.lit(False))

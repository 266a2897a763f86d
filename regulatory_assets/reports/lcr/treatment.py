"""A deal as the scopes of its entity treat it: once, or once for each where they differ.

What makes scopes differ is found before, in small tables: their regimes (``scopes``) and where a
depositor's group is large (``customers``).
"""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.reports.lcr.customers import SMALL
from regulatory_assets.reports.lcr.insurance import is_deposit


def as_treated(deals: DataFrame) -> DataFrame:
    """Each deal once, or once for every scope of its entity where these do not agree on it.

    A small business is a corporate in the scopes in which its group's funding reaches the limit
    (convention 8). A group's regime is its head's, but retail and small business deposits keep
    that of the entity that took them (convention 13).
    """
    scopes, scope, own = F.split(F.col("scopes"), "/"), F.col("only_in"), F.col("regime")
    large = F.when(is_deposit() & (F.col("sector") == SMALL), F.split(F.col("large_scopes"), "/"))
    host = is_retail_deposit() & large.isNull()
    differ = (F.col("mixed") & ~host) | (F.size(large) < F.size(scopes))
    alike = F.array(F.lit(None).cast("string"))
    corporate = large.isNotNull() & (scope.isNull() | F.array_contains(large, scope))
    place = F.array_position(scopes, scope).cast("int")
    of_scope = F.when(
        scope.isNotNull() & ~is_retail_deposit(),
        F.element_at(F.split(F.col("regimes"), "/"), place),
    )
    return (
        deals.withColumn(
            "only_in", F.explode(F.when(F.coalesce(differ, F.lit(False)), scopes).otherwise(alike))
        )
        .withColumn("sector", F.when(corporate, F.lit("CORPORATE")).otherwise(F.col("sector")))
        .withColumn("regime", F.coalesce(of_scope, own))
    )


def is_retail_deposit() -> Column:
    """A deposit of a person or a small business, as the row's scopes see its sector."""
    retail = F.col("sector").isin("RETAIL", SMALL)
    return is_deposit() & F.coalesce(retail, F.lit(False))

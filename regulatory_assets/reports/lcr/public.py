"""Central banks, sovereigns and public sector entities: of which country they are.

counterparties -> public_counterparties, few of them. Whether one is domestic decides what
secured funding with it runs off by; which line follows belongs to ``flows``.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES
from regulatory_assets.bank.tables.customers import COUNTERPARTY_DETAILS
from regulatory_assets.ledger.stages import Lookup, row_stage
from regulatory_assets.ledger.table import Column as TableColumn
from regulatory_assets.ledger.table import ColumnType, Table

PUBLIC = ("CENTRAL_BANK", "SOVEREIGN", "PSE")
"""Sectors of which BCBS 238 para 115 asks whether they are domestic."""

PUBLIC_COUNTERPARTIES = Table(
    name="public_counterparties",
    description="Central banks, sovereigns and public sector entities, with their countries.",
    key=("counterparty_id",),
    group="lcr",
    columns=(
        TableColumn("counterparty_id", ColumnType.STRING, "The counterparty."),
        TableColumn("country", ColumnType.STRING, "ISO 3166 code of its country; empty if it is "
                    "not told.", nullable=True),
    ),
)  # fmt: skip


@row_stage(
    reads=COUNTERPARTIES,
    writes=PUBLIC_COUNTERPARTIES,
    lookups=(
        Lookup(COUNTERPARTY_DETAILS, by=("counterparty_id",), take=("country",), optional=True),
    ),
)
def public_counterparties(counterparties: DataFrame, p: Any) -> DataFrame:
    """Those of whom it is asked whether they are domestic (BCBS 238 para 115)."""
    return counterparties.where(F.col("sector").isin(*PUBLIC))


OF_PUBLIC = Lookup(
    PUBLIC_COUNTERPARTIES,
    by=("counterparty_id",),
    take=("country",),
    prefix="public_",
    optional=True,
)


def whose_counterparty() -> Column:
    """FOREIGN where the countries of counterparty and entity are told and differ; central banks of
    countries with one currency are one. Else DOMESTIC."""
    country, area = F.col("public_country"), F.split(F.col("currency_area"), "/")
    shared = (F.col("sector") == "CENTRAL_BANK") & F.array_contains(area, country)
    abroad = ~((country == F.element_at(area, 1)) | shared)
    known = F.when(country.isNull(), "DOMESTIC")  # of most, and their areas need no splitting
    return known.when(abroad, "FOREIGN").otherwise("DOMESTIC")

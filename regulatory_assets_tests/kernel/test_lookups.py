"""Of what is looked up only the columns that a stage takes reach its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.joining import Joining, Move
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.stages import Lookup, Stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets_tests.control.examples import DAY, revision

CUSTOMERS = Table(
    name="rated_customers",
    description="Customers.",
    key=("customer",),
    group="toy",
    columns=(
        Column("customer", ColumnType.STRING, "Customer.", nullable=True),
        Column("grade", ColumnType.STRING, "Taken.", nullable=True),
        Column("remark", ColumnType.STRING, "Not taken."),
    ),
)
OF_CUSTOMER = Lookup(CUSTOMERS, by=("customer",), take=("grade",), prefix="own_")
SCHEMA = "entry int, layer string, sign int, rule_id string, customer string, grade string"
BASE, RULE = ("base", 1, None), ("adjustment", 1, "R")
CONTRA = ("adjustment", -1, "R")
ENTRIES = [
    *[(-1, *BASE, "remarked", "A", "old"), (1, *BASE, "remarked", "A", "new")],
    *[(-1, *BASE, "regraded", "A", "same"), (1, *BASE, "regraded", "B", "same")],
    *[(1, *CONTRA, "remarked by a rule", "A", "old"), (1, *RULE, "remarked by a rule", "A", "R")],
    *[(1, *CONTRA, None, "A", "same"), (1, *RULE, None, None, "same")],
    (1, *CONTRA, "left out by a rule", "A", "same"),
    # One rule has given way to another that grades alike.
    (-1, *RULE, "graded by a rule", "B", "same"),
    (1, *RULE[:2], "S", "graded by a rule", "B", "other"),
]


class Entries(Reader):
    """A reader of entries at hand, whatever the version."""

    def __init__(self, engine: Engine) -> None:
        self.found = engine.session.createDataFrame(ENTRIES, f"{SCHEMA}, remark string")

    def changes(self, version: Version, since: Version) -> DataFrame:
        return self.found

    def entries(self, version: Version) -> DataFrame:
        return self.found


def version(*, mixed: bool) -> Version:
    return Version(CUSTOMERS, DAY, (revision(CUSTOMERS.name, 1),), mixed=mixed)


def keys(found: DataFrame) -> list[str | None]:
    return sorted((row.customer for row in found.collect()), key=str)


@pytest.fixture
def reader(sail: Engine) -> Entries:
    return Entries(sail)


@pytest.mark.parametrize(
    ("net", "moved"),
    [(False, ["regraded"]), (True, [None, "left out by a rule", "regraded"])],
)
def test_a_moved_column_counts_where_it_is_taken(
    reader: Entries, net: bool, moved: Sequence[str | None]
) -> None:
    @row_stage(reads=CUSTOMERS, writes=CUSTOMERS, lookups=(OF_CUSTOMER,))
    def stage(rows: DataFrame, p: Any) -> DataFrame:
        return rows

    both = Move(version(mixed=True), version(mixed=True))
    assert isinstance(stage, Stage)
    joining = Joining(stage, {CUSTOMERS.name: both}, both.old, None, reader, lambda rows: rows)
    assert keys(joining._moved_keys(OF_CUSTOMER, net=net)) == moved


def test_a_rule_counts_where_it_changes_what_is_taken(reader: Entries) -> None:
    adjusted = reader.adjusted_keys(version(mixed=True), OF_CUSTOMER.seen)
    assert keys(adjusted) == [None, "left out by a rule"]
    assert len(keys(reader.adjusted_keys(version(mixed=True)))) == 4

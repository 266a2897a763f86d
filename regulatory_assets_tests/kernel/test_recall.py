"""What a run has found by key answers for these keys, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets_tests.control.examples import DAY, revision

DEALS = Table(
    name="few_deals",
    description="Deals of customers.",
    key=("deal",),
    group="toy",
    columns=(
        Column("deal", ColumnType.STRING, "Deal."),
        Column("customer", ColumnType.STRING, "Customer.", nullable=True),
    ),
)
OWN = (1, "base", 1, None)
SCHEMA = "entry int, layer string, sign int, rule_id string, deal string, customer string"
CUSTOMER, DEAL = ("customer",), ("deal",)


class Looks:
    """A version with what is looked up beside what is recalled."""

    def __init__(self, engine: Engine, recall: Recall) -> None:
        self.engine, self.recall = engine, recall
        self.version = Version(DEALS, DAY, (revision("few_deals", 1), revision("few_deals", 2)))
        self.asked: list[tuple[list[int], list[str | None]]] = []

    def keys(self, name: str, *values: str | None) -> DataFrame:
        rows = [(value,) for value in values]
        return self.engine.session.createDataFrame(rows, f"{name} string")

    def keep(self) -> None:
        """Customers a, none and z are known: two deals, one, and none at all."""
        rows = [(*OWN, "d1", "a"), (*OWN, "d2", "a"), (*OWN, "d3", None)]
        found = self.engine.session.createDataFrame(rows, SCHEMA)
        self.recall.keep(self.version, CUSTOMER, found, self.keys("customer", "a", None, "z"))

    def ask(self, on: Sequence[str], *values: str | None) -> list[str] | None:
        """The deals recalled for some keys; what is looked up besides has the name of a posting."""

        def look(revisions: Sequence[Revision], keys: DataFrame) -> DataFrame:
            named = [row[0] for row in keys.select(*on).collect()]
            self.asked.append(([r.revision for r in revisions], sorted(named, key=str)))
            customer = named[0] if on == CUSTOMER else None
            rows = [(*OWN, f"of revision {r.revision}", customer) for r in revisions]
            return self.engine.session.createDataFrame(rows, SCHEMA)

        rows = self.recall.entries(self.version, self.keys(on[0], *values), on, look)
        return None if rows is None else sorted(row.deal for row in rows.collect())


@pytest.fixture
def looks(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    lake = Lake(tmp_path_factory.mktemp("recall"), sail.session)
    with lake.scratch() as store:
        looks = Looks(sail, Recall(store))
        assert looks.ask(CUSTOMER, "a") is None
        looks.keep()
        yield looks


def test_known_keys_are_not_looked_for(looks: Looks) -> None:
    assert looks.ask(CUSTOMER, "a") == ["d1", "d2"]
    assert looks.ask(CUSTOMER, None, "z") == ["d3"]
    assert looks.asked == []


def test_other_keys_alone_are(looks: Looks) -> None:
    assert looks.ask(CUSTOMER, "a", "b") == ["d1", "d2", "of revision 1", "of revision 2"]
    assert looks.asked == [([1, 2], ["b"])]
    assert looks.ask(CUSTOMER, "b", "z") == ["of revision 1", "of revision 2"]
    assert len(looks.asked) == 1, "a key was looked for a second time"


def test_the_own_key_names_one_row(looks: Looks) -> None:
    assert looks.ask(DEAL, "d2") == ["d2"]
    assert looks.ask(DEAL, "d2", "d7") == ["d2", "of revision 1", "of revision 2"]
    assert looks.asked == [([1, 2], ["d7"])]


def test_but_not_where_rules_have_rows_under_it(looks: Looks) -> None:
    looks.version = replace(looks.version, mixed=True)
    assert looks.ask(DEAL, "d2") is None
    assert looks.ask(CUSTOMER, "a") == ["d1", "d2"]


def test_later_postings_are_added(looks: Looks) -> None:
    later = revision("few_deals", 3)
    looks.version = replace(looks.version, chain=(*looks.version.chain, later))
    assert looks.ask(CUSTOMER, "a") == ["d1", "d2", "of revision 3"]
    assert looks.ask(CUSTOMER, "b") == ["of revision 1", "of revision 2", "of revision 3"]
    assert looks.asked == [([3], ["a"]), ([1, 2], ["b"]), ([3], ["b"])]


def test_an_earlier_revision_and_a_snapshot_are_read_anew(looks: Looks) -> None:
    first, second = looks.version.chain
    looks.version = replace(looks.version, chain=(first,))
    assert looks.ask(CUSTOMER, "a") is None
    snapshot = revision("few_deals", 3, kind="snapshot")
    looks.version = replace(looks.version, chain=(first, second, snapshot))
    assert looks.ask(CUSTOMER, "a") is None

"""A stage looks up an optional table: not delivered it is empty, delivered later it is a change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.histories import opened
from regulatory_assets_tests.kernel.world import DAYS, World, frame, rows_of

DAY = DAYS[0]
_BOOK = Column("book", ColumnType.STRING, "book")
_ID = Column("id", ColumnType.STRING, "id")
_WORD = Column("word", ColumnType.STRING, "word", nullable=True)
_WORDS = Column("words", ColumnType.LONG, "words", nullable=True)

NOTES = Table("notes", "Notes on deals.", (_BOOK, _ID, _WORD), ("book", "id"), "t", optional=True)
NOTED = Table("noted", "Notes of a book.", (_BOOK, _WORDS), ("book",), "t")
MARKED = Table("marked", "Deals with notes.", (_BOOK, _ID, _WORD), ("book", "id"), "t")
TOLD = Table("told", "Both.", (_BOOK, _ID, _WORD, _WORDS), ("book", "id"), "t")
NEEDY = Table("needy", "Deals that all have notes.", (_BOOK, _ID, _WORD), ("book", "id"), "t")
_NOTE = Lookup(NOTES, by=("book", "id"), take=("word",), optional=True)


@group_stage(reads=NOTES, writes=NOTED, by=("book",))
def noted(notes: DataFrame, _: Any) -> DataFrame:
    return notes.groupBy("book").agg(F.count("word").alias("words"))


@row_stage(reads=books.DEALS, writes=MARKED, lookups=(_NOTE,))
def marked(deals: DataFrame, _: Any) -> DataFrame:
    return deals


@row_stage(
    reads=MARKED,
    writes=TOLD,
    lookups=(
        replace(_NOTE, prefix="again_"),
        Lookup(NOTED, by=("book",), take=("words",), optional=True),
    ),
)
def told(rows: DataFrame, _: Any) -> DataFrame:
    """Null where the two ways to the note differ: that must never be."""
    same = F.col("word").eqNullSafe(F.col("again_word"))
    return rows.withColumn("words", F.when(same, F.col("words")))


@row_stage(reads=books.DEALS, writes=NEEDY, lookups=(replace(_NOTE, optional=False),))
def needy(deals: DataFrame, _: Any) -> DataFrame:
    return deals


GRAPH = Graph((*books.SOURCES, NOTES), (noted, marked, told, needy))


def test_an_optional_lookup_waits_for_nobody(sail: Engine, tmp_path: Path, template: Path) -> None:
    world = replace(World.fresh(sail, tmp_path, template), graph=GRAPH)
    runner = world.runner

    def found(table: Table) -> dict[str, tuple[Any, ...]]:
        read = world.reader.rows(world.version(table.name, DAY)).toArrow()
        own = len(table.content) - len(table.columns)
        return {row[own + 1]: row[own + 2 :] for row in rows_of(read, table)}

    def ways(only: list[str] | None = None) -> dict[str, tuple[Way, int]]:
        return {o.table: (o.way, o.rows) for o in runner.run_day(DAY, "test", only)}

    world.deliver("deals", DAY, opened("b"), "full")
    assert runner.positions(DAY).left_out() == {"notes", "noted", "needy"}
    assert runner.positions(DAY).left_out(["notes"]) == frozenset()
    assert ways() == {"marked": (Way.FULL, 3), "told": (Way.FULL, 3)}
    assert found(TOLD) == dict.fromkeys(("d0", "d1", "d2"), (None, None))
    assert {c.table for c in world.register.history("told", DAY)[-1].inputs} == {"marked"}
    assert set(ways().values()) == {(Way.NOTHING, 0)}
    with pytest.raises(NotReady, match="needy: notes has no rows for 2026-01-05; deliver notes"):
        ways(["needy"])
    with pytest.raises(NotReady, match="no table markd, nots; stages: marked, needy, noted, told"):
        ways(["nots", "marked", "markd"])

    late = frame(sail, NOTES, [("b", "d1", "late")])
    deliver(runner, NOTES, DAY, late, "full", "test")
    with pytest.raises(NotReady, match="told: noted has no rows for 2026-01-05; run noted"):
        ways(["told"])
    ways(["noted"])
    with pytest.raises(NotReady, match=r"different revisions of notes .*run marked first"):
        ways(["told"])
    assert ways() == {
        "noted": (Way.NOTHING, 0),
        "marked": (Way.CHANGE, 2),
        "told": (Way.CHANGE, 6),
        "needy": (Way.FULL, 3),
    }
    assert found(MARKED) == {"d0": (None,), "d1": ("late",), "d2": (None,)}
    assert found(TOLD) == {"d0": (None, 1), "d1": ("late", 1), "d2": (None, 1)}

    deliver(runner, NOTES, DAY, frame(sail, NOTES, []), "full", "test")
    ways()
    assert found(TOLD) == dict.fromkeys(("d0", "d1", "d2"), (None, None))

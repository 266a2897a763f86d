"""Counterexamples: each was found by attacking the kernel, or was close to being one."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import Engine
from regulatory_assets.ledger import fingerprint, frames
from regulatory_assets.ledger.compact import clean, orphans
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake, LakeError
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.postcheck import Counts, PostingRefused
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.shadow import ShadowLake
from regulatory_assets.ledger.stages import Lookup, ReportRow, report_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.books_model import Deal, Sources
from regulatory_assets_tests.kernel.histories import opened
from regulatory_assets_tests.kernel.world import DAYS, CrashError, World, frame, rows_of, toy_code

DAY = DAYS[0]


@pytest.fixture
def world(sail: Engine, tmp_path: Path, template: Path) -> World:
    return World.fresh(sail, tmp_path, template)


def deliver_all(world: World, given: Sources) -> None:
    for table in ("deals", "customers", "rates"):
        world.deliver(table, DAY, given, "full")


def test_a_report_whose_rows_all_vanish(world: World) -> None:
    """A Connect session cannot make an empty frame from an Arrow table."""
    given = opened("b")
    with toy_code():
        deliver_all(world, given)
        world.check(DAY, Random(1))
        world.deliver("deals", DAY, Sources(), "full")
        world.check(DAY, Random(1))
        world.deliver("deals", DAY, given, "full")
        world.check(DAY, Random(1))


def test_empty_deliveries(world: World) -> None:
    """Tables delivered without a row are tables all the same."""
    with toy_code():
        deliver_all(world, Sources())
        world.check(DAY, Random(1))
        deliver_all(world, opened("b"))
        world.check(DAY, Random(1))


@pytest.mark.parametrize("name", ["with space", "größe", "a#b", "a?b", "[a]", "a%20b"])
def test_a_path_that_sail_would_encode_is_refused(sail: Engine, tmp_path: Path, name: str) -> None:
    """Sail wrote to 'with%20space', a table without the settings of the one created for it, and
    read 369003690.03690037 back as 369003690.03690040."""
    with pytest.raises(LakeError, match="path of a lake"):
        Lake(tmp_path / name, sail.session)


def test_a_table_that_is_gone_is_not_read_as_empty(sail: Engine, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", sail.session)
    assert lake.scan(books.RATES, DAY, ()).count() == 0
    shutil.rmtree(lake.path(books.RATES))
    with pytest.raises(LakeError, match=r"rates: .* is gone, with 2 registered postings"):
        Lake(tmp_path / "lake", sail.session).scan(books.RATES, DAY, ("a", "b"))
    assert not lake.path(books.RATES).exists()


def test_a_torn_cut_is_refused(world: World) -> None:
    given = opened("b")
    with toy_code():
        deliver_all(world, given)
        world.check(DAY, Random(1))
        given.deals["b", "d0"] = replace(given.deals["b", "d0"], amount=Decimal(1))
        world.deliver("deals", DAY, given, "delta")
        with pytest.raises(NotReady, match="run held first"):
            world.runner.run_stage(books.flows, DAY, "test")


def test_nothing_is_calculated_before_all_inputs_are_delivered(world: World) -> None:
    world.deliver("deals", DAY, opened("b"), "full")
    with pytest.raises(NotReady, match="deliver rates for 2026-01-05 first"):
        world.runner.run_day(DAY, "test")


def test_a_delivery_in_which_a_key_stands_twice_is_refused(world: World) -> None:
    rows = opened("b").rows("deals")
    twice = frame(world.engine, books.DEALS, [*rows, (*rows[0][:4], Decimal(9), *rows[0][5:])])
    with pytest.raises(PostingRefused, match="stand twice"):
        deliver(world.runner, books.DEALS, DAY, twice, "full", "test")
    same = frame(world.engine, books.DEALS, [*rows, rows[0]])
    with pytest.raises(PostingRefused, match="stand twice"):
        deliver(world.runner, books.DEALS, DAY, same, "full", "test")
    assert world.register.history("deals", DAY) == ()
    assert orphans(world.lake, world.register, books.DEALS, timedelta(seconds=-5)) == ()


@pytest.mark.parametrize("many", [Reader.many, -1], ids=["small", "large"])
def test_a_key_that_stands_already_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """A large table is looked at in another way than a small one."""
    monkeypatch.setattr(Reader, "many", many)
    given = opened("b")
    world.deliver("deals", DAY, given, "full")
    row = given.rows("deals")[0]
    stood = frames.as_base_rows(frame(world.engine, books.DEALS, [row]), books.DEALS)
    amended = frame(world.engine, books.DEALS, [(*row[:4], Decimal(9), *row[5:])])
    booked, previous = frames.as_base_rows(amended, books.DEALS), world.version("deals", DAY)
    told = f"stand twice: book={row[0]}, id={row[1]}, layer=base"
    for rows in (booked, booked.withColumn("entry", F.lit(2))):  # the same row twice adds up
        with pytest.raises(PostingRefused, match=told):
            world.runner.write(previous, rows)
    _, counts = world.runner.write(previous, frames.union([booked, frames.negative(stood)]))
    assert counts == Counts(booked=1, reversed=1, base=2)


def test_an_unknown_operation_deletes_nothing(world: World) -> None:
    given = opened("b")
    world.deliver("rates", DAY, given, "full")
    content = frame(world.engine, books.RATES, given.rows("rates"), ["UPSERT", "insert"])
    with pytest.raises(Exception, match="_operation"):
        deliver(world.runner, books.RATES, DAY, content, "delta", "test")
    assert len(world.register.history("rates", DAY)) == 1


def test_a_key_is_named_crosswise(sail: Engine) -> None:
    """Sail renames columns one after the other, and loses one whose new name is another's old."""
    frame = sail.session.range(1).select(F.lit(1).alias("a"), F.lit(2).alias("b"))
    crossed = frames.named(frame, ("a", "b"), ("b", "a"))
    assert crossed.toArrow().to_pydict() == {"b": [1], "a": [2]}


@row_stage(
    reads=books.DEALS,
    writes=Table(
        "known",
        "Whether a deal's partner is known.",
        (
            Column("book", ColumnType.STRING, "book"),
            Column("id", ColumnType.STRING, "id"),
            Column("found", ColumnType.BOOLEAN, "found"),
        ),
        ("book", "id"),
        "books",
    ),
    lookups=(
        Lookup(books.RATES, ("book", "currency"), ("currency", "rate"), prefix="of_"),
        Lookup(books.KEYED, ("id",), ("code",)),
    ),
)
def known(deals: DataFrame, _: Any) -> DataFrame:
    """Asks whether a lookup was found by taking a column of its key."""
    return deals.withColumn("found", F.col("code").isNotNull())


def test_a_lookup_may_take_its_own_key(sail: Engine, tmp_path: Path, template: Path) -> None:
    graph = Graph((*books.SOURCES, books.KEYED), (known,))
    world = World.fresh(sail, tmp_path, template)
    world = replace(world, graph=graph)
    given = opened("b")
    deliver_all(world, given)

    def keyed(*codes: str) -> None:
        content = frame(sail, books.KEYED, [(code,) for code in codes])
        deliver(world.runner, books.KEYED, DAY, content, "full", "test")
        world.runner.run_day(DAY, "test")
        read = world.reader.rows(world.version("known", DAY)).toArrow()
        found = {row[4]: row[5] for row in rows_of(read, graph.tables["known"])}
        assert found == {i: i in codes for i in ("d0", "d1", "d2")}

    keyed("d0")
    keyed("d1", "d2")


def test_a_helper_imported_relatively_is_part_of_the_code() -> None:
    tree = ast.parse(
        "from . import tables\nfrom .draw import A\nfrom .. import settings\nimport os"
    )
    assert fingerprint.imported_names(tree.body, "regulatory_assets.bank") == {
        "regulatory_assets.bank",
        "regulatory_assets.bank.tables",
        "regulatory_assets.bank.draw",
        "regulatory_assets.bank.draw.A",
        "regulatory_assets",
        "regulatory_assets.settings",
        "os",
    }


def test_orphans_are_found_and_nothing_else_is_removed(world: World) -> None:
    given = opened("b")
    with toy_code():
        deliver_all(world, given)
        world.check(DAY, Random(1))

        def crash() -> None:
            raise CrashError

        world.register.before = [crash]
        given.rates["b", "EUR"] = Decimal(3)
        with pytest.raises(CrashError):
            world.deliver("rates", DAY, given, "full")
        table, now = books.RATES, timedelta(seconds=-5)
        assert orphans(world.lake, world.register, table, timedelta(hours=1)) == ()
        (orphan,) = orphans(world.lake, world.register, table, now)
        (late,) = world.register.postings(table.name)  # as if registered since it was found
        assert clean(world.lake, world.register, table, [late]) == ()
        assert clean(world.lake, world.register, table, [late, orphan]) == (orphan,)
        assert orphans(world.lake, world.register, table, now) == ()
        assert not list(world.lake.path(table).rglob(f"*{orphan}*/*.parquet"))
        world.current[DAY].rates = opened("b").rates
        world.check(DAY, Random(1))
        world.deliver("rates", DAY, given, "full")
        world.check(DAY, Random(1))


def test_a_run_that_changes_only_its_identity_posts_no_rows(world: World) -> None:
    with toy_code():
        deliver_all(world, opened("b"))
        world.check(DAY, Random(1))
        books.CODE["flows"] = 1
        (outcome,) = [o for o in world.runner.run_day(DAY, "test") if o.table == "flows"]
        assert (outcome.way, outcome.rows) == (Way.FULL, 0)
        world.note(DAY)
        world.check(DAY, Random(1))


def test_a_compaction_is_no_change_of_inputs(world: World) -> None:
    """A snapshot says what stood: no stage has to take note of it, which for a closed day it could
    not. Who reads it and who has read what it says have seen the same."""
    given = opened("b")
    with toy_code():
        deliver_all(world, given)
        world.check(DAY, Random(1))
        given.deals["b", "d0"] = replace(given.deals["b", "d0"], amount=Decimal(1))
        world.deliver("deals", DAY, given, "delta")
        world.check(DAY, Random(1))
        for name in world.graph.tables:
            world.compact(name, DAY)
        heads = world.register.heads()
        assert len(world.version("deals", DAY).live) == 1
        assert {o.way for o in world.runner.run_day(DAY, "test")} == {Way.NOTHING}
        assert world.register.heads() == heads
        books.CODE["flows"] = 1
        world.check(DAY, Random(1))
        given.deals["b", "d0"] = replace(given.deals["b", "d0"], amount=Decimal(2))
        world.deliver("deals", DAY, given, "delta")
        world.check(DAY, Random(1))


def test_amounts_at_the_edge(world: World) -> None:
    """The largest delivered money, and differences in the last digit of a wide sum."""
    given = opened("b")
    most = Decimal("999999999999999.99999999")
    given.deals = {
        ("b", f"d{i}"): Deal("c1", "EUR", most if i % 2 else -most, date(2026, 1, i + 1), True)
        for i in range(8)
    }
    given.deals["b", "d9"] = Deal("c1", "EUR", Decimal("0.00000001"), None, True)
    with toy_code():
        deliver_all(world, given)
        world.check(DAY, Random(1))
        given.deals["b", "d9"] = replace(given.deals["b", "d9"], amount=Decimal("0.00000002"))
        world.deliver("deals", DAY, given, "delta")
        world.check(DAY, Random(1))


@report_stage(
    reads=books.LINES,
    writes=Table(
        "named",
        "A report that writes its group under another name than it was given.",
        (
            Column("kind", ColumnType.STRING, "kind"),
            Column("lines", ColumnType.LONG, "lines"),
        ),
        ("kind",),
        "books",
        bounded=True,
    ),
    by=("kind",),
)
def named(rows: Sequence[ReportRow], _: Any) -> Iterable[ReportRow]:
    yield {"kind": rows[0]["kind"] or "none", "lines": len(rows)}


def test_a_group_written_under_another_key_is_refused(
    sail: Engine, tmp_path: Path, template: Path
) -> None:
    """Its row would be looked for under the key of the group, and never be reversed."""
    world = World.fresh(sail, tmp_path, template)
    world = replace(world, graph=Graph(books.SOURCES, (*books.GRAPH.declared, named)))
    given = opened("b")
    deliver_all(world, given)
    with pytest.raises(ValueError, match="must carry its group's"):
        world.runner.run_day(DAY, "test")


def test_a_shadow_scans_only_where_postings_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else Sail could not plan some rules at line after others (see ``frames.union``)."""
    nobody: Any = None
    scanned: list[list[str]] = []

    def scan(lake: Lake, table: Table, day: date, postings: Iterable[str], *, named: bool) -> Any:
        scanned.append(sorted(postings))
        return nobody

    monkeypatch.setattr(Lake, "scan", scan)
    aside = ShadowLake(Lake(tmp_path, nobody), lambda frame: frame)
    own: Any = object()
    aside._written["own"] = own
    assert aside.scan(books.REPORT, DAY, ["own"]) is own
    aside.scan(books.REPORT, DAY, ["real"])
    aside.scan(books.REPORT, DAY, [])
    assert scanned == [["real"], []]

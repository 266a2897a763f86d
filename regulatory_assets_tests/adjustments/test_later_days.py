"""A day changes, and with it what later days have been calculated from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Consumed, Register, Revision
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import moved_days
from regulatory_assets.ledger.stages import ReportRow, Stage, report_stage
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.kernel import books

ONE, TWO, THREE = (date(2026, 1, d) for d in (5, 6, 7))


def over_days(name: str) -> Stage:
    """A stage that reads lines of several days, with what rules change in them."""

    @report_stage(
        reads=ruled.LINES,
        writes=replace(books.TREND, name=name),
        by=("book",),
        days=lambda day, _: [d for d in (ONE, TWO, THREE) if d <= day],
    )
    def stage(rows: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
        return ()

    return stage


GRAPH = Graph(books.SOURCES, (*ruled.GRAPH.declared, over_days("trend"), over_days("mean")))
LINES, RULED, IN_FORCE = "lines", "line_adjustments", books.Parameters().at


class Registered:
    """A register without a lake: which days are behind is its word alone."""

    def __init__(self, folder: Path) -> None:
        database = connect(f"sqlite:///{folder / 'control.sqlite'}")
        migrate(database)
        self.register = Register(database)

    def add(self, table: str, day: date, *read: tuple[str, date], rows: int = 1) -> None:
        """The next revision of a table, made from the last ones of others."""
        last = len(self.register.history(table, day))
        inputs = tuple(Consumed(t, d, len(self.register.history(t, d))) for t, d in read)
        revision = Revision(
            table, day, last + 1, f"{table}{day}{last}" if rows else None, "delta", "", "",
            datetime(2026, 1, 8, tzinfo=UTC), rows, 0, "", "", "", "", inputs,
        )  # fmt: skip
        self.register.commit([revision])

    def calculate(self, day: date, names: Sequence[str] = ("trend", "mean")) -> None:
        known = [d for d in (ONE, TWO, THREE) if d <= day and self.register.history(LINES, d)]
        for name in names:
            self.add(name, day, *((read, d) for d in known for read in (LINES, RULED)))

    def behind(self) -> dict[date, tuple[set[str], set[tuple[str, date]]]]:
        return {
            day: ({s.name for s in of.stages}, {(v.table.name, v.day) for v in of.moved})
            for day, of in moved_days(GRAPH, self.register, IN_FORCE).items()
        }


BOTH = {"mean", "trend"}


def test_later_days_follow_a_changed_one(tmp_path: Path) -> None:
    here = Registered(tmp_path)
    for day in (ONE, TWO):
        here.add(LINES, day)
        here.add(RULED, day, rows=0)
        here.calculate(day)
    assert here.behind() == {}
    here.add(LINES, TWO)
    assert here.behind() == {}, "no later day has read it, and its own run follows anyway"
    here.add(LINES, ONE, rows=0)
    assert here.behind() == {}, "an empty revision changes no row"
    here.add(RULED, ONE)
    assert here.behind() == {TWO: (BOTH, {(RULED, ONE)})}, "a rule on the earlier day"
    asked = moved_days(GRAPH, here.register, IN_FORCE)[TWO].read
    here.calculate(TWO, ["mean"])
    assert here.behind() == {TWO: ({"trend"}, {(RULED, ONE)})}
    assert moved_days(GRAPH, here.register, IN_FORCE)[TWO].read == asked, "nothing new to ask for"
    here.calculate(TWO, ["trend"])
    assert here.behind() == {}
    here.add(LINES, ONE)
    here.add(LINES, THREE)
    here.add(RULED, THREE, rows=0)
    here.calculate(THREE)
    assert here.behind() == {TWO: (BOTH, {(LINES, ONE)})}, "the third has read what stands"
    here.calculate(TWO)
    assert here.behind() == {}


def test_a_day_that_comes_late_was_not_read(tmp_path: Path) -> None:
    here = Registered(tmp_path)
    here.add(LINES, TWO)
    here.add(RULED, TWO, rows=0)
    here.calculate(TWO)
    here.add(LINES, ONE)
    assert here.behind() == {TWO: (BOTH, {(LINES, ONE)})}

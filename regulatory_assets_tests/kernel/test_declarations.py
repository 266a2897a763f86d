"""Declarations by which keys could stand twice, sums be wrong or a graph have no order are refused,
before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import (
    Cited,
    Lookup,
    Stage,
    adjustment_stage,
    aggregate_stage,
    group_stage,
    report_stage,
    row_stage,
)
from regulatory_assets.ledger.table import Column, ColumnType, Reference, Table
from regulatory_assets_tests.kernel.books import (
    ADJUSTED,
    CUSTOMERS,
    DEALS,
    FLOWS,
    GRAPH,
    HELD,
    LINES,
    RATES,
    REPORT,
    flows,
    lines,
)

RATE = Lookup(RATES, ("book", "currency"), ("rate",))


def function(*_: Any) -> Any:
    """Never called: a declaration is refused, or only made."""


def column(name: str, kind: ColumnType = ColumnType.STRING) -> Column:
    return Column(name, kind, name)


def retyped(table: Table, name: str, kind: ColumnType) -> Table:
    columns = (column(name, kind) if c.name == name else c for c in table.columns)
    return replace(table, columns=tuple(columns))


def row(**changed: Any) -> Stage:
    declared = {"reads": DEALS, "writes": FLOWS, "lookups": (RATE,)} | changed
    return row_stage(**declared)(function)


def aggregate(**changed: Any) -> Stage:
    by, sums = ("book", "kind", "part"), ("amount",)
    declared = {"reads": ADJUSTED, "writes": LINES, "by": by, "sums": sums} | changed
    return aggregate_stage(**declared)


def group(**changed: Any) -> Stage:
    declared = {"reads": DEALS, "writes": HELD, "by": ("book", "customer")} | changed
    return group_stage(**declared)(function)


def report(**changed: Any) -> Stage:
    declared = {"reads": LINES, "writes": REPORT, "by": ("book",)} | changed
    return report_stage(**declared)(function)


def adjustment(**changed: Any) -> Stage:
    return adjustment_stage(**{"reads": DEALS, "name": "changed"} | changed)


REFUSED: tuple[tuple[Callable[[], object], str], ...] = (
    # tables
    (lambda: replace(DEALS, columns=(*DEALS.columns, DEALS.columns[0])), "declared twice"),
    (lambda: replace(DEALS, columns=(*DEALS.columns, column("entry"))), "belong to the ledger"),
    (lambda: replace(DEALS, key=()), r"key columns \(\) are not declared"),
    (lambda: replace(DEALS, key=("book", "moon")), r"key columns \['moon'\] are not declared"),
    (lambda: replace(DEALS, key=("book", "amount")), "a decimal cannot be a key column"),
    (lambda: replace(DEALS, selective="amount"), "amount is not in its key"),
    (lambda: replace(LINES, additive=("amount", "part")), "not columns beside the key"),
    (lambda: replace(LINES, additive=("amount",)), "need a count n"),
    (
        lambda: replace(DEALS, references=(Reference(("currency",), RATES),)),
        r"\('currency',\) is no key of rates",
    ),
    # lookups
    (lambda: Lookup(RATES, ("currency",), ("rate",)), "its key is"),
    (lambda: Lookup(RATES, ("book", "currency"), ("moon",)), "rates has no column moon"),
    (lambda: row(lookups=(replace(RATE, by=("book", "moon")),)), r"joined by \['moon'\]"),
    (lambda: row(lookups=(RATE, RATE)), r"brings \['rate'\] again; give it a prefix"),
    # stages
    (lambda: row(writes=replace(FLOWS, key=("book", "part"))), r"lacks \['id'\] of the table it"),
    (lambda: row(cites=(Cited("limit", ("moon",)),)), "which it does not write"),
    (lambda: row(cites=(Cited("limit", ("book",)),)), "is no parameter of the stage"),
    (lambda: aggregate(writes=replace(LINES, key=("book", "kind"))), r"lacks the group columns"),
    (lambda: aggregate(sums=()), "the written columns must be"),
    (
        lambda: aggregate(writes=replace(LINES, key=("book", "kind", "part", "n"))),
        "the written key must be the group columns",
    ),
    (
        lambda: aggregate(also=(CUSTOMERS,)),
        "part of customers must be a column of the same type",
    ),
    (
        lambda: aggregate(
            reads=retyped(ADJUSTED, "amount", ColumnType.LONG),
            writes=retyped(LINES, "amount", ColumnType.LONG),
        ),
        "amount is summed and must be money",
    ),
    (lambda: aggregate(writes=retyped(LINES, "n", ColumnType.INTEGER)), "must be long"),
    (lambda: group(by=("book", "moon")), r"group columns \['moon'\] are not columns of deals"),
    (lambda: group(by=()), "only a report stage may take its whole table as one group"),
    (lambda: report(reads=DEALS), "deals grows with the book"),
    (lambda: replace(group(), also=(CUSTOMERS,)), "only an aggregate adds up several tables"),
    (lambda: adjustment(fixed=("moon",)), r"\['moon'\] are not columns of deals"),
    (lambda: adjustment(inserts="amount"), "rows are added by a column of the key"),
    (lambda: adjustment(leaves=True), "leaves are added to sums with their counts"),
    # graphs
    (lambda: Graph((DEALS, DEALS), ()), r"more than one stage or source: \['deals'\]"),
    (lambda: Graph(GRAPH.sources, (*GRAPH.declared, flows)), r"more than one .*\['flows'\]"),
    (lambda: Graph((DEALS,), (row(),)), "flows reads rates, which nobody writes"),
    (
        lambda: Graph(GRAPH.sources, (adjustment(), adjustment(name="again"))),
        r"adjusted by more than one stage: \['deals'\]",
    ),
    (
        lambda: Graph(
            (RATES,),
            (
                row(reads=FLOWS, writes=replace(FLOWS, name="there"), lookups=()),
                row(reads=replace(FLOWS, name="there"), lookups=()),
            ),
        ),
        "stages read each other in a circle",
    ),
)


@pytest.mark.parametrize(("declare", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_could_not_hold_is_refused(declare: Callable[[], object], said: str) -> None:
    with pytest.raises((ValueError, KeyError), match=said):
        declare()


def test_what_these_differ_from_is_taken() -> None:
    assert {row().name, aggregate().name, group().name, report().name} <= {*GRAPH.tables}
    assert adjustment(leaves=False).ruled
    assert lines in GRAPH.stages

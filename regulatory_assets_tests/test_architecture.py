"""What stands in ARCHITECTURE.md of all code, looked for in its syntax."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import regulatory_assets

PACKAGE = Path(regulatory_assets.__file__).parent
BINDING = ("orchestration", "definitions.py", "engine/resource.py")
"""What binds to Dagster; the command line and the demonstration call it."""

UNSETTLED = {
    "any_value", "avg", "bround", "current_date", "current_timestamp", "first", "last", "mean",
    "monotonically_increasing_id", "now", "rand", "randn", "shuffle", "uuid",
}  # fmt: skip
"""Functions of an engine whose answer depends on order, partitions, the moment or the engine."""


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return tuple(
        (p.relative_to(PACKAGE).as_posix(), ast.parse(p.read_text("utf-8"))) for p in paths
    )


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Calls of an engine's functions, which go by the name ``F``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id == "F":
                yield node.func.attr, node


def test_what_calculates_knows_no_dagster() -> None:
    found = {
        name: modules
        for name, tree in trees()
        if not name.startswith(BINDING)
        and (modules := [m for m in imported(tree) if m.partition(".")[0].startswith("dagster")])
    }
    assert not found
    assert any("dagster" in imported(tree) for name, tree in trees() if name.startswith(BINDING))


def test_no_figure_depends_on_order_moment_or_engine() -> None:
    """Lists are sorted as soon as they are collected; engines divide decimals differently."""
    found = []
    for name, tree in trees():
        sorted_ones = {
            id(inner)
            for of, node in called(tree)
            if of in ("sort_array", "array_sort")
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and any(called(node)):
                found.append(f"{name}:{node.lineno}: a quotient")
        for of, node in called(tree):
            listed = of in ("collect_list", "collect_set") and id(node) not in sorted_ones
            if of in UNSETTLED or listed:
                found.append(f"{name}:{node.lineno}: {of}")
    assert not found

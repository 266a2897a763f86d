"""The fingerprint of a stage's code: what changes when its figures might.

It covers the declaration, the module of the stage's function and the calculation modules that
module imports, as syntax trees without docstrings, so that comments and layout change nothing.
The machinery (kernel, control database, engines, settings) is left out, save the kernel's
arithmetic.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import resolve_name

from regulatory_assets.ledger.stages import Stage

_PACKAGE = __name__.partition(".")[0]
_ARITHMETIC = f"{_PACKAGE}.ledger.arithmetic"
_MACHINERY = tuple(f"{_PACKAGE}.{part}" for part in ("ledger", "control", "engine", "settings"))


def code_fingerprint(stage: Stage, engine: str) -> str:
    """A short hash of the stage's code; another engine version counts as other code."""
    digest = hashlib.sha256(engine.encode())
    declaration = (
        stage.kind.value,
        [table.name for table in stage.drives],
        [(c.name, c.type.value) for c in stage.writes.columns],
        stage.writes.key,
        [(lookup.table.name, lookup.by, lookup.take, lookup.prefix) for lookup in stage.lookups],
        stage.by,
        stage.sums,
    )
    digest.update(repr(declaration).encode())
    if stage.function is not None:
        digest.update(stage.function.__qualname__.encode())
        module = sys.modules[stage.function.__module__]
        for name in sorted(_reached(module.__name__)):
            _, syntax = _module(name)
            digest.update(f"{name}\n{syntax}".encode())
    return digest.hexdigest()[:16]


@cache
def _reached(name: str) -> frozenset[str]:
    """The module and every calculation module it imports, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        imports, _ = _module(current)
        waiting.extend(imports)
    return frozenset(found)


def imported_names(nodes: Iterable[ast.AST], package: str | None) -> set[str]:
    """Full names of all that may be a module among what nodes of ``package`` import."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            names |= {origin} | {f"{origin}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@cache  # stages share most of what they reach
def _module(name: str) -> tuple[frozenset[str], str]:
    """The calculation modules that a module imports, and its syntax without docstrings."""
    module = sys.modules[name]
    importing: list[ast.AST] = []
    syntax = _written(ast.parse(inspect.getsource(module)), importing)
    imports = frozenset(
        n
        for n in imported_names(importing, module.__package__)
        if n in sys.modules
        and n.startswith(f"{_PACKAGE}.")
        and (n == _ARITHMETIC or not n.startswith(_MACHINERY))
    )
    return imports, syntax


def _written(node: object, importing: list[ast.AST]) -> str:
    """A syntax tree without places, docstrings and what follows from where a name stands; notes
    the imports. One pass over the tree: every run of a day begins with the trees of all stages."""
    if isinstance(node, list):
        return f"[{','.join([_written(each, importing) for each in node])}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        importing.append(node)
    parts = [type(node).__name__]
    for name in node._fields:
        value = getattr(node, name, None)
        if name == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
            value = value[1:]
        if name != "ctx":
            parts.append(_written(value, importing))
    return f"({' '.join(parts)})"


def _is_docstring(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)

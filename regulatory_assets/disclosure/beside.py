"""What stands beside the figures of the LCR: the parameters behind them, scope by scope.

Which entries a line rests on says ``reports.lcr.used``; what is told of an entry
``adjustments.releasing``. Here the lines behind a reported version are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from regulatory_assets.adjustments.releasing import Marks, consumed
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import union
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.reports.lcr.tables import LCR_SCOPE_LINES
from regulatory_assets.reports.lcr.used import Lines, used
from regulatory_assets.runtime import Runtime


def scope_lines(runtime: Runtime, version: Version) -> dict[str, set[tuple[str, str]]]:
    """The lines behind a version by scope, before rules and after, each with the regime whose
    values took it."""
    register, reader = runtime.register, Reader(runtime.lake)
    behind = consumed(runtime.graph, register, version, LCR_SCOPE_LINES.name)
    chains = register.histories((each.table, each.day) for each in behind)
    read = [
        Version(LCR_SCOPE_LINES, e.day, chains[e.table, e.day]).until(e.revision) for e in behind
    ]
    found: dict[str, set[tuple[str, str]]] = {}
    if not read:
        return found
    rows = union([reader.rows(one).select("scope", "line", "regime") for one in read])
    for row in frames.values(rows.distinct()):
        found.setdefault(row["scope"], set()).add((row["line"], row["regime"]))
    return found


def marks_by_scope(runtime: Runtime, version: Version) -> dict[str, Marks]:
    """What to tell beside the figures of each scope in a reported version."""
    return marks_of(runtime, version, scope_lines(runtime, version))


def marks_of(runtime: Runtime, version: Version, lines: Mapping[str, Lines]) -> dict[str, Marks]:
    """The same where the lines of each scope have been read."""
    return runtime.marks(version, {s: partial(used, lines=own) for s, own in lines.items()})

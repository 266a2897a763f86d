"""Rules that reach no reported figure: what they match and change, and how far that is carried.

A later stage may take another source's word for what a rule corrects (of a deal's ``eligible``
that of the holdings), or a rule may say what stands already. Then it is kept, approved and run for
nothing, and people are told. What a rule does to figures stands in ``impact``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.book import stage_name
from regulatory_assets.adjustments.compiler import holds
from regulatory_assets.adjustments.fitting import comparisons
from regulatory_assets.adjustments.rule import SUFFIX, Rule
from regulatory_assets.adjustments.trial import rows_matched
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import LEDGER_ROWS, Stage, StageKind
from regulatory_assets.ledger.table import Table

_ASIDE = (StageKind.ADJUSTMENT, StageKind.ALLOCATION)
"""Tables beside those that people report from, even where no stage reads them."""


@dataclass(frozen=True)
class Unmoved:
    """What a rule does on a day on which no reported figure moves by it.

    ``changed`` rows of ``table`` are changed by it; where none is, so many are ``matched``, or
    nothing is said of a rule that adds rows. ``carried`` are the tables in which
    something has moved for all that, that of the rule's own stage first. ``beside`` says of tables
    that are added up with ``table`` how many of their rows meet the conditions where none of its
    own does, each with the stage at which rules act on what they are made of.
    """

    table: str
    matched: int | None
    changed: int
    carried: tuple[str, ...] = ()
    beside: tuple[tuple[str, int, str], ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "matched": self.matched,
            "changed": self.changed,
            "carried": list(self.carried),
            "said": str(self),
        }

    def __str__(self) -> str:
        if self.changed:
            what = f"{_rows(self.changed)} of {self.table} changed, and no reported figure moves"
            later = ", ".join(self.carried[1:])
            how = f"it ends at {later}" if later else "no later stage goes by it"
            remedy = "act at a later stage, or where the figures take it from"
            return f"{what}: {how}; {remedy}"
        if self.matched:
            why = "they hold what the rule says already, or are not in the currency it names"
            return f"{_rows(self.matched)} of {self.table} matched and none changed: {why}"
        if self.matched is None:
            return f"no row of {self.table} is changed"
        others = (f"{_rows(n)} of {t} do, act on these at {stage}" for t, n, stage in self.beside)
        return "; ".join((f"no row of {self.table} meets the conditions", *others))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def unmoved(
    before: Runner, after: Runner, rule: Rule, day: date, rows: int, written: Sequence[str]
) -> Unmoved | None:
    """What to tell of a rule where no figure that people decide by has moved; nothing where another
    reported table has, or where what is proposed (an end, say) leaves all as it is on the day.
    The rule changes so many ``rows``; ``written`` are the tables that the run between the two has
    written to."""
    stage = after.graph.stage(stage_name(rule))
    table = stage.reads.name
    if not rows:
        if rule.id not in after.rules_for(stage, day).order:
            return None
        matched = None if rule.inserts else rows_matched(after, rule, stage, day)
        others = () if matched != 0 else tuple(beside(after, rule, stage, day))
        return Unmoved(table, matched, 0, beside=others)
    ends = reported(after.graph)
    if any(_moved(before, after, day, [name for name in written if name in ends])):
        return None
    carried = tuple(_moved(before, after, day, [name for name in written if name not in ends]))
    return Unmoved(table, None, rows, carried) if carried else None


def beside(runner: Runner, rule: Rule, stage: Stage, day: date) -> Iterator[tuple[str, int, str]]:
    """Of the tables that are added up with the one on which a rule acts those of which rows meet
    its conditions, each with their number and the stage at which rules act on their sources."""
    graph, positions = runner.graph, runner.positions(day)
    named = {test.field for test, _ in comparisons(rule.conditions, "")}
    together = (s.drives for s in graph.stages if s.also and stage.reads in s.drives)
    for table in dict.fromkeys(t for drives in together for t in drives if t is not stage.reads):
        version, at = positions.read(table), _acting(graph, table)
        if at and named <= {*table.column_names} and version.chain:
            condition = holds(rule.conditions, {c.name: c for c in table.columns})
            with runner.clear_errors([version]):
                found = runner.reader.net(version).where(condition).count()
            if found:
                yield table.name, found, at


def _acting(graph: Graph, table: Table) -> str:
    """At which stage rules act on what drives a table; empty where they do nowhere."""
    writers = {s.name: s for s in graph.stages}
    while table.name not in graph.adjustments:
        if table.name not in writers:
            return ""
        table = writers[table.name].reads
    return graph.adjustments[table.name].name.removesuffix(SUFFIX)


def reported(graph: Graph) -> set[str]:
    """The tables at the end of the graph: no stage reads them, people do."""
    ends = (s for s in graph.stages if not graph.readers(s.name))
    return {s.name for s in ends if s.kind not in _ASIDE}


def nothing_moved(days: Sequence[Mapping[str, Any]]) -> str:
    """What is told of a rule for which that was so on every day, by the documents of an impact."""
    said = [day.get("unmoved", {}).get("said", "") for day in days]
    return said[-1] if said and all(said) else ""


def _moved(before: Runner, after: Runner, day: date, names: Iterable[str]) -> Iterator[str]:
    """Of some tables those in which something is another after all rules than before."""
    was, now = before.positions(day), after.positions(day)
    for name in names:
        one, other = was.version(name), now.version(name)
        # Of a rule in force it is the day before it that has been run.
        since, upto, ran = (
            (one, other, after) if one.revision < other.revision else (other, one, before)
        )
        with ran.clear_errors([upto]):
            if _differs(ran.reader, since, upto):
                yield name


def _differs(reader: Reader, since: Version, upto: Version) -> bool:
    """Whether what was posted between two versions adds up to anything: contra and rebooking of
    equal rows do not, however many rows of a ledger they are."""
    table, up = upto.table, F.col(ENTRY) == F.col("sign")
    sums = {"__rows": F.sum(F.when(up, 1).otherwise(-1))}
    if table.additive:
        added = (name for name in table.additive if name != LEDGER_ROWS)
        sums = {f"__{n}": total(F.when(up, F.col(n)).otherwise(-F.col(n))) for n in added}
    by = [c for c in table.column_names if c not in table.additive]
    summed = reader.changes(upto, since).groupBy(*by).agg(*(s.alias(n) for n, s in sums.items()))
    found = reduce(or_, (F.col(name) != 0 for name in sums))
    return bool(summed.where(found).limit(1).collect())

"""Whether rows find what they name in other tables: before any rule, and after all of them.

A stage that does not find a row it must look up calculates without it, and an amount vanishes
unseen. Before rules this is asked of every name that sources and stages use. Rules can break it
later: one takes out a row that others name, or names one itself that its source no longer delivers.
That is asked of the rows that a stage reads, after all rules, each day and before an approval; and
of what a row on which rules act names for another reason than to be looked up, as the deal that
carries it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import ADJUSTMENT, BASE, Table
from regulatory_assets.quality.examination import (
    Check,
    Examination,
    Result,
    given,
    unknown_keys,
    verdict,
)
from regulatory_assets.quality.reports.rates import last_rates
from regulatory_assets.reports.rates import RATES_OF_DAY


def reference_checks(graph: Graph) -> Iterator[Check]:
    """What sources name in sources and stages look up there, once for each table and key, before
    any rule; then the same for the rows that each stage reads, after all rules."""
    seen: set[_Name] = set()
    for table in graph.sources:
        for named in table.references:
            seen.add(_Name(table, named.columns, named.table))
            yield _before_rules(table, named.columns, named.table, named.blocking)
    for stage in graph.stages:
        for name in _looked_up(stage, graph):
            if name not in seen:
                seen.add(name)
                yield _before_rules(name.table, name.by, name.known, True)
    waiting = carried(graph)
    for stage in graph.stages:
        above = {*graph.ancestors(stage)} if waiting else set()
        follows = [n for n in waiting if {t.name for t in _read(n, graph)} <= above]
        waiting = [n for n in waiting if n not in follows]
        if names := [n for n in (*must_find(stage, graph), *follows) if _ruled(n, graph)]:
            yield _after_rules(stage, names, graph)


def lost(graph: Graph, stage: Stage, day: Examination) -> list[str]:
    """What rows no longer find because of the rules at an adjustment stage, or of others on the
    rows that these change."""
    looked_up = (name for each in graph.stages for name in must_find(each, graph))
    names = dict.fromkeys((*looked_up, *carried(graph)))
    return list(_lost([n for n in names if stage.reads in (n.table, n.known)], day))


@dataclass(frozen=True)
class _Name:
    """Columns of a table that hold the key of another one."""

    table: Table
    by: tuple[str, ...]
    known: Table


def _looked_up(stage: Stage, graph: Graph) -> Iterator[_Name]:
    """What a stage looks up in sources by columns of the rows it reads, or in what holds the last
    row of a source over days."""
    known = _known(graph)
    for lookup in stage.lookups:
        of_row = set(lookup.by) <= set(stage.reads.column_names)
        if of_row and lookup.table in known and not lookup.optional:
            yield _Name(stage.reads, lookup.by, lookup.table)


def _known(graph: Graph) -> tuple[Table, ...]:
    over_days = (s for s in graph.stages if s.days is not None and s.reads in graph.sources)
    return (*graph.sources, *(stage.writes for stage in over_days))


def must_find(stage: Stage, graph: Graph) -> Iterator[_Name]:
    """Of these what must be found: without details that nobody reads but with the row they name."""
    for name in _looked_up(stage, graph):
        declared = (r for r in name.table.references if r.table == name.known)
        if all(r.blocking for r in declared if r.columns == name.by):
            yield name


def carried(graph: Graph) -> list[_Name]:
    """What rows on which rules act name by what their table declares, and no stage looks up: which
    of two rows counts may be decided by it."""
    looked_up = {name for stage in graph.stages for name in _looked_up(stage, graph)}
    named = (
        _Name(stage.reads, r.columns, r.table)
        for stage in graph.adjustments.values()
        for r in stage.reads.references
        if r.blocking and r.table in graph.sources
    )
    return [name for name in named if name not in looked_up]


def _read(name: _Name, graph: Graph) -> tuple[Table, ...]:
    """Both sides, each with what adjusts it."""
    sides = (name.table, name.known)
    beside = (graph.adjustments.get(side.name) for side in sides)
    return (*sides, *(each.writes for each in beside if each is not None))


def _ruled(name: _Name, graph: Graph) -> bool:
    """Whether a rule may change either side."""
    sides = (name.table.name, name.known.name)
    return any(side in graph.adjustments or graph.layers[side] for side in sides)


def _before_rules(table: Table, by: tuple[str, ...], known: Table, blocking: bool) -> Check:
    named = ", ".join(by)

    def examine(day: Examination, since: int) -> Result:
        if not day.version(table).live:
            return Result(True, "there are no rows")
        if known.optional and not day.version(known).chain:
            return Result(True, f"{known.name} was not delivered")
        if known == RATES_OF_DAY and not day.version(known).chain:
            return Result(True, f"{known.name} is not calculated yet, nor what needs it")
        unknown = unknown_keys(day, table, by, known)
        found = unknown.agg(F.count("*").alias("keys"), F.sum("rows").alias("rows")).collect()[0]
        wrong = f"{named} not in {known.name} ({found['rows']} rows of {table.name})"
        said = verdict(found["keys"], unknown, by, wrong, f"every {named} is in {known.name}")
        if said.passed or known != RATES_OF_DAY:
            return said
        remedy = last_rates(day, frames.named(unknown, by, known.key))
        return replace(said, said=f"{said.said}; {remedy}")

    return Check(
        table,
        f"{known.name}_of_{'_'.join(by)}",
        f"Every {named} that is given stands in {known.name}.",
        blocking,
        examine,
        (known,),
    )


def _after_rules(stage: Stage, names: list[_Name], graph: Graph) -> Check:
    read = dict.fromkeys(table for name in names for table in _read(name, graph))

    def examine(day: Examination, since: int) -> Result:
        words = list(_lost(names, day))
        if words:
            return Result(False, f"{'; '.join(words)}; end it, or submit a next version")
        return Result(True, "every row finds what it names")

    return Check(
        stage.writes,
        "after_rules",
        "After all rules every row that is read still finds what it names.",
        True,
        examine,
        tuple(table for table in read if table != stage.writes),
    )


def _lost(names: Sequence[_Name], day: Examination) -> Iterator[str]:
    """In words what rows of tables do not find after all rules, and would without any."""
    asked = [(name, wanted) for name in names if (wanted := _wanted(name, day)) is not None]
    # Nearly always none has any, for most rules change amounts: that takes one request.
    for place in _with_rows([wanted for _, wanted in asked]):
        yield from _lost_of(*asked[place], day)


def _lost_of(name: _Name, wanted: DataFrame, day: Examination) -> Iterator[str]:
    """Of one name, of the keys that may be lost."""
    table, by, known = day.as_read(name.table), name.by, day.as_read(name.known)
    standing = day.reader.net(known, among=_named(wanted, name), on=name.known.key)
    missing = frames.anti(wanted, _keys(standing, name), by)
    if not _some(missing):  # what follows scans both tables
        return
    # What a source itself names and lacks is told before rules.
    named = day.reader.base(table, among=missing, on=by).select(*by).distinct()
    told = frames.anti(named, _keys(day.reader.base(known), name), by)
    gone = frames.anti(missing, told, by)
    if not _some(gone):
        return
    lacking = day.reader.net(table, among=gone, on=by).groupBy(*by).agg(F.count("*").alias("rows"))
    found = lacking.agg(F.count("*").alias("keys"), F.sum("rows").alias("rows")).collect()[0]
    of = f"{', '.join(by)} of {found['rows']} rows of {name.table.name}"
    said = verdict(found["keys"], lacking, by, f"{of} not in {name.known.name} after rules", "")
    if not said.passed:
        yield f"{said.said}, by {', '.join(_rules(name, day, lacking))}"


def _wanted(name: _Name, day: Examination) -> DataFrame | None:
    """The keys that rules may have taken out of the known table, or that only their rows name; None
    where there are no rows of rules, or no tables."""
    table, known = day.as_read(name.table), day.as_read(name.known)
    if not (table.layered or known.layered) or not table.chain or not known.chain:
        return None
    found = [*_taken(name, day), *_newly_named(name, day)]
    return frames.union([each.select(*name.by) for each in found]).distinct()


def _taken(name: _Name, day: Examination) -> list[DataFrame]:
    """Keys of which rules have taken back more rows than they booked. Where they have not there is
    a row: what is taken back stood."""
    known = day.as_read(name.known)
    if not known.layered:
        return []
    if known.table.additive:
        return [_keys(day.reader.adjusted_keys(known), name)]
    return [_keys(_booked(day, known, name.known.key).where(F.col("rows") < 0), name)]


def _newly_named(name: _Name, day: Examination) -> list[DataFrame]:
    """Keys that more rows made by rules name than rows they took back. Else a row that stood named
    the same, which is told before rules."""
    table, by = day.as_read(name.table), name.by
    if not table.layered:
        return []
    return [_booked(day, table, by).where((F.col("rows") > 0) & given(by))]


def _booked(day: Examination, version: Version, by: Sequence[str]) -> DataFrame:
    """How many more rows of the same columns rules have booked than taken back."""
    adjusting = day.reader.entries(version).where(F.col("layer") != BASE)
    return adjusting.groupBy(*by).agg(F.sum(F.col(ENTRY) * F.col("sign")).alias("rows"))


def _some(frame: DataFrame) -> bool:
    return bool(frame.limit(1).collect())


def _with_rows(found: Sequence[DataFrame]) -> list[int]:
    """The places of those of some frames that have any row."""
    marked = [frame.limit(1).select(F.lit(at).alias("at")) for at, frame in enumerate(found)]
    return sorted(row["at"] for row in frames.union(marked).collect()) if marked else []


def _rules(name: _Name, day: Examination, lacking: DataFrame) -> list[str]:
    """The rules that have taken keys out of the known table, or made rows that name them."""
    known, table, reader = day.as_read(name.known), day.as_read(name.table), day.reader
    never = frames.anti(lacking, _keys(reader.base(known), name), name.by)
    taken = reader.rows(known, among=_named(lacking, name), on=name.known.key)
    put = reader.rows(table, among=never, on=name.by)
    made = [
        rows.where((F.col("layer") == ADJUSTMENT) & (F.col("sign") == sign)).select("rule_id")
        for rows, sign in ((taken, -1), (put, 1))
    ]
    return sorted(row["rule_id"] for row in frames.values(frames.union(made).distinct()))


def _keys(known: DataFrame, name: _Name) -> DataFrame:
    """The keys of known rows, under the columns that name them."""
    return frames.named(known, name.known.key, name.by)


def _named(naming: DataFrame, name: _Name) -> DataFrame:
    """The keys that rows name, under the columns of the known table."""
    return frames.named(naming, name.by, name.known.key)

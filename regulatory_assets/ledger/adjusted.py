"""What governed rules change in a stage's output: contra and rebooked rows.

A rule's own rows are made by an adjustment stage and pass through row stages like any others, with
the rule's id. What rules change by another way, through a looked-up table or within a group, has
no single rule to name: it is the result after all rules less the result before any, and carries
the id ``through <stage>``. So a key stands once in each layer, sign and rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.joining import TOUCHED, Joining
from regulatory_assets.ledger.rules import Insertion
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import ADJUSTMENT, BASE

if TYPE_CHECKING:
    from regulatory_assets.ledger.change import Calculation


def through(stage: Stage) -> str:
    """The id of what rules change in a stage's output by way of lookups or groups."""
    return f"through {stage.name}"


def pairs(stage: Stage, before: DataFrame, after: DataFrame) -> DataFrame:
    """What takes rows from before to after: a contra of what is no more, a booking of what is.

    Both frames hold the written columns, each key once. Equal rows leave nothing.
    """
    columns = stage.writes.column_names
    both = [
        after.select(F.lit(1).alias("sign"), *columns),
        before.select(F.lit(-1).alias("sign"), *columns),
    ]
    return (
        frames.union(both)
        .groupBy(*columns)
        .agg(F.sum("sign").cast("int").alias("sign"))
        .where(F.col("sign") != 0)
        .select(
            F.lit(1).alias(ENTRY),
            F.lit(ADJUSTMENT).alias("layer"),
            F.col("sign"),
            F.lit(through(stage)).alias("rule_id"),
            *columns,
        )
    )


# -- through lookups ------------------------------------------------------------------------------


def touched(calculation: Calculation, rows: DataFrame) -> DataFrame:
    """Driving rows after all rules for which rules on a row stage's lookups change what is found.

    The stage's function is asked for them twice: with the lookups before any rule, entry -1, and
    after all of them, entry +1. What it makes of both and does not cancel is what those rules
    change; ``as_signs`` writes it as contra and rebooking.
    """
    stage = calculation.stage
    named = {"layer": F.lit(ADJUSTMENT), "rule_id": F.lit(through(stage))}
    marked = calculation.marked(rows).where(F.col(TOUCHED))
    return calculation.store(marked.withColumns(named).select(ENTRY, *stage.reads.content))


def as_signs(stage: Stage, entries: DataFrame) -> DataFrame:
    """Netted entries, those through lookups as bookings of contra (-1) and rebooked (+1) rows."""
    mine = F.coalesce(F.col("rule_id") == through(stage), F.lit(False))
    sign = F.when(mine, F.col(ENTRY)).otherwise(F.col("sign"))
    entry = F.when(mine, F.lit(1)).otherwise(F.col(ENTRY))
    return entries.withColumns({"sign": sign, ENTRY: entry})


def keys_of_lookups(calculation: Calculation) -> DataFrame:
    """The driving keys for which what rules on lookups change may have moved."""
    reached = calculation.reached(calculation.stage.reads.key)
    return calculation.store(frames.union(reached).distinct())


def stood_by_lookups(calculation: Calculation, keys: DataFrame) -> DataFrame:
    """The rows through lookups as they stood for some driving keys."""
    stage = calculation.stage
    stood = calculation.reader.rows(calculation.previous, among=keys, on=stage.reads.key)
    return stood.where(F.col("rule_id") == through(stage))


def groups(calculation: Calculation) -> DataFrame:
    """The groups in which rules have changed a member or what a member looks up."""
    stage, reader = calculation.stage, calculation.reader
    found = []
    for move in (calculation.driving, *calculation.other_days):
        if move.new.layered:
            rows = calculation.counted(reader.entries(move.new)).where(F.col("layer") != BASE)
            found.append(rows.select(*stage.by))
    if calculation.lookups_layered:
        rows = calculation.counted(reader.net(calculation.driving.new))
        found.append(calculation.marked(rows).where(F.col(TOUCHED)).select(*stage.by))
    return frames.union(found).distinct()


# -- by the rules of a stage ----------------------------------------------------------------------


def by_rules(calculation: Calculation) -> DataFrame:
    """What the rules in force change in the whole table as it stands after all stages before."""
    rows = calculation.reader.net(calculation.driving.new)
    return frames.union([*_applied(calculation, rows), *_inserted(calculation)])


def change_by_rules(calculation: Calculation) -> DataFrame:
    """How that changes: recomputed for the keys that a moved input or a changed rule reaches.

    A changed rule reaches the rows that it has changed before, and those that it hits now; with
    it all rules of these rows are applied again, since later ones build on earlier ones. Rows
    that rules add are few, and looked at whatever has moved.
    """
    stage, reader, rules = calculation.stage, calculation.reader, calculation.rules
    key, content = stage.writes.key, stage.writes.content
    driving = calculation.driving.new
    reached = calculation.reached(key, _needed(calculation))
    changed = sorted(calculation.changed_rules)
    if changed:
        stood = reader.rows(calculation.previous)
        reached.append(stood.where(F.col("rule_id").isin(changed)).select(*key))
        if rules.hash and (hit := rules.hits(changed)) is not None:
            rows = joined(calculation, reader.net(driving)).where(hit)
            if not driving.layered:
                rows = reader.keep(driving, rows.select(ENTRY, *driving.table.content))
            reached.append(rows.select(*key))
    if not reached:  # what moved is a lookup that no rule in force looks at
        return reader.changes(calculation.previous, calculation.previous)
    if rules.insertions:
        own = [{k: made.row[k] for k in key} for made in rules.insertions]
        reached.append(_keys(calculation, own))
    keys = calculation.store(frames.union(reached).distinct())
    old = frames.negative(reader.rows(calculation.previous, among=keys, on=key))
    if not rules.hash:
        return old.select(ENTRY, *content)
    rows = reader.net(driving, among=keys, on=key)
    parts = [*_applied(calculation, rows), *_inserted(calculation), old]
    return frames.net(frames.union([part.select(ENTRY, *content) for part in parts]), content)


def matched(calculation: Calculation, rule: str) -> int:
    """How many rows meet the conditions of one rule, whether it changes them or not."""
    hit = calculation.rules.hits((rule,))
    if hit is None:
        return 0
    rows = joined(calculation, calculation.reader.net(calculation.driving.new))
    return int(rows.where(hit).count())


def _inserted(calculation: Calculation) -> list[DataFrame]:
    """The rows that rules add, but for those whose source row, or own key, has been delivered."""
    stage, made = calculation.stage, calculation.rules.insertions
    if not made:
        return []
    if stage.leaves:  # nobody delivers them
        return [calculation.frame([_booked(m) for m in made])]
    key, name = stage.writes.key, stage.inserts
    own = [tuple(m.row[k] for k in key) for m in made]
    source = [tuple(m.expected if k == name else m.row[k] for k in key) for m in made]
    asked = _keys(calculation, [dict(zip(key, k, strict=True)) for k in {*own, *source}])
    found = calculation.reader.base(calculation.driving.new, among=asked, on=key).select(*key)
    delivered = {tuple(row[k] for k in key) for row in frames.values(found)}
    rows = [
        _booked(m)
        for m, mine, theirs in zip(made, own, source, strict=True)
        if not {mine, theirs} & delivered
    ]
    return [calculation.frame(rows)]


def _booked(made: Insertion) -> dict[str, Any]:
    return {ENTRY: 1, "layer": ADJUSTMENT, "sign": 1, "rule_id": made.rule_id, **made.row}


def _keys(calculation: Joining, keys: Sequence[dict[str, Any]]) -> DataFrame:
    table = calculation.stage.writes
    schema = pa.schema([pa.field(k, table.type_of(k).arrow) for k in table.key])
    session = calculation.reader.lake.session
    return session.createDataFrame(pa.Table.from_pylist(list(keys), schema=schema))


def _applied(calculation: Joining, rows: DataFrame) -> list[DataFrame]:
    """The rules applied to the rows that they hit, which are set aside: each is looked at often."""
    rules, stage = calculation.rules, calculation.stage
    hits = rules.hits()
    if hits is None:
        return []
    hit = calculation.store(joined(calculation, rows).where(hits))
    return [rules.apply(hit, stage, calculation.parameters)]


def joined(calculation: Joining, rows: DataFrame) -> DataFrame:
    """Rows with the lookups that the rules need, after the rules on those."""
    return calculation.join_net(rows, _needed(calculation)).drop(TOUCHED)


def _needed(calculation: Joining) -> list[int]:
    stage = calculation.stage
    wanted = set(calculation.rules.needs)
    if stage.derivation is not None:
        wanted |= set(stage.derivation.needs)
    places: set[int] = set()
    for place, lookup in enumerate(stage.lookups):
        if wanted & {lookup.prefix + c for c in lookup.take}:
            places |= {place, *calculation.supplying(place)}
    return sorted(places)

"""What the assets and their runs tell Dagster: columns, lineage, counts, previews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster import (
    AssetKey,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableSchema,
)

from regulatory_assets.control.register import Consumed
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Outcome
from regulatory_assets.ledger.stages import COUNTS, Stage, StageKind
from regulatory_assets.ledger.table import Column, Table

PREVIEW_ROWS = 10


# -- of the definition -------------------------------------------------------------------------


def column_schema(table: Table) -> TableSchema:
    """The table's columns with types, meaning and constraints."""
    return TableSchema(
        columns=[_column(table, c) for c in table.columns],
        constraints=TableConstraints(other=[f"unique key: {', '.join(table.key)}"]),
    )


def _column(table: Table, column: Column) -> TableColumn:
    bounds = {"at least": column.minimum, "at most": column.maximum}
    other = [f"{word} {bound}" for word, bound in bounds.items() if bound is not None]
    if column.allowed:
        other.append(f"one of {', '.join(column.allowed)}")
    if column.name in table.key:
        other.append("part of the key")
    unit = f" Unit: {column.unit}." if column.unit else ""
    return TableColumn(
        column.name,
        column.type.value,
        description=column.description + unit,
        tags={"classification": column.classification},
        constraints=TableColumnConstraints(
            nullable=column.nullable, unique=table.key == (column.name,), other=other
        ),
    )


def column_lineage(stage: Stage) -> TableColumnLineage | None:
    """Only what the declaration makes certain; what a function computes is left out.

    Group columns and sums of an aggregate; group columns of a group or report stage; of a row
    stage the key columns of the table it reads, which its own key must contain.
    """
    if stage.kind is StageKind.ROW:
        certain: Sequence[str] = stage.reads.key
    else:
        certain = (*stage.by, *stage.sums)
    read = [AssetKey(table.name) for table in stage.drives]
    deps = {name: [TableColumnDep(key, name) for key in read] for name in certain}
    if stage.kind is StageKind.AGGREGATE:
        counted = [TableColumnDep(key, name) for key in read for name in stage.by]
        deps |= dict.fromkeys(COUNTS, counted)
    return TableColumnLineage(deps) if deps else None


# -- of a run ----------------------------------------------------------------------------------


def run_metadata(outcome: Outcome, version: Version, reader: Reader) -> dict[str, Any]:
    """What a run did: rows, revision, way and why, keys affected, inputs, first rows."""
    told: dict[str, Any] = {
        "dagster/row_count": version.standing,
        "rows_booked": outcome.booked,
        "rows_reversed": outcome.reversed,
        "revision": outcome.revision,
        "data_revision": outcome.data_revision,
        "way": outcome.way.value,
        "why": outcome.why,
        "seconds": MetadataValue.text(f"{outcome.seconds:.3f}"),
        "looks_recalled": outcome.recalled,
        "dagster/column_schema": column_schema(version.table),
    }
    last = version.chain[-1] if version.chain else None
    if last is not None:
        told["cause"] = last.cause
    if last is not None and last.inputs:
        told["consumed"] = MetadataValue.md(consumed_table(last.inputs))
    if outcome.rows:
        told |= affected(version, reader)
        told["preview"] = MetadataValue.md(preview(version, reader))
    return told


def consumed_table(inputs: Iterable[Consumed]) -> str:
    rows = [{"table": i.table, "day": i.day, "revision": i.revision} for i in inputs]
    return markdown(rows)


def affected(version: Version, reader: Reader) -> dict[str, Any]:
    """How many keys the last posting touched, and the first of them."""
    last = version.since(0)[-1]
    if last.revision == 1 or not last.reversed:
        return {"affected_keys": last.booked}  # a key is booked once
    table = version.table
    keys = reader.changes(version, version.until(last.revision - 1)).select(*table.key).distinct()
    rows = frames.values(keys.limit(PREVIEW_ROWS))
    return {
        "affected_keys": keys.count(),
        "first_affected_keys": MetadataValue.md(markdown(rows)),
    }


def preview(version: Version, reader: Reader) -> str:
    """A few standing rows; in the order of the key where the table is small."""
    rows = reader.rows(version).select(*version.table.column_names)
    if version.table.bounded:
        rows = rows.orderBy(*version.table.key)
    return markdown(frames.values(rows.limit(PREVIEW_ROWS)))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table."""
    if not rows:
        return "no rows"
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row[n]) for n in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")

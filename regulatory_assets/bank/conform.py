"""From text to typed, valid rows: what a mapping and a table's definition say of each line.

The mapping takes delivered columns to the table's columns, still as text; every further rule is
derived from the column's definition. Both become expressions, so a delivery of any size is checked
by the engine. A line that breaks a rule is rejected with its reasons; nothing is guessed, defaulted
or rounded.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from datetime import date
from functools import reduce

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.formats.piece import LINE, PROBLEM, RAW_TEXT, place
from regulatory_assets.bank.mapping import SourceMapping
from regulatory_assets.bank.rules import Mapped
from regulatory_assets.bank.staging import RawLines
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.table import DATE_PATTERN, Column, ColumnType, Table

REJECTED_ROWS = Table(
    name="rejected_rows",
    description="Delivered lines that were not accepted, with their reasons.",
    key=("batch", "line_number"),
    group="sources",
    columns=(
        Column("batch", ColumnType.STRING, "Delivery the line belongs to."),
        Column("line_number", ColumnType.LONG, "Line in the file; the header is line 1."),
        Column("source_table", ColumnType.STRING, "Table the file was delivered for."),
        Column("file_name", ColumnType.STRING, "Name of the delivered file."),
        Column("reasons", ColumnType.STRING, "Every rule that the line breaks."),
        Column("raw_text", ColumnType.STRING, "The line's fields as delivered."),
    ),
)

REASONS = "reasons"

TEXT_LIMIT = 10_000
"""A text longer than this is no identifier, name or code, but the sign of a broken file."""

# ``\z`` and not ``$``: one engine lets ``$`` stand before a last line feed.
_UNSEEN = r"^\p{Zs}|\p{Zs}\z|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]"
"""What nobody sees in a key, by which it would differ from another that looks the same: a blank at
an end, a control or format character, a line end."""

_PATTERNS = {
    ColumnType.DATE: (rf"^{DATE_PATTERN}\z", "a date YYYY-MM-DD"),
    ColumnType.INTEGER: (r"^-?[0-9]{1,9}\z", "a whole number of at most 9 digits"),
    ColumnType.LONG: (r"^-?[0-9]{1,18}\z", "a whole number of at most 18 digits"),
    ColumnType.BOOLEAN: (r"^(true|false)\z", "true or false"),
    ColumnType.MONEY: (
        r"^-?[0-9]{1,20}(\.[0-9]{1,8})?\z",
        "a decimal with at most 20 digits before the point and 8 after it",
    ),
    ColumnType.RATE: (
        r"^-?[0-9]{1,4}(\.[0-9]{1,8})?\z",
        "a decimal with at most 4 digits before the point and 8 after it",
    ),
}


def written_as(column: Column) -> str:
    """How a column's values are written in a delivery, in words."""
    if column.type in _PATTERNS:
        return _PATTERNS[column.type][1]
    return "one of its codes" if column.allowed else f"text of at most {TEXT_LIMIT:,} characters"


def conform(
    lines: DataFrame, delivered: Sequence[str], mapping: SourceMapping, day: date
) -> DataFrame:
    """Typed columns of every raw line, with ``line_number``, ``raw_text`` and ``reasons``.

    ``delivered`` are the delivered columns in their order. ``reasons`` is empty for a valid line. A
    delta keeps its operation; of a line that deletes, only the key is checked. Of a personal column
    the lines say only whether it was given (``personal``): it is checked, and not among the typed.
    """
    text, wrong = _mapped(lines, delivered, mapping, day)
    table, delta = mapping.table, mapping.mode == "delta"
    kept = [F.col(LINE), F.col(RAW_TEXT)]
    reasons = list(wrong)
    if delta:
        kept.append(F.col(OPERATION))
    for column in table.delivered:
        required = column.name in mapping.columns and mapping.columns[column.name].required
        of_key = column.name in table.key
        found = F.coalesce(F.col(_wrong_name(column.name)), _wrong(column, required, of_key))
        if delta and column.name not in table.key:
            found = F.when(F.col(OPERATION) != "delete", found)
        reasons.append(found)
    typed = [_typed(c).alias(c.name) for c in table.columns]
    said = F.coalesce(F.col(PROBLEM), F.concat_ws("; ", *reasons))
    return text.select(*kept, *typed, said.alias(REASONS))


def conform_kept(lake: Lake, raw: RawLines) -> DataFrame:
    """``conform`` of the lines that are kept of a delivery."""
    lines = lake.session.read.parquet(str(raw.path))
    return conform(lines, raw.columns, raw.mapping, raw.day)


def _mapped(
    lines: DataFrame, delivered: Sequence[str], mapping: SourceMapping, day: date
) -> tuple[DataFrame, list[Expression]]:
    """The table's columns as text, what is wrong with each, and what is wrong with the line."""
    columns = {name: F.col(place(i)) for i, name in enumerate(delivered)}
    joined = F.concat_ws(
        mapping.form.delimiter, *(F.coalesce(c, F.lit("")) for c in columns.values())
    )
    made = [
        F.col(LINE),
        F.col(PROBLEM),
        F.coalesce(F.col(RAW_TEXT), joined).alias(RAW_TEXT),
    ]
    wrong: list[Expression] = []
    if mapping.operation is not None:
        operation = mapping.operation.apply(columns)
        made.append(operation.value.alias(OPERATION))
        known = F.coalesce(F.col(OPERATION).isin("upsert", "delete"), F.lit(False))
        wrong.append(F.when(~known, F.lit(f"{OPERATION}: not one of upsert, delete")))
    if mapping.day is not None and set(mapping.day.origin.uses) <= set(delivered):
        given = mapping.day.apply(columns)
        made.append(given.value.alias(_DAY))
        of_day = F.coalesce(F.col(_DAY) == day.isoformat(), F.lit(False))
        wrong.append(F.when(~of_day, F.lit(f"reporting date: not {day}, the day of the delivery")))
    for column in mapping.table.delivered:
        nothing = Mapped.fine(F.lit(None).cast("string"))
        how = mapping.columns.get(column.name)
        found = nothing if how is None else how.apply(columns)
        said = F.when(found.wrong.isNotNull(), F.concat(F.lit(f"{column.name}: "), found.wrong))
        made += [found.value.alias(column.name), said.alias(_wrong_name(column.name))]
    return lines.select(*made), wrong


_DAY = "__day"


def _wrong_name(column: str) -> str:
    return f"__wrong_{column}"


def reject_repeated_keys(conformed: DataFrame, table: Table) -> DataFrame:
    """Reject every valid line whose key stands more than once: which one is meant is unknown."""
    valid = conformed.where(F.col(REASONS) == "")
    repeated = valid.groupBy(*table.key).count().where("count > 1")
    marked = frames.attach(conformed, repeated, table.key, table.key, "left")
    reason = F.lit(f"key ({', '.join(table.key)}) stands more than once in the file")
    is_repeated = (F.col(REASONS) == "") & F.col("count").isNotNull()
    return marked.withColumn(REASONS, F.when(is_repeated, reason).otherwise(F.col(REASONS))).drop(
        "count"
    )


def reject_unknown_deletes(conformed: DataFrame, standing: DataFrame, table: Table) -> DataFrame:
    """Reject every valid line of a delta that deletes a key which does not stand."""
    known = standing.select(*table.key).distinct().withColumn("__stands", F.lit(True))
    marked = frames.attach(conformed, known, table.key, table.key, "left")
    reason = F.lit(f"deletes a key ({', '.join(table.key)}) that does not stand")
    deletes = (F.col(REASONS) == "") & (F.col(OPERATION) == "delete")
    wrong = deletes & F.col("__stands").isNull()
    return marked.withColumn(REASONS, F.when(wrong, reason).otherwise(F.col(REASONS))).drop(
        "__stands"
    )


def _typed(column: Column) -> Expression:
    value = F.col(column.name)
    return value if column.type is ColumnType.STRING else value.try_cast(column.type.value)


def _wrong(column: Column, required: bool, of_key: bool) -> Expression:
    """The first rule of a column that its text breaks, or null."""
    name, text = column.name, F.col(column.name)
    rules: list[tuple[Expression, str]] = []
    if required or not column.nullable:
        rules.append((text.isNull(), "missing"))
    if of_key and column.type is ColumnType.STRING:
        rules.append((text.rlike(_UNSEEN), "a blank at an end, or a character that nobody sees"))
    if column.type in _PATTERNS:
        pattern, meaning = _PATTERNS[column.type]
        rules.append((~text.rlike(pattern), f"not {meaning}"))
        if column.type is ColumnType.DATE:
            rules.append((text.isNotNull() & _typed(column).isNull(), "no such day"))
    if column.type is ColumnType.STRING:
        rules.append((F.length(text) > TEXT_LIMIT, f"longer than {TEXT_LIMIT} characters"))
    if column.allowed:
        rules.append((~text.isin(*column.allowed), f"not one of {', '.join(column.allowed)}"))
    for bound, name_of, breaks in (
        (column.minimum, "below", operator.lt),
        (column.maximum, "above", operator.gt),
    ):
        if bound is not None:
            limit = F.lit(bound).cast(column.type.value)
            rules.append((breaks(_typed(column), limit), f"{name_of} {bound}"))
    first, *others = rules
    start = F.when(first[0], F.lit(f"{name}: {first[1]}"))
    return reduce(lambda case, rule: case.when(rule[0], F.lit(f"{name}: {rule[1]}")), others, start)

"""From text to typed, valid rows: what a table's definition says of each delivered line.

Every rule is derived from the column's definition and becomes an expression, so a delivery of any
size is checked by the engine. A line that breaks a rule is rejected with its reasons; nothing is
guessed, defaulted or rounded.
"""

from __future__ import annotations

import operator
from functools import reduce

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.delivery import LINE, OPERATION
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.table import Column, ColumnType, Table

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
RAW_TEXT = "raw_text"

_PATTERNS = {
    ColumnType.DATE: (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date YYYY-MM-DD"),
    ColumnType.INTEGER: (r"^-?[0-9]{1,9}$", "a whole number of at most 9 digits"),
    ColumnType.LONG: (r"^-?[0-9]{1,18}$", "a whole number of at most 18 digits"),
    ColumnType.BOOLEAN: (r"^(true|false)$", "true or false"),
    ColumnType.MONEY: (
        r"^-?[0-9]{1,20}(\.[0-9]{1,8})?$",
        "a decimal with at most 20 digits before the point and 8 after it",
    ),
    ColumnType.RATE: (
        r"^-?[0-9]{1,4}(\.[0-9]{1,8})?$",
        "a decimal with at most 4 digits before the point and 8 after it",
    ),
}


def conform(lines: DataFrame, table: Table, mode: str) -> DataFrame:
    """Typed columns of every line, with ``line_number``, ``raw_text`` and ``reasons``.

    ``reasons`` is empty for a valid line. A delta keeps its operation; of a line that deletes,
    only the key is checked.
    """
    delta = mode == "delta"
    text = ([F.col(OPERATION)] if delta else []) + [F.col(c.name) for c in table.columns]
    kept = [
        F.col(LINE),
        F.concat_ws(",", *(F.coalesce(c, F.lit("")) for c in text)).alias(RAW_TEXT),
    ]
    wrong: list[Expression] = []
    if delta:
        known = F.coalesce(F.col(OPERATION).isin("upsert", "delete"), F.lit(False))
        wrong.append(F.when(~known, F.lit(f"{OPERATION}: not one of upsert, delete")))
        kept.append(F.col(OPERATION))
    for column in table.columns:
        found = _wrong(column)
        if delta and column.name not in table.key:
            found = F.when(F.col(OPERATION) != "delete", found)
        wrong.append(found)
    typed = [_typed(c).alias(c.name) for c in table.columns]
    return lines.select(*kept, *typed, F.concat_ws("; ", *wrong).alias(REASONS))


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


def _typed(column: Column) -> Expression:
    value = F.col(column.name)
    return value if column.type is ColumnType.STRING else value.try_cast(column.type.value)


def _wrong(column: Column) -> Expression:
    """The first rule of a column that its text breaks, or null."""
    name, text = column.name, F.col(column.name)
    rules: list[tuple[Expression, str]] = []
    if not column.nullable:
        rules.append((text.isNull(), "missing"))
    if column.type in _PATTERNS:
        pattern, meaning = _PATTERNS[column.type]
        rules.append((~text.rlike(pattern), f"not {meaning}"))
        if column.type is ColumnType.DATE:
            rules.append((text.isNotNull() & _typed(column).isNull(), "no such day"))
    if column.allowed:
        rules.append((~text.isin(*column.allowed), f"not one of {', '.join(column.allowed)}"))
    for bound, name_of, breaks in (
        (column.minimum, "below", operator.lt),
        (column.maximum, "above", operator.gt),
    ):
        if bound is not None:
            limit = F.lit(bound).cast(column.type.value)
            rules.append((breaks(_typed(column), limit), f"{name_of} {bound}"))
    if not rules:
        return F.lit(None).cast("string")
    first, *others = rules
    start = F.when(first[0], F.lit(f"{name}: {first[1]}"))
    return reduce(lambda case, rule: case.when(rule[0], F.lit(f"{name}: {rule[1]}")), others, start)

"""Set operations on frames of ledger entries: null-safe joins, netting, hashes.

A frame of entries has the column ``entry`` and the content columns of its table. Nothing here
knows tables on disk or revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import BASE, Table

ENTRY = "entry"

OPERATION = "_operation"
"""The column of a delivered change that says what becomes of its key: ``upsert`` or ``delete``."""


def _matching(
    left: Sequence[str], right: DataFrame, right_columns: Sequence[str]
) -> tuple[DataFrame, Column]:
    """The right side with its join columns renamed, and the null-safe condition.

    Null-safe because a key column may be null, and a null key is a key like any other.
    """
    names = [f"__{i}_{c}" for i, c in enumerate(right_columns)]
    renamed = right.withColumnsRenamed(dict(zip(right_columns, names, strict=True)))
    return renamed, equal(left, names)


def equal(left: Sequence[str], right: Sequence[str]) -> Column:
    """Whether columns equal others, one by one, null equal to null."""
    pairs = zip(left, right, strict=True)
    return reduce(and_, (F.col(mine).eqNullSafe(F.col(theirs)) for mine, theirs in pairs))


def named(frame: DataFrame, columns: Sequence[str], names: Sequence[str]) -> DataFrame:
    """Some columns of a frame under other names, such as a table's key under the names by which
    another table names it."""
    return frame.select(*(F.col(c).alias(n) for c, n in zip(columns, names, strict=True)))


def semi(
    left: DataFrame,
    right: DataFrame,
    on: Sequence[str],
    right_on: Sequence[str] | None = None,
    first: str | None = None,
) -> DataFrame:
    """The rows of ``left`` whose key stands in ``right``.

    ``first`` is that of its columns to look at before all of them together. Within its scan Sail
    skips what a join cannot find, but for several columns only whole row groups, and none where one
    of them is null: rows are found sooner by the one column that tells most apart. Of it each
    value is asked for once: Sail compares equal ones all with all.
    """
    if first is not None and len(on) > 1:
        left = semi(left, right.select(first).distinct(), (first,))
    keys = right.select(*(right_on or on))
    renamed, condition = _matching(on, keys, right_on or on)
    return left.join(renamed, condition, "left_semi")


def anti(left: DataFrame, right: DataFrame, on: Sequence[str]) -> DataFrame:
    """The rows of ``left`` whose key does not stand in ``right``."""
    renamed, condition = _matching(on, right.select(*on), on)
    return left.join(renamed, condition, "left_anti")


def attach(
    left: DataFrame, right: DataFrame, on: Sequence[str], right_on: Sequence[str], how: str
) -> DataFrame:
    """``left`` joined with ``right``, whose join columns are dropped afterwards."""
    renamed, condition = _matching(on, right, right_on)
    joined = left.join(renamed, condition, how)
    return joined.drop(*(f"__{i}_{c}" for i, c in enumerate(right_on)))


def union(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows of some frames, whose columns stand in the same order.

    Each is selected anew, the first as well: Sail loses the columns of a union that stands second
    in another one, and of one whose first frame surely holds nothing, as a scan of no posting does.
    """
    if len(frames) == 1:
        return frames[0]
    return reduce(lambda a, b: a.unionAll(b), [frame.select("*") for frame in frames])


def distinct(frames: Sequence[DataFrame]) -> DataFrame:
    """The rows of some frames, each once, whose own rows are each there once."""
    return frames[0] if len(frames) == 1 else union(frames).distinct()


def before_and_after(frame: DataFrame, content: Sequence[str]) -> DataFrame:
    """Entries added up by content with ``__before``, how many of it there are before any rule, and
    ``__after``, how many after all; what is there in neither is gone."""
    before = F.when(F.col("layer") == BASE, F.col(ENTRY)).otherwise(0)
    after = F.col(ENTRY) * F.col("sign")
    return (
        frame.groupBy(*content)
        .agg(F.sum(before).alias("__before"), F.sum(after).alias("__after"))
        .where((F.col("__before") != 0) | (F.col("__after") != 0))
    )


def values(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as Python values: of a bounded table, or of few keys. Not by ``toArrow``,
    which has the engine plan the frame once more to say its types."""
    return [row.asDict() for row in frame.collect()]


def negative(frame: DataFrame) -> DataFrame:
    """The same rows with the opposite entry."""
    return frame.withColumn(ENTRY, -F.col(ENTRY))


def net(frame: DataFrame, content: Sequence[str]) -> DataFrame:
    """Equal rows added up by content; pairs of booking and reversal are gone."""
    return (
        frame.groupBy(*content)
        .agg(F.sum(ENTRY).cast("int").alias(ENTRY))
        .where(F.col(ENTRY) != 0)
        .select(ENTRY, *content)
    )


def fingerprint(columns: Sequence[str]) -> Column:
    """A 64-bit hash of columns that tells null from every value and one column from another.

    The engines' hash skips nulls, so a mask of the nulls is hashed with the values.
    """
    mask = F.concat(*(F.when(F.col(c).isNull(), "0").otherwise("1") for c in columns))
    return F.xxhash64(mask, *(F.col(c) for c in columns))


def as_base_rows(content: DataFrame, table: Table) -> DataFrame:
    """Business columns as base rows of a table, entry 1."""
    return content.select(
        *base_columns(),
        *(F.col(c.name).cast(c.type.value).alias(c.name) for c in table.columns),
    )


def base_columns() -> tuple[Column, ...]:
    """The ledger's own columns of a standing base row."""
    return (
        F.lit(1).alias(ENTRY),
        F.lit(BASE).alias("layer"),
        F.lit(1).alias("sign"),
        F.lit(None).cast("string").alias("rule_id"),
    )

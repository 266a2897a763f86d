"""Checking a posting before it is registered: no key may stand twice.

One query counts bookings and reversals and finds keys booked twice within the posting, or beside
what stands where few rows do; where many do and keys are new, a second one makes sure that these
did not stand before.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import BASE, Table


class PostingRefused(Exception):
    """A posting that would break its table; nothing of it is registered."""


@dataclass(frozen=True)
class Counts:
    """Entries of a posting."""

    booked: int
    reversed: int


def check_posting(reader: Reader, previous: Version, posting: str) -> Counts:
    """Count a written posting's entries; refuse one after which a key would stand twice."""
    table = previous.table
    entries = reader.lake.scan(table, previous.day, [posting])
    looked_at = [_keyed(entries, table, own=True)]
    beside = previous.data_revision > 0 and not reader.is_large(previous)
    if beside:
        looked_at.append(_keyed(reader.entries(previous), table, own=False))
    booking, own = F.col(ENTRY) == 1, F.col("own")
    by_key = (
        frames.union(looked_at)
        .groupBy("key")
        .agg(
            F.sum(F.when(own & booking, 1).otherwise(0)).alias("booked"),
            F.sum(F.when(own & (F.col(ENTRY) == -1), 1).otherwise(0)).alias("reversed"),
            F.sum(F.when(own, 1).otherwise(0)).alias("entries"),
            F.sum(ENTRY).alias("stands"),
            F.max(F.when(F.col("layer") == BASE, 1).otherwise(0)).alias("base"),
        )
    )
    new = F.col("booked") > F.col("reversed")
    (found,) = by_key.agg(
        F.coalesce(F.sum("booked"), F.lit(0)).alias("booked"),
        F.coalesce(F.sum("reversed"), F.lit(0)).alias("reversed"),
        F.coalesce(F.sum("entries"), F.lit(0)).alias("entries"),
        F.coalesce(F.max(F.greatest("booked", "reversed")), F.lit(0)).alias("most"),
        F.coalesce(F.sum(F.when(new, 1).otherwise(0)), F.lit(0)).alias("new"),
        F.coalesce(F.max(F.when(new, F.col("base"))), F.lit(0)).alias("new_base"),
        F.coalesce(F.max(F.when(new, F.col("stands"))), F.lit(0)).alias("most_standing"),
    ).collect()
    if found.booked + found.reversed != found.entries:
        raise PostingRefused(f"{table.name}: an entry is neither a booking nor a reversal")
    if found.most > 1:
        twice = entries.groupBy(ENTRY, *table.ledger_key).count().where("count > 1")
        _refuse_twice(twice, previous)
    if found.new and previous.data_revision and (not beside or found.most_standing > 1):
        gained = (
            entries.groupBy(*table.ledger_key)
            .agg(F.sum(ENTRY).alias("gained"))
            .where(F.col("gained") > 0)
        )
        keys = reader.entries(previous).select(ENTRY, *table.ledger_key)  # of no other column read
        if not found.new_base:  # then no file is read that holds base rows alone
            keys = keys.where(F.col("layer") != BASE)
        standing = (
            reader.among(keys, previous, gained, table.ledger_key, first=table.key[:1])
            .groupBy(*table.ledger_key)
            .agg(F.sum(ENTRY).alias("stands"))
            .where(F.col("stands") > 0)
        )
        _refuse_twice(standing, previous)
    return Counts(int(found.booked), int(found.reversed))


def _keyed(entries: DataFrame, table: Table, *, own: bool) -> DataFrame:
    """Entries of the posting, or of what stands, with one number for their key."""
    key = frames.fingerprint(table.ledger_key)
    return entries.select(ENTRY, "layer", key.alias("key"), F.lit(own).alias("own"))


def _refuse_twice(twice: DataFrame, previous: Version) -> None:
    table = previous.table
    rows = twice.select(*table.ledger_key).limit(3).collect()
    if rows:
        keys = "; ".join(
            ", ".join(f"{name}={value}" for name, value in row.asDict().items()) for row in rows
        )
        raise PostingRefused(
            f"{table.name} for {previous.day}: the key would stand twice: {keys}. "
            f"A row is identified by ({', '.join(table.key)}); deduplicate the input or widen the "
            "key."
        )

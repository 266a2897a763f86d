"""Checking a posting before it is registered: no key may stand twice.

One query counts bookings and reversals, and whether a key may stand twice: within the posting, or
beside what stood, where that is little enough to be looked at with it. Where much stood and keys
are new, a second one looks for these alone. Which keys stand twice is then asked exactly, and told.
Whether what rows say is right belongs to ``quality``.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Row
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
    base: int
    """Those of rows before any rule."""


def check_posting(reader: Reader, previous: Version, posting: str) -> Counts:
    """Count a written posting's entries; refuse one after which a key would stand twice."""
    table, lake = previous.table, reader.lake
    entries = lake.scan(table, previous.day, [posting])
    apart = reader.is_large(previous)
    standing = [] if apart else [r.posting for r in previous.live if r.posting]
    looked_at = lake.scan(table, previous.day, [posting, *standing], named=True)
    found = _counted(looked_at.withColumn("own", F.col("posting") == posting), table)
    if found.booked + found.reversed != found.entries:
        alike = entries.where(F.abs(F.col(ENTRY)) > 1)  # rows added up by their contents
        _refuse_twice(alike, previous)
        raise PostingRefused(f"{table.name}: an entry is neither a booking nor a reversal")
    if found.most > 1:
        twice = entries.groupBy(ENTRY, *table.ledger_key).count().where("count > 1")
        _refuse_twice(twice, previous)
    if found.most_standing > 1 or (apart and found.new):
        stood = _standing_before(reader, previous, entries, base=found.new_base > 0)
        _refuse_twice(stood, previous)
    return Counts(int(found.booked), int(found.reversed), int(found.of_base))


def _counted(entries: DataFrame, table: Table) -> Row:
    """Entries in numbers, over all keys: of the posting's ``own`` how many there are, of which
    kind, and of base rows; the most of one kind for a key; keys that it books and does not reverse
    (``new``), those of base rows among them; and the most rows of a key that stand after it, by all
    entries. Keys are told apart by a number, so what is found is only suspected."""
    key = frames.fingerprint(table.ledger_key).alias("key")
    own, entry = F.col("own"), F.col(ENTRY)
    by_key = (
        entries.select(ENTRY, "layer", key, "own")
        .groupBy("key")
        .agg(
            F.count(F.when(own & (entry == 1), 1)).alias("booked"),
            F.count(F.when(own & (entry == -1), 1)).alias("reversed"),
            F.count(F.when(own, 1)).alias("entries"),
            F.sum(ENTRY).alias("stands"),
            F.max(F.when(F.col("layer") == BASE, 1).otherwise(0)).alias("base"),
        )
    )
    new, base = F.col("booked") > F.col("reversed"), F.col("base") == 1  # a key says its layer
    numbers = {
        "booked": F.sum("booked"),
        "reversed": F.sum("reversed"),
        "entries": F.sum("entries"),
        "most": F.max(F.greatest("booked", "reversed")),
        "new": F.count(F.when(new, 1)),
        "of_base": F.sum(F.when(base, F.col("entries"))),
        "new_base": F.count(F.when(new & base, 1)),
        "most_standing": F.max("stands"),
    }
    none = F.lit(0)  # what a posting without entries adds up to
    (found,) = by_key.agg(*(F.coalesce(n, none).alias(c) for c, n in numbers.items())).collect()
    return found


def _standing_before(
    reader: Reader, previous: Version, entries: DataFrame, *, base: bool
) -> DataFrame:
    """The keys that a posting's entries book anew although they stood; no base rows are read for
    them unless ``base``."""
    table = previous.table
    gained = entries.groupBy(*table.ledger_key).agg(F.sum(ENTRY).alias("gained"))
    keys = reader.entries(previous).select(ENTRY, *table.ledger_key)  # of no other column read
    if not base:  # then no file is read that holds base rows alone
        keys = keys.where(F.col("layer") != BASE)
    new = gained.where(F.col("gained") > 0)
    return (
        reader.among(keys, previous, new, table.ledger_key)
        .groupBy(*table.ledger_key)
        .agg(F.sum(ENTRY).alias("stands"))
        .where(F.col("stands") > 0)
    )


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

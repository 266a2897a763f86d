"""Which source each row of a table is of, where several sources deliver one table.

A source delivers its own rows: its full file replaces what the source itself delivered before, and
nothing else. Which rows these are say the accepted lines of its deliveries, which are kept; no
ledger has a column for it. A source that was renamed says so in its mapping (``formerly``): with
its next delivery for a day, what it had delivered under the other name is its own. Of sources that
deliver the same key, the one whose name comes first has it, whichever came first; the others' lines
are rejected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.conform import REASONS, REJECTED_ROWS, conform_kept
from regulatory_assets.bank.formats.piece import LINE
from regulatory_assets.bank.staging import RawLines, raw_lines
from regulatory_assets.control.register import Delivery, Register
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import Table

SOURCE, BATCH = "__source", "__batch"
_LAST, _OPERATION = "__last", "__operation"
_BEFORE, _OWN, _BEHIND = "__before", "__own", "__behind"
_CONTESTED = "__contested"


@dataclass(frozen=True)
class StandingDeliveries:
    """The deliveries that make up the rows of a table's day: of each source, in the order of their
    names, its last full one and the deltas after it. ``passed`` are those with which rows passed to
    a source that was renamed, each with the name that had them."""

    of: Mapping[str, Sequence[Delivery]]
    passed: Sequence[tuple[str, Delivery]] = ()

    def before(self, source: str, formerly: Collection[str]) -> StandingDeliveries:
        """The same before a source delivers: with what it has delivered under former names."""
        found = dict(self.of)
        own = [d for name in (*formerly, source) for d in found.pop(name, ())]
        if own:
            found[source] = sorted(own, key=lambda d: d.revision or 0)
        return StandingDeliveries(dict(sorted(found.items())), self.passed)

    def full(self, names: Mapping[str, str]) -> dict[str, Delivery]:
        """Of each source its full delivery, by the names of today (``mapping.names_of_today``)."""
        return {names.get(name, name): each[0] for name, each in self.of.items()}


def raw_folder(lake: Path) -> Path:
    """The folder of the delivered lines, beside the tables."""
    return lake / "raw"


def standing_deliveries(
    folder: Path, table: Table, arrived: Iterable[Delivery]
) -> StandingDeliveries:
    """The deliveries of a table's day that make up its rows. ``folder`` is that of the kept lines,
    which say a source's former names, and its name where the register is older than its field."""
    found = StandingDeliveries({})
    for delivery in sorted(arrived, key=lambda d: d.revision or 0):
        source = delivery.source or raw_lines(folder, table, delivery.batch).source
        passed = []
        if found.of.keys() - {source}:
            formerly = raw_lines(folder, table, delivery.batch).formerly
            passed = [(name, delivery) for name in formerly if name in found.of]
            found = found.before(source, formerly)
        own = [] if delivery.mode == "full" else found.of.get(source, ())
        of = {**found.of, source: [*own, delivery]}
        found = StandingDeliveries(dict(sorted(of.items())), (*found.passed, *passed))
    return found


def all_claims(
    reader: Reader,
    register: Register,
    folder: Path,
    table: Table,
    day: date,
    standing: StandingDeliveries,
) -> DataFrame:
    """Each key that a source upholds, with ``__source``, ``__batch`` and the line's number; a key
    once for each source that has delivered it and not deleted it since."""
    history = register.history(REJECTED_ROWS.name, day)
    rejected = reader.rows(Version(REJECTED_ROWS, day, history)) if history else None
    lines = [
        _accepted(reader, raw_lines(folder, table, d.batch), d, source, place, rejected)
        for source, deliveries in standing.of.items()
        for place, d in enumerate(deliveries)
    ]
    told = (_LAST, _OPERATION, BATCH, LINE)
    last = frames.union(lines).groupBy(*table.key, SOURCE).agg(F.max(F.struct(*told)).alias("__of"))
    return last.where(F.col("__of")[_OPERATION] == "upsert").select(
        *table.key, SOURCE, *(F.col("__of")[name].alias(name) for name in (BATCH, LINE))
    )


def _accepted(
    reader: Reader,
    raw: RawLines,
    delivery: Delivery,
    source: str,
    place: int,
    rejected: DataFrame | None,
) -> DataFrame:
    conformed = conform_kept(reader.lake, raw)
    if delivery.rejected and rejected is not None:
        of_batch = rejected.where(F.col("batch") == raw.batch)
        conformed = frames.anti(conformed, of_batch, (LINE,))
    return conformed.select(
        *raw.table.key,
        F.lit(source).alias(SOURCE),
        F.lit(place).alias(_LAST),
        (F.col(OPERATION) if raw.mode == "delta" else F.lit("upsert")).alias(_OPERATION),
        F.lit(raw.batch).alias(BATCH),
        F.col(LINE),
    )


@dataclass(frozen=True)
class SettledLines:
    """A delivery's lines beside what other sources have delivered. ``own`` are the keys that its
    source has so far; ``contested`` of the lines have a key that another source has delivered."""

    lines: DataFrame
    own: DataFrame
    contested: int


def settle(
    lines: DataFrame, claims: DataFrame, table: Table, source: str, delta: bool
) -> SettledLines:
    """Reject every valid line whose key a source before this one has, and in a delta every line
    that deletes a key which is not this source's. ``claims`` are looked at more than once."""
    name = F.col(SOURCE)
    by_key = claims.groupBy(*table.key).agg(
        F.min(F.when(name < source, name)).alias(_BEFORE),
        F.max(F.when(name == source, 1).otherwise(0)).alias(_OWN),
        F.min(F.when(name > source, name)).alias(_BEHIND),
    )
    marked = frames.attach(lines, by_key, table.key, table.key, "left")
    key = f"key ({', '.join(table.key)})"
    taken = F.concat(
        F.lit(f"{key} is also delivered by the source "),
        F.col(_BEFORE),
        F.lit(f", which goes before {source}"),
    )
    found = F.when(F.col(_BEFORE).isNotNull(), taken)
    contested = F.col(_BEFORE).isNotNull()
    if delta:
        deletes = F.col(OPERATION) == "delete"
        not_own = deletes & (F.coalesce(F.col(_OWN), F.lit(0)) == 0)
        others = F.concat(F.lit(f"{source} deletes a {key} that is of the source "), F.col(_BEHIND))
        found = found.when(not_own & F.col(_BEHIND).isNotNull(), others)
        found = found.when(not_own, F.lit(f"deletes a {key} that does not stand"))
        contested = contested | (~deletes & F.col(_BEHIND).isNotNull())
    else:
        contested = contested | F.col(_BEHIND).isNotNull()
    valid = F.col(REASONS) == ""
    marked = marked.withColumns(
        {
            REASONS: F.when(valid, F.coalesce(found, F.lit(""))).otherwise(F.col(REASONS)),
            _CONTESTED: valid & contested,
        }
    )
    count = marked.where(F.col(_CONTESTED)).count()
    own = by_key.where((F.col(_OWN) == 1) & F.col(_BEFORE).isNull()).select(*table.key)
    return SettledLines(marked.drop(_BEFORE, _OWN, _BEHIND, _CONTESTED), own, count)


def owners(claims: DataFrame, table: Table) -> DataFrame:
    """Of each key the claim that holds: that of the source whose name comes first."""
    first = claims.groupBy(*table.key).agg(F.min(SOURCE).alias(SOURCE))
    return frames.semi(claims, first, (*table.key, SOURCE))


def having(table: Table, values: Mapping[str, str]) -> Column:
    """Rows whose columns have the given values, written as text; none for text that is no value."""
    same = (
        F.col(name) == F.lit(v).try_cast(table.type_of(name).value) for name, v in values.items()
    )
    return reduce(lambda a, b: a & b, same)

"""What a check is and what it may look at: one day's tables at revisions that fit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Register
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import Table

SHOWN = 5
"""How many offending rows a result names."""


@dataclass(frozen=True)
class Result:
    """What a check found: the sentence a person reads, and the facts behind it."""

    passed: bool
    said: str
    facts: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examination:
    """A day as registered at one moment."""

    positions: Positions
    reader: Reader
    register: Register

    def version(self, table: Table) -> Version:
        return self.positions.version(table.name)

    def rows(self, table: Table) -> DataFrame:
        """The table's standing rows."""
        return self.reader.rows(self.version(table))

    def read_by(self, reader: Table, table: Table) -> DataFrame:
        """The rows of ``table`` as the last revision of ``reader`` has read them."""
        last = self.version(reader).chain[-1]
        revision = next(i.revision for i in last.inputs if i.table == table.name)
        return self.reader.rows(self.version(table).until(revision))


@dataclass(frozen=True)
class Check:
    """A question about one table. ``blocking``: a wrong number would follow from a no.

    ``reads`` are the other tables it needs.
    """

    table: Table
    name: str
    description: str
    blocking: bool
    examine: Callable[[Examination], Result]
    reads: tuple[Table, ...] = ()


def differences(left: DataFrame, right: DataFrame, columns: tuple[str, ...]) -> Result:
    """Whether two frames hold the same rows, as multisets of the columns."""
    both = left.select(F.lit(1).alias(ENTRY), *columns).unionAll(
        right.select(F.lit(-1).alias(ENTRY), *columns)
    )
    found = frames.net(both, columns)
    return verdict(found.count(), found, columns, "rows differ", "all rows agree")


def verdict(
    count: int, offending: DataFrame, shown: tuple[str, ...], wrong: str, right: str
) -> Result:
    """A result from the number of offending rows, naming the first few of them."""
    if not count:
        return Result(True, right, {"offending": 0})
    rows = offending.select(*shown).orderBy(*shown).limit(SHOWN).collect()
    examples = "; ".join(
        ", ".join(f"{name}={value}" for name, value in row.asDict().items()) for row in rows
    )
    facts = {"offending": count, "examples": examples}
    return Result(False, f"{count} {wrong}, for instance {examples}", facts)

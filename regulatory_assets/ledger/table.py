"""What a table is: its columns, types, key and meaning, declared once.

Everything that needs the shape of a table (Delta schema, validation of deliveries, pandera schema,
Dagster column metadata, reference documentation) is derived from :class:`Table`. No data is read
or written here, and nothing here knows an engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import pyarrow as pa

MONEY_PRECISION, RATE_PRECISION, SCALE = 28, 12, 8
DATE_PATTERN = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
"""How a date is written, in deliveries and in rules: what is before the year 1000 means none."""

WHOLE_PATTERN = "-?[0-9]+"
NUMBER_PATTERN = rf"{WHOLE_PATTERN}(\.[0-9]+)?"
"""How people write whole numbers and decimals, in rules and in parameters: as they will be read by
all, so with no signs between thousands, no exponent, and the digits 0 to 9."""

MONEY_LIMIT_DIGITS = 15
"""Delivered money stays below 10**15, so that a product with a rate fits in 38 digits."""


class ColumnType(Enum):
    """The column types a ledger may hold; the value is the type's name in Spark SQL."""

    STRING = "string"
    DATE = "date"
    INTEGER = "int"
    LONG = "bigint"
    BOOLEAN = "boolean"
    MONEY = f"decimal({MONEY_PRECISION},{SCALE})"
    RATE = f"decimal({RATE_PRECISION},{SCALE})"

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW[self]


_ARROW: dict[ColumnType, pa.DataType] = {
    ColumnType.STRING: pa.string(),
    ColumnType.DATE: pa.date32(),
    ColumnType.INTEGER: pa.int32(),
    ColumnType.LONG: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.MONEY: pa.decimal128(MONEY_PRECISION, SCALE),
    ColumnType.RATE: pa.decimal128(RATE_PRECISION, SCALE),
}


Classification = Literal["public", "internal", "confidential", "personal"]
"""Who may see a value. ``personal`` tells who a natural person is; no ledger holds such a value."""


@dataclass(frozen=True)
class Column:
    """One business column.

    ``unit`` names what an amount is counted in ("deal currency", "fraction"); ``allowed`` is the
    complete list of codes a text column may hold; ``minimum`` and ``maximum`` bound a number and
    are decimal text, inclusive; ``classification`` says who may see it.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = False
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    classification: Classification = "internal"


@dataclass(frozen=True)
class Reference:
    """Columns that, where all are given, name a row of another table by that table's key.

    ``blocking``: a wrong number would follow from a name that is not known. Details of a row that
    nobody reads without that row only deserve a warning.
    """

    columns: tuple[str, ...]
    table: Table
    blocking: bool = True


@dataclass(frozen=True)
class Table:
    """A ledger's business shape. ``key`` identifies one row of a reporting date.

    The ledger's own columns (:data:`LEDGER_COLUMNS`) stand before the business columns and are
    never listed here; the full key of a row is ``key`` plus layer, sign and rule.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    group: str
    owner: str = "team:regulatory-reporting"
    bounded: bool = field(default=False)
    """True where the number of rows does not grow with the book (lines, ratios)."""
    additive: tuple[str, ...] = ()
    """Columns that add up over the layers of a row, ``n`` among them, which counts what is behind
    it: a row is there after all rules while it is positive. A table without any is netted row by
    row."""
    optional: bool = field(default=False)
    """True for a source that a bank need not deliver: a day is complete without it, and what is
    calculated from it is left out."""
    personal: tuple[Column, ...] = ()
    """Columns that a source's files hold beside ``columns`` and that no ledger holds: they are
    text, and go to the vault under the key, which is the customer's pseudonymous identifier."""
    references: tuple[Reference, ...] = field(default=(), compare=False, repr=False)
    """What a source names in other sources, beyond what stages look up there."""
    selective: str | None = field(default=None, compare=False, repr=False)
    """The key column that tells most rows apart, where that is not the last: ``most_selective``."""

    def __hash__(self) -> int:  # tables are keys everywhere, and that of all columns takes long
        return hash(self.name)

    def __post_init__(self) -> None:
        names = self.delivered_names
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: a column is declared twice")
        reserved = set(names) & (set(PARTITION_COLUMNS) | set(LEDGER_COLUMNS))
        if reserved:
            raise ValueError(f"table {self.name}: {sorted(reserved)} belong to the ledger")
        missing = [k for k in self.key if k not in self.column_names]
        if missing or not self.key:
            raise ValueError(f"table {self.name}: key columns {missing or '()'} are not declared")
        if self.selective not in (None, *self.key):
            raise ValueError(f"table {self.name}: {self.selective} is not in its key")
        if unknown := [c for c in self.additive if c not in names or c in self.key]:
            raise ValueError(
                f"table {self.name}: additive {unknown} are not columns beside the key"
            )
        if self.additive and "n" not in self.additive:
            raise ValueError(f"table {self.name}: additive columns need a count n among them")
        for named in self.references:
            unknown_columns = set(named.columns) - set(self.column_names)
            if len(named.columns) != len(named.table.key) or unknown_columns:
                raise ValueError(
                    f"table {self.name}: {named.columns} is no key of {named.table.name}"
                )
        decimals = (ColumnType.MONEY, ColumnType.RATE)
        if any(self.column(k).type in decimals for k in self.key):
            raise ValueError(f"table {self.name}: a decimal cannot be a key column")
        if leaking := [c.name for c in self.columns if c.classification == "personal"]:
            raise ValueError(f"table {self.name}: no ledger holds the personal columns {leaking}")
        if self.personal and len(self.key) != 1:
            raise ValueError(f"table {self.name}: personal columns need the customer alone as key")
        for column in self.personal:
            if column.classification != "personal" or column.type is not ColumnType.STRING:
                raise ValueError(
                    f"table {self.name}: {column.name} goes to the vault, so it must be text and "
                    "classified as personal"
                )

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def money(self) -> tuple[str, ...]:
        """The columns that hold amounts."""
        return tuple(c.name for c in self.columns if c.type is ColumnType.MONEY)

    @property
    def delivered(self) -> tuple[Column, ...]:
        """What a source's files hold: the columns of its ledger, and those for the vault."""
        return (*self.columns, *self.personal)

    @property
    def delivered_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.delivered)

    def column(self, name: str) -> Column:
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise KeyError(f"table {self.name} has no column {name}")

    def most_selective(self, columns: Sequence[str]) -> str:
        """The one of some columns that tells most rows apart, by which those of a large table are
        found: the one that is said to, or the last, since columns go from coarse to fine."""
        if self.selective is not None and self.selective in columns:
            return self.selective
        return next(c for c in reversed(columns) if c in self.column_names)

    @property
    def ledger_key(self) -> tuple[str, ...]:
        """The key of a ledger row: business key, layer, sign and rule."""
        return (*self.key, "layer", "sign", "rule_id")

    @property
    def content(self) -> tuple[str, ...]:
        """Every column that makes two ledger rows equal: all but partition and entry."""
        return ("layer", "sign", "rule_id", *self.column_names)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The stored schema: partition columns, ledger columns, business columns."""
        own = [pa.field(name, kind.arrow) for name, kind in PARTITION_COLUMNS.items()]
        own += [pa.field(name, kind.arrow) for name, kind in LEDGER_COLUMNS.items()]
        return pa.schema(own + [pa.field(c.name, c.type.arrow) for c in self.columns])

    def type_of(self, name: str) -> ColumnType:
        """The type of a business or ledger column."""
        if name in PARTITION_COLUMNS:
            return PARTITION_COLUMNS[name]
        return LEDGER_COLUMNS[name] if name in LEDGER_COLUMNS else self.column(name).type


PARTITION_COLUMNS: dict[str, ColumnType] = {
    "reporting_date": ColumnType.DATE,
    "posting": ColumnType.STRING,
}

LEDGER_COLUMNS: dict[str, ColumnType] = {
    "entry": ColumnType.INTEGER,
    "layer": ColumnType.STRING,
    "sign": ColumnType.INTEGER,
    "rule_id": ColumnType.STRING,
}
"""``entry`` (+1 booking, -1 reversal) belongs to the ledger; layer, sign and rule are content."""

BASE = "base"
ADJUSTMENT = "adjustment"
"""The layers. A row of the adjustment layer takes back (sign -1) or books anew (sign +1)."""

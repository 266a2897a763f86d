"""The tables of the control database, as SQLAlchemy Core sees them.

The migrations create them (``migrations/versions``); a test compares both. What keeps a table
append-only stands in ``append_only``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Moment(TypeDecorator[datetime]):
    """An instant in UTC, to the microsecond, in an order the database sees as well.

    PostgreSQL keeps a ``timestamptz``, an integer count of microseconds. SQLite keeps text of one
    width, ``YYYY-MM-DD HH:MM:SS.ffffff``, whose alphabetical order is the order of time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the moment {value.isoformat()} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()

# The order of the columns is the order of the fields of Revision.
register = Table(
    "register",
    METADATA,
    Column("table_name", Text, nullable=False),
    Column("reporting_date", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("posting", Text),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("known_at", Moment, nullable=False),
    Column("booked", BigInteger, nullable=False),
    Column("reversed", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("engine", Text, nullable=False),
    PrimaryKeyConstraint("table_name", "reporting_date", "revision", name="register_key"),
    UniqueConstraint("posting", name="register_posting_unique"),
    CheckConstraint("revision >= 1", name="register_revision_from_one"),
    CheckConstraint("kind IN ('delta', 'snapshot')", name="register_kind_known"),
    CheckConstraint("booked >= 0 AND reversed >= 0", name="register_counts_not_negative"),
    CheckConstraint(
        "posting IS NOT NULL OR booked + reversed = 0", name="register_rows_have_posting"
    ),
    sqlite_with_rowid=False,
)
"""One row makes a posting count. Its unique key is the commit: see ``register.Register``."""

# One revision of an input, for each revision that read it: a consistent cut has no second.
consumed = Table(
    "consumed",
    METADATA,
    Column("table_name", Text, nullable=False),
    Column("reporting_date", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("input_table", Text, nullable=False),
    Column("input_date", Date, nullable=False),
    Column("input_revision", Integer, nullable=False),
    PrimaryKeyConstraint(
        "table_name", "reporting_date", "revision", "input_table", "input_date", name="consumed_key"
    ),
    ForeignKeyConstraint(
        ["table_name", "reporting_date", "revision"],
        [register.c.table_name, register.c.reporting_date, register.c.revision],
        name="consumed_by_registered",
    ),
    ForeignKeyConstraint(
        ["input_table", "input_date", "input_revision"],
        [register.c.table_name, register.c.reporting_date, register.c.revision],
        name="consumed_is_registered",
    ),
    sqlite_with_rowid=False,
)
"""What a revision was calculated from; both ends are registered revisions."""

# The order of the columns is the order of the fields of Delivery.
deliveries = Table(
    "deliveries",
    METADATA,
    Column("batch", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("reporting_date", Date, nullable=False),
    Column("mode", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("arrived_at", Moment, nullable=False),
    Column("revision", Integer),
    Column("source", Text, nullable=False, server_default=""),
    Column("contested", BigInteger, nullable=False, server_default="0"),
    Column("agreed", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("batch", name="deliveries_key"),
    ForeignKeyConstraint(
        ["table_name", "reporting_date", "revision"],
        [register.c.table_name, register.c.reporting_date, register.c.revision],
        name="deliveries_registered",
    ),
    CheckConstraint("mode IN ('full', 'delta')", name="deliveries_mode_known"),
    CheckConstraint(
        "accepted >= 0 AND rejected >= 0 AND delivered = accepted + rejected",
        name="deliveries_counts_balance",
    ),
    Index("deliveries_of_day", "table_name", "reporting_date", "sha256"),
    sqlite_with_rowid=False,
)
"""Every file that arrived, also one that led to no revision (``revision`` is empty then)."""


def _of_event() -> tuple[Column[Any], ...]:
    """The columns of a log of events; their order is that of the fields of Event."""
    return (
        Column("seq", Integer, nullable=False, autoincrement=False),
        Column("at", Moment, nullable=False),
        Column("actor", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("decides", Integer),
        Column("payload", Text, nullable=False),
        Column("previous", Text, nullable=False),
        Column("hash", Text, nullable=False),
        Column("signature", Text, nullable=False),
    )


events = Table(
    "events",
    METADATA,
    *_of_event(),
    PrimaryKeyConstraint("seq", name="events_key"),
    UniqueConstraint("hash", name="events_hash_unique"),
    CheckConstraint("seq >= 1", name="events_seq_from_one"),
    ForeignKeyConstraint(["decides"], ["events.seq"], name="events_decides_event"),
    sqlite_with_rowid=False,
)
"""Who proposed and who decided what, each event chained to the one before by its hash."""

privacy_log = Table(
    "privacy_log",
    METADATA,
    *_of_event(),
    PrimaryKeyConstraint("seq", name="privacy_log_key"),
    UniqueConstraint("hash", name="privacy_log_hash_unique"),
    CheckConstraint("seq >= 1", name="privacy_log_seq_from_one"),
    CheckConstraint("kind IN ('erased', 'rotated', 'shown')", name="privacy_log_kind_known"),
    Index("privacy_log_of_kind", "kind", "subject"),
    sqlite_with_rowid=False,
)
"""Who erased a person, saw what the vault keeps of one, or changed its master key, and why; chained
like ``events``."""

anchors = Table(
    "anchors",
    METADATA,
    Column("number", Integer, nullable=False, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("number", name="anchors_key"),
    UniqueConstraint("hash", name="anchors_hash_unique"),
    CheckConstraint("number >= 1", name="anchors_number_from_one"),
    sqlite_with_rowid=False,
)
"""The hash of every line of the anchor file, which lies outside: neither is cut without the other
telling (``audit``)."""

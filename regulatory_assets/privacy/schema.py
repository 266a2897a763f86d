"""The tables of the database of personal data. Their rows can be deleted, unlike all others.

The migrations beside create them; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

METADATA = MetaData()

vault = Table(
    "vault",
    METADATA,
    Column("customer", Text, nullable=False),
    Column("source_table", Text, nullable=False),
    Column("reporting_date", Date, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("customer", "source_table", name="vault_key"),
)
"""The latest that a source said of a customer, encrypted by the customer's key."""

vault_keys = Table(
    "vault_keys",
    METADATA,
    Column("customer", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    PrimaryKeyConstraint("customer", name="vault_keys_key"),
)
"""The key of each customer, wrapped by the master key. Without it the customer's rows are noise."""

vault_master = Table(
    "vault_master",
    METADATA,
    Column("number", Integer, nullable=False, autoincrement=False),
    Column("fingerprint", Text, nullable=False),
    PrimaryKeyConstraint("number", name="vault_master_key"),
    CheckConstraint("number = 1", name="vault_master_one"),
)
"""The fingerprint of the one master key by which all keys are wrapped now."""

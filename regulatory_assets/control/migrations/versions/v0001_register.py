"""The register, what its revisions consumed, and the deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from regulatory_assets.control.append_only import EventTable, Numbered, guard
from regulatory_assets.control.schema import Moment

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "register",
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("reporting_date", sa.Date, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("posting", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("known_at", Moment, nullable=False),
        sa.Column("booked", sa.BigInteger, nullable=False),
        sa.Column("reversed", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("table_name", "reporting_date", "revision", name="register_key"),
        sa.UniqueConstraint("posting", name="register_posting_unique"),
        sa.CheckConstraint("revision >= 1", name="register_revision_from_one"),
        sa.CheckConstraint("kind IN ('delta', 'snapshot')", name="register_kind_known"),
        sa.CheckConstraint("booked >= 0 AND reversed >= 0", name="register_counts_not_negative"),
        sa.CheckConstraint(
            "posting IS NOT NULL OR booked + reversed = 0", name="register_rows_have_posting"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consumed",
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("reporting_date", sa.Date, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("input_table", sa.Text, nullable=False),
        sa.Column("input_date", sa.Date, nullable=False),
        sa.Column("input_revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "table_name",
            "reporting_date",
            "revision",
            "input_table",
            "input_date",
            name="consumed_key",
        ),
        sa.ForeignKeyConstraint(
            ["table_name", "reporting_date", "revision"],
            ["register.table_name", "register.reporting_date", "register.revision"],
            name="consumed_by_registered",
        ),
        sa.ForeignKeyConstraint(
            ["input_table", "input_date", "input_revision"],
            ["register.table_name", "register.reporting_date", "register.revision"],
            name="consumed_is_registered",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("reporting_date", sa.Date, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("arrived_at", Moment, nullable=False),
        sa.Column("revision", sa.Integer),
        sa.PrimaryKeyConstraint("batch", name="deliveries_key"),
        sa.ForeignKeyConstraint(
            ["table_name", "reporting_date", "revision"],
            ["register.table_name", "register.reporting_date", "register.revision"],
            name="deliveries_registered",
        ),
        sa.CheckConstraint("mode IN ('full', 'delta')", name="deliveries_mode_known"),
        sa.CheckConstraint(
            "accepted >= 0 AND rejected >= 0 AND delivered = accepted + rejected",
            name="deliveries_counts_balance",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("deliveries_of_day", "deliveries", ["table_name", "reporting_date", "sha256"])
    for table in (
        EventTable(
            "register",
            keys=(("table_name", "reporting_date", "revision"), ("posting",)),
            numbered=Numbered(("table_name", "reporting_date"), "revision", "known_at"),
        ),
        EventTable(
            "consumed",
            keys=(("table_name", "reporting_date", "revision", "input_table", "input_date"),),
        ),
        EventTable("deliveries", keys=(("batch",),)),
    ):
        guard(op.get_bind(), table)

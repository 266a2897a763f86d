"""The hashes of the lines of the anchor file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from regulatory_assets.control.append_only import EventTable, Numbered, guard
from regulatory_assets.control.schema import Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "anchors",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="anchors_key"),
        sa.UniqueConstraint("hash", name="anchors_hash_unique"),
        sa.CheckConstraint("number >= 1", name="anchors_number_from_one"),
        sqlite_with_rowid=False,
    )
    guard(
        op.get_bind(),
        EventTable("anchors", keys=(("number",), ("hash",)), numbered=Numbered((), "number", "at")),
    )

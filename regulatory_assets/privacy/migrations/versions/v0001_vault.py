"""The vault, and the keys of its customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "vault",
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("source_table", sa.Text, nullable=False),
        sa.Column("reporting_date", sa.Date, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("customer", "source_table", name="vault_key"),
    )
    op.create_table(
        "vault_keys",
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("customer", name="vault_keys_key"),
    )

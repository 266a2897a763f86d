"""Which master key the keys of customers are wrapped by; none is noted before it is first used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "vault_master",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="vault_master_key"),
        sa.CheckConstraint("number = 1", name="vault_master_one"),
    )

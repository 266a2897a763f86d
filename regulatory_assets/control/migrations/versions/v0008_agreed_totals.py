"""The control totals that a delivery agreed with when it was taken.

A column is added in place, so that the guards of the table stay. What was delivered before has none
here, and is compared once more where control totals lie beside it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN agreed TEXT NOT NULL DEFAULT ''")

"""The source of a delivery, and how many of its keys another source has delivered as well.

Columns are added in place, so that the guards of the table stay. What was delivered before has no
source here; it stands with the kept lines.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN source TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE deliveries ADD COLUMN contested BIGINT NOT NULL DEFAULT 0")

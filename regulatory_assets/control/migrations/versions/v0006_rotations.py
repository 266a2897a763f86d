"""The log of privacy also says when the vault's master key was changed for a new one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from regulatory_assets.control.append_only import EventTable, Numbered, Refusal, guard
from regulatory_assets.control.schema import Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    before = sa.Table(
        "privacy_log",
        sa.MetaData(),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("decides", sa.Integer),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="privacy_log_key"),
        sa.UniqueConstraint("hash", name="privacy_log_hash_unique"),
        sa.CheckConstraint("seq >= 1", name="privacy_log_seq_from_one"),
        sa.CheckConstraint("kind IN ('erased', 'shown')", name="privacy_log_kind_known"),
        sa.Index("privacy_log_of_kind", "kind", "subject"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("privacy_log", copy_from=before) as batch:
        batch.drop_constraint("privacy_log_kind_known", type_="check")
        batch.create_check_constraint(
            "privacy_log_kind_known", "kind IN ('erased', 'rotated', 'shown')"
        )
    guard(
        op.get_bind(),
        EventTable(
            "privacy_log",
            keys=(("seq",), ("hash",)),
            numbered=Numbered((), "seq", "at"),
            refusals=(
                Refusal(
                    "erased_twice",
                    "NEW.kind = 'erased' AND EXISTS (SELECT 1 FROM privacy_log"
                    " WHERE kind = 'erased' AND subject = NEW.subject)",
                    "a person is erased once",
                ),
                Refusal(
                    "chained",
                    "NEW.seq > 1 AND NOT EXISTS (SELECT 1 FROM privacy_log"
                    " WHERE seq = NEW.seq - 1 AND hash = NEW.previous)",
                    "an event names the hash of the one before it",
                ),
            ),
        ),
    )

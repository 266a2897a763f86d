"""The event log of people, rules and decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from regulatory_assets.control.append_only import EventTable, Numbered, Refusal, guard
from regulatory_assets.control.schema import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "events",
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
        sa.PrimaryKeyConstraint("seq", name="events_key"),
        sa.UniqueConstraint("hash", name="events_hash_unique"),
        sa.CheckConstraint("seq >= 1", name="events_seq_from_one"),
        sa.ForeignKeyConstraint(["decides"], ["events.seq"], name="events_decides_event"),
        sqlite_with_rowid=False,
    )
    guard(
        op.get_bind(),
        EventTable(
            "events",
            keys=(("seq",), ("hash",)),
            numbered=Numbered((), "seq", "at"),
            refusals=(
                Refusal(
                    "own_proposal",
                    "NEW.decides IS NOT NULL AND EXISTS (SELECT 1 FROM events"
                    " WHERE seq = NEW.decides AND actor = NEW.actor)",
                    "nobody decides on a proposal of their own",
                ),
                Refusal(
                    "decided_twice",
                    "NEW.decides IS NOT NULL AND EXISTS (SELECT 1 FROM events"
                    " WHERE decides = NEW.decides AND actor = NEW.actor)",
                    "nobody decides twice on one proposal",
                ),
                Refusal(
                    "chained",
                    "NEW.seq > 1 AND NOT EXISTS (SELECT 1 FROM events"
                    " WHERE seq = NEW.seq - 1 AND hash = NEW.previous)",
                    "an event names the hash of the one before it",
                ),
            ),
        ),
    )

"""Who approved what has moved since may approve it anew: decided twice is the same impact twice."""

from __future__ import annotations

from alembic import op

from regulatory_assets.control.append_only import EventTable, Numbered, Refusal, guard

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
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
                    " WHERE decides = NEW.decides AND actor = NEW.actor"
                    " AND COALESCE(json_extract(payload, '$.impact.impact'), '')"
                    " = COALESCE(json_extract(NEW.payload, '$.impact.impact'), ''))",
                    "nobody decides twice on one proposal",
                    "NEW.decides IS NOT NULL AND EXISTS (SELECT 1 FROM events"
                    " WHERE decides = NEW.decides AND actor = NEW.actor"
                    " AND COALESCE((CAST(payload AS json) -> 'impact' ->> 'impact'), '')"
                    " = COALESCE((CAST(NEW.payload AS json) -> 'impact' ->> 'impact'), ''))",
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

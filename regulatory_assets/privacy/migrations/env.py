"""What Alembic runs on the database of personal data; ``database.migrate`` hands it over."""

from __future__ import annotations

from alembic import context

from regulatory_assets.privacy.schema import METADATA

_given = context.config.attributes
context.configure(
    connection=_given["connection"],
    target_metadata=METADATA,
    version_table=_given["version_table"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

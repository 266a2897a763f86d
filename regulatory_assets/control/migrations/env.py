"""What Alembic runs: every migration on the connection that ``database.migrate`` hands over.

The whole upgrade is one transaction on both databases, and it ends only if every append-only
table has its guards. To change the schema: change ``schema.py``, write the next file in
``versions/`` by hand, and call ``append_only.guard`` for each event table that it makes or remakes.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection

from regulatory_assets.control.append_only import require_guards
from regulatory_assets.control.schema import METADATA


def _migrate(connection: Connection, version_table: str) -> None:
    def after_step(*_: Any, **__: Any) -> None:
        require_guards(connection, complete=False)

    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table=version_table,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        on_version_apply=after_step,
    )
    with context.begin_transaction():
        context.run_migrations()
    require_guards(connection, complete=True)


_migrate(context.config.attributes["connection"], context.config.attributes["version_table"])

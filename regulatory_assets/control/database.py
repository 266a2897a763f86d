"""Connecting to the control database, and bringing its schema up to date.

SQLite and PostgreSQL are told apart here and in ``append_only``, nowhere else. No message of this
module holds a URL, since a URL may hold a password.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from pydantic import SecretStr
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    Pool,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError

MIGRATIONS = Path(__file__).parent / "migrations"

VERSION_TABLE = "control_version"
"""Not Alembic's usual name: Dagster's storage may share the PostgreSQL database, and has it."""

WAIT_SECONDS = 30
"""How long a writer waits for another one of the same SQLite file."""

_MIGRATION_LOCK = 0x5245474153534554
"""Key of the PostgreSQL advisory lock that one migration at a time holds."""


class DatabaseURLError(ValueError):
    """A URL that no database can have; no message holds it."""


class NewerDatabaseError(Exception):
    """The database was migrated by a later version of this package."""


class LostDatabaseError(Exception):
    """The database registers nothing, though an anchor outside it has seen what was registered."""


def connect(url: str | SecretStr, name: str = "control database") -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql+psycopg://...``; nothing is migrated.

    On SQLite every transaction takes the write lock when it begins (BEGIN IMMEDIATE): two writers
    queue, and none is refused half-way because what it had read was overtaken. Who only reads
    takes :func:`reading`. A forked child gets connections of its own.
    """
    plain = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        parsed = make_url(plain)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise DatabaseURLError(
            f"the {name}'s URL cannot be read as a URL; write sqlite:///path or "
            "postgresql+psycopg://user:password@host/database"
        ) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            engine = _sqlite(parsed, name)
        case "postgresql" | "postgresql+psycopg":
            engine = _postgres(parsed)
        case other:
            raise DatabaseURLError(
                f"the {name} cannot be {other}; use sqlite:///path or postgresql+psycopg://"
            )
    _say_which(engine, name)
    _ENGINES.add(engine)
    return engine


def file_to_make(url: SecretStr) -> Path | None:
    """The file that connecting would make; none where SQLite's is there, or a server is asked. A
    URL that cannot be read is refused when somebody connects."""
    try:
        parsed = make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        return None
    named = parsed.database if parsed.get_backend_name() == "sqlite" and not parsed.host else None
    file = Path(named).resolve() if named else None
    return None if file is None or file.exists() else file


def _say_which(engine: Engine, name: str) -> None:
    """Errors of a database say which one it is, in a note."""

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        if context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.add_note(name)


def reading(engine: Engine) -> Engine:
    """The same engine for single statements that only read.

    On SQLite they never wait for a writer; on PostgreSQL each is one round trip, without BEGIN and
    ROLLBACK around it.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin="DEFERRED")
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def migrate(engine: Engine, *, migrations: Path = MIGRATIONS) -> None:
    """Bring the schema to the newest version, all of it or nothing.

    Safe when several processes start at once: one migrates, the others wait and find it done.
    Raises NewerDatabaseError where the database is ahead of this package.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with _schema_lock(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        unknown = sorted(set(context.get_current_heads()) - known)
        if unknown:
            raise NewerDatabaseError(
                f"the control database is at version {', '.join(unknown)}, which this version of "
                f"regulatory-assets does not know (its newest is {max(known)}); "
                "install the version that migrated it, or a later one"
            )
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        command.upgrade(config, "head")


def forget_deleted(engine: Engine, table: str) -> None:
    """Take the deleted rows of a table out of the files of the database; others wait meanwhile.

    SQLite writes zeros over what is deleted (secure_delete), and what its log of changes still
    holds goes when the log is emptied. PostgreSQL leaves a deleted row where it lies; VACUUM FULL
    writes the table anew without it. Neither reaches a backup, PostgreSQL's write-ahead log or its
    archive, nor what a file system or disk keeps of a block. Raises TimeoutError where SQLite's log
    is in use for WAIT_SECONDS.
    """
    if engine.dialect.name == "postgresql":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"VACUUM FULL {table}"))
        return
    deadline = time.monotonic() + WAIT_SECONDS
    raw = engine.raw_connection()
    try:
        while raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{engine.url.database} is being read all the time")
            time.sleep(0.01)
    finally:
        raw.close()


@contextmanager
def _schema_lock(engine: Engine) -> Iterator[Connection]:
    """One transaction for a migration, which no other migration can overlap."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _MIGRATION_LOCK})
                yield connection
            return
        # Batch mode drops and renames tables that others refer to. SQLite can set this aside only
        # outside a transaction; the check before the end takes its place.
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise ValueError(f"the migration breaks foreign keys: {broken[:5]}")
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


# -- SQLite -------------------------------------------------------------------------------------


def _sqlite(url: URL, name: str) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseURLError(
            f"the {name} must be a file that processes can share; write sqlite:///path"
        )
    if url.host:
        raise DatabaseURLError(
            f"the {name} is a file and has no host; write sqlite:///path, of an absolute path "
            "sqlite:////path"
        )
    path = Path(url.database).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url.set(database=str(path)), connect_args={"timeout": WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: see begin()
        _use_wal(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA synchronous = FULL")  # a registered revision survives power loss
        connection.execute("PRAGMA secure_delete = ON")  # see forget_deleted()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once and for all.

    SQLite does not wait for a lock in this one statement, so two first starts would collide.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


# -- PostgreSQL ---------------------------------------------------------------------------------


def _postgres(url: URL) -> Engine:
    # READ COMMITTED whatever the server's default: the loser of a race must meet the unique key,
    # not a serialization failure.
    given = url.query.get("password")  # libpq takes it, and SQLAlchemy would show it
    if isinstance(given, str):
        url = url.difference_update_query(["password"]).set(password=given)
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        connect_args={"application_name": "regulatory-assets"},
    )


# -- forks --------------------------------------------------------------------------------------

_ENGINES: WeakSet[Engine] = WeakSet()
_INHERITED: list[Pool] = []
"""A child keeps its parent's pools and never uses them: even closing them would disturb it."""


def _begin_afresh() -> None:
    for engine in list(_ENGINES):
        _INHERITED.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_begin_afresh)

"""Dagster's SQLite files, written without waiting for the disk after every event.

Dagster opens and closes a connection for each event that it stores, some 1,500 in a day's run.
Each of them would wait for the disk, and the last connection to close copies the write-ahead log
into the database and deletes it: half the time of a day. Here one connection more stays open on
each file, so none is the last, and what is committed reaches the disk when the log is copied. When
power fails, the last events of a run may be missing, the file stays whole.

It also makes a SQLAlchemy engine for each of these connections, which knows no statement yet and
compiles each anew: another fifth of a day. Here a file has one engine.

Only files below DAGSTER_HOME are meant. Figures, register and rules lie in the control database,
which waits for the disk. A Dagster that keeps its events in PostgreSQL does not come here.
"""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from threading import Lock
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import Engine, event

FILES_HELD = 8
"""Each run has a file of its own; those of runs long past are let go."""

_held: OrderedDict[str, sqlite3.Connection] = OrderedDict()
_lock = Lock()


@event.listens_for(Engine, "connect")
def _opened(connection: Any, _: object) -> None:
    home = os.environ.get("DAGSTER_HOME")
    if not home or not isinstance(connection, sqlite3.Connection):
        return
    file: str = connection.execute("PRAGMA database_list").fetchone()[2]
    if not file.startswith(os.path.realpath(home) + os.sep):
        return
    connection.execute("PRAGMA synchronous = NORMAL")
    if file in _held or connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return
    held = sqlite3.connect(file, check_same_thread=False)
    # A connection that has read nothing holds nothing.
    held.execute("PRAGMA schema_version").fetchone()
    with _lock:
        _held[file] = held
        if len(_held) > FILES_HELD:
            _held.popitem(last=False)[1].close()


def _with_one_engine(storage: Any) -> None:
    """Let a module of Dagster make one engine for each file. None of them holds a connection."""
    create, made = storage.create_engine, OrderedDict[str, Engine]()

    def engine_of(url: str, **how: Any) -> Engine:
        with _lock:
            if url not in made:
                made[url] = create(url, **how)
            made.move_to_end(url)
            if len(made) > FILES_HELD:
                made.popitem(last=False)
            return made[url]

    storage.create_engine = engine_of


for _storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    _with_one_engine(_storage)


def _let_go() -> None:
    """A child would take its parent's locks on a file for its own, and what it writes could be
    lost; so nothing is held while a process forks."""
    with _lock:
        while _held:
            _held.popitem()[1].close()


os.register_at_fork(before=_let_go)

"""Dagster's SQLite files stay open, and only these wait less for the disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from regulatory_assets.orchestration import sqlite

FULL, NORMAL = 2, 1


def opened(file: Path) -> Engine:
    """A file with a write-ahead log, of which every connection closes at once."""
    sqlite3.connect(file).execute("PRAGMA journal_mode = WAL").connection.close()
    return create_engine(f"sqlite:///{file}", poolclass=NullPool)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setattr(sqlite, "_held", type(sqlite._held)())
    return folder


def test_the_log_of_a_file_below_home_outlives_its_connections(home: Path) -> None:
    for file, level, stays in (
        (home / "index.db", NORMAL, True),
        (home.parent / "a.db", FULL, False),
    ):
        with opened(file).begin() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == level
            connection.execute(text("CREATE TABLE events (id INTEGER)"))
        assert Path(f"{file}-wal").exists() == stays
        with sqlite3.connect(file) as read:
            assert read.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_the_oldest_files_are_let_go(home: Path) -> None:
    files = [home / f"{n}.db" for n in range(sqlite.FILES_HELD + 2)]
    for file in files:
        with opened(file).begin() as connection:
            connection.execute(text("CREATE TABLE events (id INTEGER)"))
    assert list(sqlite._held) == [str(f) for f in files[2:]]
    assert [Path(f"{f}-wal").exists() for f in files] == [False] * 2 + [True] * sqlite.FILES_HELD
    for held in sqlite._held.values():
        held.close()


def test_dagster_makes_one_engine_for_a_file(tmp_path: Path) -> None:
    """A statement is compiled once for an engine: one of each connection's own knows none."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.report_runless_asset_event(AssetMaterialization("table", partition="2026-01-05"))
        connected: list[Engine] = []

        def heard(connection: Connection) -> None:
            connected.append(connection.engine)

        event.listen(Engine, "engine_connect", heard)
        try:
            for _ in range(2):
                instance.report_runless_asset_event(AssetMaterialization("table"))
                assert instance.get_latest_materialization_event(AssetKey("table"))
        finally:
            event.remove(Engine, "engine_connect", heard)
    files = {str(engine.url) for engine in connected}
    assert len(connected) > len({*map(id, connected)}) == len(files) > 0


def fork_and_write(file: Path) -> None:
    """Let a forked child commit before and after its parent has closed all it had open."""
    with opened(file).begin() as connection:
        connection.execute(text("CREATE TABLE events (id INTEGER)"))
    told, tell = os.pipe()
    waited, go_on = os.pipe()
    if (child := os.fork()) == 0:
        with opened(file).connect() as connection:
            for number in (1, 2):
                connection.execute(text(f"INSERT INTO events VALUES ({number})"))
                connection.commit()
                os.write(tell, b".")
                os.read(waited, 1)
        os._exit(0)
    os.read(told, 1)
    sqlite._let_go()
    os.write(go_on, b"..")
    os.waitpid(child, 0)


def test_what_a_forked_child_writes_is_kept(home: Path) -> None:
    """The last connection to close deletes the log; the child's must be known to be there."""
    file = home / "index.db"
    # In a process of its own: the test's process may hold an engine that must not be forked.
    script = f"import sys; from {__name__} import *; fork_and_write(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, str(file)], check=True, timeout=60)
    with sqlite3.connect(file) as read:
        assert read.execute("SELECT id FROM events").fetchall() == [(1,), (2,)]

"""Connecting: settings, waiting, forking, and what no message says."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from regulatory_assets.control.database import connect, migrate, reading
from regulatory_assets.control.register import Register

from .examples import DAY, only_postgres, only_sqlite, revision
from .processes import Processes
from .racing import fork_and_commit

PASSWORD = "correct-horse"


@only_sqlite
def test_sqlite_settings(control_engine: Engine) -> None:
    expected = {"journal_mode": "wal", "foreign_keys": 1, "recursive_triggers": 1}
    expected |= {"synchronous": 2, "busy_timeout": 30_000}
    for engine in (control_engine, reading(control_engine)):
        with engine.connect() as connection:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected
            }
        assert found == expected


def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    engine = connect(SecretStr(f"sqlite:///{tmp_path / 'a' / 'b' / 'control.sqlite'}"))
    migrate(engine)
    assert (tmp_path / "a" / "b" / "control.sqlite").exists()
    engine.dispose()


def test_a_relative_file_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = connect("sqlite:///var/control.sqlite")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    migrate(engine)
    assert (tmp_path / "var" / "control.sqlite").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    engine.dispose()


def test_a_first_start_waits_for_another(tmp_path: Path) -> None:
    # SQLite refuses the switch to write-ahead logging at once, whatever the time to wait.
    file = tmp_path / "control.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    release.join()
    other.close()
    engine.dispose()


@only_sqlite
def test_a_reader_does_not_wait_for_a_writer(control_engine: Engine) -> None:
    register = Register(control_engine)
    register.commit([revision()])
    with control_engine.begin() as writer:
        writer.execute(text("SELECT 1"))
        start = time.monotonic()
        assert len(register.history("flows", DAY)) == 1
        assert time.monotonic() - start < 1


@only_sqlite
def test_a_writer_waits_for_another_and_sees_what_it_wrote(control_engine: Engine) -> None:
    register = Register(control_engine)
    failures: list[BaseException] = []

    def second() -> None:
        try:
            register.commit([revision(number=2)])
        except BaseException as error:
            failures.append(error)

    with control_engine.begin() as writer:
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        assert thread.is_alive()
        row = "'flows', '2026-01-05', 1, 'p', 'delta', '', '', '2026-01-01 00:00:00.000000'"
        writer.execute(text(f"INSERT INTO register VALUES ({row}, 1, 0, '', '', '', '')"))
    thread.join(10)
    assert failures == []
    assert [r.revision for r in register.history("flows", DAY)] == [1, 2]


def test_a_forked_child_has_connections_of_its_own(
    control_url: str, two_processes: Processes
) -> None:
    # In a process of its own: the test's process may hold an engine that must not be forked.
    (found,) = two_processes.run(fork_and_commit, (control_url,))
    idle, exit_code, seen = found
    assert idle == 1
    assert exit_code == 0
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
def test_a_database_that_processes_cannot_share_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a file"):
        connect(url)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://bank:{PASSWORD}@host/control",
        f"postgresql+psycopg2://bank:{PASSWORD}@host/control",
        f"postgresql+psycopg:/bank:{PASSWORD}@host/control",
        f"postgresql+psycopg://bank:{PASSWORD}@host:port/control",
        PASSWORD,
    ],
)
def test_a_url_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="control database") as caught:
        connect(SecretStr(url))
    seen: BaseException | None = caught.value
    while seen is not None:
        assert PASSWORD not in str(seen)
        seen = None if seen.__suppress_context__ else seen.__context__


def test_no_message_shows_the_password(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"postgresql://bank:{PASSWORD}@/control?host={tmp_path}&connect_timeout=1"
    engine = connect(url)
    with pytest.raises(OperationalError) as caught:
        migrate(engine)
    assert PASSWORD not in str(caught.value) + repr(caught.value) + repr(engine) + caplog.text


def test_a_password_given_as_an_option_is_not_shown_either(tmp_path: Path) -> None:
    engine = connect(f"postgresql://bank@/control?host={tmp_path}&password={PASSWORD}")
    assert PASSWORD not in repr(engine)
    assert engine.url.password == PASSWORD


@only_postgres
def test_postgres_reads_committed_rows_whatever_the_default(
    control_engine: Engine, control_url: str
) -> None:
    with control_engine.begin() as connection:
        name = control_engine.url.database
        option = "default_transaction_isolation = 'serializable'"
        connection.execute(text(f"ALTER DATABASE {name} SET {option}"))
    engine = connect(control_url)
    with engine.begin() as connection:
        level = connection.execute(text("SHOW transaction_isolation")).scalar()
    assert level == "read committed"
    engine.dispose()

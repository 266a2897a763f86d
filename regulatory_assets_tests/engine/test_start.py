"""Starting: once per process, refused after a fork and on any difference, errors that help."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.engine import Engine, EngineError, selfcheck, start
from regulatory_assets.engine import sail as sail_module
from regulatory_assets.settings import Settings


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_sail_and_spark_name_their_version(sail: Engine, spark: Engine) -> None:
    assert sail.identity == f"sail-{sail.version}"
    assert spark.identity == f"spark-{spark.version}"
    assert spark.version == "4.1.4"


def test_one_engine_per_process(engine: Engine, tmp_path: Path) -> None:
    assert start(Settings(engine=engine.name, spark_remote=None, var=tmp_path)) is engine


def test_session_settings(engine: Engine) -> None:
    assert engine.session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert engine.session.conf.get("spark.sql.ansi.enabled") == "true"


def test_sail_and_spark_in_one_process(sail: Engine, spark: Engine) -> None:
    """Expressions belong to no session."""
    column = (F.col("id") + F.lit(1)).alias("n")
    for engine in (sail, spark, sail):
        assert engine.session.range(2).select(column).toArrow()["n"].to_pylist() == [1, 2]


def test_a_forked_child_is_refused(sail: Engine, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            start(Settings(var=tmp_path))
        except EngineError as error:
            os._exit(42 if "spawn" in str(error) else 1)
        os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42


def test_importing_the_engine_layer_is_cheap() -> None:
    found = run(
        "import sys, regulatory_assets.engine;"
        "print([m for m in ('pyspark', 'pysail', 'deltalake', 'pyarrow') if m in sys.modules])"
    )
    assert found.stdout == "[]\n", found.stderr


def test_sail_process_ends_quietly(tmp_path: Path) -> None:
    found = run(
        "from pathlib import Path\n"
        "from regulatory_assets.engine import start\n"
        "from regulatory_assets.settings import Settings\n"
        f"session = start(Settings(engine='sail', var=Path({str(tmp_path)!r}))).session\n"
        "session.sql('select * from nowhere').limit(1)\n"
        "print(session.range(3).count())\n"
        "try:\n    session.sql('select cast(1000 as decimal(2,0))').collect()\n"
        "except Exception:\n    print('raised')\n"
    )
    assert (found.stdout, found.stderr, found.returncode) == ("3\nraised\n", "", 0)


def test_an_idle_session_is_kept() -> None:
    """Sail's default forgets a session, with its settings, after 15 idle minutes."""
    idle = int(sail_module.environment()["SAIL_SPARK__SESSION_TIMEOUT_SECS"])
    assert idle > 365 * 86_400


def test_memory_is_bounded() -> None:
    environment = sail_module.environment()
    limit = int(environment["SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE"])
    assert environment["SAIL_RUNTIME__MEMORY_POOL__TYPE"] == "fair"
    assert 0 < limit < sail_module.memory()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"product": Decimal("1")}, "product expected Decimal('1'), got Decimal('45556007.38"),
        ({"hash": 7, "div": 3}, "div expected 3, got 922337203685477580; hash expected 7, got 64"),
    ],
)
def test_self_check_names_the_difference(
    sail: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr(selfcheck, "ARITHMETIC", selfcheck.ARITHMETIC | wrong)
    with pytest.raises(EngineError, match="sail-x does not keep") as raised:
        selfcheck.check(sail.session, tmp_path, "sail-x")
    assert message in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_self_check_sees_wrong_storage(
    sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With statistics kept, the amount comes back wrong: the check must notice."""
    create = selfcheck.DeltaTable.create

    def with_statistics(*args: Any, **options: Any) -> Any:
        return create(*args, **options | {"configuration": None})

    monkeypatch.setattr(selfcheck.DeltaTable, "create", with_statistics)
    with pytest.raises(EngineError, match=r"money expected Decimal\('369003690.03690037'\)"):
        selfcheck.check(sail.session, tmp_path, "sail-x")


def test_self_check_sees_a_missing_overflow(
    sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selfcheck, "_overflows", lambda: {"one": F.lit(1)})
    with pytest.raises(EngineError, match="one must raise, gave"):
        selfcheck.check(sail.session, tmp_path, "sail-x")


def test_an_unreachable_server_is_named_and_its_token_is_not(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    remote = f"sc://127.0.0.1:{port}/;token=secret"
    with pytest.raises(EngineError, match=f"answers at 127.0.0.1:{port}.*SPARK_REMOTE") as raised:
        start(Settings(engine="spark", spark_remote=remote, var=tmp_path))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("remote", ["http://localhost:1", "sc://", "localhost"])
def test_a_wrong_url_is_refused(tmp_path: Path, remote: str) -> None:
    with pytest.raises(EngineError, match="must look like sc://host:port"):
        start(Settings(engine="spark", spark_remote=remote, var=tmp_path))


def test_any_server_by_its_url(sail: Engine, tmp_path: Path) -> None:
    """A Connect server is a Connect server: here Sail's, by its address."""
    remote = f"sc://{sail.session.client._builder.endpoint}"
    found = start(Settings(engine="spark", spark_remote=remote, var=tmp_path))
    assert found is not sail
    assert found.session.range(3).count() == 3

"""The engines for tests: ``sail``, ``spark``, and ``engine`` that runs a test on both.

Each is started once per test session, both in one process. Nothing is skipped where an engine does
not start: the tests that need it fail. ``notyet`` marks a gap of one engine; the marked test fails
as soon as the gap has closed, so that an upgrade tells.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from regulatory_assets.engine import Engine, start
from regulatory_assets.settings import Settings


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "notyet(engine, reason): a known gap; the test fails once it has closed"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    used = set(getattr(item, "fixturenames", ()))
    if hasattr(item, "callspec"):
        used.add(str(item.callspec.params.get("engine")))
    if "spark" in used:
        item.add_marker(pytest.mark.spark)
        if "spark" not in item.nodeid:
            raise pytest.UsageError(
                f"{item.nodeid} needs Spark; its name or its module's has to say so"
            )
    for mark in item.iter_markers("notyet"):
        if mark.args[0] in used:
            item.add_marker(pytest.mark.xfail(strict=True, reason=mark.args[1], raises=GAP_SHOWS))


GAP_SHOWS = (AssertionError, pytest.fail.Exception, PySparkException)
"""How a known gap may show: a wrong answer, no error where one is due, or an engine's error."""


def notyet(engine: str, reason: str) -> pytest.MarkDecorator:
    """Mark a test of the ``engine`` fixture, or of this engine's own: it is known to fail."""
    return pytest.mark.notyet(engine, reason)


@pytest.fixture(scope="session")
def engine_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of the engines under test; fetched jars are shared with the product."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="session")
def sail(engine_state: Path) -> Engine:
    return start(Settings(engine="sail", var=engine_state, cache_folder=Settings().cache))


INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="session")
def spark(engine_state: Path) -> Engine:
    """Local Apache Spark; its first use takes some 20 s. Short runs gain by compiling less, by
    collecting garbage without threads of its own beside those of other processes, and without what
    takes a query up again after its connection broke, which is a quarter of a small one.

    Compiling less also makes Java's code cache small, and a session of many tests fills it. The
    servers that commands under test start (``verify``) compile as they do for everybody.
    """
    os.environ.setdefault(
        "JDK_JAVA_OPTIONS",
        "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC",
    )
    started = start(
        Settings(engine="spark", spark_remote=None, var=engine_state, cache_folder=Settings().cache)
    )
    for name, value in INTERPRETED.items():
        started.session.conf.set(name, value)
    started.session.client.disable_reattachable_execute()
    return started


@pytest.fixture(scope="session", params=["sail", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    started: Engine = request.getfixturevalue(request.param)
    return started

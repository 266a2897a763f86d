"""Fixtures of all tests, and how they are shared out among processes.

Each process starts the embedded engine once. Apache Spark is the dearest to start and to warm up,
so all its tests stand in one group, which one process runs; a module's other tests stay together
for their fixtures. What takes longest is begun first.

Properties draw the same examples at every run, so that a run fails by a change and not by chance;
``--hypothesis-profile searching``, as in ``make test-long``, draws others and more of them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from typer.testing import CliRunner
from xdist.scheduler import LoadScopeScheduling

from regulatory_assets import cli
from regulatory_assets_tests import documents

pytest_plugins = [
    "regulatory_assets_tests.fixtures_browser",
    "regulatory_assets_tests.fixtures_control",
    "regulatory_assets_tests.fixtures_engine",
]

_UNTIMED = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
settings.register_profile("repeatable", _UNTIMED, derandomize=True, print_blob=False)
settings.register_profile("searching", _UNTIMED, max_examples=1000)
settings.load_profile("repeatable")

SPARK = "spark"
LONGEST = (
    SPARK, "test_services", "test_runs", "test_machine", "test_scenarios", "test_processes",
    "test_governance", "test_laws", "test_mutants", "test_stages",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _documents_are_those_written_down() -> Iterator[None]:
    """Every document that a command prints to a test has the shape that docs/cli.md gives."""
    invoke = CliRunner.invoke

    def compared(self: CliRunner, called: Any, args: Any = None, **options: Any) -> Any:
        result = invoke(self, called, args, **options)
        if called is cli.app and result.exception is None:
            documents.compare([str(word) for word in args or ()], result.stdout)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CliRunner, "invoke", compared)
        yield


class InGroups(LoadScopeScheduling):
    """Gives a group of tests to one process, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InGroups:
    config.option.loadscopereorder = False
    return InGroups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(group(item.nodeid)))


def pytest_collection_finish() -> None:
    """What has been imported and collected lives as long as the process: the search for garbage
    leaves it out."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()


def group(nodeid: str) -> str:
    """Tests that need Spark have it in their name or their module's; their fixture sees to that."""
    return SPARK if SPARK in nodeid else nodeid.partition("::")[0]


def _rank(of: str) -> int:
    name = of.rpartition("/")[2].removesuffix(".py")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)

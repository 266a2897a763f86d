"""Fixtures of all tests, and how they are shared out among processes.

Each process starts the embedded engine once. Apache Spark is the dearest to start and to warm up,
so all its tests stand in one group, which one process runs; a module's other tests stay together
for their fixtures. What takes longest is begun first.
"""

from __future__ import annotations

import pytest

pytest_plugins = [
    "regulatory_assets_tests.fixtures_control",
    "regulatory_assets_tests.fixtures_engine",
]

SPARK = "spark"
LONGEST = (SPARK, "test_services", "test_runs", "test_machine", "test_scenarios", "test_processes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: _rank(groups[item]))


def _group(item: pytest.Item) -> str:
    return SPARK if item.get_closest_marker(SPARK) else item.nodeid.partition("::")[0]


def _rank(group: str) -> int:
    name = group.rpartition("/")[2].removesuffix(".py")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)

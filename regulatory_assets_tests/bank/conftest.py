"""One desk for all tests of deliveries; each test gets a reporting day of its own."""

from __future__ import annotations

import pytest

from regulatory_assets_tests.bank.desk import Desk


@pytest.fixture(scope="session")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(_desk: Desk) -> Desk:
    _desk.next_day()
    return _desk

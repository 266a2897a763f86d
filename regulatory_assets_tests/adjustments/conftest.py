"""What tests of the rules on the small graph share."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulatory_assets.engine import Engine
from regulatory_assets_tests.adjustments.test_governance import calculate


@pytest.fixture(scope="session")
def calculated(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calculated day with an opened log, to copy: lake and control database."""
    folder: Path = tmp_path_factory.mktemp("calculated")
    calculate(sail, folder)
    return folder

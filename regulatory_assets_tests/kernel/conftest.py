"""What the kernel's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulatory_assets.control.database import connect, migrate


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated control database to copy: migrating takes longer than a history."""
    path = tmp_path_factory.mktemp("control") / "template.sqlite"
    database = connect(f"sqlite:///{path}")
    migrate(database)
    database.dispose()
    return path

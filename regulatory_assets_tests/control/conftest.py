"""What only the tests of the control database need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .processes import Processes


@pytest.fixture(scope="session")
def two_processes() -> Iterator[Processes]:
    """Two processes beside the tests' own."""
    processes = Processes(2)
    yield processes
    processes.stop()

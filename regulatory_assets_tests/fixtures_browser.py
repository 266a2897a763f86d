"""A headless browser for what people look at; the one thing a bare machine may skip.

A browser that is installed on the machine is used: none is fetched.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# It asks nobody on the network, and runs where there is no sandbox and no display.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A new page of a browser with an empty profile."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser on this machine ({', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=executable,
            args=list(ARGUMENTS),
            viewport={"width": 1600, "height": 1000},
        )
        context.set_default_timeout(120_000)
        yield context.pages[0]
        context.close()

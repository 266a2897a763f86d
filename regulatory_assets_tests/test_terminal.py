"""A command shows that it is at work, to people who wait for it and to no program."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from rich.console import Console

from regulatory_assets import terminal
from regulatory_assets.ledger.plan import NotReady

SEEN_SECONDS = 10


@terminal.plainly
def figures(*, refused: bool = False, as_json: bool = False) -> str:
    """Say something once a sign was seen, or after the time in which it would have come."""
    errors = terminal.errors.file
    assert isinstance(errors, StringIO)
    end = time.monotonic() + (0.1 if as_json or not terminal.console.is_terminal else SEEN_SECONDS)
    while time.monotonic() < end and "working" not in errors.getvalue():
        time.sleep(0.01)
    seen = errors.getvalue()
    if refused:
        raise NotReady("run it first")
    terminal.console.print("figures")
    spoken = errors.getvalue()
    time.sleep(0.15)  # longer than a picture of the spinner stands
    assert errors.getvalue() == spoken, "nothing turns beside what was said"
    return seen


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "SILENT_SECONDS", 0.01)
    of_people = {"force_terminal": True, "width": 120}
    monkeypatch.setattr(terminal, "console", type(terminal.console)(file=StringIO(), **of_people))
    monkeypatch.setattr(terminal, "errors", Console(file=StringIO(), **of_people))


@pytest.mark.usefixtures("screen")
def test_a_silent_command_shows_that_it_is_at_work() -> None:
    assert "working" in figures()
    with pytest.raises(terminal.typer.Exit):
        figures(refused=True)
    errors = terminal.errors.file
    assert isinstance(errors, StringIO)
    last = errors.getvalue()
    assert last.endswith("run it first\n"), "the spinner has ended before"


@pytest.mark.usefixtures("screen")
def test_a_program_sees_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    assert figures(as_json=True) == ""
    monkeypatch.setattr(terminal, "console", Console(file=StringIO()))
    assert figures() == ""

"""Who may act: opened once, two administrators for a person, a signature for every event."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from regulatory_assets import cli, commands
from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.cli import _print_outcomes, app
from regulatory_assets.commands.acting import print_document
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.events import Actor, Event, EventLog, EventRefused


@pytest.fixture
def log(migrated_sqlite: Path, tmp_path: Path) -> EventLog:
    shutil.copyfile(migrated_sqlite, tmp_path / "control.sqlite")
    return EventLog(connect(f"sqlite:///{tmp_path / 'control.sqlite'}"))


@pytest.fixture
def signed(log: EventLog, tmp_path: Path) -> EventLog:
    """A log with two administrators, whose keys lie beside it."""
    keys = {name: people.new_key(tmp_path / name) for name in ("ada", "bob")}
    people.open_signed(log, keys)
    return log


def by(log: EventLog, key: Path, name: str | None = None) -> Actor:
    return people.identify(log.read(), name, key)


def test_a_private_key_is_for_its_owner_and_never_written_over(tmp_path: Path) -> None:
    public = people.new_key(tmp_path / "key")
    assert len(bytes.fromhex(public)) == 32
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        people.new_key(tmp_path / "key")


def test_a_demonstration_stays_one(log: EventLog) -> None:
    people.open_demo(log)
    people.open_demo(log)
    assert people.identify(log.read(), "anna", None).name == "anna"
    with pytest.raises(NotAllowed, match="--as NAME"):
        people.identify(log.read(), None, None)
    with pytest.raises(NotAllowed, match="open already"):
        people.open_signed(log, {"a": "00" * 32, "b": "11" * 32})


def test_what_a_demonstration_prints_says_so(
    log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what a program reads, and no less where a run did nothing."""
    ran: Any = SimpleNamespace(
        day=date(2026, 1, 5), outcomes=(), warnings=(), failures=(), success=True
    )

    def printed(log: EventLog) -> list[str]:
        bank: Any = SimpleNamespace(events=log)
        _print_outcomes(bank, ran)
        print_document(bank, {"a": 1})
        print_document(bank, [{"a": 1}])
        return ["".join(each.split()) for each in capsys.readouterr()]

    people.open_demo(log)
    out, errors = printed(log)
    assert out == 'DEMO2026-01-05:nothingchanged,nothingcomputed{"a":1,"demo":true}[{"a":1}]'
    assert errors.startswith("DEMO:")
    other = EventLog(connect(f"sqlite:///{tmp_path / 'keys.sqlite'}"))
    migrate(connect(f"sqlite:///{tmp_path / 'keys.sqlite'}"))
    people.open_signed(other, {n: people.new_key(tmp_path / n) for n in ("ada", "bob")})
    out, errors = printed(other)
    assert (out, errors) == ('2026-01-05:nothingchanged,nothingcomputed{"a":1}[{"a":1}]', "")


def test_every_command_on_a_control_database_prints_its_document_so() -> None:
    """None prints a document by itself that has opened one; ``engine`` asks nothing of it."""
    for file in (Path(cli.__file__), *Path(commands.__file__).parent.glob("*.py")):
        for each in ast.parse(file.read_text("utf-8")).body:
            if isinstance(each, ast.FunctionDef) and each.name != "engine":
                calls = {c.func.id for c in ast.walk(each)
                         if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}  # fmt: skip
                assert not {"open_runtime", "print_json"} <= calls, f"{file.name}: {each.name}"


def test_a_log_for_people_with_keys_never_becomes_a_demonstration(signed: EventLog) -> None:
    with pytest.raises(NotAllowed, match="not for a demonstration"):
        people.open_demo(signed)
    with pytest.raises(NotAllowed, match="private key"):
        people.identify(signed.read(), "ada", None)


def test_opening_takes_two_administrators(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="two administrators"):
        people.open_signed(log, {"ada": people.new_key(tmp_path / "ada")})
    same = people.new_key(tmp_path / "bob")
    with pytest.raises(NotAllowed, match="two administrators have one key"):
        people.open_signed(log, {"ada": same, "bob": same})
    assert log.read() == ()


def test_one_administrator_registers_and_another_confirms(signed: EventLog, tmp_path: Path) -> None:
    ada, bob = by(signed, tmp_path / "ada"), by(signed, tmp_path / "bob")
    public = people.new_key(tmp_path / "eve")
    people.register(signed, ada, "eve", "author", public)
    with pytest.raises(NotAllowed, match="nobody confirmed has this key"):
        by(signed, tmp_path / "eve")
    with pytest.raises(NotAllowed, match="another administrator confirms"):
        people.confirm(signed, ada, "eve")
    people.confirm(signed, bob, "eve")
    eve = by(signed, tmp_path / "eve")
    people.require(signed.read(), eve, "author")
    with pytest.raises(NotAllowed, match="eve is author; this is for an approver"):
        people.require(signed.read(), eve, "approver")
    with pytest.raises(NotAllowed, match="registered already"):
        people.register(signed, ada, "eve", "approver", public)
    with pytest.raises(NotAllowed, match="eve is author"):
        people.register(signed, eve, "zoe", "author", public)
    assert people.signature_faults(signed.read()) == []


def test_what_is_confirmed_is_the_one_registration_that_waits(
    signed: EventLog, tmp_path: Path
) -> None:
    """Two administrators at once: the later is told, and nobody confirms what was not looked at."""
    ada, bob = by(signed, tmp_path / "ada"), by(signed, tmp_path / "bob")
    good, other = people.new_key(tmp_path / "eve"), people.new_key(tmp_path / "mallory")
    people.register(signed, ada, "eve", "author", good)
    with pytest.raises(NotAllowed, match="eve: event 2 by ada waits to be confirmed or rejected"):
        people.register(signed, bob, "eve", "approver", other)

    def meanwhile(act: Callable[[], object]) -> EventLog:
        class Slow(EventLog):
            def append(self, *args: Any, **kwargs: Any) -> Event:
                act()
                return super().append(*args, **kwargs)

        return Slow(signed._engine)

    rejecting = meanwhile(lambda: people.reject(signed, bob, "eve", "another key"))
    with pytest.raises(
        EventRefused, match="eve: event 2 was decided on meanwhile, rejected by bob"
    ):
        people.confirm(rejecting, bob, "eve")
    with pytest.raises(NotAllowed, match="nobody named eve waits"):
        people.confirm(signed, bob, "eve")
    racing = meanwhile(lambda: people.register(signed, ada, "eve", "author", good))
    with pytest.raises(NotAllowed, match="event 4 by ada waits"):
        people.register(racing, bob, "eve", "approver", other)
    with pytest.raises(NotAllowed, match="ada has registered eve"):
        people.reject(signed, ada, "eve", "no")
    people.confirm(signed, bob, "eve")
    assert people.people(signed.read())["eve"].public_key == good
    with pytest.raises(NotAllowed, match="the key is that of eve"):
        people.register(signed, ada, "zoe", "approver", good)
    assert people.signature_faults(signed.read()) == []


def test_a_forged_signature_shows(signed: EventLog, tmp_path: Path) -> None:
    public = people.new_key(tmp_path / "eve")
    people.register(signed, by(signed, tmp_path / "ada"), "eve", "author", public)
    events = list(signed.read())
    events[1] = replace(events[1], actor="bob")
    assert people.signature_faults(events) == ["event 2: the signature is not that of bob"]
    events[1] = replace(events[1], actor="nobody")
    assert people.signature_faults(events) == ["event 2: nobody was not registered"]
    events[1] = replace(events[1], actor="ada", signature="")
    assert people.signature_faults(events) == ["event 2: the signature is not that of ada"]


def test_a_key_is_that_of_one_person(signed: EventLog, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="the key is that of ada, not of bob"):
        by(signed, tmp_path / "ada", "bob")
    (tmp_path / "text").write_text("no key")
    with pytest.raises(NotAllowed, match="holds no private key"):
        by(signed, tmp_path / "text")
    with pytest.raises(NotAllowed, match="cannot be read"):
        by(signed, tmp_path / "absent")


def test_of_two_registrations_with_one_key_one_is_confirmed(
    signed: EventLog, tmp_path: Path
) -> None:
    ada, bob = by(signed, tmp_path / "ada"), by(signed, tmp_path / "bob")
    key = people.new_key(tmp_path / "eve")
    people.register(signed, ada, "eve", "author", key)
    people.register(signed, ada, "max", "approver", key)
    people.confirm(signed, bob, "eve")
    with pytest.raises(NotAllowed, match="the key is that of eve"):
        people.confirm(signed, bob, "max")
    people.reject(signed, bob, "max", "has the key of eve")


@pytest.mark.parametrize("name", ["", "  ", "ada ", "eve\n", "\x1b[2Jeve"])
def test_a_name_can_be_told_from_others(
    signed: EventLog, log: EventLog, tmp_path: Path, name: str
) -> None:
    key = people.new_key(tmp_path / "eve")
    with pytest.raises(NotAllowed, match="is no name"):
        people.register(signed, by(signed, tmp_path / "ada"), name, "author", key)
    with pytest.raises(NotAllowed, match="is no name"):
        people.open_signed(log, {"ada": people.new_key(tmp_path / "other"), name: key})


def test_a_control_database_is_opened_for_one_or_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    words = ["people", "open", "--demo", "--administrator", f"ada={'00' * 32}"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 1
    assert "either --demo or --administrator" in ran.output
    assert not (tmp_path / "var").exists()


def test_no_private_key_is_in_the_database(signed: EventLog, tmp_path: Path) -> None:
    private = (tmp_path / "ada").read_text().splitlines()[1]
    kept = (tmp_path / "control.sqlite").read_bytes()
    kept += (tmp_path / "control.sqlite-wal").read_bytes()
    assert private.encode() not in kept


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "reject", "R-1"),
        ("people", "reject", "eve"),
        ("days", "restate", "--date", "2026-01-05"),
        ("parameters", "propose"),
        ("privacy", "erase", "C1"),
    ],
)
def test_a_reason_is_not_blank(words: tuple[str, ...]) -> None:
    refused = CliRunner().invoke(app, [*words, "--reason", "  ", "--as", "anna"])
    assert (refused.exit_code, "say why" in refused.output) == (2, True)


def test_a_name_in_a_demonstration_is_one_without_its_blanks(log: EventLog) -> None:
    people.open_demo(log)
    assert people.identify(log.read(), " anna ", None).name == "anna"
    with pytest.raises(NotAllowed, match="say who acts"):
        people.identify(log.read(), "  ", None)

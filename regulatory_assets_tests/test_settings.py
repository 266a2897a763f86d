"""Settings and databases that cannot be used: words that name them, no trace, no password."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from regulatory_assets.cli import app
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.settings import Databases, Settings, SettingsError, unknown

PASSWORD = "correct-horse"


@pytest.mark.parametrize(
    ("kind", "variable", "value", "said"),
    [
        (Settings, "ENGINE", PASSWORD, "ENGINE: Input should be 'sail' or 'spark'; set it anew"),
        (Settings, "RULES_NOT_BEFORE", PASSWORD, "RULES_NOT_BEFORE: Input should be a valid date"),
        (Calendar, "SENSOR_SECONDS", "0", "SENSOR_SECONDS: Input should be greater than or equal"),
        (Calendar, "TIME_ZONE", "Mars", "TIME_ZONE: Mars is no time zone; write one like"),
        (Calendar, "RUN_AT", "never", "RUN_AT: never is no cron schedule; write five fields"),
        (Databases, "DATABASES", PASSWORD, "databases"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Settings | Calendar | Databases],
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(f"REGULATORY_ASSETS_{variable}", value)
    with pytest.raises(SettingsError) as refused:
        kind()
    assert said in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert refused.value.__suppress_context__, "what pydantic says holds the value"


def test_a_variable_that_is_no_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (Settings, Databases, Calendar)
    before = unknown(kinds)
    slip = "REGULATORY_ASSETS_RULES_NOTBEFORE"
    for name in (slip, "REGULATORY_ASSETS_DATABASES__TREASURY", "regulatory_assets_run_at"):
        monkeypatch.setenv(name, "1")
    assert set(unknown(kinds)) - set(before) == {slip}


def test_a_schedule_of_the_bank_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("REGULATORY_ASSETS_RUN_AT", "30 5 * * 2-6")
    assert (Calendar().time_zone, Calendar().run_at) == ("Europe/Berlin", "30 5 * * 2-6")


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ({"ENGINE": "abacus"}, "rules list", "REGULATORY_ASSETS_ENGINE: "),
        ({"CONTROL_URL": "mysql://h/c"}, "rules list", "the control database cannot be mysql"),
        ({"CONTROL_URL": "sqlite:///{garbage}"}, "rules list", "control database cannot be used"),
        ({"CONTROL_URL": "sqlite://host/c"}, "rules list", "is a file and has no host"),
        ({"CONTROL_URL": "sqlite:///{garbage}s/c"}, "people open --demo", "garbages is not there"),
        (
            {"VAULT_URL": "sqlite:///{garbage}"},
            "privacy show C1 --reason why --as olga",
            "the vault cannot be used (file is not a database)",
        ),
        ({}, "run --date 2099-01-02 --to 2099-01-01", "--to 2099-01-01 lies before --date 2099"),
        ({}, "run --date 2099-01-01", "lay the files of a day into a folder of its name, like "),
        ({}, "verify --date 2099-01-01", "nothing is registered for 2099-01-01; run it first"),
        ({}, "verify --date 2099-01-01 --engine duck", "no engine duck; use sail or spark"),
        ({}, "lake compact --date 2099-01-01", "nothing is registered for 2099-01-01"),
        ({}, "lake compact --date 2099-01-01 --table moon", "no table moon; use one of account_"),
    ],
)
def test_a_command_says_what_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    words: str,
    said: str,
) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_text("no database\n")
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    assert CliRunner().invoke(app, ["people", "open", "--demo"]).exit_code == 0
    for name, value in settings.items():
        monkeypatch.setenv(f"REGULATORY_ASSETS_{name}", value.format(garbage=garbage))
    ran = CliRunner().invoke(app, words.split())
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit), ran.output
    assert said in ran.output
    assert {found.name for found in tmp_path.iterdir()} == {"garbage", "var"}, "nothing is made"


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_folder_of_deliveries_that_is_not_there_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, [command, "--date", "2099-01-01", "--source", "nowhere"])
    assert ran.exit_code == 2
    assert "'nowhere'" in ran.output
    assert "does not exist" in ran.output
    assert not list(tmp_path.iterdir()), "nothing is made"

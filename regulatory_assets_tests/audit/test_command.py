"""``audit verify`` as an auditor calls it, and who takes anchors by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.cli import app
from regulatory_assets.control.events import Actor, EventLog
from regulatory_assets.control.schema import privacy_log
from regulatory_assets.runtime import Runtime, open_runtime


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runtime:
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    made = open_runtime()
    people.open_demo(made.events)
    return made


def decide(runtime: Runtime) -> None:
    proposal = runtime.events.append(Actor("anna"), "proposed", "something", {})
    runtime.events.append(Actor("ben"), "approved", "something", {}, proposal.seq)


def test_every_decision_takes_an_anchor(runtime: Runtime) -> None:
    assert runtime.anchors.read()[0] == ()
    decide(runtime)
    (line,) = runtime.anchors.read()[0]
    assert line.anchor
    assert line.anchor.reason == "event 3: approved something"
    assert (line.anchor.seq, line.anchor.head) == (3, runtime.events.read()[-1].hash)


def test_anchors_and_key_may_lie_elsewhere(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_ANCHORS", str(tmp_path / "vault"))
    monkeypatch.setenv("REGULATORY_ASSETS_PLATFORM_KEY", str(tmp_path / "safe" / "key"))
    decide(open_runtime())
    assert (tmp_path / "vault" / "anchors.jsonl").exists()
    assert (tmp_path / "safe" / "key").exists()
    assert not (tmp_path / "var" / "anchors").exists()


def test_the_log_of_privacy_is_chained_as_well(runtime: Runtime) -> None:
    log = EventLog(runtime.database, table=privacy_log)
    for customer in ("C1", "C2"):
        log.append(Actor("olga"), "shown", customer, {"reason": "case 12"})
    with runtime.database.begin() as connection:
        connection.execute(text("DROP TRIGGER privacy_log_no_update"))
        connection.execute(text("UPDATE privacy_log SET actor = 'adam' WHERE seq = 1"))
    document = json.loads(CliRunner().invoke(app, ["audit", "verify", "--json"]).stdout)
    assert document["faults"] == [
        {"place": "database", "said": "privacy_log: trigger privacy_log_no_update is missing"},
        {"place": "privacy", "said": "event 1: its contents do not give its hash"},
    ]


def test_a_sound_record(runtime: Runtime) -> None:
    decide(runtime)
    result = CliRunner().invoke(app, ["audit", "verify"])
    assert result.exit_code == 0, result.output
    assert "DEMO 3 events, 1 anchors, 0 rows of the register, 0 files: no faults" in result.stdout
    document = json.loads(CliRunner().invoke(app, ["audit", "verify", "--json"]).stdout)
    key = people.public_text(people.key_from_file(runtime.anchors.key).public_key())
    assert (document["faults"], document["events"], document["key"]) == ([], 3, key)
    other = CliRunner().invoke(app, ["audit", "verify", "--platform-key", "00" * 32])
    assert other.exit_code == 1


def test_faults_end_with_one_even_where_nothing_else_would_start(runtime: Runtime) -> None:
    decide(runtime)
    with runtime.database.begin() as connection:
        connection.execute(text("DROP TRIGGER events_no_delete"))
        connection.execute(text("DELETE FROM events WHERE seq = 3"))
    result = CliRunner().invoke(app, ["audit", "verify", "--json"])
    assert result.exit_code == 1
    told = [(f["place"], f["said"]) for f in json.loads(result.stdout)["faults"]]
    assert told[0] == ("database", "events: trigger events_no_delete is missing")
    assert told[1][0] == "events"
    assert "its tail was cut" in told[1][1]
    shown = CliRunner().invoke(app, ["audit", "verify"])
    assert shown.exit_code == 1
    assert "trigger events_no_delete is missing" in shown.output

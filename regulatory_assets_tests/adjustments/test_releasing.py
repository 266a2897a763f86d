"""Parameters released by two persons, and what is told beside a figure calculated with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.days import Against, Days
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.adjustments.releasing import (
    Releasing,
    contents,
    last_released,
    marks,
    states,
    unreleased,
    unverified,
    used,
)
from regulatory_assets.cli import app
from regulatory_assets.control.database import connect
from regulatory_assets.control.events import Actor, EventLog, EventRefused
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.run import Runner
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets_tests.regulation.broken import GOOD
from regulatory_assets_tests.reports.lcr.test_stages import BANKS, run_bank

ANNA, BEN, CARLA = Actor("anna"), Actor("ben"), Actor("carla")
OLD, NOW = date(2019, 12, 31), date(2026, 1, 31)
NAMES = ("test/run_off", "test/weights", "test/kind")


@pytest.fixture
def database(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    file = tmp_path / "control.sqlite"
    shutil.copyfile(migrated_sqlite, file)
    engine = connect(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def log(database: Database) -> EventLog:
    opened = EventLog(database)
    people.open_demo(opened)
    return opened


def edited(folder: Path, edit: Callable[[Path], None]) -> Parameters:
    shutil.copytree(GOOD, folder)
    edit(folder)
    return Parameters.load([folder])


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def test_a_set_is_released_by_a_second_person(log: EventLog, tmp_path: Path) -> None:
    good = Parameters.load([GOOD])
    releasing = Releasing(log, good)
    with pytest.raises(NotReady, match="no parameters wait"):
        releasing.release(BEN)
    proposal = releasing.propose(ANNA, "first set")
    everything = {"test/run_off", "test/run_off us", "test/weights", "test/kind", "test/kind us"}
    waiting = last_released(log.read())
    assert waiting[1] == proposal
    assert set(unreleased(waiting[0], good.at(NOW, NAMES))) == everything, (
        "proposed is not released"
    )
    with pytest.raises(NotReady, match="waits for a decision"):
        releasing.propose(CARLA, "again")
    with pytest.raises(NotAllowed, match="somebody else decides"):
        releasing.release(ANNA)
    with pytest.raises(EventRefused, match="own"):
        log.append(ANNA, "approved", "parameters", {}, proposal.seq)
    other = edited(tmp_path / "other", replaced("run_off.yaml", '"0.03"', '"0.04"'))
    with pytest.raises(NotReady, match=f"are not those of event {proposal.seq}"):
        Releasing(log, other).release(BEN)
    releasing.release(BEN)
    released, nothing = last_released(log.read())
    assert nothing is None
    assert released.decision is not None
    assert released.decision.actor == "ben"
    assert not list(unreleased(released, good.at(NOW, NAMES)))
    with pytest.raises(NotReady, match="released already"):
        releasing.propose(CARLA, "again")

    Releasing(log, other).propose(ANNA, "another")
    Releasing(log, other).reject(CARLA, "no text says so")
    assert last_released(log.read()) == (released, None), "a rejected set changes nothing"
    Releasing(log, other).propose(ANNA, "another")
    Releasing(log, other).release(BEN)
    later, _ = last_released(log.read())
    assert list(unreleased(later, good.at(NOW, NAMES))) == ["test/run_off"], "superseded"


def test_only_an_approver_releases_and_only_an_author_proposes(
    database: Database, tmp_path: Path
) -> None:
    log, good = EventLog(database), Parameters.load([GOOD])
    keys = {n: people.new_key(tmp_path / n) for n in ("ada", "bob", "anna", "ben")}
    people.open_signed(log, {n: keys[n] for n in ("ada", "bob")})
    acting = lambda name: people.identify(log.read(), None, tmp_path / name)  # noqa: E731
    for name, role in (("anna", "author"), ("ben", "approver")):
        people.register(log, acting("ada"), name, role, keys[name])
        people.confirm(log, acting("bob"), name)
    with pytest.raises(NotAllowed, match="ben is approver"):
        Releasing(log, good).propose(acting("ben"), "mine")
    Releasing(log, good).propose(acting("anna"), "a set")
    with pytest.raises(NotAllowed, match="ada is administrator"):
        Releasing(log, good).release(acting("ada"))
    Releasing(log, good).release(acting("ben"))
    assert people.signature_faults(log.read()) == []


@pytest.mark.parametrize(
    ("edit", "state", "old", "now"),
    [
        (replaced("run_off.yaml", "# A rate", "# Words on a rate"), {}, [], []),
        (replaced("run_off.yaml", '"0.03"', '"0.030"'), {}, [], []),
        # In force since 2020 only, so days before have what was released.
        (
            replaced("run_off.yaml", '"0.03"', '"0.04"'),
            {"test/run_off": "changed"},
            [],
            ["test/run_off"],
        ),
        (
            replaced("run_off.yaml", "verified: false", "verified: true"),
            {"test/run_off": "changed"},
            [],
            ["test/run_off"],
        ),
        (
            lambda folder: (folder / "us" / "run_off.yaml").unlink(),
            {"test/run_off us": "removed"},
            ["test/run_off us"],
            ["test/run_off us"],
        ),
    ],
    ids=["comment", "spelling", "value", "verified", "overlay_removed"],
)
def test_what_counts_as_released(
    edit: Callable[[Path], None],
    state: dict[str, str],
    old: list[str],
    now: list[str],
    log: EventLog,
    tmp_path: Path,
) -> None:
    Releasing(log, Parameters.load([GOOD])).propose(ANNA, "a set")
    Releasing(log, Parameters.load([GOOD])).release(BEN)
    released, _ = last_released(log.read())
    after = edited(tmp_path / "edited", edit)
    found = states(released, contents(after))
    assert {file: told for file, told in found.items() if told != "released"} == state
    assert list(unreleased(released, after.at(OLD, NAMES))) == old
    assert list(unreleased(released, after.at(NOW, NAMES))) == now
    early = after.at(date(2001, 1, 1), NAMES, not_before=OLD)
    assert list(unreleased(released, early)) == old, "older days have the values of the first"


def test_entries_that_nobody_has_read_are_told_with_their_file() -> None:
    table = Parameters.load([GOOD]).at(NOW, NAMES)["test/run_off"]
    assert list(unverified(table)) == ["test/run_off: stable"], "the American one was read"


def test_what_is_told_beside_a_figure(sail: Engine, tmp_path: Path) -> None:
    """Before the release, after it, with other files at hand, and once the day is closed."""
    (bank,) = (b for b in BANKS if b.path.stem == "small_banks")
    runner = run_bank(bank, tmp_path, sail)
    good, log = Parameters.default(), EventLog(connect(f"sqlite:///{tmp_path / 'control.sqlite'}"))
    people.open_demo(log)
    version = runner.positions(bank.day).version("lcr")
    asked = {*used(runner.graph, runner.register, bank.day)}
    stages = {s.name: {*s.parameters} for s in runner.graph.stages}
    assert {"lcr/lines", "lcr/caps", "lcr/deposit_insurance"} < asked
    no_ratings = stages["security_qualities"] - stages["lcr_flows"]
    assert not no_ratings & asked, "no ratings were delivered, so nobody graded any"
    assert "aml/cash_thresholds" not in asked, "not calculated yet"

    def told(parameters: Parameters) -> tuple[str, ...]:
        by_scope = marks(
            log.read(), runner.graph, runner.register, parameters.at, version, {"E1": unverified}
        )
        found = by_scope["E1"]
        assert "lcr/limited_transfer: covers_first" in found.unverified
        assert "lcr/caps: level2" not in found.unverified
        return found.unreleased

    assert {"lcr/caps", "lcr/lines", "lcr/lines us", "lcr/deposit_insurance"} < {*told(good)}
    assert "lcr/liq1_rows" not in told(good), "no figure of the ratio follows from the template"
    Releasing(log, good).propose(ANNA, "a set")
    Releasing(log, good).release(BEN)
    assert told(good) == ()

    reports = Path(people.__file__).parents[1] / "reports"
    for folder in reports.rglob("parameters"):
        shutil.copytree(folder, tmp_path / "parameters" / folder.parent.name)
    lines = tmp_path / "parameters" / "lcr" / "lines.yaml"
    lines.write_text(lines.read_text().replace('rate: "0.05"', 'rate: "0.06"'))
    other = Parameters.load([tmp_path / "parameters"])
    behind = (
        "lcr/lines",
        *(
            f"{stage} of {bank.day} (calculated with parameters not at hand)"
            for stage in ("lcr_components", "lcr_flows")
        ),
    )
    assert told(other) == behind

    days = Days(log, runner, lambda _: Against())
    days.close(ANNA, bank.day)
    assert told(other) == behind, "a proposal closes nothing"
    days.approve(BEN, bank.day)
    assert told(other) == (), "the close has looked at what the figures were calculated with"

    _ran(runner, "security_qualities", bank.day)
    assert no_ratings < {*used(runner.graph, runner.register, bank.day)}


def _ran(runner: Runner, stage: str, day: date) -> None:
    """Note that a stage was calculated for a day."""
    last = runner.positions(day).version("lcr").chain[-1]
    empty = replace(last, table=stage, revision=1, posting=None, booked=0, reversed=0, inputs=())
    runner.register.commit([empty])


def call(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, list(words))
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path))
    call("people", "open", "--demo")
    before = json.loads(call("parameters", "status", "--json"))
    assert {*before["files"].values()} == {"new"}
    assert (before["released"], before["waiting"]) == (None, None)
    shown = call("parameters", "propose", "--reason", "a start", "--as", "anna")
    assert f"DEMO event 2: anna proposed parameter set {before['set']}: a start" in shown
    assert "waits as event 2" in call("parameters", "status")
    assert "somebody else" in call("parameters", "release", "--as", "anna", fails=True)
    assert "rejected" in call("parameters", "reject", "--reason", "no", "--as", "ben")
    call("parameters", "propose", "--reason", "again", "--as", "anna")
    assert before["set"] in call("parameters", "release", "--as", "ben")
    after = json.loads(call("parameters", "status", "--json"))
    assert (after["released"], after["waiting"]) == (before["set"], None)
    assert {*after["files"].values()} == {"released"}
    assert "by anna and ben" in call("parameters", "status")

"""What two sets of parameters differ in, and the commands that show them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from regulatory_assets.cli import app
from regulatory_assets.regulation.comparison import Difference, compare, entries
from regulatory_assets.regulation.parameters import Parameters

from .broken import GOOD, broken_file

OLD, LATE = date(2019, 12, 31), date(2026, 1, 31)


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return Parameters.load([GOOD])


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, ["parameters", *words])


def test_a_set_does_not_differ_from_itself(parameters: Parameters) -> None:
    again = Parameters.load([GOOD])
    assert list(compare(parameters, LATE, "us", again, LATE, "us")) == []


def test_dates_and_regimes_differ_in_what_the_files_say(parameters: Parameters) -> None:
    later = list(compare(parameters, OLD, "basel", parameters, LATE, "basel"))
    changed = {(line.parameter, line.entry) for line in later}
    assert ("test/run_off", "stable") in changed
    assert ("test/run_off", "ends") in changed
    (ends,) = (line for line in later if line.entry == "ends")
    assert ends.before is not None
    assert ends.after is None
    over = list(compare(parameters, LATE, "basel", parameters, LATE, "us"))
    (brokered,) = (line for line in over if line.entry == "brokered")
    assert brokered == Difference("test/run_off", "brokered", None, brokered.after)
    assert "rate 0.4" in str(brokered.after)
    assert {line.parameter for line in over} == {"test/run_off", "test/kind"}


def test_a_day_before_everything_has_no_entries(parameters: Parameters) -> None:
    none = date(2014, 12, 31)
    lines = list(compare(parameters, none, "basel", parameters, LATE, "basel"))
    assert lines
    assert {line.before for line in lines} == {None}


def test_an_entry_says_which_regime_it_comes_from(parameters: Parameters) -> None:
    table = parameters.at(date(2020, 6, 30), ["test/run_off"])["test/run_off"]
    found = entries(table, "us")
    assert (found["ends"].regime, found["brokered"].regime) == ("basel", "us")


def test_show_prints_value_citation_and_what_is_unverified() -> None:
    (caps, *_) = json.loads(_run("show", "lcr/caps", "--date", "2026-01-07", "--json").stdout)
    assert (caps["name"], caps["value"], caps["verified"]) == ("level2", "share 0.4", True)
    assert caps["citation"].startswith("BCBS 238 46-48")
    shown = _run("show", "lcr/window", "--date", "2026-01-07").stdout
    assert "days 30" in shown
    as_json = _run("show", "lcr/limited_transfer", "--date", "2026-01-07", "--json").stdout
    read = {entry["name"]: entry["verified"] for entry in json.loads(as_json)}
    assert read == {"counts_up_to": True, "covers_first": False, "trades_unwound": False}


def test_check_loads_the_files_or_says_where_they_are_wrong(tmp_path: Path) -> None:
    assert "lcr/lines" in json.loads(_run("check", "--json").stdout)
    path, problem, line = broken_file("bad", "overlap", tmp_path)
    result = _run("check", str(tmp_path))
    assert result.exit_code == 1
    assert f"{path}:{line}: " in result.stderr
    assert problem in result.stderr


def test_diff_prints_only_what_differs() -> None:
    lines = json.loads(_run("diff", "--date", "2026-01-07", "--to-regime", "us", "--json").stdout)
    stable = {"parameter": "lcr/lines", "entry": "retail_stable"}
    before, after = "rate 0.05, component outflow", "rate 0.03, component outflow"
    assert {**stable, "before": before, "after": after} in lines
    assert "no difference" in _run("diff", "--date", "2026-01-07", "--to", "2026-01-08").stdout
    files = ["--folder", str(GOOD)]
    other = json.loads(_run("diff", "--date", "2026-01-07", *files, "--json").stdout)
    assert {line["parameter"] for line in other if line["before"] is None} == {
        "test/run_off",
        "test/kind",
        "test/weights",
    }


def test_an_unknown_regime_is_refused() -> None:
    result = _run("show", "lcr/caps", "--date", "2026-01-07", "--regime", "uk")
    assert result.exit_code == 1
    assert "knows no regime uk" in result.stderr

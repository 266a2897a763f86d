"""A day of the sample bank, closed, held against a rule and late data, restated; by commands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import SkipReason, build_sensor_context
from deltalake import DeltaTable
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.audit.verification import audit
from regulatory_assets.cli import app
from regulatory_assets.definitions import build_definitions
from regulatory_assets.orchestration.launch import run_days
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.runtime import open_runtime
from regulatory_assets_tests.orchestration.homes import DAYS, Home, new_home

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
DAY = DAYS[0]
RULE = """
id: R-1
stage: deal
purpose: data_correction
reason: a test
owner: tests
effective: 2026-01-05
expiry: 2026-01-05
conditions:
  all:
    - {field: product_type, op: "=", value: DEPOSIT}
    - {field: sector, op: "=", value: BANK}
operations:
  - {op: multiply, field: amount, value: "0.999"}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("closing") / "home") as made:
        made.deliver(DAY)
        people.open_demo(open_runtime().events)
        (result,) = run_days([DAY])
        assert result.success, result.failures
        yield made


def call(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, list(words))
    assert (result.exit_code != 0) == fails, result.output
    return result.stdout if "--json" in words else result.output


def days(*words: str, by: str = "", fails: bool = False) -> str:
    acting = ["--as", by] if by else []
    return call("days", *words, "--date", str(DAY), *acting, fails=fails)


CURRENCY = {
    "deal_adjustments": "currency",
    "lcr_scope_lines": "reporting_currency",
    "lcr_components": "reporting_currency",
    "lcr_currency": "reporting_currency",
}
"""The column that names the currency of a table's amounts; others are in that of their entity."""
NO_AMOUNTS = {"ratio", "share", "mean_of_daily_ratios", "ratio_of_means"}


def sums(name: str) -> Counter[tuple[str, str]]:
    """What a table holds of the day by column and currency, all that was ever posted added up."""
    runtime = open_runtime()
    table, found = runtime.graph.tables[name], Counter[tuple[str, str]]()
    postings = {r.posting for r in runtime.register.history(name, DAY)}
    for row in DeltaTable(str(runtime.lake.path(table))).to_pyarrow_table().to_pylist():
        if row["reporting_date"] == DAY and row["posting"] in postings:
            currency = row[CURRENCY[name]] if name in CURRENCY else "reporting currency"
            for column in {*table.money} - NO_AMOUNTS:
                amount = row[column] or Decimal(0)
                found[column, currency] += row["entry"] * row["sign"] * amount
    return found


def test_a_closed_day_is_held_restated_and_closed_again(home: Home, tmp_path: Path) -> None:
    assert call("plan", "--date", str(DAY)).startswith("DEMO")
    never = days("show")
    assert f"{DAY} is open" in never
    assert "now" in never
    assert "moved" not in never, "since when, where the day was never closed?"
    refused = days("close", by="anna", fails=True)
    assert "cannot be closed: parameters not released" in refused
    (draft, *_) = json.loads(call("show", "lcr", "--date", str(DAY), "--json"))
    assert {"lcr/lines", "lcr/caps"} < {*draft["unreleased"]}
    call("parameters", "propose", "--reason", "first set", "--as", "anna")
    call("parameters", "release", "--as", "ben")
    (figure, *_) = json.loads(call("show", "lcr", "--date", str(DAY), "--json"))
    assert figure["unreleased"] == []
    assert "lcr/limited_transfer: covers_first" in figure["unverified"]
    assert "entries not read in the text" in call("show", "lcr", "--date", str(DAY))

    assert "proposed to close 2026-01-05" in days("close", by="anna")
    assert "somebody else decides" in days("approve", by="anna", fails=True)
    assert "DEMO event" in days("approve", by="ben")
    (line,) = json.loads(call("days", "list", "--json"))
    assert (line["state"], line["by"]) == ("closed", "anna and ben")
    assert "moved" in days("show")

    (tmp_path / "rule.yaml").write_text(RULE)
    on_day = ("--date", str(DAY))
    tried = json.loads(call("rules", "test", str(tmp_path / "rule.yaml"), *on_day, "--json"))
    assert tried["matched"] >= tried["changed"] >= len(tried["rows"]) == 10
    call("rules", "submit", str(tmp_path / "rule.yaml"), "--as", "anna")
    assert "rows matched" in call("rules", "test", "R-1", *on_day, "--limit", "1")
    assert "neither a rule nor a file" in call("rules", "test", "R-9", *on_day, fails=True)
    seen = json.loads(call("rules", "impact", "R-1", "--json"))
    approved = call("rules", "approve", "R-1", "--impact", seen["impact"], "--as", "ben")
    if "second approval" in approved:
        call("rules", "approve", "R-1", "--impact", seen["impact"], "--as", "carla")
    (held,) = run_days([DAY])
    assert not held.success
    assert any("what reaches it is a restatement" in f for f in held.failures)
    sensor = build_definitions().resolve_sensor_def("changed_rules")
    with build_sensor_context(resources={"bank": RuntimeResource()}) as context:
        skipped = sensor(context)
    assert isinstance(skipped, SkipReason)
    assert "waits for a restatement: 2026-01-05" in str(skipped.skip_message)

    (of_day,) = seen["days"]
    amounts = {each["table"]: each["amounts"] for each in of_day["stages_updated"]}
    before = {table: sums(table) for table in amounts}
    shown = days("restate", "--reason", "banks corrected", by="anna")
    assert "would move" in shown
    assert "ratio" in shown
    assert "2026-01-05 is restating" in days("approve", by="ben")
    (done,) = run_days([DAY])
    assert done.success, done.failures

    told = {
        t: {(c, k): v for c, m in of.items() for k, v in m.items()} for t, of in amounts.items()
    }
    assert {"deal_adjustments", "lcr_flows", "lcr_lines", "lcr_scope_lines", "lcr"} <= {*told}
    for table, moved_by in told.items():
        now = sums(table)
        changed = {place: v - before[table][place] for place, v in now.items()}
        assert moved_by == {place: format(v, "f") for place, v in changed.items() if v}, table

    document = json.loads(days("show", "--json"))
    moved = [f for f in document["figures"] if f["closed"] != f["now"]]
    impact = seen["days"][0]["ratios"]
    assert moved
    for figure in moved:
        (expected,) = [
            f for f in impact if (f["table"], f["key"]) == (figure["table"], figure["key"])
        ]
        assert figure["closed"] == expected["before"]
        assert figure["now"] == expected["after"]
    closed = str(document["revisions"]["lcr"])
    call_lcr = ["show", "lcr", "--date", str(DAY), "--json"]
    was, now = (json.loads(call(*call_lcr, *more)) for more in (["--as-of", closed], []))
    assert [f["ratio"] for f in was] != [f["ratio"] for f in now]
    assert {f["ratio"] for f in was} == {
        f["closed"]["ratio"] for f in document["figures"] if f["table"] == "lcr"
    }

    days("close", by="anna")
    days("approve", by="ben")
    (line,) = json.loads(call("days", "list", "--json"))
    assert (line["state"], line["closes"]) == ("closed", 2)
    assert audit(open_runtime().anchors).faults == ()

"""Days run through Dagster in this process: figures, metadata, checks, data versions.

Dagster's events are kept in memory here, since writing them takes as long as the days; the real
services have them on disk (``test_services``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    build_sensor_context,
)
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.impact import ratio_tables
from regulatory_assets.audit.verification import audit
from regulatory_assets.bank.delivery import CONTROL_TOTALS
from regulatory_assets.bank.tables import DEALS, DETAILS, POSITIONS
from regulatory_assets.cli import app
from regulatory_assets.control.database import LostDatabaseError
from regulatory_assets.control.events import Actor
from regulatory_assets.definitions import build_definitions
from regulatory_assets.engine import Engine, EngineError
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.orchestration import resources
from regulatory_assets.orchestration.checks import (
    Evaluation,
    _last_evaluation,
    blocking_faults,
)
from regulatory_assets.orchestration.files import left_out
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.launch import DayResult, run_days
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.settled import Settled, settled
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Check, Examination, Result
from regulatory_assets.runtime import open_runtime, production_graph
from regulatory_assets.settings import Settings
from regulatory_assets_tests.orchestration.homes import DAYS, Home, new_home

pytestmark = pytest.mark.timeout(300)
FIRST, SECOND, _ = DAYS
DATA_VERSION = "dagster/data_version"
CHECK = "rates_of_day_of_currency"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("runs") / "home") as made:
        made.deliver(FIRST, SECOND)
        yield made


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def first_run(home: Home, instance: DagsterInstance) -> dict[date, DayResult]:
    """The whole of a day, and of the next one all that a ratio is made from."""
    of_lcr = sorted({"lcr", *production_graph().ancestors(production_graph().stage("lcr"))})
    ran = [
        *run_days([FIRST], cause="first run of the test", instance=instance),
        *run_days([SECOND], of_lcr, cause="first run of the test", instance=instance),
    ]
    return {r.day: r for r in ran}


def _materialization(instance: DagsterInstance, day: date, table: str) -> Any:
    wanted = AssetRecordsFilter(AssetKey(table), asset_partitions=[day.isoformat()])
    return instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization


def test_a_day_runs_every_table_and_passes_every_check(
    first_run: dict[date, DayResult],
) -> None:
    runtime = open_runtime()
    # The small bank leaves out the tables of details, and so does the run what is driven by these.
    details = {t.name for t in DETAILS}
    stages = {s.name for s in runtime.graph.stages} - runtime.graph.without(details)
    everything = {t.name for t in POSITIONS} | stages
    of_lcr = {"lcr", *runtime.graph.ancestors(runtime.graph.stage("lcr"))} & everything
    for result, expected in zip(first_run.values(), (everything, of_lcr), strict=True):
        assert result.success, result.failures
        assert {o.table for o in result.outcomes} == expected
        ruled = {s.name for s in runtime.graph.stages if s.ruled} & expected
        shared = {"deposit_claims", "insured_claims", "shared_deposits"}  # no joint accounts
        assert all(o.revision == 1 for o in result.outcomes)
        without_rows = {o.table for o in result.outcomes if not o.data_revision}
        assert without_rows == ruled | shared
        latest = runtime.register.latest("lcr", result.day)
        assert latest is not None
        assert (latest.run_id, latest.cause) == (result.run_id, "first run of the test")


def test_every_run_ends_with_an_anchor(first_run: dict[date, DayResult]) -> None:
    runtime = open_runtime()
    anchors = [line.anchor for line in runtime.anchors.read()[0]]
    for result in first_run.values():
        (anchor,) = [a for a in anchors if a and a.reason == f"run {result.run_id}"]
        assert {(r.table, r.day, r.revision) for r in anchor.rows} >= {
            (o.table, result.day, o.revision) for o in result.outcomes
        }
    assert audit(runtime.anchors).faults == ()
    assert audit(runtime.anchors).younger == 0


def faults(
    instance: DagsterInstance, day: date = FIRST, deliveries: Path | None = None
) -> list[str]:
    runner = open_runtime().runner("test")
    examination = Examination(
        runner.positions(day), runner.reader, runner.register, deliveries=deliveries
    )
    return [
        f"{'failed: ' if fault.failed else ''}{fault.said}"
        for fault in blocking_faults(instance, examination, day)
    ]


def evaluated(instance: DagsterInstance, passed: bool, metadata: dict[str, Any]) -> list[str]:
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            asset_key=AssetKey("deals"),
            check_name=CHECK,
            passed=passed,
            metadata=metadata,
            severity=AssetCheckSeverity.ERROR,
            partition=str(FIRST),
            description="no rate of USD",
        )
    )
    return [f for f in faults(instance) if f"deals: check {CHECK}" in f]


def test_blocking_checks_that_failed_or_are_missing_stand_against_a_close(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    assert faults(instance) == []
    with DagsterInstance.ephemeral() as other:
        assert f"deals: check {CHECK} has not been evaluated" in faults(other)
    last = _last_evaluation(instance, AssetCheckKey(AssetKey("deals"), CHECK), FIRST)
    assert last is not None
    not_asked = f"deals: check {CHECK} has not been evaluated for the revisions that stand"
    for passed, evidence, expected in (
        (True, "code deals:0", not_asked),
        (False, "code deals:0", f"{not_asked}; before, it failed: no rate of USD"),
        (False, last.evidence, f"failed: deals: check {CHECK} has failed: no rate of USD"),
    ):
        with DagsterInstance.ephemeral() as other:
            assert evaluated(other, passed, {"revision": 1, "evidence": evidence}) == [expected]


def test_a_materialisation_tells_what_the_run_did(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    flows = _materialization(instance, SECOND, "lcr_flows")
    told = {name: m.value for name, m in flows.metadata.items()}
    booked = next(o for o in first_run[SECOND].outcomes if o.table == "lcr_flows").booked
    assert told["dagster/row_count"] == told["rows_booked"] == told["affected_keys"] == booked
    assert told["way"] == "full"
    assert told["cause"] == "first run of the test"
    assert "| rates_of_day | 2026-01-06 | 1 |" in told["consumed"]
    assert told["preview"].startswith("| deal_id | part |")
    assert "dagster/column_schema" in told
    assert flows.tags[DATA_VERSION] == "1"


def test_the_report_shows_its_figures_and_its_ratio_over_the_days(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    told = {n: m.value for n, m in _materialization(instance, SECOND, "lcr").metadata.items()}
    assert "data:image/png;base64,iVBOR" in told["ratio_over_days"]
    assert len(told["ratio_over_days"]) < 100_000
    assert "| scope | consolidation |" in told["figures"]
    assert "lcr/lines" in told["unreleased"], "nobody has released anything"
    assert all("lcr/limited_transfer: covers_first" in read for read in told["unverified"].values())
    assert {"GROUP", "BANK_DE"} < {*told["unverified"]}


def test_a_second_run_posts_nothing_and_keeps_data_versions(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    tables = ["deals", "depositors", "deal_adjustments", "lcr_flows", "lcr_components", "lcr"]
    (again,) = run_days([FIRST], tables, instance=instance)
    assert again.success, again.failures
    assert {o.table for o in again.outcomes} == set(tables)
    assert {o.way for o in again.outcomes} == {Way.NOTHING}
    assert sum(o.rows for o in again.outcomes) == 0
    assert _materialization(instance, FIRST, "lcr").tags[DATA_VERSION] == "1"


def test_no_run_is_launched_for_a_day_that_has_nothing_to_do(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    (again,) = run_days([FIRST], instance=instance)
    assert (again.success, again.run_id, again.failures, again.warnings) == (True, "", (), ())
    assert {o.way for o in again.outcomes} == {Way.NOTHING}
    before = {o.table: o.revision for o in first_run[FIRST].outcomes}
    assert {o.table: o.revision for o in again.outcomes}.items() <= before.items()
    assert "lcr" in {o.table for o in again.outcomes}


def at_rest(instance: DagsterInstance) -> Settled | None:
    return settled(open_runtime().graph, RuntimeResource(), instance, FIRST)


def test_a_file_that_waits_and_a_check_not_asked_are_something_to_do(
    first_run: dict[date, DayResult], instance: DagsterInstance, home: Home
) -> None:
    waiting = home.deliveries / str(FIRST) / "deals.delta-9.csv"
    waiting.write_text("_operation,deal_id\n")
    try:
        assert at_rest(instance) is None
    finally:
        waiting.unlink()
    assert at_rest(instance) is not None
    with DagsterInstance.ephemeral() as other:
        assert at_rest(other) is None


@pytest.mark.parametrize(
    ("blocking", "told", "now", "expected"),
    [
        (False, False, False, ("deals: check asked failed: it is so",)),
        (False, False, True, None),  # a person has decided since
        (True, False, False, None),
        (True, False, True, None),
    ],
)
def test_a_check_that_did_not_pass_is_asked_again(
    blocking: bool, told: bool, now: bool, expected: tuple[str, ...] | None,
    first_run: dict[date, DayResult], instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    check = Check(DEALS, "asked", "", blocking, lambda day, since: Result(now, "it is so"))

    def asked(_: object, day: Examination, of: date) -> Iterator[tuple[Check, Evaluation]]:
        yield check, Evaluation(told, 1, day.evidence(check))

    monkeypatch.setattr("regulatory_assets.orchestration.settled.standing", asked)
    found = at_rest(instance)
    assert (found and found.warnings) == expected


def test_other_control_totals_ask_again_and_other_rows_make_a_run(
    first_run: dict[date, DayResult], instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Check(DEALS, "asked", "", True, lambda day, since: Result(True, "right"))
    for moved, expected in ((" totals:0123456789ab", True), ("7", False)):

        def asked(
            _: object, day: Examination, of: date, moved: str = moved
        ) -> Iterator[tuple[Check, Evaluation]]:
            yield passes, Evaluation(True, 1, day.evidence(passes) + moved)

        monkeypatch.setattr("regulatory_assets.orchestration.settled.standing", asked)
        assert (at_rest(instance) is not None) == expected


def test_control_totals_that_came_late_have_one_run(
    first_run: dict[date, DayResult], instance: DagsterInstance, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its checks note that they agree; others, and totals of what is not there, have another."""
    counts = Check(DEALS, "counts", "", True, lambda day, since: Result(True, ""), counts=True)
    noted = ""

    def asked(_: object, day: Examination, of: date) -> Iterator[tuple[Check, Evaluation]]:
        yield counts, Evaluation(True, 1, noted or day.evidence(replace(counts, counts=False)))

    monkeypatch.setattr("regulatory_assets.orchestration.settled.standing", asked)
    folder = home.deliveries / str(FIRST)
    rows = len((folder / "fx_rates.csv").read_text().splitlines()) - 1
    totals = folder / CONTROL_TOTALS
    try:
        for line, launched in (
            (f"fx_rates,{rows},,", True),
            (f"fx_rates,{rows},,", False),
            (f"fx_rates,0{rows},,", True),
            ("own_debt,1,,", True),
            ("fx_rates,many,,", True),
        ):
            totals.write_text(f"table,rows,sum_column,sum\n{line}\n")
            assert (at_rest(instance) is None) == launched, line
            runner = open_runtime().runner("test")
            now = Examination(
                runner.positions(FIRST), runner.reader, runner.register, deliveries=home.deliveries
            )
            noted = now.evidence(counts)
    finally:
        totals.unlink()


def test_what_cannot_be_asked_is_left_to_a_run(
    first_run: dict[date, DayResult], instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_engine(*_: object) -> NoReturn:
        raise EngineError("no engine answers")

    monkeypatch.setattr("regulatory_assets.runtime.Runtime.runner", no_engine)
    assert at_rest(instance) is None


def test_a_day_that_no_anchor_covers_has_a_run(
    first_run: dict[date, DayResult], instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before was killed at its end, or could not write the anchor."""
    runtime = open_runtime()
    last = runtime.register.latest("lcr", FIRST)
    assert last is not None
    assert not runtime.anchors.behind(last.known_at)
    assert runtime.anchors.behind(datetime.now(UTC))
    assert at_rest(instance) is not None
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("regulatory_assets.audit.anchors.Anchors._noted", lambda _: ((), long_ago))
    assert at_rest(instance) is None


def test_only_the_selected_tables_run_and_unknown_ones_are_named(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    heard: list[str] = []
    (result,) = run_days([SECOND], ["lcr"], None, heard.append, instance=instance)
    assert [o.table for o in result.outcomes] == ["lcr"]
    assert any("lcr" in word for word in heard)
    with pytest.raises(NotReady, match="no asset nobody"):
        list(run_days([SECOND], ["nobody"], instance=instance))


def test_a_corrected_deal_from_another_folder_is_a_new_data_version(
    first_run: dict[date, DayResult],
    instance: DagsterInstance,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stages of the run share what they look up, here as if all tables were large."""
    made: list[Recall] = []
    monkeypatch.setattr(Reader, "many", -1)
    monkeypatch.setattr(resources, "Recall", lambda store: made.append(Recall(store)) or made[-1])
    header, line, *_ = (home.deliveries / str(SECOND) / "deals.csv").read_text().splitlines()
    fields = line.split(",")
    fields[header.split(",").index("amount")] = "1000000.00"
    corrected = tmp_path / str(SECOND)
    corrected.mkdir()
    (corrected / "deals.delta-1.csv").write_text(
        f"_operation,{header}\nupsert,{','.join(fields)}\n"
    )
    (result,) = run_days([SECOND], None, tmp_path, instance=instance)
    assert result.success, result.failures
    deals = next(o for o in result.outcomes if o.table == "deals")
    assert (deals.booked, deals.reversed, deals.revision) == (1, 1, 2)
    (recall,) = made
    recalled = {o.table: o.recalled for o in result.outcomes}
    assert sum(recalled.values()) == recall.answered > recalled["lcr_flows"] > 0
    told = _materialization(instance, SECOND, "lcr_flows").metadata
    assert told["looks_recalled"].value == recalled["lcr_flows"]
    assert not [*(Settings().lake / "scratch").iterdir()], "what was set aside is gone"
    told = {n: m.value for n, m in _materialization(instance, SECOND, "deals").metadata.items()}
    assert told["affected_keys"] == 1
    assert fields[0] in told["first_affected_keys"]
    assert _materialization(instance, SECOND, "deals").tags[DATA_VERSION] == "2"
    assert _materialization(instance, SECOND, "fx_rates").tags[DATA_VERSION] == "1"


def test_a_missing_rate_fails_a_blocking_check_and_stops_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        home.deliver(FIRST)
        rates = home.deliveries / str(FIRST) / "fx_rates.csv"
        kept = [r for r in rates.read_text().splitlines() if not r.startswith("USD")]
        rates.write_text("\n".join(kept) + "\n")
        (result,) = run_days([FIRST], instance=instance)
        assert not result.success
        told = {f.partition(":")[0]: f for f in result.failures}
        assert set(told) == {"deals", "account_transactions"}
        for table, failure in told.items():
            assert f"{table}: check {CHECK} failed" in failure
            assert "currency=USD" in failure
        assert "lcr" not in {o.table for o in result.outcomes}
        runtime = open_runtime()
        assert runtime.register.latest("lcr_flows", FIRST) is None
        (line,) = runtime.anchors.read()[0]
        assert line.anchor
        assert line.anchor.reason == f"run {result.run_id}", "what a failed run left is anchored"
        monkeypatch.setattr(
            "regulatory_assets.orchestration.instance.open_instance", lambda: nullcontext(instance)
        )
        people.open_demo(runtime.events)
        ran = CliRunner().invoke(app, ["days", "close", "--date", str(FIRST), "--as", "anna"])
        assert f"closed: account_transactions: check {CHECK} has failed" in ran.output
        assert f"; deals: check {CHECK} has failed: 1 currency not in" in ran.output
        assert "currency=USD; of USD there was none before; deliver rates in fx_rates" in ran.output
        assert "(deliver or correct what it names, then run 2026-01-05" in ran.output
        assert "up to date" not in ran.output, "which no run will change"


def test_a_day_without_optional_tables_leaves_out_what_needs_them(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        home.deliver(FIRST)
        graph = open_runtime().graph
        late = [home.deliveries / str(FIRST) / f"{t.name}.csv" for t in POSITIONS if t.optional]
        assert late
        for path in late:
            path.rename(tmp_path / path.name)
        (asked,) = run_days([FIRST], ["branch_units"], instance=instance)
        assert "deliver branches for 2026-01-05 first" in asked.failures[0]
        (everything,) = run_days([FIRST], list(graph.tables), instance=instance)
        assert everything.success, everything.failures
        ran = {o.table for o in everything.outcomes}
        assert not ran & {p.stem for p in late}
        groups = {graph.tables[t].group for t in ran}
        assert groups == {"sources", "market", "adjustments", "lcr"}
        for path in late:
            (tmp_path / path.name).rename(path)
        reports = [t.name for t in graph.tables.values() if t.group in ("aml", "branch")]
        (result,) = run_days([FIRST], [*(p.stem for p in late), *reports], instance=instance)
        assert result.success, result.failures
        assert {o.table for o in result.outcomes} == {*(p.stem for p in late), *reports}


def test_a_control_total_that_comes_after_a_run_fails_the_next_one(tmp_path: Path) -> None:
    """It stands against a close from the moment it lies there, and counts tables not delivered."""
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        home.deliver(FIRST, optional=False)
        totals = home.deliveries / str(FIRST) / CONTROL_TOTALS

        def run(line: str) -> tuple[str, ...]:
            totals.write_text(f"table,rows,sum_column,sum\n{line}\n")
            (result,) = run_days([FIRST], ["fx_rates"], instance=instance)
            assert result.success == (not result.failures)
            return result.failures

        def against() -> list[str]:
            return [f for f in faults(instance, deliveries=home.deliveries) if "reconcil" in f]

        def planned() -> list[str]:
            ran = CliRunner().invoke(app, ["plan", "--date", str(FIRST), "--json"])
            return [line["why"] for line in json.loads(ran.output) if line["way"] == "compare"]

        rows = len((totals.with_name("fx_rates.csv")).read_text().splitlines()) - 1
        assert not run(f"fx_rates,{rows},,")
        assert not against()
        totals.write_text(f"table,rows,sum_column,sum\nfx_rates,{rows + 2},,\n")
        differs = f"{totals}, line 2: {rows + 2} rows were sent, {rows} arrived in fx_rates.csv"
        (asked_again,) = against()
        assert f"by the control totals that lie there now: {differs}" in asked_again
        assert asked_again.startswith("failed: ")
        assert planned() == [differs]
        totals.write_text(f"table,rows,sum_column,sum\nfx_rates,0{rows},,\n")
        assert not against(), "what agrees needs no run, and none is launched for it"
        (said,) = run(f"fx_rates,{rows + 1},,")
        assert f"line 2: {rows + 1} rows were sent, {rows} arrived in fx_rates.csv" in said
        (failed,) = against()
        assert failed.startswith(f"failed: fx_rates: check reconciliation has failed: {totals}")
        runtime = open_runtime()

        def absent() -> frozenset[str]:
            return left_out(home.deliveries, FIRST, runtime.graph, runtime.register)

        assert "branches" in absent()
        totals.write_text("table,rows,sum_column,sum\nbranches,1,,\n")
        assert "branches" not in absent(), "what was sent and is not there is refused by a run"


def test_what_was_released_is_told_by_the_next_run(
    first_run: dict[date, DayResult], instance: DagsterInstance
) -> None:
    """Of the reports, and of the checks that ask by a file that two persons release."""
    runtime = open_runtime()
    people.open_demo(runtime.events)
    assert at_rest(instance) is not None
    runtime.releasing.propose(Actor("anna"), "first set")
    assert at_rest(instance) is not None, "a proposal alone releases nothing"
    runtime.releasing.release(Actor("ben"))
    assert at_rest(instance) is None
    reports = {table.name for table in ratio_tables(runtime.graph)}
    by_file = {check.table.name for check in all_checks(runtime.graph) if check.file}
    for tables in (reports, by_file):
        (result,) = run_days([FIRST], sorted(tables), instance=instance)
        assert result.success, result.failures
    for name in reports:
        told = _materialization(instance, FIRST, name).metadata["unreleased"].value
        assert told == []
    assert at_rest(instance) is not None


def test_a_run_that_cannot_be_anchored_says_so(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        home.deliver(FIRST)
        (home.folder / "anchors").write_text("no folder")
        (result,) = run_days([FIRST], ["fx_rates"], instance=instance)
        assert result.success
        (warning,) = result.warnings
        assert f"run {result.run_id} stands, but could not be anchored" in warning


def test_refusals_say_the_remedy_and_show_no_trace(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        (missing,) = run_days([FIRST], ["fx_rates"], instance=instance)
        (failure,) = missing.failures
        assert "deliver" in failure
        assert "fx_rates.csv" in failure
        assert "Remedy:" in failure
        assert "Traceback" not in failure
        home.deliver(FIRST)
        (home.deliveries / str(FIRST) / "fx_rates.csv").write_text("currency\nEUR\n")
        (unfit,) = run_days([FIRST], ["fx_rates"], instance=instance)
        assert "columns do not fit" in unfit.failures[0]
        (early,) = run_days([FIRST], ["lcr"], instance=instance)
        assert "run lcr_components" in early.failures[0]


def test_an_answer_that_cannot_be_read_is_asked_for_once_more(
    sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC gives up a call whose message it cannot parse, here one in each step."""
    calls = sail.session.client._stub.ExecutePlan
    read, lost = calls._response_deserializer, [True, True]

    def unreadable(message: bytes) -> Any:
        return read(message[:5] if lost and lost.pop() else message)

    monkeypatch.setattr(calls, "_response_deserializer", unreadable)
    with new_home(tmp_path / "home") as home, DagsterInstance.ephemeral() as instance:
        home.deliver(FIRST)
        (failed,) = run_days([FIRST], ["fx_rates"], instance=instance)
        assert "fx_rates: " in failed.failures[0], "lost twice is lost"
        lost[:] = [True]
        (result,) = run_days([FIRST], ["fx_rates"], instance=instance)
        assert result.success, result.failures
        (outcome,) = result.outcomes
        assert (outcome.revision, outcome.reversed) == (1, 0)
        assert not lost
        events = instance.all_logs(result.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY)
        assert [e.step_key for e in events] == ["fx_rates"]


RULE = """
{"id": "R-1", "stage": "market", "purpose": "data_correction", "reason": "a test", "owner": "tests",
 "effective": "2026-01-05", "conditions": {"field": "currency", "op": "=", "value": "USD"},
 "operations": [{"op": "multiply", "field": "rate", "value": "1.01"}]}
"""


def test_the_documents_of_a_calculated_day(
    first_run: dict[date, DayResult], tmp_path: Path
) -> None:
    """Their shapes are compared with docs/cli.md wherever a test asks for one (``conftest``)."""
    people.open_demo(open_runtime().events)
    (tmp_path / "rule.json").write_text(RULE)
    day, whole = f"--date {SECOND}", f"--date {FIRST}"
    for words in (
        f"rules submit {tmp_path / 'rule.json'} --as anna",
        f"rules test R-1 {day} --json", "rules list --json", "rules history R-1 --json",
        "rules review --json", f"rules waterfall {day} --json",
        f"show lcr {day} --json", f"show branch {whole} --json", f"show aml {whole} --json",
        f"plan {day} --json", "lake status --json", "lake clean --json",
        f"lake compact {day} --table lcr --json", "engine --json", "audit verify --json",
        "days list --json", f"days show {day} --json",
        f"sources origin deals {day} --key deal_id=D0000000001 --json",
    ):  # fmt: skip
        ran = CliRunner().invoke(app, words.split())
        assert ran.exit_code == 0, f"{words}: {ran.output}"
    for name in ("lcr", "currencies", "branch", "aml"):
        assert CliRunner().invoke(app, ["show", name, *whole.split()]).stdout.startswith("DEMO ")
    (tmp_path / "two.json").write_text(f"[{RULE.replace('R-1', 'R-2')}, {RULE}]")
    before = open_runtime().events.read()
    ran = CliRunner().invoke(app, ["rules", "submit", str(tmp_path / "two.json"), "--as", "anna"])
    assert ran.exit_code == 1
    waits = f"two.json:6: R-1: event {before[-1].seq} waits for a decision"
    assert waits in ran.output
    assert open_runtime().events.read() == before, "R-2, which stands before it, neither"
    # What is decided and not calculated yet is told beside the figures, which are without.
    late = f"the rules of {SECOND} have moved since market_adjustments was calculated; run it"
    show = ["show", "lcr", "--date", str(SECOND), "--json"]
    assert late not in CliRunner().invoke(app, show).stderr
    open_runtime().events.append(Actor("ben"), people.APPROVED, "R-1", {}, before[-1].seq)
    assert late in CliRunner().invoke(app, show).stderr
    assert late not in CliRunner().invoke(app, [*show, "--as-of", "1"]).stderr
    # Another control database names none of the lake's postings: they are no orphans.
    lake, other = Settings().lake, {"REGULATORY_ASSETS_CONTROL_URL": f"sqlite:///{tmp_path}/other"}
    written = sorted(lake.rglob("*.parquet"))
    for words, said in (
        ("lake clean --grace-hours 0", "is not the one that this lake was written with"),
        (f"run {day}", "bring the database back from a backup, or correct REGULATORY_ASSETS_CON"),
        ("people open --demo", "registers nothing, but "),
    ):
        ran = CliRunner().invoke(app, words.split(), env=other)
        assert ran.exit_code == 1, ran.output
        assert said in ran.output
    assert sorted(lake.rglob("*.parquet")) == written
    for words, said in (
        (f"show branch {whole} --entity MOON", f"no branches of MOON on {FIRST}; entities: "),
        (f"show aml {whole} --customer MOON", "no transactions of MOON are in the deliveries"),
    ):
        ran = CliRunner().invoke(app, words.split())
        assert ran.exit_code == 1
        assert said in ran.output


def test_nothing_that_dagster_starts_begins_a_second_record(
    first_run: dict[date, DayResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``run`` on the command line, with the control database lost or its URL mistyped."""
    anchors = open_runtime().anchors.path
    anchored = anchors.read_bytes()
    monkeypatch.setenv("REGULATORY_ASSETS_CONTROL_URL", f"sqlite:///{tmp_path}/other")
    definitions = build_definitions()
    ran = definitions.resolve_job_def(WHOLE_DAY).execute_in_process(
        partition_key=str(SECOND), asset_selection=[AssetKey("fx_rates")], raise_on_error=False
    )
    (step,) = [e.step_failure_data for e in ran.all_node_events if e.is_step_failure]
    assert step.user_failure_data is not None
    told = str(step.user_failure_data.description)
    assert f"registers nothing, but {anchors} has seen what was registered: bring" in told
    for name in ("delivered_files", "changed_rules", "later_days"):
        with (
            build_sensor_context(resources={"bank": RuntimeResource()}) as context,
            pytest.raises(LostDatabaseError, match="correct REGULATORY_ASSETS_CONTROL_URL"),
        ):
            definitions.resolve_sensor_def(name)(context)
    assert open_runtime().register.heads() == {}
    assert anchors.read_bytes() == anchored

"""The real webserver and the real daemon: a launch, a backfill and a sensor, end to end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dagster import DagsterInstance
from playwright.sync_api import Page, expect

from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.people import open_demo
from regulatory_assets.control.events import Actor
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.runtime import open_runtime
from regulatory_assets_tests.orchestration.homes import DAYS, ROOT, Home, new_home

pytestmark = pytest.mark.timeout(600)
FIRST, SECOND, _ = (day.isoformat() for day in DAYS)
LOCATION = {
    "repositoryLocationName": "regulatory_assets",
    "repositoryName": "__repository__",
}
DEADLINE = 240


class Services:
    """A webserver and a daemon on one Dagster home, asked over GraphQL."""

    def __init__(self, home: Home) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        workspace = ("-w", str(ROOT / "workspace.yaml"))
        web = ("dagster_webserver", "-h", "127.0.0.1", "-p", str(self.port), *workspace)
        # Of two that both create Dagster's tables, each stamps its revision, and from then on
        # neither opens them: they are created before either starts.
        with DagsterInstance.from_config(str(home.folder / "dagster")):
            pass
        self.processes = [
            self._start("web", *web),
            self._start("daemon", "dagster._daemon", "run", *workspace),
        ]

    def _start(self, name: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.home.folder, env=os.environ | self.home.environment,
            )  # fmt: skip

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def log(self) -> str:
        return "\n".join(p.read_text()[-3000:] for p in self.home.folder.glob("*.log"))

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        url = f"http://127.0.0.1:{self.port}/graphql"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def until(self, what: str, done: Callable[[], Any]) -> Any:
        """Ask until the answer is something, or the deadline is over."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                if found := done():
                    return found
            except OSError:
                pass
            dead = [p.args for p in self.processes if p.poll() is not None]
            assert not dead, f"{dead} ended\n{self.log()}"
            time.sleep(0.5)
        raise AssertionError(f"waited {DEADLINE} s in vain for {what}\n{self.log()}")

    def runs(self, tag: str, value: str) -> list[dict[str, Any]]:
        query = """query($filter: RunsFilter) { runsOrError(filter: $filter) {
            ... on Runs { results { runId status tags { key value } } } } }"""
        tags = {"tags": [{"key": tag, "value": value}]}
        found: list[dict[str, Any]] = self.ask(query, filter=tags)["runsOrError"]["results"]
        return found

    @contextmanager
    def sensing(self, name: str) -> Iterator[None]:
        """With a sensor running: its looks take time from all tests that follow."""
        start = """mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) {
            __typename ... on Sensor { sensorState { id } } } }"""
        started = self.ask(start, s={**LOCATION, "sensorName": name})["startSensor"]
        assert started["__typename"] == "Sensor", started
        yield
        stop = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
        stopped = self.ask(stop, id=started["sensorState"]["id"])["stopSensor"]
        assert stopped["__typename"] == "StopSensorMutationResult", stopped

    def succeeded(self, tag: str, value: str, count: int) -> Callable[[], Any]:
        def look() -> Any:
            runs = self.runs(tag, value)
            failed = [r for r in runs if r["status"] in ("FAILURE", "CANCELED")]
            assert not failed, f"{failed}\n{self.log()}"
            return [r["runId"] for r in runs if r["status"] == "SUCCESS"][count - 1 :] and runs

        return look


@contextmanager
def running(home: Home) -> Iterator[Services]:
    services = Services(home)
    try:
        yield services
    finally:
        services.stop()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with new_home(tmp_path_factory.mktemp("services") / "home") as home:
        home.deliver(DAYS[0], optional=False)
        with running(home) as started:
            query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            started.until(
                "the webserver", lambda: started.ask(query)["repositoriesOrError"]["nodes"]
            )
            yield started


def test_a_launch_in_the_ui_runs_through_the_daemon(services: Services) -> None:
    mutation = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
        __typename ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
        ... on RunConfigValidationInvalid { errors { message } } } }"""
    parameters = {
        "selector": {**LOCATION, "pipelineName": "regulatory_day"},
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {
            "tags": [
                {"key": "dagster/partition", "value": FIRST},
                {"key": "regulatory_assets/cause", "value": "a person"},
            ]
        },
    }
    launched = services.ask(mutation, p=parameters)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    services.until("the run", services.succeeded("regulatory_assets/cause", "a person", 1))
    query = """{ assetCheckExecutions(assetKey: {path: ["lcr"]}, checkName: "ties", limit: 1)
        { status } assetNodeOrError(assetKey: {path: ["lcr"]})
        { ... on AssetNode { assetPartitionStatuses { ... on TimePartitionStatuses {
          ranges { startKey endKey status } } } } } }"""
    told = services.ask(query)
    assert told["assetCheckExecutions"][0]["status"] == "SUCCEEDED"
    ranges = told["assetNodeOrError"]["assetPartitionStatuses"]["ranges"]
    assert [(r["startKey"], r["status"]) for r in ranges] == [(FIRST, "MATERIALIZED")]


@pytest.mark.browser
def test_a_person_looks_at_the_ratio_and_runs_its_day_again(services: Services, page: Page) -> None:
    asset = f"http://127.0.0.1:{services.port}/assets/lcr"
    page.goto(f"{asset}?view=overview")
    page.get_by_text("Liquidity coverage ratio of each scope").first.wait_for()
    page.get_by_text("unique key: scope").first.wait_for()
    page.goto(f"{asset}?view=checks&checkDetail=ties")
    page.get_by_text("the operands of every scope tie to its components").first.wait_for()
    page.goto(f"{asset}?view=partitions")
    page.get_by_role("button", name="Materialize…").click()
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    # Parts of the dialog, and lists that it opens, lie over others: no pointer is moved there.
    dialog.get_by_text("Show all partitions").dispatch_event("click")
    days = dialog.get_by_role("textbox").first
    days.fill(FIRST)
    days.press("Enter")
    launch = dialog.get_by_role("button", name="Launch")
    expect(launch).to_be_enabled(timeout=120_000)  # only once the partitions are known
    launch.dispatch_event("click")
    dialog.wait_for(state="hidden")
    runs = services.until("the second run", services.succeeded("dagster/partition", FIRST, 2))
    assert len(runs) == 2


def test_a_delivered_file_starts_its_day_through_the_daemon(services: Services) -> None:
    shutil.rmtree(services.home.deliveries / FIRST)
    services.home.deliver(DAYS[1], optional=False)
    with services.sensing("delivered_files"):
        (run,) = services.until(
            "the sensor's run", services.succeeded("dagster/sensor_name", "delivered_files", 1)
        )
    tags = {t["key"]: t["value"] for t in run["tags"]}
    assert tags["dagster/partition"] == SECOND
    assert tags["dagster/run_key"].startswith(f"{SECOND}-")
    assert tags["regulatory_assets/cause"].startswith("delivered: counterparties.csv, deals.csv")


def test_a_backfill_runs_one_run_a_day(services: Services) -> None:
    mutation = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p)
        { __typename ... on LaunchBackfillSuccess { backfillId }
          ... on PythonError { message } } }"""
    keys = [{"path": [table]} for table in ("lcr_scope_lines", "lcr_components", "lcr")]
    launched = services.ask(
        mutation, p={"assetSelection": keys, "partitionNames": [FIRST, SECOND]}
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    runs = services.until(
        "the backfill", services.succeeded("dagster/backfill", launched["backfillId"], 2)
    )
    days = [t["value"] for r in runs for t in r["tags"] if t["key"] == "dagster/partition"]
    assert sorted(days) == [FIRST, SECOND]


def test_an_approved_rule_starts_the_day_it_reaches_through_the_daemon(services: Services) -> None:
    """And only the assets that follow from its stage; the figures are those of its impact."""
    runtime = open_runtime()
    open_demo(runtime.events)
    (written,) = load(ROOT / "data" / "rules" / "ADJ-2026-001.yaml")
    rule = written.rule.model_copy(update={"effective": DAYS[0], "expiry": DAYS[0]})
    runtime.governance.submit(Actor("anna"), rule)
    runner = runtime.runner("test")
    seen = runtime.governance.impact(runner, rule.id)
    runtime.governance.approve(Actor("ben"), rule.id, seen.hash, runner)
    with services.sensing("changed_rules"):
        (run,) = services.until(
            "the sensor's run", services.succeeded("dagster/sensor_name", "changed_rules", 1)
        )
    tags = {t["key"]: t["value"] for t in run["tags"]}
    assert tags["dagster/partition"] == FIRST
    assert tags["regulatory_assets/cause"] == "rules decided by event 3"
    version = runtime.runner("test").positions(DAYS[0]).read(runtime.graph.tables["lcr"])
    rows = Reader(runtime.lake).net(version).toArrow().to_pylist()
    shown = {f.key: f.after["ratio"] for f in seen.days[0].figures if f.table == "lcr"}
    assert {r["scope"]: r["ratio"] for r in rows} == shown
    assert {f.key: f.before["ratio"] for f in seen.days[0].figures if f.table == "lcr"} != shown
    query = """query($id: ID!) { runOrError(runId: $id) { ... on Run {
        assetMaterializations { assetKey { path } } } } }"""
    made = services.ask(query, id=run["runId"])["runOrError"]["assetMaterializations"]
    names = {m["assetKey"]["path"][0] for m in made}
    assert {"adjustment_rules", "deal_adjustments", "lcr_flows", "lcr"} <= names
    assert not names & {"deals", "counterparties", "reference_adjustments", "market_adjustments"}
    query = """query($id: ID!) { runOrError(runId: $id) { ... on Run { assetMaterializations {
        assetKey { path }
        metadataEntries { label ... on JsonMetadataEntry { jsonString } } } } } }"""
    made = services.ask(query, id=run["runId"])["runOrError"]["assetMaterializations"]
    (told,) = (
        json.loads(entry["jsonString"])
        for m in made
        if m["assetKey"]["path"] == ["lcr"]
        for entry in m["metadataEntries"]
        if entry["label"] == "injections"
    )
    (injected,) = told
    assert injected["rule_id"] == rule.id
    assert injected["affected_records"] == seen.days[0].affected
    assert {r["key"]: r["after"] for r in injected["ratios"]} == {
        f.key: f.document()["after"]
        for f in seen.days[0].figures
        if f.table == "lcr" and f.before != f.after
    }

    with services.sensing("later_days"):
        (later,) = services.until(
            "the run of the later day", services.succeeded("dagster/sensor_name", "later_days", 1)
        )
    tags = {t["key"]: t["value"] for t in later["tags"]}
    assert tags["dagster/partition"] == SECOND
    assert tags["regulatory_assets/cause"] == f"changed days: {FIRST}"
    made = services.ask(query, id=later["runId"])["runOrError"]["assetMaterializations"]
    assert {m["assetKey"]["path"][0] for m in made} == {"lcr_quarter", "liq1"}

"""What Dagster sees, without anything being run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    build_schedule_context,
    build_sensor_context,
)

from regulatory_assets.adjustments.closing import ClosedDays
from regulatory_assets.bank.delivery import CONTROL_TOTALS
from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.definitions import build_definitions, defs
from regulatory_assets.orchestration.calendar import Calendar, business_day_before
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.tags import CAUSE_TAG
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.orchestration.homes import DAYS, Home, new_home

JOB = "regulatory_day"


def test_every_table_is_an_asset_that_describes_itself() -> None:
    graph = production_graph()
    assets = defs.resolve_asset_graph()
    assert {k.to_user_string() for k in assets.get_all_asset_keys()} == {
        *graph.tables,
        "adjustment_rules",
        "delivery_report",
    }
    for stage in graph.stages:
        node = assets.get(AssetKey(stage.name))
        rules = {"adjustment_rules"} if stage.ruled else set()
        read = {t.name for t in graph.inputs(stage)} | rules
        assert {k.to_user_string() for k in node.parent_keys} == read
        assert node.group_name == stage.writes.group
        assert list(node.owners) == [stage.writes.owner]
        assert node.kinds == {"delta", "pyspark"}
        assert node.description.startswith(stage.writes.description)
        assert {*node.partitions_def.get_partition_keys()} > {str(day) for day in DAYS}
        assert node.code_version
        columns = node.metadata["dagster/column_schema"].columns
        assert tuple(c.name for c in columns) == stage.writes.column_names
        assert all(c.description for c in columns)


def test_column_lineage_holds_what_is_certain_only() -> None:
    assets = defs.resolve_asset_graph()
    lineage = assets.get(AssetKey("lcr_lines")).metadata["dagster/column_lineage"]
    assert lineage.deps_by_column["weighted"][0].column_name == "weighted"
    flows = assets.get(AssetKey("lcr_flows")).metadata["dagster/column_lineage"]
    assert set(flows.deps_by_column) == {"deal_id"}


def test_checks_that_guard_a_number_block() -> None:
    graph = defs.resolve_asset_graph()
    checks = {k.to_user_string(): graph.get_check_spec(k) for k in graph.asset_check_keys}
    assert checks["deals:rates_of_day_of_currency"].blocking
    assert checks["lcr_lines:classified"].blocking
    assert checks["lcr_lines:sums"].blocking
    assert not checks["deals:rejected_share"].blocking
    assert all(spec.partitions_def is not None for spec in checks.values())


def test_the_report_on_deliveries_blocks_nothing_and_is_made_on_request() -> None:
    graph = defs.resolve_asset_graph()
    of_report = [k for k in graph.asset_check_keys if k.asset_key == AssetKey("delivery_report")]
    assert {k.name for k in of_report} == {t.name for t in production_graph().sources}
    assert not any(graph.get_check_spec(k).blocking for k in of_report)
    made = {
        name: {
            k.to_user_string() for k in defs.resolve_job_def(name).asset_layer.selected_asset_keys
        }
        for name in (JOB, "sources_day", "delivery_report_day")
    }
    assert made["delivery_report_day"] == {"delivery_report"}
    assert not made["delivery_report_day"] & (made[JOB] | made["sources_day"])
    assert {"lcr", "deals"} <= made[JOB]


def test_dagster_validates_the_module(tmp_path: Path) -> None:
    code = [sys.executable, "-m", "dagster", "definitions", "validate"]
    done = subprocess.run(
        [*code, "-m", "regulatory_assets.definitions"],
        capture_output=True, text=True, check=False, cwd="/",
        env=os.environ | {"DAGSTER_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BetaWarning" not in done.stderr
    assert "PreviewWarning" not in done.stderr


def test_importing_starts_no_engine_and_opens_no_database(tmp_path: Path) -> None:
    code = (
        "import sys, regulatory_assets.definitions\n"
        "from regulatory_assets import engine\n"
        "assert not engine._started\n"
        "heavy = {'pysail', 'matplotlib', 'pandera', 'deltalake._internal'} & set(sys.modules)\n"
        "assert heavy <= {'deltalake._internal'}, heavy\n"
    )
    environment = {**os.environ, "REGULATORY_ASSETS_VAR": str(tmp_path / "var")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert not (tmp_path / "var").exists()


def test_business_days_skip_weekends() -> None:
    assert business_day_before(date(2026, 1, 6)) == date(2026, 1, 5)
    assert business_day_before(date(2026, 1, 5)) == date(2026, 1, 2)


def test_the_schedule_runs_the_previous_business_day_or_says_what_is_missing(
    tmp_path: Path,
) -> None:
    with new_home(tmp_path / "home") as home:
        built = build_definitions()
        schedule = built.resolve_schedule_def("weekdays")
        with build_schedule_context(
            scheduled_execution_time=datetime.fromisoformat("2026-01-06T06:00:00+00:00"),
            resources={"bank": RuntimeResource()},
            repository_def=built.get_repository_def(),
        ) as context:
            skipped = schedule.evaluate_tick(context)
            assert "2026-01-05: entities, counterparties" in str(skipped.skip_message)
            home.deliver(DAYS[0])
            (request,) = schedule.evaluate_tick(context).run_requests
            assert request.partition_key == "2026-01-05"


@dataclass
class Sensor:
    """The sensor of delivered files, evaluated in this process with the cursor that it left."""

    home: Home
    built: Definitions = field(default_factory=build_definitions)
    instance: DagsterInstance = field(default_factory=DagsterInstance.ephemeral)
    cursor: str | None = None
    keys: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    waits: str = ""

    def look(self) -> list[str]:
        """The days that are requested, once no file has just been written."""
        _settle(self.home)
        return self.look_at_once()

    def look_at_once(self) -> list[str]:
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"bank": RuntimeResource()},
            repository_def=self.built.get_repository_def(),
        ) as context:
            tick = self.built.resolve_sensor_def("delivered_files").evaluate_tick(context)
        self.cursor, self.waits = tick.cursor, str(tick.skip_message)
        requests = tick.run_requests or []
        self.keys += [str(r.run_key) for r in requests]
        self.causes += [r.tags[CAUSE_TAG] for r in requests]
        return [str(r.partition_key) for r in requests]


def test_the_sensor_requests_exactly_the_days_that_have_files_to_take(tmp_path: Path) -> None:
    """What was taken by whatever run asks for nothing; each new content asks once."""
    with new_home(tmp_path / "home") as home:
        sensor, runtime = Sensor(home), RuntimeResource().runtime(production_graph())
        runner = runtime.runner("by hand")

        def take(day: date, folder: Path = home.deliveries) -> None:
            for table in runtime.graph.sources:
                ingest_table(runner, folder, table, day)

        assert sensor.look() == []
        home.deliver(DAYS[0], DAYS[1], optional=False)
        assert sensor.look() == ["2026-01-05", "2026-01-06"]
        assert sensor.look() == [], "requested, and not run yet"
        take(DAYS[1])
        assert sensor.look() == [], "taken"
        assert Sensor(home, sensor.built).look() == ["2026-01-05"], (
            "a sensor that begins anew asks the register"
        )

        rates = home.deliveries / "2026-01-06" / "fx_rates.csv"
        first = rates.read_text()
        second = first.replace("USD,0.9", "USD,0.8")
        rates.write_text(second)
        assert sensor.look_at_once() == [], "a file just written waits"
        assert sensor.look() == ["2026-01-06"]
        rates.write_text(first)
        assert sensor.look() == [], "what stands is there again"
        rates.write_text(second)
        assert sensor.look() == ["2026-01-06"], "the run may have looked while the first was there"
        take(DAYS[1])
        rates.write_text(first)
        (home.deliveries / "2026-01-06" / "deals.csv").touch()
        assert sensor.look() == ["2026-01-06"], "A, B, A"
        assert sensor.causes[-1] == "delivered: fx_rates.csv"
        take(DAYS[1])
        rates.touch()
        assert sensor.look() == [], "the same contents again are no news"

        rates.write_text(second)
        assert sensor.look() == ["2026-01-06"]
        elsewhere = home.folder / "read" / "2026-01-06"
        elsewhere.mkdir(parents=True)
        (elsewhere / rates.name).write_text(second)
        rates.write_text(first)
        assert sensor.look() == []
        take(DAYS[1], elsewhere.parent)
        assert sensor.look() == ["2026-01-06"], "a run that had read it posts after the look"
        take(DAYS[1])

        totals, lines = rates.with_name(CONTROL_TOTALS), len(first.splitlines()) - 1
        for line, asks in (
            (f"fx_rates,{lines},,\n", ["2026-01-06"]),
            (f"fx_rates,{lines},,\ncash_flows,0,,\n", ["2026-01-06"]),
            ("cash_flows,0,,\n", []),
            ("cash_flows,1,,\n", ["2026-01-06"]),
        ):
            totals.write_text(f"table,rows,sum_column,sum\n{line}")
            assert sensor.look() == asks, "what a file was not held against when it was taken"
            assert asks == [] or sensor.causes[-1] == f"delivered: {CONTROL_TOTALS}"
            assert sensor.look() == []
        totals.unlink()

        rates.write_text("currency,rate\nnothing,valid\n")
        (home.deliveries / "2026-01-06" / "entities.csv").write_text("refused")
        assert sensor.look() == ["2026-01-06"]
        assert sensor.causes[-1] == "delivered: entities.csv, fx_rates.csv", "one run for both"
        assert sensor.look() == [], "what was refused is not tried again"
        rates.touch()
        assert sensor.look() == ["2026-01-06"], "unless it is delivered again"
        (home.deliveries / "2026-01-06" / CONTROL_TOTALS).write_text("table,rows\n")
        assert sensor.look() == ["2026-01-06"], "or what it is counted by"
        assert len(set(sensor.keys)) == len(sensor.keys)

        rates.unlink()
        (home.deliveries / "2026-01-06" / "deals.csv").write_text("changed")
        assert sensor.look() == [], "an incomplete day waits"
        assert "2026-01-06: fx_rates not delivered yet" in sensor.waits
        home.deliver(DAYS[2], optional=False)
        (home.deliveries / "2026-01-07" / "nobody.csv").write_text("x")
        assert sensor.look() == [], "a file of no table is told, not run"
        assert "nobody.csv: no source has this name" in sensor.waits


def test_the_sensor_lets_a_closed_day_and_one_to_come_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_home(tmp_path / "home") as home:
        sensor = Sensor(home)
        home.deliver(DAYS[0], optional=False)
        with monkeypatch.context() as closed:
            closed.setattr(ClosedDays, "held", lambda *_: "it is closed")
            assert sensor.look() == []
            assert "2026-01-05: it is closed" in sensor.waits
        run = DagsterRun(
            JOB, status=DagsterRunStatus.STARTED, tags={"dagster/partition": "2026-01-05"}
        )
        sensor.instance.add_run(run)
        assert sensor.look() == [], "it may take the files, and is not followed by an idle run"
        assert f"2026-01-05: the run {run.run_id} of the day has not ended" in sensor.waits
        sensor.instance.report_run_failed(run)
        shutil.copytree(home.deliveries / str(DAYS[0]), home.deliveries / "2999-01-01")
        assert sensor.look() == ["2026-01-05"], "opened again, its files are asked for"
        assert sensor.look() == []
        assert "2999-01-01: the day has not come" in sensor.waits


def _settle(home: Home) -> None:
    for place, path in enumerate(sorted(home.deliveries.rglob("*.csv"))):
        status = path.stat()
        if status.st_mtime > 1_700_000_000:
            moment = 1_600_000_000 + status.st_mtime_ns % 1_000_000_000 // 1000 + place
            os.utime(path, (moment, moment))


def test_the_first_day_is_a_setting() -> None:
    calendar = Calendar(first_day=date(2026, 1, 5))
    job = build_definitions(calendar=calendar).resolve_job_def(JOB)
    assert job.partitions_def is not None
    assert job.partitions_def.get_first_partition_key() == "2026-01-05"

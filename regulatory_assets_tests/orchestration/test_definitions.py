"""What Dagster sees, without anything being run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

from dagster import AssetKey, build_schedule_context, build_sensor_context

from regulatory_assets.definitions import build_definitions, defs
from regulatory_assets.orchestration.calendar import Calendar, business_day_before
from regulatory_assets.orchestration.resources import RuntimeResource
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
    assert checks["deals:fx_rates_of_currency"].blocking
    assert checks["lcr_flows:classified"].blocking
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


def test_the_sensor_requests_exactly_the_days_whose_contents_changed(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        built = build_definitions()
        sensor = built.resolve_sensor_def("delivered_files")
        cursor: str | None = None
        keys: list[str] = []

        def look() -> list[str]:
            nonlocal cursor
            with build_sensor_context(
                cursor=cursor,
                resources={"bank": RuntimeResource()},
                repository_def=built.get_repository_def(),
            ) as context:
                tick = sensor.evaluate_tick(context)
            cursor = tick.cursor
            keys.extend(str(r.run_key) for r in tick.run_requests or ())
            return [str(r.partition_key) for r in tick.run_requests or ()]

        assert look() == []
        home.deliver(DAYS[0], DAYS[1])
        _settle(home)
        assert look() == ["2026-01-05", "2026-01-06"]
        assert look() == []
        rates = home.deliveries / "2026-01-06" / "fx_rates.csv"
        first = rates.read_text()
        for text in (first.replace("USD,0.9", "USD,0.8"), first):  # A -> B -> A
            rates.write_text(text)
            assert look() == [], "a file just written waits"
            _settle(home)
            assert look() == ["2026-01-06"]
        assert len(set(keys)) == len(keys) == 4
        rates.touch()
        _settle(home)
        assert look() == [], "the same contents again are no news"
        rates.unlink()
        (home.deliveries / "2026-01-06" / "deals.csv").write_text("changed")
        _settle(home)
        assert look() == [], "an incomplete day waits"
        home.deliver(DAYS[2])
        (home.deliveries / "2026-01-07" / "nobody.csv").write_text("x")
        _settle(home)
        assert look() == [], "a file of no table is told, not run"


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

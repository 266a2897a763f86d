"""Files that cannot be taken, through Dagster and the command line: words, never a trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance
from typer.testing import CliRunner

from regulatory_assets.cli import app
from regulatory_assets.orchestration.launch import _Listener, run_days
from regulatory_assets_tests.orchestration.homes import Home, new_home

pytestmark = pytest.mark.timeout(300)

HEAD = b"currency,rate\n"
REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "missing": ({}, "deliver"),
    "empty": ({"fx_rates.csv": b""}, "the file is empty"),
    "cut off": ({"fx_rates.csv": HEAD + b"EUR,1"}, "may have been cut off"),
    "binary": ({"fx_rates.csv": bytes(range(256))}, "not utf-8 text"),
    "markup": ({"fx_rates.csv": b"[/red],[bold]\nEUR,1\n"}, "delivered are [/red], [bold]"),
    "unknown name": ({"rates.csv": HEAD}, "no source has this name"),
    "no valid line": ({"fx_rates.csv": HEAD + b"EUR,x\n"}, "none of its 1 lines is valid"),
    "delta first": ({"fx_rates.delta-1.csv": b"_operation," + HEAD}, "needs a full delivery"),
    "control total": (
        {
            "fx_rates.csv": HEAD + b"EUR,1\n",
            "control_totals.csv": b"table,rows,sum_column,sum\nfx_rates,2,,\n",
        },
        "2 rows were sent, 1 arrived",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("bad_files") / "home") as made:
        for day, (files, _) in zip(_days(), REFUSED.values(), strict=False):
            folder = made.deliveries / str(day)
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
        yield made


def _days() -> list[date]:
    return [date(2026, 1, 1) + timedelta(days=n) for n in range(len(REFUSED))]


def test_dagster_says_what_is_wrong_and_the_remedy(home: Home) -> None:
    for result, (_, problem) in zip(run_days(_days(), ["fx_rates"]), REFUSED.values(), strict=True):
        assert not result.success
        (failure,) = result.failures
        assert problem in failure
        assert "Remedy:" in failure
        assert "Traceback" not in failure


def test_the_command_line_says_what_is_wrong(home: Home) -> None:
    day = _days()[list(REFUSED).index("markup")]
    ran = CliRunner().invoke(app, ["run", "--date", str(day), "--select", "fx_rates"])
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SystemExit)
    planned = CliRunner().invoke(
        app, ["plan", "--date", str(_days()[list(REFUSED).index("unknown name")])]
    )
    assert planned.exit_code == 1
    assert isinstance(planned.exception, SystemExit)


def test_a_day_to_come_is_no_reporting_date(home: Home) -> None:
    (home.deliveries / "2999-01-01").mkdir()
    ran = CliRunner().invoke(app, ["run", "--date", "2999-01-01", "--select", "fx_rates"])
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    assert "2999-01-01 is no reporting date yet" in ran.output.replace("\n", " ")


def test_an_unknown_column_is_told_in_metadata_and_as_a_warning(home: Home) -> None:
    day = date(2026, 2, 1)
    folder = home.deliveries / str(day)
    folder.mkdir()
    (folder / "fx_rates.csv").write_text("currency,desk,rate\nEUR,Paris,1\n")
    (result,) = run_days([day], ["fx_rates"])
    assert result.success, result.failures
    assert result.warnings[0].startswith("fx_rates: fx_rates.csv: columns that nothing uses: desk")
    with DagsterInstance.get() as instance:
        wanted = AssetRecordsFilter(AssetKey("fx_rates"), asset_partitions=[str(day)])
        record = instance.fetch_materializations(wanted, limit=1).records[0]
        assert record.asset_materialization is not None
        assert "desk" in record.asset_materialization.metadata["warnings"].value[0]


def test_a_bad_mapping_is_told_with_file_and_line(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.yaml").write_text("source: x\ntable: nothing\n")
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path))
    (result,) = run_days([date(2026, 2, 1)], ["fx_rates"])
    assert "bad.yaml:1: the key delivery is missing" in result.failures[0]


def test_a_failure_that_nobody_foresaw_says_what_was_raised() -> None:
    """An amount beyond what money holds, say: Dagster's own words name the step alone."""
    raised = SimpleNamespace(message="10000000000000000000.00000001 is too large\n", cause=None)
    step = SimpleNamespace(cls_name="Step", message="Error occurred in op", cause=raised)
    for error in (step, SimpleNamespace(cls_name="Run", message=raised.message, cause=None)):
        heard = _Listener(date(2026, 1, 1), print)
        heard._failed(SimpleNamespace(user_failure_data=None, error=error), "lcr_flows")
        assert heard.failures == ["lcr_flows: 10000000000000000000.00000001 is too large"]

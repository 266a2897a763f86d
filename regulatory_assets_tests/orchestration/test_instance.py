"""Commands find the Dagster instance without being told, and say what is wrong where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.orchestration.instance import open_instance


@pytest.fixture(autouse=True)
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    return tmp_path / "var"


def test_without_a_home_it_lies_with_all_state_and_is_configured(var: Path) -> None:
    with open_instance() as instance:
        assert Path(instance.root_directory) == var / "dagster"
        assert instance.run_coordinator.get_run_queue_config().max_concurrent_runs == 2


def test_a_home_that_is_given_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, var: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with open_instance() as instance:
        assert Path(instance.root_directory) == tmp_path
    assert not var.exists()


@pytest.mark.parametrize("home", ["nowhere", "/nowhere/at/all"])
def test_a_home_that_is_no_folder_is_named(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    with pytest.raises(NotReady, match=f"DAGSTER_HOME is {home}, which is no absolute path"):
        open_instance()

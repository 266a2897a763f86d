"""Beside a figure stand the entries that the scope's own lines rest on, and no others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from regulatory_assets.disclosure.beside import marks_by_scope, scope_lines
from regulatory_assets.engine import Engine
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr.plain import PARAMETERS
from regulatory_assets.reports.lcr.used import used
from regulatory_assets.runtime import Runtime
from regulatory_assets.settings import Settings

from .test_stages import BANKS, run_bank

SET = Parameters.default().at(date(2026, 1, 31), PARAMETERS)


def test_an_entry_that_names_a_line_is_used_where_its_values_take_the_line() -> None:
    lines = {("retail_stable", "us"), ("guarantee", "basel")}
    assert used(SET.rates("lcr/lines"), lines) == {"lcr/lines us: retail_stable",
                                                   "lcr/lines: guarantee"}  # fmt: skip
    assert used(SET.rates("lcr/lines"), {("retail_less_stable", "us")}) == {
        "lcr/lines: retail_less_stable"
    }, "an overlay takes Basel's entry where it has none of its own"
    assert used(SET.decisions("lcr/outflow_lines"), lines) == {"lcr/outflow_lines: guarantee"}


def test_an_entry_that_names_none_is_used_by_all_who_follow_its_regime() -> None:
    cash = {("level1_cash", "us")}
    assert used(SET.rates("lcr/window"), cash) == {"lcr/window: lcr"}
    assert used(SET.rates("lcr/cap_excess"), cash) == {"lcr/cap_excess us: lcr"}
    assert used(SET.rates("lcr/cap_excess"), {("level1_cash", "basel")}) == {"lcr/cap_excess: lcr"}
    assert used(SET.rates("lcr/window"), {("level1_cash", "nobody's")}) == set()


def test_each_scope_is_told_of_its_own_lines(sail: Engine, tmp_path: Path) -> None:
    """An entity with a guarantee by Saudi values, and the group above it by Basel's."""
    (bank,) = (bank for bank in BANKS if bank.path.stem == "heads")
    runner = run_bank(bank, tmp_path, sail)
    runtime = Runtime(Settings(var=tmp_path), runner.graph)
    version = runner.positions(bank.day).version("lcr")
    lines = scope_lines(runtime, version)
    assert lines["N"] == {("level2b_rmbs", "basel")}
    assert ("guarantee", "saudi_arabia") in lines["SAU"] - lines["G"]
    assert ("retail_stable", "us") in lines["G"]
    told = {s: marks.unverified for s, marks in marks_by_scope(runtime, version).items()}
    guarantee = "lcr/lines: guarantee"
    assert [s for s in ("G", "S", "SAU", "USA", "N") if guarantee in told[s]] == ["G", "S"]
    assert not any(entry.startswith("lcr/deposit_lines") for entry in told["N"])
    assert all("lcr/limited_transfer: covers_first" in entries for entries in told.values())

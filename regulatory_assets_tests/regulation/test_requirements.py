"""What is packaged cannot lose a row that is read by name, or a file or day that a stage reads, nor
say what has no meaning.

How a head says so and goes wrong is in ``good`` and ``bad``; here it is asked of what is packaged.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import regulatory_assets.reports
from regulatory_assets.regulation.parameters import ParameterError, Parameters, RateTable
from regulatory_assets.reports.declared import check_declared
from regulatory_assets.runtime import production_graph

REPORTS = Path(regulatory_assets.reports.__file__).parent
FREE = {
    "aml/cash_thresholds": "a currency without one fails a check",
    "lcr/country_currencies": "a country without one has no currency of its own",
    "lcr/lines": "lcr/liq1_lines names every line",
    "lcr/liq1_lines": "lcr/lines names every line",
    "lcr/mismatch_lines": "a line without one is not looked at by day; Basel has none",
}
"""Tables of which a row may be missing in the file itself, and what tells then."""


def _rate_tables() -> list[tuple[str, Path]]:
    known = Parameters.default()
    tables = [next(t for _, t in known.history(name) if t is not None) for name in known.names]
    return [(table.name, table.path) for table in tables if isinstance(table, RateTable)]


@pytest.mark.parametrize(("name", "path"), _rate_tables())
def test_a_row_that_a_calculation_reads_has_its_name(name: str, path: Path, tmp_path: Path) -> None:
    """Every row of a table is required, but for those of tables that take any."""
    if name in FREE:
        return
    head, rows = path.read_text().split("\nrows:\n")
    copy = tmp_path / path.name
    keys = re.findall(r'(?m)^  - \w+: "?(\w+)"?$', rows)
    assert len(keys) == rows.count("citation:")
    for key in keys:
        renamed = re.sub(rf'(?m)^(  - \w+: )"?{key}"?$', r"\1renamed", rows)
        copy.write_text(f"{head}\nrows:\n{renamed}")
        with pytest.raises(ParameterError, match=rf"has no row {key} on") as found:
            Parameters.load([tmp_path])
        assert found.value.path == copy
        assert key in copy.read_text().splitlines()[(found.value.line or 0) - 1]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("caps", 'share: "0.40"', 'share: "1"', "share 1 is not of the type part"),
        ("caps", 'share: "0.15"', 'share: "1"', "share 1 is not of the type part"),
        ("deposit_insurance", '"100000"', '"-1"', "limit -1 is not of the type money"),
        ("small_business", '"1000000"', '"-1"', "limit -1 is not of the type money"),
        ("lending_excess", '"-0.50"', '"-50"', "share -50 is not of the type signed_share"),
        ("stress_declines", '"0.20"', '"0.05"', "most 0.05 of WITHIN_TWENTY is not above 0.1"),
        ("stress_declines", '"0.20"', '"0.40"', "most 0.4 of WITHIN_FORTY is not above 0.4"),
        ("risk_weight_bands", '"0.20"', '"0"', "risk_weight 0 of TWENTY is not above 0 of ZERO"),
        ("risk_weight_bands", '"0"', '"-1"', "risk_weight -1 is not of the type rate"),
        ("foreign_sovereigns", "turn: third", "turn: first", "turn of foreign_sovereign_level2a"),
    ],
)
def test_what_has_no_meaning_is_refused(
    file: str, old: str, new: str, problem: str, tmp_path: Path
) -> None:
    text = (REPORTS / "lcr" / "parameters" / f"{file}.yaml").read_text()
    assert old in text
    copy = tmp_path / f"{file}.yaml"
    copy.write_text(text.replace(old, new, 1))
    with pytest.raises(ParameterError) as found:
        Parameters.load([tmp_path])
    assert problem in found.value.problem
    assert (found.value.path, bool(found.value.line)) == (copy, True)


def _changed(tmp_path: Path, name: str, change: tuple[str, str]) -> Parameters:
    """The files of the LCR, one of them with another text."""
    folder = shutil.copytree(REPORTS / "lcr" / "parameters", tmp_path / "parameters")
    file = folder / f"{name}.yaml"
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change, 1))
    return Parameters.load([folder])


def test_rows_of_the_template_in_a_circle_are_refused(tmp_path: Path) -> None:
    """Row 2 is part of row 16, and this now of row 2."""
    outflows = 'row: "16"\n    section: Cash outflows\n    part_of: '
    with pytest.raises(ParameterError, match=r"liq1_rows\.yaml:29: .*: 2 -> 16 -> 2, regime basel"):
        _changed(tmp_path, "liq1_rows", (f"{outflows}none", f'{outflows}"2"'))


@pytest.mark.parametrize(
    ("name", "stage"), [("lcr/caps", "lcr_components"), ("lcr/window", "instalments_due")]
)
def test_a_file_that_a_stage_reads_cannot_be_removed(name: str, stage: str, tmp_path: Path) -> None:
    """The report's other files are right in themselves; other reports are not asked for."""
    folder = shutil.copytree(REPORTS / "lcr" / "parameters", tmp_path / "parameters")
    for file in folder.rglob(f"{name.partition('/')[2]}.yaml"):
        file.unlink()
    with pytest.raises(ParameterError, match=f"stage {stage} reads {name}") as found:
        check_declared(Parameters.load([folder]), production_graph().stages)
    assert found.value.path is not None
    declared = found.value.path.read_text().splitlines()[(found.value.line or 0) - 1 :]
    assert next(line for line in declared if line.startswith("def ")).startswith(f"def {stage}(")


@pytest.mark.parametrize(
    ("change", "day"),
    [
        (("from: 2015-01-01", "from: 2105-01-01"), "2015-01-01"),
        (("from: 2015-01-01", "from: 2015-01-01\nto: 2026-12-31"), "2027-01-01"),
    ],
)
def test_a_file_that_a_stage_reads_has_values_on_every_day(
    change: tuple[str, str], day: str, tmp_path: Path
) -> None:
    known = _changed(tmp_path, "window", change)
    with pytest.raises(ParameterError, match=rf"window\.yaml:\d+: lcr/window has .* on {day};"):
        check_declared(known, production_graph().stages)


def test_every_file_is_read_by_a_stage() -> None:
    known, stages = Parameters.default(), production_graph().stages
    check_declared(known, stages)
    assert {name for stage in stages for name in stage.parameters} == {*known.names}

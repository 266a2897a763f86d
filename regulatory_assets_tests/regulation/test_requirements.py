"""Rows that calculations read by name, and files that stages read: none can be left out unseen.

How a head says so and goes wrong is in ``good`` and ``bad``; here it is asked of what is packaged.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import regulatory_assets.reports
from regulatory_assets.regulation.parameters import ParameterError, Parameters, RateTable
from regulatory_assets.runtime import check_declared, production_graph

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
    ("name", "stage"), [("lcr/caps", "lcr_components"), ("lcr/window", "instalments_due")]
)
def test_a_file_that_a_stage_reads_cannot_be_removed(name: str, stage: str, tmp_path: Path) -> None:
    """The report's other files are right in themselves; other reports are not asked for."""
    graph = production_graph()
    folder = shutil.copytree(REPORTS / "lcr" / "parameters", tmp_path / "parameters")
    check_declared(Parameters.load([folder]), graph)
    for file in folder.rglob(f"{name.partition('/')[2]}.yaml"):
        file.unlink()
    with pytest.raises(ParameterError, match=f"stage {stage} reads {name}") as found:
        check_declared(Parameters.load([folder]), graph)
    assert found.value.path is not None
    declared = found.value.path.read_text().splitlines()[(found.value.line or 0) - 1 :]
    assert next(line for line in declared if line.startswith("def ")).startswith(f"def {stage}(")


def test_every_file_is_read_by_a_stage() -> None:
    read = {name for stage in production_graph().stages for name in stage.parameters}
    assert read == {*Parameters.default().names}

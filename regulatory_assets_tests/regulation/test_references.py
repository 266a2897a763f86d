"""What parameters name in each other is there on every day; how the files go wrong: ``bad``."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

import regulatory_assets.reports.lcr
from regulatory_assets.regulation.parameters import ParameterError, Parameters
from regulatory_assets.regulation.tables import RateTable

from .broken import GOOD

LCR = Path(regulatory_assets.reports.lcr.__file__).parent / "parameters"
LATE = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("removed", "of", "blamed", "entry", "said"),
    [
        ("line: level1_cash", "lines", "asset_lines", "rule: cash", "basel, on 2015-01-01"),
        ("line: own_debt", "lines", "liability_lines", "line: own_debt", "basel, on 2015-01-01"),
        (
            "line: retail_stable_reduced",
            "lines",
            "qatar_fc/deposit_lines",
            "rule: retail_stable_reduced",
            "qatar_fc, on 2018-05-01",
        ),
        ("line: unwind_level1", "liq1_lines", "lines", "line: unwind_level1", "basel"),
    ],
)
def test_a_row_that_others_name_cannot_be_removed(
    removed: str, of: str, blamed: str, entry: str, said: str, tmp_path: Path
) -> None:
    """The first entry that names it is blamed, in a file that is right in itself."""
    folder = shutil.copytree(LCR, tmp_path / "parameters")
    file = folder / f"{of}.yaml"
    first, *rows = re.split(r"(?m)^(?=  - )", file.read_text())
    left = [row for row in rows if not row.startswith(f"  - {removed}\n")]
    assert len(left) == len(rows) - 1
    file.write_text("".join([first, *left]))
    with pytest.raises(ParameterError) as caught:
        Parameters.load([folder])
    error = caught.value
    value = removed.partition(": ")[2].strip('"')
    assert error.path == folder / f"{blamed}.yaml"
    place = error.path.read_text().splitlines().index(f"  - {entry}") + 1
    assert error.line == place
    assert f"{value} is no row of lcr/{of} ({file}), regime {said}" in error.problem
    assert error.remedy


def test_every_column_of_lines_says_whose_they_are() -> None:
    """A table of the LCR with a new column of lines cannot leave it out."""
    parameters = Parameters.default()
    for name in parameters.names:
        table = parameters.at(LATE, [name])[name]
        columns = table.key_columns if isinstance(table, RateTable) else (*table.outputs,)
        if "line" in columns:
            named = "lcr/liq1_lines" if name == "lcr/lines" else "lcr/lines"
            assert table.references["line"].parameter == named, name


NAMING = """\
parameter: test/naming
kind: rates
title: Names of lines
regime: {regime}
from: 2016-01-01
{columns}
rows:
  - line: {line}
    citation: {{instrument: X, paragraph: "1", title: T, verified: true}}
"""


@pytest.mark.parametrize(("regime", "refused"), [("us", False), ("uk", True)])
def test_a_regime_may_name_what_it_has_alone(regime: str, refused: bool, tmp_path: Path) -> None:
    columns = "keys: [line]\nreferences: {line: test/run_off}"
    for path, line, said in (("basel", "stable", columns), (regime, "brokered", "")):
        text = NAMING.format(regime=path, columns=said, line=line)
        (tmp_path / path).mkdir()
        (tmp_path / path / "naming.yaml").write_text(text)
    if not refused:
        Parameters.load([GOOD, tmp_path])
        return
    with pytest.raises(ParameterError, match="regime uk, on 2016-01-01") as caught:
        Parameters.load([GOOD, tmp_path])
    assert (caught.value.path, caught.value.line) == (tmp_path / "uk" / "naming.yaml", 8)

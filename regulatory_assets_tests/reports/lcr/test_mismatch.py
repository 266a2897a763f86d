"""The add-on for maturity mismatch: worked examples, and what holds for every profile."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulatory_assets.regulation.cases import ProfileCase
from regulatory_assets.regulation.parameters import Parameters, ParameterSet
from regulatory_assets.reports.lcr.coverage import cases
from regulatory_assets.reports.lcr.mismatch import Profile, add_on, profile_of, total_net_outflows
from regulatory_assets.reports.lcr.plain import PARAMETERS, Bank, Reading

whole = st.integers(0, 10**9).map(Decimal)
profiles = st.dictionaries(st.integers(1, 30), st.tuples(whole, whole), max_size=30)


@pytest.mark.parametrize("case", cases().profiles, ids=lambda case: case.name)
def test_a_profile_gives_the_net_outflows_worked_out_by_hand(case: ProfileCase) -> None:
    parameters = Parameters.default().at(case.day, PARAMETERS)
    given = total_net_outflows(
        case.outflows, case.inflows, case.profile, parameters, case.regime, case.bank
    )
    assert given == case.result, case.place


@given(profiles)
def test_the_add_on_is_how_far_the_end_lies_below_the_peak(
    profile: dict[int, tuple[Decimal, Decimal]],
) -> None:
    """Day by day over all thirty, with empty days as nought."""
    net = [profile.get(day, (Decimal(0),) * 2) for day in range(1, 31)]
    cumulative = list(accumulate(out - back for out, back in net))
    assert add_on(profile, 30) == max(*cumulative, 0) - max(cumulative[-1], 0)
    assert add_on(profile, 30) >= 0


EXAMPLE = next(b for b in cases().banks if b.path.stem == "us_worked_example")
SET = Parameters.default().at(EXAMPLE.day, PARAMETERS)
NOTHING = ("none", "_central_bank", "_level1", "_level2b_rmbs", "short_cover_lending")
"""Lines that weigh nothing or that no American security gives."""


PROFILE = {5: (100, 75), 10: (200, 100), 30: (200, 285)}


def _profile(parameters: ParameterSet) -> Profile:
    book = Bank(EXAMPLE.rows, EXAMPLE.day, Reading(parameters))
    return profile_of([vars(part) for part in book.lines_of("US")])


@pytest.mark.parametrize(
    "line", [k for (k,) in SET.rates("lcr/mismatch_lines").rows("us") if not k.endswith(NOTHING)]
)
def test_every_line_that_is_looked_at_by_day_is_in_the_example(line: str) -> None:
    """Without its line a dated flow is in no day."""
    table = SET.rates("lcr/mismatch_lines")
    us = {key: row for key, row in table.rows("us").items() if key != (line,)}
    without = replace(table, by_regime={**table.by_regime, "us": us})
    tables = {name: SET[name] for name in PARAMETERS}
    assert _profile(SET) == PROFILE
    assert _profile(ParameterSet(SET.day, {**tables, "lcr/mismatch_lines": without})) != PROFILE


def test_what_a_line_is_by_day_is_its_component() -> None:
    lines = SET.rates("lcr/lines")
    for (line,), row in SET.rates("lcr/mismatch_lines").rows("us").items():
        assert line == "none" or lines.text(line, "component", "us") == row.texts["flow"]


@pytest.mark.parametrize("day", [0, 31])
def test_a_day_outside_the_window_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match=f"days outside 1 to 30: \\[{day}\\]"):
        add_on({day: (Decimal(1), Decimal(0))}, 30)

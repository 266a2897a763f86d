"""The add-on for maturity mismatch: worked examples, and what holds for every profile."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulatory_assets.regulation.cases import ProfileCase
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr.coverage import cases
from regulatory_assets.reports.lcr.mismatch import add_on, total_net_outflows
from regulatory_assets.reports.lcr.plain import PARAMETERS

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


@pytest.mark.parametrize("day", [0, 31])
def test_a_day_outside_the_window_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match=f"days outside 1 to 30: \\[{day}\\]"):
        add_on({day: (Decimal(1), Decimal(0))}, 30)

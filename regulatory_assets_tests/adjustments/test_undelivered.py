"""A rule on a table that need not be delivered is told of the days that lack it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.adjustments.undelivered import undelivered
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.adjustments.test_governance import rule

GRAPH = production_graph()
FIRST, SECOND, THIRD = (date(2026, 1, day) for day in (5, 6, 7))


@dataclass(frozen=True)
class Days:
    """A register that knows on which days a table has rows."""

    known: dict[str, tuple[date, ...]]

    def days(self, table: str) -> tuple[date, ...]:
        return self.known.get(table, ())


def told(tried: Rule, **known: tuple[date, ...]) -> str:
    every = {"deal_adjustments": (FIRST, SECOND, THIRD)} | known
    register: Any = Days(every)
    found = undelivered(GRAPH, register, tried, GRAPH.stage(f"{tried.stage}_adjustments"))
    return str(found or "")


def test_days_without_the_table_of_a_rule_are_told() -> None:
    at, always = rule(stage="facility"), (FIRST, SECOND, THIRD)
    assert told(rule()) == "", "every bank delivers deals"
    assert told(at, facilities=always) == ""
    assert told(at, facilities=(FIRST, SECOND)) == (
        "facilities was not delivered for 2026-01-07; the rule changes nothing there as long as "
        "that is so"
    )
    assert told(at).startswith("facilities was not delivered for 2026-01-07 nor on 2 days before;")
    assert told(at, deal_adjustments=()) == "", "nothing was calculated either"
    window = rule(stage="facility", effective="2026-01-06", expiry="2026-01-06")
    assert told(window).startswith("facilities was not delivered for 2026-01-06; the")
    assert told(window, facilities=(SECOND,)) == ""


def test_so_is_a_table_without_which_it_cannot_be_applied() -> None:
    """The stage of payments looks up their trades, and is not calculated without."""
    at, always = rule(stage="derivative_flow"), (FIRST, SECOND, THIRD)
    assert told(at, derivative_flows=always).startswith("derivatives was not delivered for")
    assert told(at).startswith("derivative_flows, derivatives were not delivered for")
    assert told(at, derivative_flows=always, derivatives=always) == ""

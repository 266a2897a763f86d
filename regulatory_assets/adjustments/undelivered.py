"""Days on which a rule finds no table to act on, since its source was not delivered.

A bank need not deliver what is optional. A rule on such a table changes nothing while that is not
there; once it is, the rule holds in the run that takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.control.register import Register
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import Stage


@dataclass(frozen=True)
class Undelivered:
    """The calculated days in a rule's window, ascending, on which one of the ``tables`` that its
    stage needs was not delivered."""

    days: tuple[date, ...]
    tables: tuple[str, ...]

    def document(self) -> dict[str, list[str]]:
        return {"days": [day.isoformat() for day in self.days], "tables": list(self.tables)}

    def __str__(self) -> str:
        last, more = self.days[-1], len(self.days) - 1
        others = f" nor on {more} day{'s' if more > 1 else ''} before" if more else ""
        named, were = ", ".join(self.tables), "were" if len(self.tables) > 1 else "was"
        return (
            f"{named} {were} not delivered for {last}{others}; the rule changes nothing there as "
            "long as that is so"
        )


def undelivered(graph: Graph, register: Register, rule: Rule, stage: Stage) -> Undelivered | None:
    """Such days of a rule at a stage, if there are any."""
    optional = [table.name for table in dict.fromkeys(stage.needs) if table.optional]
    if not optional:
        return None
    known = {day for each in graph.adjustments.values() for day in register.days(each.name)}
    days = [day for day in sorted(known) if rule.in_force(day)]
    there = {name: {*register.days(name)} for name in optional}
    lacking = {day: [name for name in optional if day not in there[name]] for day in days}
    found = {day: names for day, names in lacking.items() if names}
    tables = dict.fromkeys(name for names in found.values() for name in names)
    return Undelivered(tuple(found), tuple(tables)) if found else None

"""The currencies that a rule names: such as the bank has rates for, and the one its money is in.

No list of codes is kept: a currency is known by its rate, without which no amount in it is worth
anything in a figure. While nothing is delivered nobody can know, and only its form is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Any

from regulatory_assets.adjustments.fitting import (
    comparisons,
    conditional,
    currency_of,
    refuse,
)
from regulatory_assets.adjustments.impact import days_to_look_at
from regulatory_assets.adjustments.reach import (
    CURRENCIES,
    REPORTING,
    money_columns,
    named_currencies,
)
from regulatory_assets.adjustments.rule import Condition, Operation, Rule
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Table

RATES = "rates_of_day"
"""The table that has a rate for each ``currency`` by which a day is converted."""

Values = Mapping[date, Collection[Any]]
Stated = Callable[[Rule, Table, str], Values]
"""The values of a table's column on the days by which a rule is judged, the last day of the rule
last; none where nothing is calculated."""


def nothing_stated(rule: Rule, table: Table, column: str) -> Values:
    """Where there are no figures yet."""
    return {}


def stated(runner: Runner, rule: Rule, table: Table, column: str) -> dict[date, frozenset[Any]]:
    """The values of a bounded table's column: on the last of all calculated days, then on those of
    a rule at which people look."""
    every = runner.register.days(table.name)
    own = days_to_look_at([day for day in every if rule.in_force(day)])
    found = {}
    for day in (*(d for d in every[-1:] if d not in own), *own):
        version = runner.positions(day).read(table)
        with runner.clear_errors([version]):
            rows = frames.values(runner.reader.net(version).select(column).distinct())
        found[day] = frozenset(row[column] for row in rows)
    return found


def _last(values: Values) -> list[Any]:
    return sorted(values[list(values)[-1]]) if values else []


def check(rule: Rule, stage: Stage, tables: Mapping[str, Table], stated: Stated) -> tuple[str, ...]:
    """Refuse a currency that is none, that has no rate on any of the days by which a rule is
    judged, or in which the stage's money does not stand. What it returns are words for those that
    have no rate on a day in its window at which people look.

    Raises RuleError naming the place in the rule and the remedy.
    """
    _check_reporting(rule, stage, stated)
    rates = tables.get(RATES)
    named = list(_named(rule, stage)) if rates else []
    for place, code in named:
        if not re.fullmatch("[A-Z]{3}", code):
            raise refuse(rule, place, f"{code!r} is no currency; write its three capital letters")
    known = stated(rule, rates, "currency") if named and rates else {}
    every = {code for codes in known.values() for code in codes}
    for place, code in named:
        if known and code not in every:
            has = f"{RATES} has {', '.join(sorted(every))}"
            why = f"no rate of {code} is delivered; {has}; correct the code, or deliver its rate"
            raise refuse(rule, place, why)
    codes = sorted({code for _, code in named})
    return tuple(word for code in codes if (word := _without_rate(rule, code, known)))


def _without_rate(rule: Rule, code: str, known: Values) -> str:
    days = [day for day, has in known.items() if rule.in_force(day) and code not in has]
    on = ", ".join(map(str, days))
    return (
        f"no rate of {code} on {on}: what the rule says of it comes to nothing there" if on else ""
    )


def _named(rule: Rule, stage: Stage) -> Iterator[tuple[str, str]]:
    """Every currency that a rule names, with its place."""
    for place, code in _in(rule.conditions, "conditions", stage):
        yield place, code
    for at, operation in enumerate(rule.operations):
        place, names = f"operations.{at}", CURRENCIES.values()
        if operation.currency is not None:
            yield place, operation.currency
        if operation.field in names and operation.value is not None:
            yield place, str(operation.value)
        for name, value in (operation.values or {}).items():
            if name in names and value is not None:
                yield f"{place}.values", str(value)
        if operation.where is not None:
            yield from _in(operation.where, f"{place}.where", stage)
    if rule.limits is not None:
        yield from (("limits.amounts", code) for code in rule.limits.amounts or ())


def _in(condition: Condition, place: str, stage: Stage) -> Iterator[tuple[str, str]]:
    """The currencies with which a condition compares."""
    names = {*CURRENCIES.values()} & {*conditional(stage)}
    for test, inner in comparisons(condition, place):
        if test.field in names and test.op in ("=", "!=", "in", "not in"):
            values = test.value if isinstance(test.value, tuple) else (test.value,)
            yield from ((inner, str(value)) for value in values)


def _check_reporting(rule: Rule, stage: Stage, stated: Stated) -> None:
    """Refuse money in another currency than the one in which a stage's stands, where that is the
    reporting currency. Money in a row's own currency changes only rows of that.

    Raises RuleError naming the place in the rule and the remedy.
    """
    name = CURRENCIES[REPORTING]
    if name not in conditional(stage):
        return

    def is_reporting(operation: Operation) -> bool:
        if operation.field is None:
            return stage.leaves
        return currency_of(operation.field, stage) == name

    given = [
        (f"operations.{at}", operation.currency)
        for at, operation in enumerate(rule.operations)
        if operation.currency is not None and is_reporting(operation)
    ]
    if rule.limits is not None and REPORTING in money_columns(stage.reads).values():
        given += [("limits.amounts", currency) for currency in rule.limits.amounts or ()]
    bringing = (k.table for k in stage.lookups if name in {k.prefix + c for c in k.take})
    known = _last(stated(rule, next(bringing, stage.reads), name)) if given else []
    limited = any(place == "limits.amounts" for place, _ in given)
    if limited and len(known) > 1 and not named_currencies(stage.reads):
        raise refuse(
            rule,
            "limits.amounts",
            f"entities report in {', '.join(known)}, and amounts at {rule.stage} are added up over "
            "all of them, which no amount in one currency can limit; limit the rows",
        )
    for place, currency in given:
        if known and currency not in known:
            own = " or ".join(known)
            why = f"money at {rule.stage} stands in the reporting currency, {own}, and not in"
            raise refuse(rule, place, f"{why} {currency}; convert it, and name {own}")

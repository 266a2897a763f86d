"""Whether rates convert into the currency in which entities report: else every amount is in another
unit than its figures say. Asked of what was delivered, and of what rules make of it."""

from __future__ import annotations

from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import ENTITIES
from regulatory_assets.ledger import frames
from regulatory_assets.quality.examination import Check, Examination, Result
from regulatory_assets.reports.adjustments import market_adjustments
from regulatory_assets.reports.rates import RATES_OF_DAY


def _delivered(day: Examination, since: int) -> Result:
    remedy = "deliver rates into the one currency in which all entities report"
    return _own_rate(day, day.rows(RATES_OF_DAY), remedy)


def _ruled(day: Examination, since: int) -> Result:
    if not day.version(market_adjustments.writes).live:
        return Result(True, "no rule acts on rates")
    remedy = "end the rule that changes it, or submit a next version"
    return _own_rate(day, day.reader.net(day.as_read(RATES_OF_DAY)), remedy)


def _own_rate(day: Examination, found: DataFrame, remedy: str) -> Result:
    if not day.version(ENTITIES).chain:
        return Result(True, "entities was not delivered")
    rates = {row["currency"]: row["rate"] for row in frames.values(found)}
    named = frames.values(day.rows(ENTITIES).select("reporting_currency").distinct())
    wrong = [
        f"{currency}, in which entities report, has {f'the rate {rate}' if rate else 'no rate'}"
        for currency in sorted(row["reporting_currency"] for row in named)
        if (rate := rates.get(currency)) != 1
    ]
    if not wrong:
        return Result(True, "every reporting currency has the rate 1", {"offending": 0})
    return Result(False, f"{'; '.join(wrong)}; {remedy}", {"offending": len(wrong)})


_SAID = "The currency in which entities report has the rate 1"

own_rate = Check(RATES_OF_DAY, "own_rate", f"{_SAID}.", True, _delivered, (ENTITIES,))
own_rate_after_rules = Check(
    market_adjustments.writes,
    "own_rate",
    f"{_SAID}, after all rules.",
    True,
    _ruled,
    (RATES_OF_DAY, ENTITIES),
)

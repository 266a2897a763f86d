"""Whether rates convert into the currency in which entities report: else every amount is in another
unit than its figures say."""

from __future__ import annotations

from regulatory_assets.bank.tables import ENTITIES, FX_RATES
from regulatory_assets.ledger import frames
from regulatory_assets.quality.examination import Check, Examination, Result


def _own_rate(day: Examination, since: int) -> Result:
    if not day.version(ENTITIES).chain:
        return Result(True, "entities was not delivered")
    rates = {row["currency"]: row["rate"] for row in frames.values(day.rows(FX_RATES))}
    named = frames.values(day.rows(ENTITIES).select("reporting_currency").distinct())
    wrong = [
        f"{currency}, in which entities report, has {f'the rate {rate}' if rate else 'no rate'}"
        for currency in sorted(row["reporting_currency"] for row in named)
        if (rate := rates.get(currency)) != 1
    ]
    if not wrong:
        return Result(True, "every reporting currency has the rate 1", {"offending": 0})
    said = f"{'; '.join(wrong)}; deliver rates into the one currency in which all entities report"
    return Result(False, said, {"offending": len(wrong)})


own_rate = Check(
    FX_RATES,
    "own_rate",
    "The currency in which entities report has the rate 1.",
    True,
    _own_rate,
    (ENTITIES,),
)

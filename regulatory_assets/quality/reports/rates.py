"""Which rates are not of the day: told where they stand, and beside a currency that has none."""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import FX_RATES
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.reader import Version
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result
from regulatory_assets.reports.rates import RATES_OF_DAY

_LOOKED_BACK = 31
"""Of how many earlier days that have rates the last one of a currency is looked for."""


def _carried(day: Examination, since: int) -> Result:
    today = day.positions.day
    rows = frames.values(day.rows(RATES_OF_DAY).where(F.col("rate_date") < F.lit(today)))
    if not rows:
        return Result(True, "every rate is of the day", {"offending": 0})
    shown = ", ".join(sorted(f"{r['currency']} of {r['rate_date']}" for r in rows)[:SHOWN])
    said = f"{len(rows)} rates are of an earlier day, for instance {shown}"
    remedy = f"deliver them in {FX_RATES.name} once there are any of {today}"
    return Result(False, f"{said}; {remedy}", {"offending": len(rows)})


def last_rates(day: Examination, without: DataFrame) -> str:
    """What to do about currencies that have no rate, and how old the last one of each is."""
    today, last = day.positions.day, dict[str, str]()
    rows = without.select("currency").orderBy("currency").limit(SHOWN)
    currencies = [row["currency"] for row in frames.values(rows)]
    earlier = [d for d in day.register.days(FX_RATES.name) if d < today]
    for other in reversed(earlier[-_LOOKED_BACK:]):
        rates = day.reader.rows(Version.registered(day.register, FX_RATES, other))
        for row in frames.values(rates.select("currency")):
            old = f"the last rate is of {other}, {(today - other).days} days before"
            last.setdefault(row["currency"], old)
        if last.keys() >= {*currencies}:
            break
    of_each = "; ".join(f"of {c} {last.get(c, 'there was none before')}" for c in currencies)
    return f"{of_each}; deliver rates in {FX_RATES.name}"


carried = Check(
    RATES_OF_DAY,
    "carried",
    "Every rate is of the reporting date and of no earlier day.",
    False,
    _carried,
)

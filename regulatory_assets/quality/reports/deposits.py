"""Deposits that contradict themselves: more of one is operational than there is (convention 9)."""

from __future__ import annotations

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.quality.examination import Check, Examination, Result, verdict

_SHOWN = ("deal_id", "amount", "operational_amount")


def _within_balance(day: Examination, since: int) -> Result:
    beyond = F.col("operational_amount") > F.col("amount")
    found = day.keys(DEALS, _SHOWN, among=beyond)
    said = "deposits are operational by more than they are; no more than that counts as operational"
    return verdict(found.count(), found, _SHOWN, said, "nothing is operational beyond its balance")


operational_within_balance = Check(
    DEALS,
    "operational",
    "What of a deposit is operational is no more than the deposit (BCBS 238 paras 93-103).",
    False,
    _within_balance,
)

"""Of what no deal stands for: each has its line, what it needs was delivered with it, and what a
deal carries does not count twice. Where rules act on it, that is asked after all of them."""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.capital import OWN_DEBT
from regulatory_assets.bank.tables.derivatives import (
    DERIVATIVE_FLOWS,
    DERIVATIVES,
    MARGIN_BALANCES,
    NETTING_SETS,
)
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.examination import Check, Examination, Result, verdict
from regulatory_assets.quality.reports.lcr import without_line
from regulatory_assets.reports.adjustments import netting_set_adjustments
from regulatory_assets.reports.lcr.adjustments import flow_adjustments
from regulatory_assets.reports.lcr.debt import first_payment
from regulatory_assets.reports.lcr.tables import (
    LCR_COLLATERAL_FLOWS,
    LCR_DEBT_FLOWS,
    LCR_DERIVATIVE_FLOWS,
    LCR_FACILITY_FLOWS,
    LCR_FLOWS,
    LCR_LINES,
    LCR_POSTED_FLOWS,
    LCR_VALUATION_FLOWS,
)

_NETTED = (LCR_DERIVATIVE_FLOWS, LCR_COLLATERAL_FLOWS, LCR_POSTED_FLOWS, LCR_VALUATION_FLOWS)
"""Tables of which a source may deliver the net amounts instead; others name the deal itself."""


def _classified(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        found = day.left(table, table.key, among=without_line())
        said = "rows have no LCR line or factor (is the counterparty's sector told, and the rate?)"
        return verdict(found.count(), found, table.key, said, "every row has its line")

    said = "Every row has an LCR line and its factor, after all rules."
    return Check(table, "classified", said, True, examine)


def _counted_once(day: Examination, since: int) -> Result:
    """By entity and line; flows of derivatives are net on one side or the other."""
    by, every = ("entity_id", "line"), F.lit(True)
    derivative = F.startswith("line", F.lit("derivative_"))
    line = F.when(derivative, "derivatives").otherwise(F.col("line")).alias("line")
    told = [
        day.left(t, by, every).select("entity_id", line) for t in _NETTED if day.version(t).live
    ]
    if not told:
        return Result(True, "nothing is delivered in detail")
    of_deals = day.left(LCR_FLOWS, by, every).select("entity_id", line)
    twice = frames.semi(frames.union(told), of_deals, by).distinct()
    said = "lines of entities stand in deals and in tables of their own; deliver one of the two"
    return verdict(twice.count(), twice, by, said, "nothing is delivered in both ways")


def _needed(table: Table, known: Table, what: str) -> Check:
    """Both are optional; where one was delivered alone, nothing is calculated of it."""

    def examine(day: Examination, since: int) -> Result:
        if not day.version(table).live or day.version(known).chain:
            return Result(True, "what is delivered is calculated")
        said = (
            f"{known.name} was not delivered, so the LCR has no {what}; deliver it with "
            f"{table.name}, or neither and the net amounts as deals"
        )
        return Result(False, said)

    said = f"Without {known.name} nothing is calculated of them."
    return Check(table, f"with_{known.name}", said, True, examine, (known,))


def _parties_of_sets(day: Examination, since: int) -> Result:
    if not day.version(NETTING_SETS).chain:
        return Result(True, f"{NETTING_SETS.name} was not delivered")
    return _parties(day, day.rows(NETTING_SETS))


def _parties_of_ruled_sets(day: Examination, since: int) -> Result:
    if not day.version(netting_set_adjustments.writes).live:
        return Result(True, "no rule acts on netting sets")
    return _parties(day, day.reader.net(day.as_read(NETTING_SETS)))


def _parties(day: Examination, netting_sets: DataFrame) -> Result:
    by, parties = ("netting_set_id",), ("entity_id", "counterparty_id")
    if not day.version(DERIVATIVES).chain:
        return Result(True, f"{DERIVATIVES.name} was not delivered")
    named = [F.col(c).alias(f"set_{c}") for c in parties]
    sets = netting_sets.where("master_agreement").select(*by, *named)
    both = frames.attach(day.rows(DERIVATIVES), sets, by, by, "inner")
    same = [F.col(c) == F.col(f"set_{c}") for c in parties]
    wrong = both.where(~(same[0] & same[1]))
    said = "trades are netted in sets of another entity or counterparty"
    shown = ("trade_id", *by)
    return verdict(wrong.count(), wrong, shown, said, "trades have the parties of their sets")


def _carried_debt(day: Examination, since: int) -> Result:
    carried = day.rows(OWN_DEBT).where(F.col("deal_id").isNotNull())
    told = carried.select("instrument_id", "deal_id", first_payment().alias("first_payment"))
    deals = day.rows(DEALS).select("deal_id", "maturity_date")
    both = frames.attach(told, deals, ("deal_id",), ("deal_id",), "inner")
    late = both.where(F.col("maturity_date") > F.col("first_payment"))
    shown = ("instrument_id", "deal_id", "first_payment", "maturity_date")
    said = "instruments can be paid before their deal is due; deliver the deal with that day"
    return verdict(late.count(), late, shown, said, "deals are due when holders can be paid")


classified_facilities = _classified(LCR_FACILITY_FLOWS)
classified_debt = _classified(LCR_DEBT_FLOWS)
classified_derivatives = _classified(LCR_DERIVATIVE_FLOWS)
classified_collateral = _classified(LCR_COLLATERAL_FLOWS)
classified_posted = _classified(LCR_POSTED_FLOWS)
classified_valuation = _classified(LCR_VALUATION_FLOWS)

counted_once = Check(
    LCR_LINES,  # which follows both: what it reads moves without the tables beside deals
    "counted_once",
    "What the source has netted or added up, as deals, is not delivered in detail as well, after "
    "all rules.",
    True,
    _counted_once,
    (LCR_FLOWS, flow_adjustments.writes, *_NETTED),
)

derivatives_delivered = _needed(DERIVATIVE_FLOWS, DERIVATIVES, "flows of derivatives")
netting_sets_delivered = _needed(MARGIN_BALANCES, NETTING_SETS, "outflow of posted collateral")

_SAME = "A trade that is netted has the entity and the counterparty of its netting set"

parties_of_sets = Check(
    DERIVATIVES,
    "parties",
    f"{_SAME} (BCBS 238 para 116).",
    True,
    _parties_of_sets,
    (NETTING_SETS,),
)
parties_of_ruled_sets = Check(
    netting_set_adjustments.writes,
    "parties",
    f"{_SAME}, after all rules (BCBS 238 para 116).",
    True,
    _parties_of_ruled_sets,
    (NETTING_SETS, DERIVATIVES),
)

carried_debt = Check(
    OWN_DEBT,
    "first_payment",
    "The deal that carries an instrument is due no later than its holder can be paid (convention "
    "3).",
    False,
    _carried_debt,
    (DEALS,),
)

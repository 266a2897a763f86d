"""Of what no deal stands for: each has its line, what it needs was delivered with it, what a deal
carries does not count twice, and no row contradicts itself. Where rules decide whether it counts,
that is asked after all of them."""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS
from regulatory_assets.bank.tables.capital import OWN_DEBT
from regulatory_assets.bank.tables.derivatives import (
    DERIVATIVE_FLOWS,
    DERIVATIVES,
    MARGIN_BALANCES,
    NETTING_SETS,
)
from regulatory_assets.bank.tables.lending import FACILITIES
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

_PROMISES = (
    "CREDIT_FACILITY",
    "LIQUIDITY_FACILITY",
    "LENDING_COMMITMENT",
    "UNCOMMITTED_FACILITY",
    "GUARANTEE",
    "TRADE_FINANCE",
    "OTHER_CONTINGENT",
)
"""As what a deal holds what is not drawn of a line granted."""


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
    sets = netting_sets.where("master_agreement").select(*by, *parties)
    wrong = _differing(day.rows(DERIVATIVES), sets, by, parties)
    said = "trades are netted in sets of another entity or counterparty"
    shown = ("trade_id", *by)
    return verdict(wrong.count(), wrong, shown, said, "trades have the parties of their sets")


def _differing(
    rows: DataFrame,
    named: DataFrame,
    by: tuple[str, ...],
    parties: tuple[str, ...],
    right: Column | None = None,
) -> DataFrame:
    """Rows with what they name, where not all parties are the same or it is not ``right`` besides;
    a party that one of the two does not tell differs from none."""
    theirs = {party: f"named_{party}" for party in parties}
    both = frames.attach(rows, named.withColumnsRenamed(theirs), by, by, "inner")
    same = (F.coalesce(F.col(a) == F.col(b), F.lit(True)) for a, b in theirs.items())
    return both.where(~reduce(and_, same, F.lit(True) if right is None else right))


def _sets_named(day: Examination, since: int) -> Result:
    if day.version(NETTING_SETS).chain or not day.version(DERIVATIVES).live:
        return Result(True, "what trades name was delivered")
    by = ("netting_set_id",)
    named = day.keys(DERIVATIVES, by, among=F.col("netting_set_id").isNotNull())
    said = (
        f"netting sets are named by trades, and {NETTING_SETS.name} was not delivered: each trade "
        "is netted by itself, and no collateral is needed of them; deliver it"
    )
    return verdict(named.count(), named, by, said, "no trade names a netting set")


def _ended(day: Examination, since: int) -> Result:
    """What the source says is still to be drawn counts, as long as it says so."""
    granted, undrawn = F.col("direction") == "GRANTED", F.col("undrawn") > 0
    ended = F.col("maturity_date") <= F.lit(day.version(FACILITIES).day)
    found = day.rows(FACILITIES).where(granted & undrawn & ended)
    shown = ("facility_id", "maturity_date", "undrawn")
    said = (
        "lines have ended and what is undrawn of them counts still; deliver the day up to which "
        "they may be drawn, or nothing undrawn"
    )
    return verdict(found.count(), found, shown, said, "no line that has ended is undrawn")


def _within_limit(day: Examination, since: int) -> Result:
    together = F.col("drawn") + F.col("undrawn")
    found = day.rows(FACILITIES).where(together != F.col("facility_limit"))
    shown = ("facility_id", "facility_limit", "drawn", "undrawn")
    said = "lines are not drawn and undrawn up to their limit; the LCR takes what is undrawn"
    return verdict(found.count(), found, shown, said, "what is drawn and undrawn is the limit")


def _call_days(day: Examination, since: int) -> Result:
    called = F.col("call_expected") & F.col("call_date").isNull()
    found = day.rows(OWN_DEBT).where(called)
    shown = ("instrument_id", "maturity_date")
    said = "instruments are expected to be called on no day; they count by their other dates"
    return verdict(found.count(), found, shown, said, "every call expected has its day")


def _carrying(table: Table, column: str, kind: Column, parties: tuple[str, ...]) -> Check:
    """``kind`` says whether ``product_type`` of the deal is right for a row of the table. A deal
    that does not name a party, as a promise need not, names no other."""

    def examine(day: Examination, since: int) -> Result:
        carried = day.rows(table).where(F.col(column).isNotNull())
        right = "each is carried by a deal of its kind"
        if not frames.values(carried.select(column).limit(1)):  # as where all stands in no deal
            return Result(True, right, {"offending": 0})
        deals = day.rows(DEALS).select(F.col("deal_id").alias(column), "product_type", *parties)
        wrong = _differing(carried, deals, (column,), parties, kind)
        shown = (*table.key, column, "product_type")
        said = (
            f"rows name a deal that cannot carry them: it is of another kind, or of another "
            f"{' or '.join(parties)}"
        )
        return verdict(wrong.count(), wrong, shown, said, right)

    said = f"The deal of {column} is of the row's kind, with the same {', '.join(parties)}."
    return Check(table, f"kind_of_{column}", said, True, examine, (DEALS,))


def _apart(table: Table, column: str, own: Column, kinds: tuple[str, ...]) -> Check:
    """Whether an entity has deals of some kinds that no row of the table names, beside rows that
    name no deal. ``own`` says which rows are of these kinds."""

    def examine(day: Examination, since: int) -> Result:
        by, deal = ("entity_id",), ("deal_id",)
        alone = day.keys(table, by, among=own & F.col(column).isNull())
        carried = day.keys(table, (column,), among=F.col(column).isNotNull())
        deals = day.keys(DEALS, (*by, *deal), among=F.col("product_type").isin(*kinds))
        unnamed = frames.anti(deals, frames.named(carried, (column,), deal), deal)
        both = frames.semi(unnamed, alone, by).groupBy(*by).agg(F.count("*").alias("deals"))
        said = (
            f"entities have deals of the kinds {', '.join(kinds)} that no row names, beside rows "
            f"that name no deal; where these are the same they count twice, so give {column}"
        )
        right = "no entity has them in deals and beside deals"
        return verdict(both.count(), both, (*by, "deals"), said, right)

    said = f"What stands in a deal is named by {column}, so that it does not count twice."
    return Check(table, f"apart_by_{column}", said, False, examine, (DEALS,))


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

carrying_debt = _carrying(
    OWN_DEBT,
    "deal_id",
    F.col("product_type")
    == F.when(F.col("ranking") == "COVERED", "COVERED_DEBT").otherwise("OWN_DEBT"),
    ("entity_id", "currency"),
)

carrying_lines = _carrying(
    FACILITIES,
    "undrawn_deal_id",
    F.when(F.col("direction") == "GRANTED", F.col("product_type").isin(*_PROMISES)).otherwise(
        F.col("product_type") == "FACILITY_RECEIVED"
    ),
    ("entity_id", "counterparty_id", "currency"),
)

debt_apart = _apart(OWN_DEBT, "deal_id", F.lit(True), ("OWN_DEBT", "COVERED_DEBT"))

lines_apart = _apart(
    FACILITIES,
    "undrawn_deal_id",
    F.col("kind").isin("CREDIT", "LIQUIDITY", "NOTE_ISSUANCE") & (F.col("direction") == "GRANTED"),
    ("CREDIT_FACILITY", "LIQUIDITY_FACILITY", "UNCOMMITTED_FACILITY"),
)

lines_ended = Check(
    FACILITIES,
    "ended",
    "Nothing is undrawn of a line granted whose last day has come (BCBS 238 para 126).",
    False,
    _ended,
)

lines_within_limit = Check(
    FACILITIES,
    "limit",
    "What is drawn and undrawn of a line is its limit.",
    False,
    _within_limit,
)

call_days = Check(
    OWN_DEBT,
    "call_days",
    "A call that is expected has its day (convention 3).",
    False,
    _call_days,
)

sets_named = Check(
    DERIVATIVES,
    "sets",
    "The netting sets that trades name were delivered (BCBS 238 para 116).",
    False,
    _sets_named,
    (NETTING_SETS,),
)

"""Every part of every deal with the line that takes it: the stage ``lcr_flows``.

What a deal looks up is prepared elsewhere: what is insured in ``insurance`` and ``joint``, when a
deposit can leave in ``calling``, whose deposits are added up in ``customers``, the level of a
security in ``securities``, how much of it is free in ``holdings``, what is repaid when in
``instalments``, whether a loan performs in ``lending``, what is free of what a trade has received
in ``received``, of what levels its collateral is in ``collateral``, where scopes differ in
``treatment``. No factor stands here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS
from regulatory_assets.ledger.arithmetic import product, with_mul_div
from regulatory_assets.ledger.stages import Cited, Entry, Lookup, row_stage
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.reports.lcr.assignment import (
    LINE_PARAMETERS,
    decided_by,
    is_a,
    question_of_part,
    with_line,
)
from regulatory_assets.reports.lcr.calling import OF_CALLS, by_terms
from regulatory_assets.reports.lcr.collateral import (
    OF_COLLATERAL,
    SWAP,
    gives_one_level,
    is_share,
    with_level,
    with_own_share,
)
from regulatory_assets.reports.lcr.customers import DEPOSITOR_SIZES
from regulatory_assets.reports.lcr.holdings import FREE_HOLDINGS
from regulatory_assets.reports.lcr.instalments import (
    INSTALMENTS_DUE,
    INTEREST,
    due_day,
    interest_amount,
    last_of_window,
    part_name,
    piece_amount,
    piece_returned,
    piece_window,
    pieces,
    with_interest,
    with_minimum_payments,
)
from regulatory_assets.reports.lcr.insurance import OF_INSURANCE, is_insured
from regulatory_assets.reports.lcr.joint import OF_SHARED
from regulatory_assets.reports.lcr.lending import OF_LOAN, by_loan_terms, is_performing
from regulatory_assets.reports.lcr.public import OF_PUBLIC
from regulatory_assets.reports.lcr.received import OF_RECEIVED, free_share
from regulatory_assets.reports.lcr.securities import (
    OF_ENTITY,
    OF_GRADE,
    after_haircut,
    is_unwound,
    level_of,
    with_sovereigns,
)
from regulatory_assets.reports.lcr.tables import DEPOSITORS, LCR_FLOWS
from regulatory_assets.reports.lcr.treatment import as_treated, is_retail_deposit
from regulatory_assets.reports.lookups import RATE_OF_DAY

_MONEY = ColumnType.MONEY.value
_NOTHING = F.lit(0).cast(_MONEY)

_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
"""Sectors whose deposits run off whole, insured or not (BCBS 238 paras 108-109)."""

_FLOW_PARAMETERS = (*LINE_PARAMETERS, "lcr/security_level", "lcr/window")

_OF_FACILITY = ("posted", "undrawn")


def _covered(entries: Collection[Entry]) -> Column | None:
    """The parts of facilities: what posted collateral covers follows from the haircut of what is
    unwound. Of a facility one of the two stands, whatever the haircut: they sum to its amount, and
    of one without an amount nothing is covered, since no collateral is worth less than nothing."""
    regimes = sorted({regime for regime, line in entries if is_unwound(line)})
    if not regimes:
        return None
    return F.col("part").isin(*_OF_FACILITY) & F.col("regime").isin(*regimes)


@row_stage(
    reads=DEALS,
    writes=LCR_FLOWS,
    lookups=(
        RATE_OF_DAY,
        OF_ENTITY,
        Lookup(
            COUNTERPARTIES,
            by=("counterparty_id",),
            take=("sector", "relationship", "partner_entity_id"),
        ),
        OF_PUBLIC,
        OF_GRADE,
        OF_RECEIVED,
        OF_COLLATERAL,
        Lookup(FREE_HOLDINGS, by=("deal_id",), take=("free", "operational_ok"), optional=True),
        OF_CALLS,
        OF_LOAN,
        OF_INSURANCE,
        Lookup(
            DEPOSITORS,
            by=("entity_id", "counterparty_id"),
            take=("all_insured", "spread_balance", "spread_limit", "residue_deal_id", "residue"),
        ),
        OF_SHARED,
        Lookup(
            DEPOSITOR_SIZES,
            by=("entity_id", "counterparty_id"),
            take=("large_scopes",),
            optional=True,
        ),
        Lookup(
            INSTALMENTS_DUE,
            by=("deal_id",),
            take=(
                "repays",
                "principal_overdue",
                "principal_due",
                "interest_overdue",
                "interest_due",
                "share_overdue",
                "share_due",
                "first_due",
                "last_due",
            ),
            optional=True,
        ),
    ),
    parameters=_FLOW_PARAMETERS,
    cites=(Cited("lcr/lines", ("regime", "line"), _covered),),
)
def lcr_flows(deals: DataFrame, p: Any) -> DataFrame:
    """Every part of every deal with its line (BCBS 238 paras 45-160, conventions 1, 4, 7-11).

    A part that no line takes gets the line ``unclassified`` and fails a check. Where the scopes of
    an entity treat a deal differently, each has its own parts. A secured trade whose collateral is
    of several levels has parts of each. A security of which ``holdings`` says how much is free has
    the parts free and pledged.
    """
    told = by_loan_terms(by_terms(as_treated(deals)))
    described = _describe(with_minimum_payments(told), p)
    parts = (
        described.withColumn("part", F.explode(with_interest(_parts(p))))
        .withColumn("of_part", _part_amount(p))
        .withColumn("piece", F.explode(pieces()))
        .withColumns(
            {"window": piece_window(), "returned": piece_returned(_before(), _is_collateral())}
        )
        .withColumn("amount", F.when(_counts(), piece_amount()))
    )
    whole = (F.col("part") == "whole") & F.col("piece").isNull()
    present = whole | (F.col("amount") != 0) | F.col("held").isNull()
    # Shares are taken of what is left: a condition on them would be planned at many times its size.
    own = with_own_share(parts.where(present))
    taken = with_line(own, question_of_part(p), p).withColumn("due_day", due_day(p))
    return taken.withColumns(
        {"part": with_level(part_name()), "weighted": product(F.col("amount"), F.col("factor"))}
    )


def _describe(deals: DataFrame, p: Any) -> DataFrame:
    """What the assignment of lines looks at: window, level, insured amount and the like."""
    last = last_of_window(p)
    due, today = F.col("maturity_date"), F.lit(p.day)
    is_asset = F.col("product_type").isin("LOAN", "REVERSE_REPO", "SECURITY", SWAP)
    is_asset = is_asset | decided_by(p["lcr/inflow_lines"])
    window = (
        F.when(is_asset & ((due <= today) | ~is_performing()), "OVERDUE")
        .when(due.isNull(), "OPEN")
        .when(due <= last, "WITHIN")
        .otherwise("BEYOND")
    )
    known = F.col("held").isNotNull() & F.col("all_insured").isNotNull()
    eligible = is_insured() & is_a("DEPOSIT") & known
    of_limit = (F.col("held"), F.col("spread_limit"), F.col("spread_balance"))
    residue = F.when(F.col("deal_id") == F.col("residue_deal_id"), F.col("residue"))
    insured = (
        F.when(F.col("shared_insured").isNotNull(), F.col("shared_insured"))
        .when(eligible & F.col("spread_balance").isNull(), F.col("held"))
        .when(eligible, (F.col("of_limit") + F.coalesce(residue, _NOTHING)).cast(_MONEY))
        .otherwise(_NOTHING)
    )
    first = {
        "window": window,
        "level": level_of(p),
        "sector": F.coalesce(F.col("sector"), F.lit("NONE")),
        "held": product(F.col("amount"), F.col("rate")),
        "pledged": product(F.col("collateral_value"), F.col("rate")),
        "operational": product(F.col("operational_amount"), F.col("rate")),
    }
    own = F.coalesce("level", F.lit("none"))
    second = {
        # A swap that gives several levels has none, not even that of what is not liquid: no line
        # takes it.
        "level": F.when(is_a(SWAP), F.when(gives_one_level(), own))
        .when(is_share(), F.col("share_level"))
        .otherwise(own),
        "insured": insured,
        "all_insured": F.coalesce("shared_all_insured", "all_insured"),
        "operational": F.least(F.coalesce("operational", _NOTHING), F.col("held")),
    }
    found = with_sovereigns(deals).withColumns(first)
    return with_mul_div(found, {"of_limit": of_limit}, where=eligible).withColumns(second)


def _parts(p: Any) -> Column:
    """The parts a deal of this kind may have; those with no amount fall away, now or later."""

    def parts(*names: str) -> Column:
        return F.array(*(F.lit(n) for n in names))

    # Most deposits have one part with an amount: a row made for each of the others would cost as
    # much as that for this one.
    deposit, held = is_a("DEPOSIT") & F.col("held").isNotNull(), F.col("held")
    retail = is_retail_deposit()
    rest = F.when(_insured_whole(), parts("insured")).otherwise(parts("uninsured"))
    return (
        F.when(retail & (_stable() == 0) & held.isNotNull(), parts("less_stable"))
        .when(retail & (_stable() == held), parts("stable"))
        .when(retail, parts("stable", "less_stable"))
        .when(deposit & (F.col("operational") == 0), rest)
        .when(
            is_a("DEPOSIT"),
            parts("operational_insured", "operational_uninsured", "insured", "uninsured"),
        )
        .when(is_a("REPO"), parts("whole", "unwind_cash", "unwind_collateral"))
        .when(
            is_a("REVERSE_REPO"), parts("whole", "collateral", "unwind_cash", "unwind_collateral")
        )
        .when(is_a(SWAP), parts("whole", "collateral", "unwind_received", "unwind_collateral"))
        .when(decided_by(p["lcr/facility_lines"]), parts(*_OF_FACILITY))
        .when(is_a("SECURITY") & F.col("free").isNotNull(), parts("free", "pledged"))
        .otherwise(parts("whole"))
    )


def _stable() -> Column:
    """What of a retail deposit is stable: insured, and with a relationship or a transactional
    account (BCBS 238 para 75)."""
    firm = F.coalesce(F.col("transactional") | F.col("relationship"), F.lit(False))
    return F.when(firm, F.col("insured")).otherwise(_NOTHING)


def _insured_whole() -> Column:
    """Whether all that a depositor has is insured, and that counts for its sector."""
    return ~F.col("sector").isin(*_FINANCIAL) & F.col("all_insured")


def _part_amount(p: Any) -> Column:
    """The amount of a part; the parts of a deal sum to its amount, memo parts apart."""
    held, insured = F.col("held"), F.col("insured")
    operational, pledged = F.col("operational"), F.col("pledged")
    stable, all_insured = _stable(), _insured_whole()
    operational_insured = F.least(operational, insured)
    rest = (held - operational).cast(_MONEY)
    liquid = F.col("eligible") & (F.col("level") != "none")
    covers = F.coalesce(product(pledged, after_haircut(p, F.col("level"))), _NOTHING)
    posted = F.when(liquid, F.least(held, covers)).otherwise(_NOTHING)
    lent, swapped = is_a("REVERSE_REPO"), is_a(SWAP)
    usable = F.col("eligible") & (F.col("share_level") != "none")
    exchanged = liquid & (~swapped | usable)
    taken = free_share(F.when(swapped, held).otherwise(pledged))
    cash = F.when(lent, free_share(held)).otherwise(-held)
    back = F.when(lent, -taken).when(swapped, free_share(pledged)).otherwise(pledged)
    part = F.col("part")
    return (
        F.when(part == "whole", held)
        .when(part == "stable", stable)
        .when(part == "less_stable", (held - stable).cast(_MONEY))
        .when(part == "operational_insured", operational_insured)
        .when(part == "operational_uninsured", (operational - operational_insured).cast(_MONEY))
        .when(part == "insured", F.when(all_insured, rest).otherwise(_NOTHING))
        .when(part == "uninsured", F.when(all_insured, _NOTHING).otherwise(rest))
        .when(part == "collateral", F.when(F.when(swapped, usable).otherwise(liquid), taken))
        .when(part == "posted", posted)
        .when(part == "undrawn", (held - posted).cast(_MONEY))
        .when(part == INTEREST, interest_amount())
        .when(part == "free", F.least(F.col("free"), held))
        .when(part == "pledged", (held - F.least(F.col("free"), held)).cast(_MONEY))
        .when(part == "unwind_cash", F.when(liquid, cash))
        .when(part == "unwind_received", F.when(exchanged, -taken))
        .when(part == "unwind_collateral", F.when(exchanged, back))
    )


def _before() -> Column:
    """What of a deposit is repaid before a part of it: what runs off most leaves first."""
    held, part = F.col("held"), F.col("part")
    of_last = part.isin("stable", "operational_insured")
    return F.when(of_last, (held - F.col("of_part")).cast(_MONEY)).when(
        part == "operational_uninsured", (held - F.col("operational")).cast(_MONEY)
    )


def _is_collateral() -> Column:
    return F.col("part").isin("collateral", "unwind_collateral")


def _counts() -> Column:
    """Whether a part has an amount, and counts by its date where it is beside the deal's.

    Secured lending is unwound by the dates of its inflow: open lending gives none, and its
    collateral can be recalled at will. So can what an open swap has received.
    """
    part, window, known = F.col("part"), F.col("window"), F.col("of_part").isNotNull()
    unwound = (window == "WITHIN") | (is_a("REPO") & (window == "OPEN"))
    return (
        F.when(part == "collateral", known & window.isin("WITHIN", "BEYOND"))
        .when(F.startswith(part, F.lit("unwind_")), known & unwound)
        .otherwise(known)
    )

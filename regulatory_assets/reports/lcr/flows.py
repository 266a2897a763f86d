"""Every part of every deal with the line that takes it: the stage ``lcr_flows``.

What a deal looks up is prepared elsewhere: what is insured in ``insurance`` and ``joint``, when a
deposit can leave in ``calling``, whose deposits are added up in ``customers``, the level of a
security in ``securities``, how much of it is free in ``holdings``, what is repaid when in
``instalments``, whether a loan performs in ``lending``, what a trade has received in ``received``,
where scopes differ in ``treatment``. No factor stands here.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS
from regulatory_assets.ledger.arithmetic import mul_div, product
from regulatory_assets.ledger.stages import Lookup, row_stage
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.expressions import decide, text, value
from regulatory_assets.reports.lcr.calling import OF_CALLS, by_terms
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
    piece_window,
    pieces,
    with_interest,
    with_minimum_payments,
)
from regulatory_assets.reports.lcr.insurance import OF_INSURANCE, is_insured
from regulatory_assets.reports.lcr.joint import OF_SHARED, has_better_scheme
from regulatory_assets.reports.lcr.lending import OF_LOAN, by_loan_terms, is_performing
from regulatory_assets.reports.lcr.public import OF_PUBLIC, whose_counterparty
from regulatory_assets.reports.lcr.received import OF_RECEIVED, free_share
from regulatory_assets.reports.lcr.securities import OF_ENTITY, OF_GRADE, level_of, with_sovereigns
from regulatory_assets.reports.lcr.tables import DEPOSITORS, LCR_FLOWS
from regulatory_assets.reports.lcr.treatment import as_treated, is_retail_deposit
from regulatory_assets.reports.lookups import RATE_OF_DAY

_MONEY = ColumnType.MONEY.value
_NOTHING = F.lit(0).cast(_MONEY)

_SWAP = "COLLATERAL_SWAP"
_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
"""Sectors whose deposits run off whole, insured or not (BCBS 238 paras 108-109)."""

_FLOW_PARAMETERS = (
    "lcr/asset_lines",
    "lcr/deposit_lines",
    "lcr/facility_lines",
    "lcr/inflow_lines",
    "lcr/interest_lines",
    "lcr/lending_lines",
    "lcr/lines",
    "lcr/loan_lines",
    "lcr/mismatch_lines",
    "lcr/outflow_lines",
    "lcr/secured_lines",
    "lcr/security_level",
    "lcr/swap_lines",
    "lcr/window",
)


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
        Lookup(FREE_HOLDINGS, by=("deal_id",), take=("free", "operational_ok"), optional=True),
        OF_CALLS,
        OF_LOAN,
        OF_INSURANCE,
        Lookup(
            DEPOSITORS,
            by=("entity_id", "counterparty_id"),
            take=("balance", "eligible_balance", "insured_amount", "residue_deal_id", "residue"),
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
)
def lcr_flows(deals: DataFrame, p: Any) -> DataFrame:
    """Every part of every deal with its line (BCBS 238 paras 45-160, conventions 1, 4, 7-11).

    A part that no line takes gets the line ``unclassified`` and fails a check. Where the scopes of
    an entity treat a deal differently, each has its own parts. A security of which ``holdings``
    says how much is free has the parts free and pledged.
    """
    told = by_loan_terms(by_terms(as_treated(deals)))
    described = _describe(with_minimum_payments(told), p)
    parts = (
        described.withColumn("part", F.explode(with_interest(_parts(p))))
        .withColumn("of_part", _part_amount(p))
        .withColumn("piece", F.explode(pieces()))
        .withColumn("window", piece_window())
        .withColumn("amount", F.when(_counts(), piece_amount(_before(), _is_collateral())))
    )
    whole = (F.col("part") == "whole") & F.col("piece").isNull()
    present = whole | (F.col("amount") != 0) | F.col("held").isNull()
    line = F.when(F.col("amount").isNotNull(), _line(p))
    lines, regime, nowhere = p["lcr/lines"], F.col("regime"), F.lit("unclassified")
    taken = (
        parts.where(present)
        .withColumn("line", line)
        .withColumns(
            {
                "component": text(lines, F.col("line"), "component"),
                "factor": value(lines, F.col("line"), "rate", regime),
                "due_day": due_day(p),
            }
        )
    )
    return taken.withColumns(
        {
            "part": part_name(),
            "line": F.coalesce("line", nowhere),
            "component": F.coalesce("component", nowhere),
            "weighted": product(F.col("amount"), F.col("factor")),
        }
    )


def _yes(condition: Column) -> Column:
    return F.when(condition, "YES").otherwise("NO")


def _is(product_type: str) -> Column:
    return F.col("product_type") == product_type


def _decided_by(table: Any) -> Column:
    """Whether a decision table of a family of products has the deal's kind among its inputs."""
    return F.col("product_type").isin(*table.inputs["product_type"])


def _describe(deals: DataFrame, p: Any) -> DataFrame:
    """What the assignment of lines looks at: window, level, insured amount and the like."""
    last = last_of_window(p)
    due, today = F.col("maturity_date"), F.lit(p.day)
    is_asset = F.col("product_type").isin("LOAN", "REVERSE_REPO", "SECURITY", _SWAP)
    is_asset = is_asset | _decided_by(p["lcr/inflow_lines"])
    window = (
        F.when(is_asset & ((due <= today) | ~is_performing()), "OVERDUE")
        .when(due.isNull(), "OPEN")
        .when(due <= last, "WITHIN")
        .otherwise("BEYOND")
    )
    eligible = is_insured() & _is("DEPOSIT")
    share = mul_div(F.col("held"), F.col("insured_amount"), F.col("eligible_balance"))
    residue = F.when(F.col("deal_id") == F.col("residue_deal_id"), F.col("residue"))
    spread = F.col("held").isNotNull() & (F.col("eligible_balance") != 0)
    insured = (
        F.when(F.col("shared_insured").isNotNull(), F.col("shared_insured"))
        .when(
            eligible & (F.col("insured_amount") == F.col("eligible_balance")),
            F.coalesce("held", _NOTHING),
        )
        .when(eligible & spread, (share + F.coalesce(residue, _NOTHING)).cast(_MONEY))
        .otherwise(_NOTHING)
    )
    all_insured = F.col("balance") == F.col("insured_amount")
    first = {
        "window": window,
        "level": level_of(p),
        "received": level_of(p, "received_"),
        "sector": F.coalesce(F.col("sector"), F.lit("NONE")),
        "held": product(F.col("amount"), F.col("rate")),
        "pledged": product(F.col("collateral_value"), F.col("rate")),
        "operational": product(F.col("operational_amount"), F.col("rate")),
    }
    second = {
        "level": F.coalesce("level", F.lit("none")),
        "insured": insured,
        "all_insured": F.coalesce("shared_all_insured", all_insured),
        "operational": F.least(F.coalesce("operational", _NOTHING), F.col("held")),
    }
    known = with_sovereigns(with_sovereigns(deals), "received_")
    return known.withColumns(first).withColumns(second)


def _parts(p: Any) -> Column:
    """The parts a deal of this kind may have; those with no amount fall away."""

    def parts(*names: str) -> Column:
        return F.array(*(F.lit(n) for n in names))

    return (
        F.when(is_retail_deposit(), parts("stable", "less_stable"))
        .when(
            _is("DEPOSIT"),
            parts("operational_insured", "operational_uninsured", "insured", "uninsured"),
        )
        .when(_is("REPO"), parts("whole", "unwind_cash", "unwind_collateral"))
        .when(_is("REVERSE_REPO"), parts("whole", "collateral", "unwind_cash", "unwind_collateral"))
        .when(_is(_SWAP), parts("whole", "collateral", "unwind_received", "unwind_collateral"))
        .when(_decided_by(p["lcr/facility_lines"]), parts("posted", "undrawn"))
        .when(_is("SECURITY") & F.col("free").isNotNull(), parts("free", "pledged"))
        .otherwise(parts("whole"))
    )


def _part_amount(p: Any) -> Column:
    """The amount of a part; the parts of a deal sum to its amount, memo parts apart."""
    held, insured = F.col("held"), F.col("insured")
    operational, pledged = F.col("operational"), F.col("pledged")
    firm = F.coalesce(F.col("transactional") | F.col("relationship"), F.lit(False))
    stable = F.when(firm, insured).otherwise(_NOTHING)
    operational_insured = F.least(operational, insured)
    all_insured = ~F.col("sector").isin(*_FINANCIAL) & F.col("all_insured")
    rest = (held - operational).cast(_MONEY)
    liquid = F.col("eligible") & (F.col("level") != "none")
    after_haircut = product(pledged, value(p["lcr/lines"], _unwind_line(), "rate", F.col("regime")))
    posted = F.when(liquid, F.least(held, F.coalesce(after_haircut, _NOTHING))).otherwise(_NOTHING)
    lent, swapped = _is("REVERSE_REPO"), _is(_SWAP)
    usable = F.col("eligible") & (F.col("received") != "none")
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
    unwound = (window == "WITHIN") | (_is("REPO") & (window == "OPEN"))
    return (
        F.when(part == "collateral", known & window.isin("WITHIN", "BEYOND"))
        .when(F.startswith(part, F.lit("unwind_")), known & unwound)
        .otherwise(known)
    )


def _in_stock() -> Column:
    """Whether some of a security held may be in the stock, in whatever level."""
    usable = F.when(F.col("free").isNull(), F.col("eligible")).otherwise(
        F.col("operational_ok") & (F.col("free") > 0)
    )
    liquid = (F.col("level") != "none") | (F.col("foreign") == "YES")
    return _is("SECURITY") & liquid & usable


def _unwind_line() -> Column:
    """The line of collateral that is unwound; its factor is what the haircut leaves."""
    received = F.col("part") == "unwind_received"
    return F.concat(F.lit("unwind_"), F.when(received, F.col("received")).otherwise(F.col("level")))


def _line(p: Any) -> Column:
    """The line of a part, by the decision table of its family."""
    regime, part = F.col("regime"), F.col("part")
    sector, window, level = F.col("sector"), F.col("window"), F.col("level")
    held_asset = F.when(part == "collateral", "SECURITY").otherwise(F.col("product_type"))
    eligible = F.when(part == "free", F.col("operational_ok")).otherwise(F.col("eligible"))
    asset = {
        "product_type": held_asset,
        "level": F.when(_is(_SWAP), F.col("received")).otherwise(level),
        # Level 1 up to the outflows is the stock's; as collateral it keeps its other level.
        "foreign": F.when(part == "collateral", "NO").otherwise(F.col("foreign")),
        "eligible": _yes((part != "pledged") & eligible),
        # What a pledged security pays at maturity stays with the holder of the pledge.
        "window": F.when(part == "pledged", "OPEN").otherwise(window),
    }
    deposit = {
        "sector": sector,
        "part": F.when((part == "stable") & has_better_scheme(), "stable_additional").otherwise(
            part
        ),
        "window": window,
        "locked": _yes(F.col("locked_in")),
    }
    secured = {
        "product_type": F.col("product_type"),
        "sector": sector,
        "level": level,
        "window": window,
        "counterparty": whose_counterparty(),
    }
    domestic = (sector == "CENTRAL_BANK") & (whose_counterparty() == "DOMESTIC")
    swap = {
        "product_type": F.col("product_type"),
        "given": level,
        "received": F.col("received"),
        "window": window,
        "reused": _yes(F.col("received_reused")),
        "counterparty": F.when(domestic, "CENTRAL_BANK").otherwise("OTHER"),
    }
    loan = {"sector": sector, "window": window}
    kind = {"product_type": F.col("product_type"), "window": window}
    facility = {"product_type": F.col("product_type"), "sector": sector, "part": part}
    interest = p["lcr/interest_lines"]
    paid = {"product_type": F.col("product_type"), "stock": _yes(_in_stock())}
    others = (
        (p["lcr/facility_lines"], facility),
        (p["lcr/lending_lines"], kind | {"sector": sector}),
        (p["lcr/outflow_lines"], kind),
        (p["lcr/inflow_lines"], kind),
    )
    lines = (
        F.when(part == "unwind_cash", "unwind_level1_cash")
        .when(part.isin("unwind_received", "unwind_collateral"), _unwind_line())
        .when(
            _is(_SWAP) & (part == "whole"),
            F.coalesce(decide(p["lcr/swap_lines"], swap, "line", regime), F.lit("unclassified")),
        )
        .when((part == INTEREST) & _decided_by(interest), decide(interest, paid, "line", regime))
        .when(_is("DEPOSIT"), decide(p["lcr/deposit_lines"], deposit, "line", regime))
        .when(_is("LOAN"), decide(p["lcr/loan_lines"], loan, "line", regime))
        .when(
            F.col("product_type").isin("REPO", "REVERSE_REPO") & part.isin("whole", INTEREST),
            decide(p["lcr/secured_lines"], secured, "line", regime),
        )
    )
    for table, inputs in others:
        lines = lines.when(_decided_by(table), decide(table, inputs, "line", regime))
    return lines.otherwise(decide(p["lcr/asset_lines"], asset, "line", regime))

"""Positions that no deal stands for, each with the line that takes it.

Facilities, instruments issued, netting sets and collateral that has moved are delivered in tables
of their own. What of these is due, and how much, is said where each is read; what they have in
common stands here: whose they are, how scopes see them, which line takes them. A row of theirs
stands beside the parts of deals (``flows``), and ``lcr_lines`` adds all up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import COUNTERPARTIES, ENTITIES
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.stages import Cited, Lookup, RowFunction, Stage, row_stage
from regulatory_assets.ledger.table import Table
from regulatory_assets.regulation.answers import question
from regulatory_assets.reports.lcr.assignment import (
    OF_LINES,
    decided_by,
    is_a,
    with_line,
)
from regulatory_assets.reports.lcr.instalments import last_of_window
from regulatory_assets.reports.lcr.scopes import ENTITY_SCOPES
from regulatory_assets.reports.lcr.treatment import by_regime

_OF_SCOPES = Lookup(ENTITY_SCOPES, by=("entity_id",), take=("regime", "scopes", "regimes", "mixed"))
OF_PARTY = Lookup(COUNTERPARTIES, by=("counterparty_id",), take=("sector", "partner_entity_id"))

IN_REPORTING_CURRENCY = Lookup(ENTITIES, by=("entity_id",), take=("reporting_currency",))
"""For what is netted over currencies."""

_FAMILIES = ("lcr/deposit_lines", "lcr/facility_lines", "lcr/inflow_lines", "lcr/outflow_lines")
"""Those of what ``_question`` asks."""

_NO_CURRENCY = "XXX"
"""ISO 4217 for none: that of an entity that nobody has told of, which fails a check."""

NO_DATE = F.lit(None).cast("date")
NO_PARTY = dict.fromkeys(("sector", "partner_entity_id"), F.lit(None).cast("string"))
"""In place of what ``OF_PARTY`` brings, where nobody stands on the other side."""


def position_stage(
    *,
    reads: Table,
    writes: Table,
    lookups: tuple[Lookup, ...],
    parameters: tuple[str, ...] = (),
) -> Callable[[RowFunction], Stage]:
    """A row stage whose function ends in ``with_flows``, with what that looks at.

    No other row follows from the factor of a line than those on it.
    """
    return row_stage(
        reads=reads,
        writes=writes,
        lookups=(_OF_SCOPES, *lookups),
        parameters=(*OF_LINES, *_FAMILIES, "lcr/window", *parameters),
        cites=(Cited("lcr/lines", ("regime", "line")),),
    )


def with_flows(positions: DataFrame, p: Any, known_line: Column | None = None) -> DataFrame:
    """Positions with their line and weighted amount, in every scope that sees them otherwise.

    They have a ``product_type``, an ``amount`` in reporting currency, the ``maturity_date`` on
    which it is due (``NO_DATE`` where it has none), and what ``OF_PARTY`` brings or ``NO_PARTY``.
    ``known_line`` is the line of those that know it themselves.
    """
    due, today = F.col("maturity_date"), F.lit(p.day)
    window = (
        F.when(decided_by(p["lcr/inflow_lines"]) & (due <= today), "OVERDUE")
        .when(due.isNull(), "OPEN")
        .when(due <= last_of_window(p), "WITHIN")
        .otherwise("BEYOND")
    )
    sector = F.coalesce(F.col("sector"), F.lit("NONE"))
    told = by_regime(positions).withColumns({"window": window, "sector": sector})
    asked = _question(p)
    taken = with_line(told, asked if known_line is None else F.coalesce(known_line, asked), p)
    days = F.greatest(F.datediff(due, today), F.lit(1))
    return taken.withColumns(
        {
            "due_day": F.when(F.col("dated"), days),
            "weighted": product(F.col("amount"), F.col("factor")),
        }
    )


def reporting_currency() -> Column:
    """What ``IN_REPORTING_CURRENCY`` brings."""
    return F.coalesce("reporting_currency", F.lit(_NO_CURRENCY))


def _question(p: Any) -> Column:
    """What a position asks the table of its family; all of a facility is not drawn."""
    kind = {"product_type": F.col("product_type"), "window": F.col("window")}
    sector = {"sector": F.col("sector")}
    undrawn = sector | {"product_type": F.col("product_type"), "part": F.lit("undrawn")}
    # Sold to retail customers alone, as a deposit that nobody insures (para 110).
    deposit = {"part": F.lit("less_stable"), "window": F.col("window"), "locked": F.lit("YES")}
    return (
        F.when(is_a("DEPOSIT"), question(p["lcr/deposit_lines"], sector | deposit))
        .when(decided_by(p["lcr/facility_lines"]), question(p["lcr/facility_lines"], undrawn))
        .when(decided_by(p["lcr/inflow_lines"]), question(p["lcr/inflow_lines"], kind))
        .otherwise(question(p["lcr/outflow_lines"], kind))
    )

"""The disclosure template LIQ1: quarter averages of the LCR's lines by template row.

Rows and the assignment of lines to rows are parameters. What a page of the template looks like
belongs to ``disclosure``; the averages of the ratio's operands to ``quarter``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.ledger.stages import Lookup, ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.calculation import EXCESS
from regulatory_assets.reports.lcr.quarter import LCR_QUARTER, quarter_so_far
from regulatory_assets.reports.lcr.tables import LCR_SCOPE_LINES

_ZERO = Decimal(0)
NOWHERE = "none"
"""The row of lines outside the template, and the row that a total is part of."""

_OPERANDS = ("stock", "hqla", "outflows", "inflows_uncapped", "net_outflows", EXCESS)
READINGS = ("mean_of_daily_ratios", "ratio_of_means")
"""How row 23 may be read (convention 16)."""


def _money(name: str, description: str, unit: str = "reporting currency") -> Column:
    return Column(name, ColumnType.MONEY, description, unit=unit, nullable=True)


LIQ1 = Table(
    name="liq1",
    description="Rows of the disclosure template LIQ1, averaged over the quarter so far.",
    key=("scope", "row_number"),
    group="lcr",
    bounded=True,
    columns=(
        Column("scope", ColumnType.STRING, "Entity, or group of entities, that reports."),
        Column("row_number", ColumnType.INTEGER, "Row of the template."),
        Column("currency", ColumnType.STRING, "ISO 4217 code of the amounts."),
        Column("days", ColumnType.INTEGER, "Reporting dates averaged.", unit="days"),
        _money("unweighted", "Average amount; empty where the template has none."),
        _money("weighted", "Average weighted amount, or operand of the ratio; empty in row 23."),
        _money("mean_of_daily_ratios", "Row 23, read as the average of the ratios.", "fraction"),
        _money("ratio_of_means", "Row 23, read as the ratio of the averages.", "fraction"),
    ),
)


@report_stage(
    reads=LCR_SCOPE_LINES,
    writes=LIQ1,
    by=("scope",),
    lookups=(Lookup(LCR_QUARTER, by=("scope",), take=("days", *_OPERANDS, *READINGS)),),
    parameters=("lcr/liq1_lines", "lcr/liq1_rows"),
    days=quarter_so_far,
)
def liq1(lines: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Template rows 1 to 23, averaged over the quarter so far (BCBS d400, convention 16).

    A line counts in its row and in every row that this one is part of, and so does the lending
    excess, the outflow of no line (paragraph 133), which has no amount before weighting. The
    totals are operands of the ratio, and with its two readings those of ``lcr_quarter``; rules on
    components stand in them and in no row below.
    """
    rows, row_of = p["lcr/liq1_rows"], p["lcr/liq1_lines"]
    above = {row: rows.text(row, "part_of") for (row,) in rows.rows()}
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    weighted: dict[str, Decimal] = defaultdict(Decimal)
    quarter = lines[-1]
    if quarter["days"] is None:  # rules have excluded every component: there is no ratio to show
        return
    excess = {"line": EXCESS, "amount": _ZERO, "weighted": quarter[EXCESS] * quarter["days"]}
    for line in (*lines, excess):
        row = row_of.text(line["line"], "row")
        while row != NOWHERE:
            amounts[row] += line["amount"]
            weighted[row] += line["weighted"]
            row = above[row]
    for row in above:
        value = rows.text(row, "value")
        has_amount = rows.text(row, "unweighted") == "YES"
        is_ratio = value in READINGS
        if is_ratio:
            mean = None
        elif value == "lines":
            mean = fraction(weighted[row], 1, quarter["days"])
        else:
            mean = quarter[value]
        yield {
            "scope": quarter["scope"],
            "row_number": int(row),
            "currency": quarter["reporting_currency"],
            "days": quarter["days"],
            "unweighted": fraction(amounts[row], 1, quarter["days"]) if has_amount else None,
            "weighted": mean,
            **{name: quarter[name] if is_ratio else None for name in READINGS},
        }

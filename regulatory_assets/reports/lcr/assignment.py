"""Which line takes a part of a deal, with the line's component and factor.

Every family of deals has its decision table; here stands what a part asks it. All tables' answers
are one table of rows that parts are joined with. What the parts are and how much they are belongs
to ``flows``, what no deal stands for to ``positions``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.answers import answers, question
from regulatory_assets.reports.lcr.collateral import SWAP
from regulatory_assets.reports.lcr.instalments import INTEREST
from regulatory_assets.reports.lcr.joint import has_better_scheme
from regulatory_assets.reports.lcr.public import whose_counterparty
from regulatory_assets.reports.lcr.securities import unwind_line

OF_LINES = ("lcr/lines", "lcr/mismatch_lines")
"""What is said of each line."""

_FAMILIES = (
    "lcr/asset_lines",
    "lcr/deposit_lines",
    "lcr/facility_lines",
    "lcr/inflow_lines",
    "lcr/interest_lines",
    "lcr/lending_lines",
    "lcr/loan_lines",
    "lcr/outflow_lines",
    "lcr/secured_lines",
    "lcr/swap_lines",
)
LINE_PARAMETERS = (*OF_LINES, *_FAMILIES)
_OF_REGIME = "/"
UNCLASSIFIED = "unclassified"
_NOWHERE = F.lit(UNCLASSIFIED)


def with_line(parts: DataFrame, question: Column, p: Any) -> DataFrame:
    """Parts with ``line``, ``component``, ``factor`` and whether the line is ``dated``: looked at
    by day (12 CFR 249.30(b)). A part without an amount, or that no line takes, is unclassified.

    ``question`` is what each asks the decision table of its family, or the line that it knows.
    """
    asked = F.concat(F.col("regime"), F.lit(_OF_REGIME), question)
    asking = parts.withColumn("__asked", F.when(F.col("amount").isNotNull(), asked))
    # The few rows stand left: of parts the engine cannot tell how many they are, and would keep
    # them all in memory to look into.
    said = tuple(p[name].canonical for name in LINE_PARAMETERS if name in p.names)
    known = parts.sparkSession.createDataFrame(_answers(_Deciding(said, p)))
    found = known.join(asking, F.col("__answers") == F.col("__asked"), "right")
    named = {name: F.coalesce(name, _NOWHERE) for name in ("line", "component")}
    return found.drop("__answers", "__asked").withColumns(named)


def is_a(product_type: str) -> Column:
    return F.col("product_type") == product_type


def decided_by(table: Any) -> Column:
    """Whether a decision table of a family of products has the deal's kind among its inputs."""
    return F.col("product_type").isin(*table.inputs["product_type"])


@dataclass(frozen=True)
class _Deciding:
    """The tables that a stage has declared of those that decide lines, told apart by all that they
    say; many thousand answers are put together once for days on which that is the same."""

    said: tuple[str, ...]
    parameters: Any = field(compare=False)


_SAID = pa.schema(
    [
        pa.field("line", pa.string()),
        pa.field("component", pa.string()),
        pa.field("factor", ColumnType.RATE.arrow),
        pa.field("dated", pa.bool_()),
    ]
)


@lru_cache(maxsize=8)
def _answers(deciding: _Deciding) -> pa.Table:
    """Every question with its line, by regime, of the families that a stage has declared."""
    p = deciding.parameters
    lines, dated = (p.rates(name) for name in OF_LINES)
    families = [name for name in _FAMILIES if name in p.names]
    said: list[dict[str, object]] = []  # of a line once for all questions that it answers
    asked: list[str] = []
    places: list[int] = []
    for regime in lines.regimes:
        by_day = dated.rows(regime)
        place: dict[str, int] = {}
        for (line,), row in lines.rows(regime).items():
            place[line] = len(said)
            told = {"component": row.texts["component"], "factor": row.values["rate"]}
            said.append({"line": line, **told, "dated": (line,) in by_day})
        questions = [(line, line) for line in place]  # some parts know their line themselves
        for name in families:
            questions += answers(p.decisions(name), "line", regime)
        for question_of, line in questions:
            if line in place:
                asked.append(f"{regime}{_OF_REGIME}{question_of}")
                places.append(place[line])
    return pa.Table.from_pylist(said, _SAID).take(places).add_column(0, "__answers", [asked])


def _yes(condition: Column) -> Column:
    return F.when(condition, "YES").otherwise("NO")


def _in_stock() -> Column:
    """Whether some of a security held may be in the stock, in whatever level."""
    usable = F.when(F.col("free").isNull(), F.col("eligible")).otherwise(
        F.col("operational_ok") & (F.col("free") > 0)
    )
    liquid = (F.col("level") != "none") | (F.col("foreign") == "YES")
    return is_a("SECURITY") & liquid & usable


def question_of_part(p: Any) -> Column:
    """What a part of a deal asks the table of its family; some know their line themselves."""
    part = F.col("part")
    sector, window, level = F.col("sector"), F.col("window"), F.col("level")
    held_asset = F.when(part == "collateral", "SECURITY").otherwise(F.col("product_type"))
    eligible = F.when(part == "free", F.col("operational_ok")).otherwise(F.col("eligible"))
    asset = {
        "product_type": held_asset,
        "level": F.when(is_a(SWAP), F.col("share_level")).otherwise(level),
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
        "received": F.col("share_level"),
        "window": window,
        "reused": _yes(F.col("received_reused")),
        "counterparty": F.when(domestic, "CENTRAL_BANK").otherwise("OTHER"),
    }
    loan = {"sector": sector, "window": window}
    kind = {"product_type": F.col("product_type"), "window": window}
    facility = {"product_type": F.col("product_type"), "sector": sector, "part": part}
    paid = {"product_type": F.col("product_type"), "stock": _yes(_in_stock())}
    interest = p["lcr/interest_lines"]
    others = (
        (p["lcr/facility_lines"], facility),
        (p["lcr/lending_lines"], kind | {"sector": sector}),
        (p["lcr/outflow_lines"], kind),
        (p["lcr/inflow_lines"], kind),
    )
    # What most parts are is asked first.
    asked = (
        F.when(is_a("DEPOSIT") & (part != INTEREST), question(p["lcr/deposit_lines"], deposit))
        .when(is_a("LOAN"), question(p["lcr/loan_lines"], loan))
        .when(part == "unwind_cash", "unwind_level1_cash")
        .when(part == "unwind_received", unwind_line(F.col("share_level")))
        .when(part == "unwind_collateral", unwind_line(level))
        .when(
            is_a(SWAP) & (part == "whole"),
            F.coalesce(question(p["lcr/swap_lines"], swap), _NOWHERE),
        )
        .when((part == INTEREST) & decided_by(interest), question(interest, paid))
        .when(
            F.col("product_type").isin("REPO", "REVERSE_REPO") & part.isin("whole", INTEREST),
            F.coalesce(question(p["lcr/secured_lines"], secured), _NOWHERE),
        )
    )
    for table, inputs in others:
        asked = asked.when(decided_by(table), question(table, inputs))
    return asked.otherwise(question(p["lcr/asset_lines"], asset))

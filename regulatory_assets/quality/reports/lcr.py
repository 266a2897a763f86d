"""What only the LCR can know: nothing unclassified, and scopes that tie to lines and ratio."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.quality.examination import Check, Examination, Result, differences, verdict
from regulatory_assets.reports.lcr.stages import lcr, lcr_scope_lines
from regulatory_assets.reports.lcr.tables import LCR, LCR_FLOWS, LCR_LINES, LCR_SCOPE_LINES

_COMPONENT_OF = {
    "level1": "hqla_level1",
    "level2a": "hqla_level2a",
    "level2b": "hqla_level2b",
    "outflows": "outflow",
    "inflows_uncapped": "inflow",
}


def _unclassified(day: Examination, since: int) -> Result:
    key = LCR_FLOWS.key
    missing = F.col("factor").isNull() | F.col("weighted").isNull()
    found = day.keys(LCR_FLOWS, key, among=(F.col("line") == "unclassified") | missing)
    wrong = "parts of deals have no LCR line or factor"
    return verdict(found.count(), found, key, wrong, "every part of every deal has its line")


def _solo(day: Examination, since: int) -> Result:
    columns = (*LCR_LINES.key, "amount", "weighted")
    lines = day.reader.rows(day.read_by(lcr_scope_lines, LCR_LINES))
    solo = day.rows(LCR_SCOPE_LINES).where(F.col("consolidation") == "solo")
    return differences(lines, solo, columns)


def _ratio(day: Examination, since: int) -> Result:
    """Before any rule and after all rules, each by itself."""
    lines, figures = day.read_by(lcr, LCR_SCOPE_LINES), day.as_read(LCR)
    wrong = [
        f"{which}{fault}"
        for which, read in (("before rules ", day.reader.base), ("", day.reader.net))
        for fault in _faults(read(lines), read(figures))
    ]
    said = "; ".join(wrong) or "the operands of every scope tie to their lines"
    return Result(not wrong, said, {"offending": len(wrong)})


def _faults(lines: DataFrame, figures: DataFrame) -> Iterator[str]:
    sums: dict[tuple[str, str], Decimal] = {}
    for row in lines.select("scope", "component", "weighted").toArrow().to_pylist():
        place = (row["scope"], row["component"])
        sums[place] = sums.get(place, Decimal(0)) + row["weighted"]
    found = figures.orderBy("scope").toArrow().to_pylist()
    for figure in found:
        scope = figure["scope"]
        expected = {
            name: sums.get((scope, component), Decimal(0))
            for name, component in _COMPONENT_OF.items()
        }
        levels = figure["level1"] + figure["level2a"] + figure["level2b"]
        expected["outflows"] += figure["lending_excess"]
        expected["hqla"] = levels - figure["cap_level2b"] - figure["cap_level2"]
        expected["net_outflows"] = figure["outflows"] - figure["inflows"]
        for name, amount in expected.items():
            if figure[name] != amount:
                yield f"{scope} {name}: {figure[name]}, its parts give {amount}"
    for scope in sorted({scope for scope, _ in sums} - {figure["scope"] for figure in found}):
        yield f"{scope}: has lines but no ratio"


unclassified = Check(
    LCR_FLOWS, "classified", "Every part of a deal has an LCR line and its factor.", True,
    _unclassified,
)  # fmt: skip
solo_ties = Check(
    LCR_SCOPE_LINES,
    "solo_ties",
    "The lines of the solo scopes are the lines of the entities, exactly.",
    True,
    _solo,
    (LCR_LINES,),
)
ratio_ties = Check(
    LCR,
    "ties",
    "Levels, outflows and inflows are the sums of their lines; stock and net outflows follow.",
    True,
    _ratio,
    (LCR_SCOPE_LINES,),
)

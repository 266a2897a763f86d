"""The pages of the LCR: what each line is worth, and which case proves which parameter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from regulatory_assets.reference.markdown import grid
from regulatory_assets.reference.parameters import cited, own
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.regulation.tables import DecisionTable, plain
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.plain import PARAMETERS

_LCR = """\
What each line is worth, where that is written, whether somebody has read it there, and the worked
examples in which a deal has the line by these values (`regulatory_assets/reports/lcr/cases/`). A
factor is what is left of an asset after its haircut, the run-off of an outflow, the share of an
inflow that counts. A regime stands beside the lines that it changes or adds. Liabilities
(`lcr/liability_lines`) decide which currencies are significant.

What a jurisdiction may admit and no file here does has no line: restricted committed liquidity
facilities of a central bank in Level 2B, and 3 % in place of 5 % for the insured part of
operational deposits under a scheme that meets the criteria of paragraph 78. Neither was read in the
text."""


def lines(day: date) -> Iterator[str]:
    """Every line with factor, citation and the worked examples that weight a deal by it."""
    parameters = Parameters.default().at(day, ["lcr/lines", "lcr/liability_lines"])
    rates, owed = parameters.rates("lcr/lines"), parameters.rates("lcr/liability_lines")
    using = {entry: dict.fromkeys(names) for entry, names in coverage.deciding().items()}
    worked = coverage.cases()
    held = [
        (c.name, c.regime, line) for c in worked.calculations for line in (*c.lines, *c.amounts)
    ]
    held += [(c.name, c.regime, taken["line"]) for c in worked.currencies for taken in c.rows]
    for name, regime, line in held:
        row = rates.row(line, regime)
        using.setdefault((row.path, row.line), {})[name] = None
    yield from (_LCR, "")
    by_component: dict[str, list[tuple[str, ...]]] = {}
    for (line,), regime, row in own(rates.regimes, rates.rows):
        rate = f"{plain(row.values['rate'] * 100)} %"
        liability = "yes" if (line,) in owed.rows(regime) else "no"
        found = (f"`{line}`", regime, rate, liability, *cited(row.citation), row.citation.note)
        cells = (*found, ", ".join(using.get((row.path, row.line), {})))
        by_component.setdefault(row.texts["component"], []).append(cells)
    head = ("line", "regime", "factor", "liability", "citation", "verified", "note", "cases")
    for component, rows in by_component.items():
        yield from (f"## {component}", "")
        yield from grid(head, rows)


_COVERAGE = """\
A number is proved by the cases that fail when it alone is raised by the smallest step, a row that
has none by those that fail when it says another code or, where it only names a line, is not there;
a rule by the cases in which it decides. A test fails where an entry has none."""


def proofs(day: date) -> Iterator[str]:
    """Every number and rule with the cases that prove it."""
    parameters = Parameters.default().at(day, PARAMETERS)
    yield from (_COVERAGE, "", "## Numbers", "")
    head = ("parameter", "entry", "number", "cases")
    yield from grid(
        head,
        (
            (
                f"`{number.table}`",
                f"{', '.join(number.key)} {number.column}",
                plain(number.row.values[number.column]),
                ", ".join(coverage.proving(parameters, number)),
            )
            for number in coverage.numbers(parameters)
        ),
    )
    yield from ("## Rows without numbers", "")
    for name, reason in coverage.UNASKED.items():
        yield from (f"Not asked for one by one is `{name}`: {reason}.", "")
    yield from grid(
        ("parameter", "entry", "says", "cases"),
        (
            (
                f"`{code.table}`",
                f"{', '.join(code.key)}",
                ", ".join(code.row.texts.values()) or "is named",
                ", ".join(coverage.proving(parameters, code)),
            )
            for code in coverage.codes(parameters)
        ),
    )
    yield from ("## Rules", "")
    deciding = coverage.deciding()
    rules = {
        (rule.path, rule.line): (table.name, rule)
        for table in (parameters[name] for name in PARAMETERS)
        if isinstance(table, DecisionTable)
        for regime in table.regimes
        for rule in table.rules(regime)
    }
    yield from grid(
        ("parameter", "rule", "decides in"),
        (
            (
                f"`{name}`",
                rule.name,
                ", ".join(deciding.get(entry, []))
                or f"nowhere: {coverage.UNREACHABLE.get((rule.path.stem, rule.name), '')}",
            )
            for entry, (name, rule) in rules.items()
        ),
    )

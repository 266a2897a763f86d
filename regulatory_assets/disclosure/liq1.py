"""LIQ1 as a page: template rows with figures, citations, formulas and what is unverified in them.

The figures are those of the table ``liq1``; a formula is read from the parameters in force on the
page's day. How a page is written to a file belongs to ``files``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.releasing import together
from regulatory_assets.disclosure.beside import marks_of, scope_lines
from regulatory_assets.disclosure.days import require
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.regulation.parameters import Parameters, ParameterSet
from regulatory_assets.regulation.tables import BASEL, Citation, plain
from regulatory_assets.reports.lcr.calculation import EXCESS
from regulatory_assets.reports.lcr.liq1 import LIQ1, READINGS
from regulatory_assets.reports.lcr.tables import LCR_SCOPE_LINES
from regulatory_assets.reports.lcr.used import Lines
from regulatory_assets.runtime import Runtime

Row = Mapping[str, Any]
PARAMETERS = ("lcr/lending_excess", "lcr/liq1_lines", "lcr/liq1_rows", "lcr/lines")

NOTES = (
    "Rows 1 to 20 average the daily lines, rows 21 and 22 the daily figures after caps, row 23 the "
    "daily ratios. Because each day has its own caps, rows 21 to 23 need not follow from rows 1 to "
    "20, nor row 23 from rows 21 and 22.",
    "Adjusted figures are those after every governed rule in force. Rates shown are those of the "
    "last day, by the regimes that weight the line here; of a line that is not here basel's.",
)


@dataclass(frozen=True)
class Figures:
    """A row's figures, before the rules or after them; each None where there is none."""

    unweighted: Decimal | None = None
    weighted: Decimal | None = None
    mean_of_daily_ratios: Decimal | None = None
    ratio_of_means: Decimal | None = None


@dataclass(frozen=True)
class PageRow:
    """One row of the template.

    ``reading`` is how row 23 is read, None of all others; ``unverified`` names the parameters of
    the row, and of those it adds up, that nobody has read in the text.
    """

    number: int
    section: str
    item: str
    reading: str | None
    base: Figures
    adjusted: Figures
    formula: str
    citation: str
    unverified: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """LIQ1 of one scope; ``revision`` is that of the table it was read from.

    ``unreleased`` names the parameter files behind its figures that no second person has released,
    ``unread`` all entries behind them, of rows or not, that nobody has read in the text they cite.
    ``stamp`` begins the heading of a page that is from a demonstration.
    """

    scope: str
    currency: str
    days: tuple[date, ...]
    revision: int
    rows: tuple[PageRow, ...]
    unreleased: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    stamp: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the page."""
        files = ", ".join(self.unreleased)
        draft = f"Every figure is a draft: no second person has released the parameters {files}."
        released = "A second person has released all parameters behind these figures."
        unread = f"Behind these figures, but not read in the text cited: {'; '.join(self.unread)}."
        read = "Every entry behind these figures was read in the text that it cites."
        return (*NOTES, draft if files else released, unread if self.unread else read)


def pages(runtime: Runtime, day: date, expected: Sequence[date]) -> tuple[Page, ...]:
    """A page for each scope, averaged over the expected days (``require``); else NotReady."""
    version = Version.registered(runtime.register, LIQ1, day)
    if not version.chain:
        raise NotReady(f"{LIQ1.name} has no rows for {day}; run it first")
    averaged = [c.day for c in version.chain[-1].inputs if c.table == LCR_SCOPE_LINES.name]
    days = require(averaged, expected, LIQ1.name, day)
    reader = Reader(runtime.lake)
    base, adjusted = (frames.values(read(version)) for read in (reader.base, reader.net))
    parameters = Parameters.default().at(day, PARAMETERS, runtime.settings.rules_not_before)
    lines = scope_lines(runtime, version)
    made = make_pages(base, adjusted, days, version.revision, parameters, lines)
    marks = marks_of(runtime, version, lines)
    unreleased = together(marks.values()).unreleased
    stamp = people.stamp(runtime.events.read())
    return tuple(
        replace(page, unreleased=unreleased, unread=marks[page.scope].unverified, stamp=stamp)
        for page in made
    )


def make_pages(
    base: Iterable[Row],
    adjusted: Iterable[Row],
    days: tuple[date, ...],
    revision: int,
    parameters: ParameterSet,
    lines: Mapping[str, Lines],
) -> list[Page]:
    """Pages by scope from the rows of the table ``liq1``, before the rules and after them.

    ``lines`` are those of each scope: of the others nothing is told.
    """
    figures: dict[tuple[str, int], dict[str, Figures]] = {}
    currencies: dict[str, str] = {}
    for name, rows in (("base", base), ("adjusted", adjusted)):
        for row in rows:
            scope = row["scope"]
            if row["days"] != len(days):
                raise NotReady(
                    f"{LIQ1.name}: {scope} has figures on {row['days']} of {len(days)} days; "
                    "deliver and run the others first"
                )
            currencies[scope] = row["currency"]
            of_row = Figures(**{f.name: row[f.name] for f in fields(Figures)})
            figures.setdefault((scope, row["row_number"]), {})[name] = of_row
    made: dict[str, list[PageRow]] = {}
    for (scope, number), found in sorted(figures.items()):
        made.setdefault(scope, []).append(_page_row(number, found, parameters, lines[scope]))
    return [
        Page(scope, currencies[scope], days, revision, tuple(rows)) for scope, rows in made.items()
    ]


def _page_row(
    number: int, found: Mapping[str, Figures], parameters: ParameterSet, lines: Lines
) -> PageRow:
    template = parameters.rates("lcr/liq1_rows").row(str(number))
    formula, unverified = _formula(str(number), parameters, lines)
    value = template.texts["value"]
    return PageRow(
        number,
        template.texts["section"],
        template.citation.title,
        value if value in READINGS else None,
        found.get("base", Figures()),
        found.get("adjusted", Figures()),
        formula,
        f"{template.citation.instrument} {template.citation.paragraph}",
        unverified,
    )


def _formula(number: str, parameters: ParameterSet, lines: Lines) -> tuple[str, tuple[str, ...]]:
    """What a row is made of, and the unverified parameters of it, of those of its lines that are
    there, and of the rows below."""
    template, assigned = parameters.rates("lcr/liq1_rows"), parameters.rates("lcr/liq1_lines")
    below = [row for (row,), own in template.rows().items() if own.texts["part_of"] == number]
    taken = [line for (line,), own in assigned.rows().items() if own.texts["row"] == number]
    citation = template.row(number).citation
    unverified = [] if citation.verified else [f"{template.name} {number}"]
    terms: list[str] = []
    for line in taken:
        here = sorted(regime for name, regime in lines if name == line)
        own = _terms(line, parameters, here or [BASEL])
        terms += own
        if not here and line != EXCESS:
            continue
        cited = [(assigned.name, assigned.row(line).citation)]
        cited += [("lcr/lines", each) for each in own.values() if each is not None]
        unverified += [f"{name} {line}" for name, each in cited if not each.verified]
    for row in below:
        unverified += _formula(row, parameters, lines)[1]
    formula = " + ".join([*terms, *(f"row {row}" for row in below)])
    return ": ".join(text for text in (citation.note, formula) if text), tuple(unverified)


def _terms(
    line: str, parameters: ParameterSet, regimes: Iterable[str]
) -> dict[str, Citation | None]:
    """What a line adds to its row by the values of some regimes, each with the citation of its
    factor; the lending excess is of no line and has none."""
    if line == EXCESS:
        shares = parameters.rates("lcr/lending_excess").rows(BASEL)
        summed = " + ".join(
            f"{other} x {plain(row.values['share'] * 100)} %" for (other,), row in shares.items()
        )
        return {f"max(0, {summed}) (BCBS 238 133)": None}
    found: dict[str, Citation | None] = {}
    for regime in regimes:
        row = parameters.rates("lcr/lines").row(line, regime)
        rate = plain(row.values["rate"] * 100)
        cited = f"{row.citation.instrument} {row.citation.paragraph}"
        found[f"{line} x {rate} % ({cited})"] = row.citation
    return found

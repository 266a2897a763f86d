"""Great Expectations judges a profile by its suite, and renders what it found as a page.

It gets the profile as one row of numbers, never the rows of a table: those stay in the engine. It
is imported when it is first needed (it takes seconds), without its analytics, and its pages are
freed of what a browser would fetch from elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from html import escape
from typing import Any

from regulatory_assets.quality.expectations.profile import Profile
from regulatory_assets.quality.expectations.suite import Expectation

_FOREIGN = tuple(
    re.compile(tag, re.DOTALL)
    for tag in (
        r"<link\b[^>]*>",
        r"<(?P<block>script|style|footer|nav)\b.*?</(?P=block)>",
        r"<img\b[^>]*>",
        r'<a\b[^>]*href="https?:[^>]*>.*?</a>',
    )
)
_BROKEN_LINK = re.compile(r'href="\.\.[^"]*"')
_BODY = re.compile(r"<body\b[^>]*>")
_STYLE = """<style>
body { font: 14px sans-serif; margin: 2em; }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; }
td, th { border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left; vertical-align: top; }
.fa-check-circle::before { content: "met"; color: #070; }
.fa-times::before { content: "not met"; color: #a00; font-weight: bold; }
.sticky, .modal { display: none; }
</style></head>"""


@dataclass(frozen=True)
class Judged:
    """Which expectations were not met, with what was found, and the page that says all."""

    evaluated: int
    failed: tuple[str, ...]
    page: str

    @property
    def passed(self) -> bool:
        return not self.failed

    @property
    def said(self) -> str:
        if self.passed:
            return f"all {self.evaluated} expectations are met"
        of = f"{len(self.failed)} of {self.evaluated} expectations are not met"
        return f"{of}: {'; '.join(self.failed)}"


def judge(
    title: str, suite: Sequence[Expectation], profile: Profile, notes: Sequence[str] = ()
) -> Judged:
    """Judge what could be measured; ``title`` names table, day and revision, and ``notes`` are
    told on the page."""
    measured = [e for e in suite if e in profile]
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations import ExpectColumnMaxToBeBetween

    expectations = [
        ExpectColumnMaxToBeBetween(
            column=e.name, min_value=_plain(e.at_least), max_value=_plain(e.at_most)
        )
        for e in measured
    ]
    # Objects, not machine numbers: the renderer cannot write those.
    row = pd.DataFrame({e.name: [_plain(profile[e])] for e in measured}, dtype=object)
    batch = _context().data_sources.pandas_default.read_dataframe(row)
    result = batch.validate(gx.ExpectationSuite(title, expectations=expectations))
    met = {r.expectation_config.kwargs["column"] for r in result.results if r.success}
    failed = tuple(_told(e, profile[e]) for e in measured if e.name not in met)
    return Judged(len(measured), failed, _page(title, result, notes))


@cache
def _context() -> Any:
    """A context that keeps nothing and asks nobody."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _plain(number: Decimal | None) -> int | float | None:
    """A number as Great Expectations takes it: a share to be compared, never a figure."""
    if number is None:
        return None
    return int(number) if number == number.to_integral() else float(number)


def _told(expectation: Expectation, found: Decimal) -> str:
    wanted = expectation.wanted.partition(";")[0]
    return f"{expectation.name} is {found:f}, expected {wanted}"


def _page(title: str, result: Any, notes: Sequence[str]) -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    text = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
    for foreign in _FOREIGN:
        text = foreign.sub("", text)
    text = _BROKEN_LINK.sub("", text).replace("</head>", _STYLE, 1)
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    text = _BODY.sub(lambda body: body[0] + told, text, count=1)
    return re.sub(r"<title>.*?</title>", f"<title>{title}</title>", text, count=1)

"""The parts of a handful of deals in plain Python, one deal at a time, read from the parameters.

A second reading of what the stages compute on frames, for books that fit on a page: it says what a
worked example gives, and which entry of which parameter it looks at. It knows no engine, and the
stages do not use it. ``reading`` reads parameters, ``tables`` what a bank has delivered beside its
deals, ``beside`` what no deal stands for, ``parts`` the deals, and ``bank`` what scopes see of all.
"""

from __future__ import annotations

from regulatory_assets.reports.lcr.plain.bank import Bank
from regulatory_assets.reports.lcr.plain.reading import (
    MEMO,
    PARAMETERS,
    Entry,
    Part,
    Reading,
    window,
)

__all__ = ["MEMO", "PARAMETERS", "Bank", "Entry", "Part", "Reading", "window"]

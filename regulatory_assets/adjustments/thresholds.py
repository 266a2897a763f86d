"""From which effect on one approval is not enough: an impact held against ``governance.yaml``.

Each proposal is looked at by itself, and with all other rules of its author: what passes a limit in
small steps passes it. What a second approval is, stands in ``governance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from regulatory_assets.adjustments.impact import Figure, Impact
from regulatory_assets.adjustments.rule import number


@cache
def thresholds() -> dict[str, Any]:
    """The limits of ``governance.yaml``."""
    text = files(__package__).joinpath("governance.yaml").read_text("utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def second_look(found: Impact) -> tuple[str, ...]:
    """Why a proposal needs a second approval; nothing where one is enough. What all rules of its
    author do together counts where the proposal alone passes no limit."""
    alone = [
        f"{day.day}{reason}"
        for day in found.days
        for reason in _reasons(day.figures, [(day.affected, day.rows)])
    ]
    together = [
        f"{day.day}{reason}, by all rules of {each.author} together: {', '.join(each.rules)}"
        for day in found.days
        if (each := day.together) is not None
        for reason in _reasons(each.figures, each.rows.values())
    ]
    return tuple(alone or together)


def _reasons(figures: Iterable[Figure], rows: Iterable[tuple[int, int]]) -> Iterator[str]:
    limits = thresholds()
    for figure in (f for f in figures if f.table in limits["filed"]):
        for reason in _figure_reasons(figure, limits):
            yield f" {figure.table} {figure.key}: {reason}"
    for affected, of in rows:
        if affected * 100 > number(limits["rows_percent"]) * of:
            yield f": {affected} of {of} rows are changed"


def _figure_reasons(figure: Figure, limits: dict[str, Any]) -> Iterator[str]:
    before, after = figure.before.get("ratio"), figure.after.get("ratio")
    if (before is None) != (after is None):
        yield "the ratio becomes or ceases to be defined"
    elif before is not None and after is not None:
        points = (after - before) * 100
        if points > number(limits["ratio_points"]):
            yield f"the ratio improves by {points:.2f} points"
        limit = number(limits["ratio_limit"])
        if (before >= limit) != (after >= limit):
            yield "the ratio crosses its limit"
    for name in limits["amounts"]:
        was, now = (f.get(name) or Decimal(0) for f in (figure.before, figure.after))
        if abs(now - was) * 100 > number(limits["amount_percent"]) * abs(was):
            yield f"{name} moves from {was:.2f} to {now:.2f}"

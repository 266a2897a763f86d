"""``show lcr``: the liquidity coverage ratio of each scope, and what to know of its parameters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Column as GridColumn
from rich.table import Table as Grid

from regulatory_assets.adjustments.releasing import Marks, document, told
from regulatory_assets.commands.figures import AsOf, version_of
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly, print_json


@plainly
def show_lcr(
    day: Day,
    entity: Annotated[str | None, typer.Option(help="Only this entity or group.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """The liquidity coverage ratio of each entity and group, with its operands."""
    runtime = open_runtime()
    rows = _lcr_rows(runtime, day.date(), as_of)
    figures = [f for f in _lcr_figures(rows) if entity in (None, f["entity"])]
    if entity is not None and not figures:
        raise NotReady(f"no LCR of {entity} for {day.date()}; entities: {_scopes(rows)}")
    beside = _beside(runtime, day.date(), as_of)
    if as_json:
        print_json([{**figure, **document(beside)} for figure in figures])
        return
    _print_figures(figures, day.date(), beside)


def _beside(runtime: Runtime, day: date, as_of: int | None = None) -> Marks:
    return runtime.marks(version_of(runtime, "lcr", day, as_of))


def _print_figures(figures: list[dict[str, Any]], day: date, beside: Marks) -> None:
    console.print(_lcr_grid(figures, day))
    for line in told(beside):
        console.print(line, highlight=False)


def _lcr_figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is reported, after all rules, and by how much rules have moved the ratio."""
    names = ("hqla", "outflows", "inflows", "net_outflows", "ratio", "base_ratio", "revision")
    return [
        {
            "entity": row["scope"],
            "scope": row["consolidation"],
            "currency": row["currency"],
            **{name: row[name] for name in names},
            "variance": _less(row["ratio"], row["base_ratio"]),
        }
        for row in rows
    ]


def _less(after: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if after is None or before is None else after - before


def _scopes(rows: list[dict[str, Any]]) -> str:
    return ", ".join(str(r["scope"]) for r in rows)


def _lcr_grid(figures: list[dict[str, Any]], day: date) -> Grid:
    """Where rules have moved a ratio, that before any rule and the difference stand beside it."""
    ruled = any(f["variance"] != 0 for f in figures)
    amounts = ("HQLA", "outflows", "inflows", "net outflows")
    ratios = ("base", "rules", "LCR") if ruled else ("LCR",)
    right = (GridColumn(n, justify="right", no_wrap=True) for n in (*amounts, *ratios, "revision"))
    grid = Grid("entity", "scope", *right, title_justify="left")
    currencies = sorted({f["currency"] for f in figures})
    grid.title = f"Liquidity coverage ratio, {day}, {', '.join(currencies)}"
    for f in figures:
        shown = [f"{f[k]:,.0f}" for k in ("hqla", "outflows", "inflows", "net_outflows")]
        if ruled:
            shown += [_percent(f["base_ratio"]), _percent(f["variance"], "+.2f")]
        grid.add_row(f["entity"], f["scope"], *shown, _percent(f["ratio"]), str(f["revision"]))
    return grid


def _percent(ratio: Decimal | None, form: str = ".2f") -> str:
    return "not defined" if ratio is None else f"{ratio * 100:{form}} %"


def print_lcr(runtime: Runtime, day: date) -> None:
    """The ratios of a day as a grid, as they stand."""
    _print_figures(_lcr_figures(_lcr_rows(runtime, day)), day, _beside(runtime, day))


def _lcr_rows(runtime: Runtime, day: date, as_of: int | None = None) -> list[dict[str, Any]]:
    """The reported rows in key order, each with the ratio before any rule and the revision."""
    wanted = version_of(runtime, "lcr", day, as_of)
    reader = Reader(runtime.lake)
    before = {r["scope"]: r["ratio"] for r in reader.base(wanted).toArrow().to_pylist()}
    rows = reader.net(wanted).orderBy(*wanted.table.key).toArrow().to_pylist()
    return [{**r, "revision": wanted.revision, "base_ratio": before.get(r["scope"])} for r in rows]

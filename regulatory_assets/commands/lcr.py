"""``show lcr`` and ``show currencies``: the ratio of each scope, in all and in each significant
currency, and what to know of the parameters behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Column as GridColumn
from rich.table import Table as Grid

from regulatory_assets.adjustments.releasing import Marks, document, together, told
from regulatory_assets.commands.acting import print_document, stamp
from regulatory_assets.commands.figures import AsOf, version_of, warn_where_behind
from regulatory_assets.disclosure.beside import marks_by_scope
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly

VIEWS = "lcr_currency"


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
    warn_where_behind(runtime, day.date(), as_of)
    if as_json:
        _print_document(runtime, figures, beside)
        return
    _print_figures(runtime, figures, day.date(), beside)


@plainly
def show_currencies(
    day: Day,
    entity: Annotated[str | None, typer.Option(help="Only this entity or group.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """The ratio of each entity and group in each of its significant currencies, by itself."""
    runtime = open_runtime()
    version = version_of(runtime, VIEWS, day.date(), as_of)
    rows = _rows(runtime, version)
    found = [
        {
            "entity": row["scope"],
            "scope": row["consolidation"],
            **{name: row[name] for name in ("currency", "reporting_currency")},
            **{name: row[name] for name in ("liabilities", "share")},
            **_figures(row),
        }
        for row in rows
        if entity in (None, row["scope"]) and currency in (None, row["currency"])
    ]
    if not found:
        known = ", ".join(f"{row['scope']} {row['currency']}" for row in rows)
        raise NotReady(f"no such view for {day.date()}; significant currencies: {known}")
    beside = marks_by_scope(runtime, version)
    warn_where_behind(runtime, day.date(), as_of)
    if as_json:
        _print_document(runtime, found, beside)
        return
    right = ("share", "HQLA", "outflows", "inflows", "net outflows", "LCR", "revision")
    grid = Grid("entity", "scope", "currency", *_right(*right), title_justify="left")
    reported = ", ".join(sorted({figure["reporting_currency"] for figure in found}))
    what = f"LCR by significant currency, {day.date()}, amounts in {reported}, never summed"
    grid.title = f"{stamp(runtime)}{what}"
    for figure in found:
        share = "" if figure["share"] is None else _percent(figure["share"])
        names = (figure["entity"], figure["scope"], figure["currency"])
        ratio, revision = _percent(figure["ratio"]), str(figure["revision"])
        grid.add_row(*names, share, *_amounts(figure), ratio, revision)
    console.print(grid)
    _print_marks(found, beside)


def _beside(runtime: Runtime, day: date, as_of: int | None = None) -> Mapping[str, Marks]:
    return marks_by_scope(runtime, version_of(runtime, "lcr", day, as_of))


def _print_document(
    runtime: Runtime, figures: list[dict[str, Any]], beside: Mapping[str, Marks]
) -> None:
    print_document(runtime, [{**f, **document(beside[f["entity"]])} for f in figures])


def _print_figures(
    runtime: Runtime, figures: list[dict[str, Any]], day: date, beside: Mapping[str, Marks]
) -> None:
    console.print(_lcr_grid(figures, f"{stamp(runtime)}Liquidity coverage ratio, {day}"))
    _print_marks(figures, beside)


def _print_marks(figures: list[dict[str, Any]], beside: Mapping[str, Marks]) -> None:
    """What the figures shown rest on, together."""
    for line in told(together(beside[scope] for scope in {f["entity"] for f in figures})):
        console.print(line, highlight=False)


def _lcr_figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is reported, after all rules, and by how much rules have moved the ratio."""
    return [
        {
            "entity": row["scope"],
            "scope": row["consolidation"],
            "currency": row["currency"],
            "layer": "net",
            **_figures(row),
        }
        for row in rows
    ]


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("hqla", "outflows", "inflows", "net_outflows", "ratio", "base_ratio", "revision")
    return {
        **{name: row[name] for name in names},
        "variance": _less(row["ratio"], row["base_ratio"]),
    }


def _less(after: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if after is None or before is None else after - before


def _scopes(rows: list[dict[str, Any]]) -> str:
    return ", ".join(str(r["scope"]) for r in rows)


def _lcr_grid(figures: list[dict[str, Any]], title: str) -> Grid:
    """Where rules have moved a ratio, that before any rule and the difference stand beside it."""
    ruled = any(f["variance"] != 0 for f in figures)
    amounts = ("HQLA", "outflows", "inflows", "net outflows")
    ratios = ("base", "rules", "LCR") if ruled else ("LCR",)
    grid = Grid("entity", "scope", *_right(*amounts, *ratios, "revision"), title_justify="left")
    currencies = sorted({f["currency"] for f in figures})
    grid.title = f"{title}, {', '.join(currencies)}"
    for f in figures:
        shown = _amounts(f)
        if ruled:
            shown += [_percent(f["base_ratio"]), _percent(f["variance"], "+.2f")]
        grid.add_row(f["entity"], f["scope"], *shown, _percent(f["ratio"]), str(f["revision"]))
    return grid


def _percent(ratio: Decimal | None, form: str = ".2f") -> str:
    return "not defined" if ratio is None else f"{ratio * 100:{form}} %"


def print_lcr(runtime: Runtime, day: date) -> None:
    """The ratios of a day as a grid, as they stand."""
    _print_figures(runtime, _lcr_figures(_lcr_rows(runtime, day)), day, _beside(runtime, day))


def _lcr_rows(runtime: Runtime, day: date, as_of: int | None = None) -> list[dict[str, Any]]:
    return _rows(runtime, version_of(runtime, "lcr", day, as_of))


def _rows(runtime: Runtime, version: Version) -> list[dict[str, Any]]:
    """The reported rows in key order, each with the ratio before any rule and the revision."""
    reader, key = Reader(runtime.lake), version.table.key
    base = frames.values(reader.base(version))
    before = {tuple(row[name] for name in key): row["ratio"] for row in base}
    rows = frames.values(reader.net(version).orderBy(*key))
    return [
        {
            **row,
            "revision": version.revision,
            "base_ratio": before.get(tuple(row[name] for name in key)),
        }
        for row in rows
    ]


def _amounts(figure: Mapping[str, Any]) -> list[str]:
    return [f"{figure[name]:,.0f}" for name in ("hqla", "outflows", "inflows", "net_outflows")]


def _right(*names: str) -> tuple[GridColumn, ...]:
    return tuple(GridColumn(name, justify="right", no_wrap=True) for name in names)

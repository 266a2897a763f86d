"""``show branch`` and ``show aml``: reported rows as a grid, or as one document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer
from pyspark.sql.connect import functions as F
from rich.table import Column as GridColumn
from rich.table import Table as Grid

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.commands.acting import print_document, stamp
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly, tell

AsOf = Annotated[int | None, typer.Option(help="As of this revision.")]
Entity = Annotated[str | None, typer.Option(help="Only this entity.")]

_BRANCH = ("customers", "deposits", "loans", "other", "transactions", "credited", "debited")
_AML = ("credited", "debited", "cash_deposits", "cash_deposited", "near_deposits", "linked")


def version_of(runtime: Runtime, name: str, day: date, as_of: int | None) -> Version:
    """A table of a day, with what adjusts it. Raises NotReady for what does not exist."""
    version = runtime.runner("show").positions(day).read(runtime.graph.tables[name])
    if not version.chain:
        known = ", ".join(str(d) for d in runtime.register.days(name)) or "none"
        raise NotReady(f"{name} has no rows for {day}; run it first. Days with rows: {known}")
    if as_of is not None and not 1 <= as_of <= version.revision:
        raise NotReady(f"{name} for {day} has revisions 1 to {version.revision}, not {as_of}")
    return version if as_of is None else version.until(as_of)


def warn_where_behind(runtime: Runtime, day: date, as_of: int | None) -> None:
    """Say that decisions about rules wait for a run of the day, so that its figures are without."""
    rules, latest = RuleBook(runtime.events).snapshot(), runtime.register.latest
    stages = {s: latest(s.name, day) for s in runtime.graph.adjustments.values()}
    behind = [s.name for s, at in stages.items() if at and at.rules != rules.at(s, day).hash]
    if as_of is None and behind:
        said = f"the rules of {day} have moved since {', '.join(behind)} was calculated; run it"
        tell("warning", said, "yellow")


@plainly
def show_branch(day: Day, entity: Entity = None, as_of: AsOf = None, as_json: Json = False) -> None:
    """Each branch: customers, deposits, loans, movements; and what no branch holds."""
    runtime = open_runtime()
    version = version_of(runtime, "branch_summary_report", day.date(), as_of)
    warn_where_behind(runtime, day.date(), as_of)
    rows = Reader(runtime.lake).net(version)
    whole = frames.values(rows.orderBy("entity_id", "branch_id"))
    found = [row for row in whole if entity in (None, row["entity_id"])]
    if entity is not None and not found:
        known = ", ".join(sorted({row["entity_id"] for row in whole}))
        raise NotReady(f"no branches of {entity} on {day.date()}; entities: {known}")
    title = f"{stamp(runtime)}Branches, {day.date()}"
    names = ("entity_id", "branch_id", "name")
    _show(runtime, found, version, title, names, _BRANCH, as_json)


@plainly
def show_aml(
    day: Day,
    entity: Entity = None,
    customer: Annotated[
        str | None, typer.Option(help="This customer, whether anything stands out or not.")
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Customers whose cash deposits reach the threshold, alone or together, or keep just below."""
    runtime = open_runtime()
    version = version_of(runtime, "aml_customer_days", day.date(), as_of)
    stands_out = F.col("linked") | (F.col("large_deposits") > 0) | (F.col("near_deposits") > 0)
    wanted = stands_out if customer is None else F.col("counterparty_id") == customer
    rows = Reader(runtime.lake).net(version).where(wanted)
    if entity is not None:
        rows = rows.where(F.col("entity_id") == entity)
    found = frames.values(rows.orderBy(*version.table.key))
    if customer is not None and not found:
        of = "" if entity is None else f" at {entity}"
        raise NotReady(f"no transactions of {customer}{of} are in the deliveries of {day.date()}")
    title = f"{stamp(runtime)}Customers' days, {day.date()}"
    names = ("entity_id", "counterparty_id", "booking_date", "risk_band")
    _show(runtime, found, version, title, names, _AML, as_json)


def _show(
    runtime: Runtime,
    rows: Iterable[Mapping[str, Any]],
    version: Version,
    title: str,
    names: Sequence[str],
    figures: Sequence[str],
    as_json: bool,
) -> None:
    if as_json:
        columns, at = version.table.column_names, {"revision": version.revision}
        print_document(runtime, [{**{c: r[c] for c in columns}, **at} for r in rows])
        return
    left = (GridColumn(n.removesuffix("_id").replace("_", " "), no_wrap=True) for n in names)
    right = (GridColumn(n.replace("_", " "), justify="right") for n in figures)
    grid = Grid(*left, *right)
    grid.title, grid.title_justify = f"{title}, revision {version.revision}", "left"
    for row in rows:
        grid.add_row(*(str(row[n] or "") for n in names), *(_figure(row[n]) for n in figures))
    console.print(grid)


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,.0f}"

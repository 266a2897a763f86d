"""``rules list|history|waterfall|shares|review``: what rules there are, what has become of them and
what they do. Whatever acts on a rule is in ``rules``.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table as Grid

from regulatory_assets.adjustments.allocating import shares_by
from regulatory_assets.adjustments.book import Proposals
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.reviewing import to_review
from regulatory_assets.adjustments.waiting import lapsed
from regulatory_assets.adjustments.waiting import waiting as approvals_of
from regulatory_assets.adjustments.waterfall import waterfall
from regulatory_assets.commands.acting import print_document, stamp
from regulatory_assets.commands.rules import RuleId, amount, rules_app
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly

__all__ = ["rules_app"]  # with all its commands, once this module is imported


@rules_app.command("list")
@plainly
def list_rules(as_json: Json = False) -> None:
    """Every rule: what holds, what waits."""
    runtime = open_runtime()
    proposals = Proposals(runtime.events.read())
    found = [_summary(runtime, proposals, i) for i in proposals.ids()]
    if as_json:
        print_document(runtime, found)
        return
    grid = Grid("rule", "stage", "version", "from", "to", "state", "waits", title_justify="left")
    grid.title = f"{stamp(runtime)}rules"
    for line in found:
        approvals = line.pop("approvals")
        line["waits"] += f", {approvals}" if approvals else ""
        grid.add_row(*(str(v) for v in line.values()))
    console.print(grid)


def _summary(runtime: Runtime, proposals: Proposals, rule_id: str) -> dict[str, Any]:
    standing, open_ = (
        proposals.standing(rule_id),
        approvals_of(proposals, rule_id, runtime.register),
    )
    rule = standing.rule if standing else proposals.rule_of(proposals.of(rule_id)[-1])
    last = standing.last if standing else rule.expiry
    state = "withdrawn" if standing and standing.withdrawn else "approved" if standing else "none"
    return {
        "rule": rule_id,
        "stage": rule.stage,
        "version": rule.version,
        "from": rule.effective.isoformat(),
        "to": last.isoformat() if last else "open",
        "state": state,
        "waits": f"event {open_.proposal.event.seq}" if open_ else "",
        "approvals": str(open_) if open_ and (open_.counting or open_.lapsed) else "",
    }


@rules_app.command("history")
@plainly
def history(rule_id: RuleId, as_json: Json = False) -> None:
    """Every event about a rule."""
    runtime = open_runtime()
    events = runtime.events.read()
    found, proposals = [e for e in events if e.subject == rule_id], Proposals(events)
    proposals.require(rule_id)
    gone = {seq: why for p in proposals.of(rule_id) for seq, why in lapsed(p).items()}
    if open_ := approvals_of(proposals, rule_id, runtime.register):
        gone |= open_.lapsed
    if as_json:
        lines = ({**vars(e), "payload": e.document, "lapsed": gone.get(e.seq, "")} for e in found)
        print_document(runtime, list(lines))
        return
    grid = Grid("event", "at", "who", "what", "decides", title_justify="left")
    grid.title = f"{stamp(runtime)}{rule_id}"
    for event in found:
        at, decides = event.at.isoformat(timespec="seconds"), str(event.decides or "")
        what = f"{event.kind}; lapsed: {gone[event.seq]}" if event.seq in gone else event.kind
        grid.add_row(str(event.seq), at, event.actor, what, decides)
    console.print(grid)


@rules_app.command("waterfall")
@plainly
def show_waterfall(
    day: Day,
    report: Annotated[str, typer.Option(help="Table of the report.")] = "lcr",
    column: Annotated[str, typer.Option(help="Its figure.")] = "ratio",
    as_json: Json = False,
) -> None:
    """A figure before any rule, and how each rule moves it; the steps sum."""
    runtime = open_runtime()
    try:
        stage = runtime.graph.stage(report)
        stage.writes.column(column)
    except KeyError as error:
        raise NotReady(str(error.args[0])) from None
    steps = waterfall(runtime.runner("waterfall"), stage, day.date(), column)
    if as_json:
        print_document(runtime, [vars(s) for s in steps])
        return
    grid = Grid("key", "rule", "change", column, title_justify="left")
    grid.title = f"{stamp(runtime)}{report} on {day.date()}, rule by rule"
    for step in steps:
        name = " ".join(str(k) for k in step.key)
        change = "" if step.change is None else amount(column, step.change)
        grid.add_row(name, step.rule, change, amount(column, step.figure))
    console.print(grid)


@rules_app.command("shares")
@plainly
def shares(
    rule_id: RuleId,
    day: Day,
    by: Annotated[str, typer.Option(help="Columns of the members, by comma.")] = "entity_id",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Lines to show.")] = 20,
    as_json: Json = False,
) -> None:
    """Who bears what a rule has added and spread for analysis; no figure rests on it."""
    runtime = open_runtime()
    proposals = Proposals(runtime.events.read())
    proposals.require(rule_id)
    standing = proposals.standing(rule_id)
    if standing is None:
        raise RuleError(f"{rule_id}: no approved version is in force")
    columns = [name.strip() for name in by.split(",") if name.strip()]
    found = shares_by(standing.rule, runtime.runner("shares"), day.date(), columns, limit)
    if as_json:
        print_document(runtime, found)
        return
    grid = Grid("operation", "measure", *columns, "members", "share", title_justify="left")
    grid.title = f"{stamp(runtime)}{rule_id} on {day.date()}, spread for analysis"
    for row in found:
        grid.add_row(*(_cell(value) for value in row.values()))
    console.print(grid)


def _cell(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, Decimal) else "" if value is None else str(value)


@rules_app.command("review")
@plainly
def review(
    on: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="As of; today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rules that wait for an approval, expire soon, change nothing, have moved no reported figure,
    have held for more than a year, or are overlays that reach a report they do not name."""
    runtime = open_runtime()
    day = on.date() if on else date.today()  # noqa: DTZ011
    found = list(to_review(runtime.runner("review"), runtime.events, day))
    if as_json:
        print_document(runtime, [vars(line) for line in found])
        return
    grid = Grid("rule", "owner", "why", title_justify="left")
    grid.title = f"{stamp(runtime)}rules to review on {day}"
    for line in found:
        grid.add_row(line.rule, line.owner, line.why)
    console.print(grid)

"""``rules``: submit, try, look at the impact, decide, end, withdraw. What only shows rules is in
``rules_shown``.

With ``--as NAME`` in a demonstration, which every output then says, or ``--key FILE``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as Grid

from regulatory_assets.adjustments.book import Proposals, RuleBook, stage_name
from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.governance import Valid
from regulatory_assets.adjustments.impact import (
    DayImpact,
    Figure,
    Impact,
    Together,
    days_reached,
    would_do,
)
from regulatory_assets.adjustments.legs import Left
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.adjustments.trial import trial
from regulatory_assets.adjustments.undelivered import Undelivered, undelivered
from regulatory_assets.adjustments.waiting import lapsed
from regulatory_assets.commands.acting import (
    As,
    Key,
    Reason,
    acting,
    print_document,
    say_event,
    stamp,
)
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly, waiting

rules_app = typer.Typer(help="Governed adjustments.", no_args_is_help=True)

RuleId = Annotated[str, typer.Argument(help="Id of the rule.")]


@rules_app.command("validate")
@plainly
def validate(file: Annotated[Path, typer.Argument(help="Rules in YAML or JSON.")]) -> None:
    """Check the rules of a file without keeping anything."""
    runtime = open_runtime()
    for valid in runtime.governance.validate_all(load(file), file.parent):
        rule, table = valid.rule, valid.stage.reads.name
        said = f"{rule.id}: fits {table}, {len(rule.operations)} operations"
        console.print(f"{stamp(runtime)}{said}")
        say_without_rate(valid)
        lacking = undelivered(runtime.graph, runtime.register, rule, valid.stage)
        say_undelivered(rule.id, lacking)
        reached = days_reached(runtime.register, rule)
        if not reached:
            continue
        try:
            with waiting(f"looking at {reached[-1]}", quiet=False):
                found = would_do(
                    runtime.runner("validate"),
                    runtime.events,
                    rule,
                    reached[-1],
                    runtime.governance.examine,
                )
        except NotReady as late:
            console.print(f"{rule.id}: nothing is said of what it does: {late}")
        else:
            say_left(rule.id, found.day, found.left)
            say_unmoved(rule.id, found)
            say_impossible(found)


def say_without_rate(valid: Valid) -> None:
    """Warn of currencies that have no rate on days of a rule."""
    for word in valid.without_rate:
        console.print(f"warning: {valid.rule.id}: {word}", highlight=False)


def say_undelivered(rule_id: str, found: Undelivered | None) -> None:
    """Warn of days on which a rule finds no table to act on."""
    if found:
        console.print(f"warning: {rule_id}: {found}", highlight=False)


def say_left(rule_id: str, day: date, left: Left | None) -> None:
    """Warn of legs of trades that a rule leaves, or say why it does."""
    if left is None:
        return
    said = (
        f"its reason: {left.reason}"
        if left.reason
        else "change both and say linked_legs: both, or linked_legs: {this_only: why}"
    )
    word = "note" if left.reason else "warning"
    console.print(f"{word}: {rule_id} on {day} {left}; {said}", highlight=False)


def say_closed(day: DayImpact) -> None:
    """Say that what is approved waits on a closed day, and for what."""
    if day.closed:
        said = f"{day.day} is closed: held there until days restate --date {day.day} is approved"
        console.print(said, highlight=False)


def say_impossible(day: DayImpact) -> None:
    """Warn of what keeps a rule from being approved."""
    for word in (*day.unspread, *day.failing):
        console.print(f"warning: on {day.day} {word}", highlight=False)


def say_unmoved(rule_id: str, day: DayImpact) -> None:
    """Warn of a rule by which no reported figure moves."""
    if day.unmoved is not None:
        said = f"warning: {rule_id} on {day.day}: {day.unmoved}"
        console.print(said, highlight=False)


@rules_app.command("submit")
@plainly
def submit(
    file: Annotated[Path, typer.Argument(help="Rules in YAML or JSON.")],
    name: As = None,
    key: Key = None,
) -> None:
    """Propose the rules of a file, all or none; nothing holds before somebody else approves."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    governance = runtime.governance
    found = governance.validate_all(load(file), file.parent)
    for valid, event in zip(found, governance.propose(actor, found), strict=True):
        say_event(runtime, event, f"submitted {valid.rule.id} version {valid.rule.version}")
        say_without_rate(valid)


@rules_app.command("impact")
@plainly
def show_impact(rule_id: RuleId, as_json: Json = False) -> None:
    """What the waiting proposal about a rule would do; nothing is posted."""
    runtime = open_runtime()
    with waiting("computing", as_json) as step:
        found = runtime.governance.impact(runtime.runner("impact"), rule_id, step)
    if as_json:
        print_document(runtime, found.document())
        return
    print_impact(runtime, found)
    proposals = Proposals(runtime.events.read())
    if evidence := proposals.rule_of(proposals.by_number[found.proposal]).evidence:
        said = f"evidence: {evidence.file}, SHA-256 {evidence.sha256}"
        console.print(said, highlight=False)


def print_impact(runtime: Runtime, found: Impact) -> None:
    for day in found.days:
        grid = Grid("table", "key", "figure", "before", "after", title_justify="left")
        grid.title = (
            f"{stamp(runtime)}{found.rule_id} on {day.day}: {day.affected:,} of {day.rows:,} rows"
        )
        _print_moved(grid, day.figures)
        _print_amounts(day)
        say_closed(day)
        _print_written(day)
        say_left(found.rule_id, day.day, day.left)
        say_unmoved(found.rule_id, day)
        say_impossible(day)
        if day.together is not None:
            _print_together(day.together)
    say_undelivered(found.rule_id, found.undelivered)
    console.print(f"days reached: {len(found.reached)}; impact {found.hash}", highlight=False)


def _print_amounts(day: DayImpact) -> None:
    """What the rule itself changes at its stage, rows added up whatever the sign."""
    for column, amounts in day.reach.moved.items():
        by = ", ".join(f"{moved:,.2f} {currency}" for currency, moved in amounts.items())
        console.print(f"{column} moves by {by}", highlight=False)


def _print_written(day: DayImpact) -> None:
    """What every stage would write, and by how much its amounts move in sum; not those of which
    each figure stands above."""
    grid = Grid("table", "rows", "amount", "change", title="would be written", title_justify="left")
    above = {figure.table for figure in day.figures}
    for stage in day.stages:
        moved = {} if stage.table in above else stage.amounts
        by = {c: ", ".join(f"{v:+,.2f} {k}" for k, v in m.items()) for c, m in moved.items()}
        (column, change), *others = by.items() or [("", "")]
        grid.add_row(stage.table, f"{stage.rows:,}", column, change)
        for column, change in others:
            grid.add_row("", "", column, change)
    console.print(grid if grid.row_count else "would be written: nothing", highlight=False)


def _print_together(found: Together) -> None:
    """What the rules of one author do in sum, by which a second approval may be needed."""
    grid = Grid("table", "key", "figure", "without", "with", title_justify="left")
    grid.title = f"all rules of {found.author} together: {', '.join(found.rules)}"
    _print_moved(grid, found.figures)
    for table, (changed, rows) in found.rows.items():
        console.print(f"together they change {changed:,} of {rows:,} rows of {table}")


def _print_moved(grid: Grid, figures: Iterable[Figure]) -> None:
    for figure in figures:
        for column, before, after in _moved(figure):
            grid.add_row(figure.table, figure.key, column, before, after)
    console.print(grid if grid.row_count else f"{grid.title}; no figure moves", highlight=False)


def _moved(figure: Figure) -> list[tuple[str, str, str]]:
    names = dict.fromkeys((*figure.before, *figure.after))
    shown = []
    for name in names:
        before, after = figure.before.get(name), figure.after.get(name)
        if before != after:
            shown.append((name, amount(name, before), amount(name, after)))
    return shown


def amount(name: str, value: Any) -> str:
    """A figure as people read it, a ratio in percent."""
    if value is None:
        return "not defined"
    return f"{value * 100:.2f} %" if name == "ratio" else f"{value:,.2f}"


@rules_app.command("test")
@plainly
def try_rule(
    rule: Annotated[str, typer.Argument(help="Id of a rule, or a file with one.")],
    day: Day,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Rows to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Which rows of a day a rule matches and what it makes of them; nothing is posted."""
    runtime = open_runtime()
    snapshot = RuleBook(runtime.events).snapshot()
    tried = _to_try(runtime, snapshot.proposals, rule)
    stage = runtime.graph.stage(stage_name(tried))
    found = trial(runtime.runner("test"), tried, snapshot, stage, day.date(), limit)
    if as_json:
        left = found.left and found.left.document()
        rows = [vars(row) for row in found.rows]
        print_document(runtime, {**vars(found), "rows": rows, "left": left})
        return
    counts = f"rows matched {found.matched:,}, changed {found.changed:,}, shown {len(found.rows)}"
    console.print(f"{stamp(runtime)}{tried.id} on {found.day}: {counts}", highlight=False)
    grid = Grid("key", "field", "before", "after")
    for row in found.rows:
        before, after = row.before or {}, row.after or {}
        for name in dict.fromkeys((*before, *after)):
            key = " ".join(str(v) for v in row.key.values() if v is not None)
            was, now = (_value(side, name) for side in (row.before, row.after))
            grid.add_row(key, name, was, now)
    console.print(grid)
    say_left(tried.id, found.day, found.left)


def _to_try(runtime: Runtime, proposals: Proposals, rule: str) -> Rule:
    """The rule of a file, the one that waits, or the one that stands, in this order."""
    if Path(rule).is_file():
        found = load(Path(rule))
        if len(found) > 1:
            raise RuleError(f"{rule}: holds {len(found)} rules; submit them, or test one a file")
        (valid,) = runtime.governance.validate_all(found, Path(rule).parent)
        return valid.rule
    if known := proposals.of(rule):
        standing, waiting = proposals.standing(rule), proposals.open(rule)
        if waiting is None and standing is not None:
            return standing.rule
        return proposals.rule_of(waiting or known[-1])
    raise RuleError(f"{rule}: neither a rule nor a file; rules list names the rules")


def _value(side: Mapping[str, Any] | None, name: str) -> str:
    if side is None:
        return "no row"
    value = side[name]
    return format(value, "f") if isinstance(value, Decimal) else "" if value is None else str(value)


@rules_app.command("approve")
@plainly
def approve(
    rule_id: RuleId,
    impact: Annotated[str, typer.Option(help="The impact you have looked at.")],
    name: As = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Approve what waits; refused where its impact is no longer the one looked at."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    start = time.monotonic()
    with waiting("looking again", as_json) as step:
        event, found = runtime.governance.approve(
            actor, rule_id, impact, runtime.runner("impact"), step
        )
    proposal = Proposals(runtime.events.read()).by_number[found.proposal]
    if as_json:
        result = found.result(time.monotonic() - start)
        decided = {"event": event.seq, "state": proposal.state}
        print_document(runtime, {**decided, **found.document(), **result})
        return
    say_event(runtime, event, f"approved {rule_id}")
    say_undelivered(rule_id, found.undelivered)
    for day in found.days:
        say_closed(day)
        say_left(rule_id, day.day, day.left)
        say_unmoved(rule_id, day)
    if proposal.state != "approved":
        for seq, why in lapsed(proposal).items():
            console.print(f"the approval of event {seq} counts no longer: {why}", highlight=False)
        for reason in event.document["reasons"]:
            console.print(f"a second approval is needed: {reason}", highlight=False)
        if again := dict.fromkeys(e.actor for e in proposal.lapsed if e.actor != event.actor):
            console.print(
                f"{' or '.join(again)}, or another approver, looks at rules impact {rule_id} again "
                f"and approves {found.hash}",
                highlight=False,
            )


@rules_app.command("reject")
@plainly
def reject(
    rule_id: RuleId,
    reason: Reason,
    name: As = None,
    key: Key = None,
) -> None:
    """Reject what waits."""
    runtime = open_runtime()
    event = runtime.governance.reject(acting(runtime, name, key), rule_id, reason)
    say_event(runtime, event, f"rejected {rule_id}")


@rules_app.command("end")
@plainly
def end(
    rule_id: RuleId,
    first: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day it no longer holds."),
    ],
    name: As = None,
    key: Key = None,
) -> None:
    """Propose that a rule no longer holds from a day on."""
    runtime = open_runtime()
    event = runtime.governance.end(acting(runtime, name, key), rule_id, first.date())
    say_event(runtime, event, f"proposed to end {rule_id} from {first.date()} on")


@rules_app.command("withdraw")
@plainly
def withdraw(rule_id: RuleId, name: As = None, key: Key = None) -> None:
    """Propose that a rule has never held."""
    runtime = open_runtime()
    event = runtime.governance.withdraw(acting(runtime, name, key), rule_id)
    say_event(runtime, event, f"proposed to withdraw {rule_id}")

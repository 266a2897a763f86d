"""``days``: close a reporting day by two persons, restate a closed one, show what was closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import typer
from rich.table import Table as Grid

from regulatory_assets.adjustments.closing import closings
from regulatory_assets.adjustments.days import Against, Days
from regulatory_assets.adjustments.impact import Figure
from regulatory_assets.bank.delivery import find_files
from regulatory_assets.commands.acting import (
    As,
    Key,
    Reason,
    acting,
    print_document,
    say_event,
    stamp,
)
from regulatory_assets.quality.examination import Examination
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.terminal import Day, Json, console, plainly

days_app = typer.Typer(help="Close reporting days, and restate closed ones.", no_args_is_help=True)


def _days(runtime: Runtime) -> Days:
    return Days(runtime.events, runtime.runner("days"), lambda day: _against(runtime, day))


def _against(runtime: Runtime, day: date) -> Against:
    """What the checks say, as Dagster keeps it, and parameters that nobody has released."""
    from regulatory_assets.orchestration.checks import blocking_faults
    from regulatory_assets.orchestration.instance import open_instance

    runner = runtime.runner("days")
    examination = Examination(
        runner.positions(day),
        runner.reader,
        runner.register,
        deliveries=runtime.settings.data.resolve(),
    )
    with open_instance() as instance:
        faults = list(blocking_faults(instance, examination, day))
    remedy = f"deliver or correct what it names, then run {day} again"
    failed = [f"{fault.said} ({remedy})" for fault in faults if fault.failed]
    undone = [f"{fault.said} (run {day} again)" for fault in faults if not fault.failed]
    if files := runtime.unreleased(day):
        remedy = "parameters propose, then parameters release by somebody else"
        undone.append(f"parameters not released: {', '.join(files)} ({remedy})")
    return Against(failed, undone)


def _files(runtime: Runtime, day: date) -> list[str]:
    """The delivered files that wait because a day is closed."""
    delivered = find_files(runtime.settings.data, day, runtime.graph.sources)
    return [
        f"{file.path.name} {file.sha256}"
        for table in runtime.graph.sources
        for file in runtime.arrivals.pending([f for f in delivered if f.table == table])
    ]


@days_app.command("close")
@plainly
def close(day: Day, name: As = None, key: Key = None) -> None:
    """Propose that a day's figures are final; somebody else approves."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = _days(runtime).close(actor, day.date())
    tables = len(event.document["revisions"])
    say_event(runtime, event, f"proposed to close {day.date()} at the revisions of {tables} tables")


@days_app.command("restate")
@plainly
def restate(day: Day, reason: Reason, name: As = None, key: Key = None) -> None:
    """Propose to open a closed day to what is held; shows the figures that rules would move."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    days = _days(runtime)
    event = days.restate(actor, day.date(), reason, _files(runtime, day.date()))
    _print_figures(days.pending(day.date()), "would move", ("now", "restated"))
    for file in event.document["files"]:
        console.print(f"waits to be taken: {file.partition(' ')[0]}", highlight=False)
    say_event(runtime, event, f"proposed to restate {day.date()}: {reason}")


@days_app.command("approve")
@plainly
def approve(day: Day, name: As = None, key: Key = None) -> None:
    """Approve the close or the restatement that waits."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    days = _days(runtime)
    event = days.approve(actor, day.date(), _files(runtime, day.date()))
    state = days.of(day.date()).state
    say_event(runtime, event, f"approved; {day.date()} is {state}")
    if state == "restating":
        console.print(f"now run --date {day.date()}, look at days show, and close it again")


@days_app.command("reject")
@plainly
def reject(day: Day, reason: Reason, name: As = None, key: Key = None) -> None:
    """Reject the close or the restatement that waits."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = _days(runtime).reject(actor, day.date(), reason)
    say_event(runtime, event, f"rejected what waited for {day.date()}")


@days_app.command("list")
@plainly
def list_days(as_json: Json = False) -> None:
    """Every day that was closed, or whose close waits."""
    runtime = open_runtime()
    lines = [
        {
            "day": closing.day.isoformat(),
            "state": closing.state,
            "closes": len(closing.closes),
            "by": " and ".join(e.actor for e in closing.closes[-1]) if closing.closes else "",
            "waits": f"event {closing.waiting.seq}" if closing.waiting else "",
        }
        for _, closing in sorted(closings(runtime.events.read()).items())
    ]
    if as_json:
        print_document(runtime, lines)
        return
    grid = Grid("day", "state", "closes", "by", "waits", title_justify="left")
    grid.title = f"{stamp(runtime)}days"
    for line in lines:
        grid.add_row(*(str(v) for v in line.values()))
    console.print(grid)


@days_app.command("show")
@plainly
def show(day: Day, as_json: Json = False) -> None:
    """The closed revisions of a day, and its figures as closed (if it ever was) and as they stand
    now."""
    runtime = open_runtime()
    days = _days(runtime)
    closing, found = days.of(day.date()), days.since_closed(day.date())
    if as_json:
        print_document(
            runtime,
            {
                "day": day.date(),
                "state": closing.state,
                "revisions": closing.revisions,
                "figures": [
                    {"table": f.table, "key": f.key, "closed": f.before, "now": f.after}
                    for f in found
                ],
            },
        )
        return
    console.print(f"{stamp(runtime)}{day.date()} is {closing.state}", highlight=False)
    if closing.revisions:
        told = ", ".join(f"{name} {r}" for name, r in sorted(closing.revisions.items()))
        console.print(f"closed revisions: {told}", highlight=False)
    _print_figures(found, str(day.date()), ("closed", "now") if closing.revisions else ("now",))


def _print_figures(found: Iterable[Figure], title: str, sides: Sequence[str]) -> None:
    """Figures before and after, and which have moved; on one side, as they are after."""
    both = len(sides) > 1
    grid = Grid("table", "key", "figure", *sides, title=title, title_justify="left")
    if both:
        grid.add_column("moved")
    for figure in found:
        for name in dict.fromkeys((*figure.before, *figure.after)):
            before, after = figure.before.get(name), figure.after.get(name)
            shown = [_shown(name, figure.after)]
            if both:
                shown = [_shown(name, figure.before), *shown, "yes" if before != after else ""]
            grid.add_row(figure.table, figure.key, name, *shown)
    console.print(grid)


def _shown(name: str, of: Mapping[str, Decimal | None]) -> str:
    value = of.get(name)
    if value is None:
        return ""
    return f"{value * 100:.2f} %" if name == "ratio" else f"{value:,.2f}"

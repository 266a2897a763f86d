"""The command line: run, plan, show, verify, lake, engine.

Commands parse, call and print; what they do lives elsewhere. With ``--json`` a command prints one
document whose shape ``docs/cli.md`` gives. A failure prints what is wrong, where and the remedy,
and exits with 1.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column as GridColumn
from rich.table import Table as Grid
from rich.text import Text

from regulatory_assets import keep_imported
from regulatory_assets.bank.control_totals import control_totals
from regulatory_assets.bank.delivery import DeliveryError, delivery_days, find_files
from regulatory_assets.bank.mapping import installed, names_of_today
from regulatory_assets.commands.acting import print_document, stamp, title
from regulatory_assets.commands.audit import audit_app
from regulatory_assets.commands.days import days_app
from regulatory_assets.commands.figures import show_aml, show_branch
from regulatory_assets.commands.lcr import print_lcr, show_currencies, show_lcr
from regulatory_assets.commands.parameters import parameters_app
from regulatory_assets.commands.people import people_app
from regulatory_assets.commands.privacy import privacy_app
from regulatory_assets.commands.report import report_app
from regulatory_assets.commands.rules import print_impact
from regulatory_assets.commands.rules_shown import rules_app
from regulatory_assets.commands.sources import generate, sources_app
from regulatory_assets.ledger.compact import clean, compact, orphans, status
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.runtime import Runtime, open_runtime
from regulatory_assets.settings import Databases, Settings, unknown
from regulatory_assets.terminal import (
    Day,
    Json,
    Source,
    console,
    plainly,
    print_json,
    tell,
    waiting,
)

keep_imported()

app = typer.Typer(
    help="Regulatory figures from append-only ledgers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
show_app = typer.Typer(help="Show reported figures.", no_args_is_help=True)
lake_app = typer.Typer(help="Look after the tables on disk.", no_args_is_help=True)
app.add_typer(show_app, name="show")
show_app.command("lcr")(show_lcr)
show_app.command("currencies")(show_currencies)
show_app.command("branch")(show_branch)
show_app.command("aml")(show_aml)
app.add_typer(lake_app, name="lake")
demo_app = typer.Typer(help="The sample bank and a real one, end to end.", no_args_is_help=True)
app.add_typer(demo_app, name="demo")
app.add_typer(parameters_app, name="parameters")
app.add_typer(report_app, name="report")
app.add_typer(sources_app, name="sources")
app.command()(generate)
app.add_typer(rules_app, name="rules")
app.add_typer(people_app, name="people")
app.add_typer(audit_app, name="audit")
app.add_typer(days_app, name="days")
app.add_typer(privacy_app, name="privacy")


@app.command()
@plainly
def run(
    day: Day,
    to: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last reporting date.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", help="Asset to run; repeat for more.")
    ] = None,
    source: Source = None,
    as_json: Json = False,
) -> None:
    """Take reporting dates through the graph, by Dagster, on the instance that the UI shows."""
    from regulatory_assets.orchestration.calendar import Calendar
    from regulatory_assets.orchestration.launch import run_days

    for name in unknown((Settings, Databases, Calendar)):
        tell("warning", f"{name} is no setting; docs/reference/settings.md lists them", "yellow")
    runtime = open_runtime()
    runtime.require_record()
    folder = source or runtime.settings.data
    first, last = day.date(), (to or day).date()
    if last < first:
        raise NotReady(f"--to {last} lies before --date {first}; give the earlier date first")
    days = [d for d in delivery_days(folder) if first <= d <= last]
    if not days:
        raise DeliveryError(
            f"{folder}: holds no deliveries from {first} to {last}; lay the files of a day into a "
            f"folder of its name, like {folder / str(first)}, or name another place by --source"
        )
    results = []
    with waiting("running", as_json) as step:
        for result in run_days(days, select, folder, step):
            results.append(result)
            if not as_json:
                _print_outcomes(runtime, result)
    if as_json:
        print_document(runtime, [r.as_document() for r in results])
    if any(not r.success for r in results):
        raise typer.Exit(1)


def _print_outcomes(runtime: Runtime, result: Any) -> None:
    worked = [o for o in result.outcomes if o.way is not Way.NOTHING]
    for warning in result.warnings:
        tell("warning", warning, "yellow")
    for failure in result.failures:
        tell("error", failure, "red")
    day = f"{stamp(runtime)}{result.day}"
    if result.success and not worked:
        console.print(f"{day}: nothing changed, nothing computed")
        return
    grid = Grid("table", "way", *_right("revision", "booked", "reversed", "seconds"), "why")
    for o in worked:
        counts = (str(o.revision), f"{o.booked:,}", f"{o.reversed:,}", f"{o.seconds:.2f}")
        grid.add_row(o.table, o.way.value, *counts, o.why)
    console.print(grid)
    state = Text("done") if result.success else Text("failed", "red")
    ended = f", {len(worked)} tables changed, {result.seconds:.1f} s\n"
    console.print(Text.assemble(f"{day}: ", state, ended))


def _right(*names: str) -> tuple[GridColumn, ...]:
    return tuple(GridColumn(name, justify="right", no_wrap=True) for name in names)


@app.command()
@plainly
def plan(
    day: Day,
    source: Source = None,
    as_json: Json = False,
) -> None:
    """What a run would do for a date, and why; nothing is asked, computed or written."""
    runtime = open_runtime()
    runner = runtime.runner("plan")
    positions = runner.positions(day.date())
    lines: list[dict[str, object]] = []
    stale: set[str] = set()
    folder = source or runtime.settings.data
    delivered = find_files(folder, day.date(), runtime.graph.sources)
    asks = runtime.asks(day.date(), folder)
    totals = control_totals(folder, day.date(), runtime.graph.sources)
    mappings = installed(runtime.graph.sources)
    for table in runtime.graph.sources:
        asked = [a.told for a in asks if a.mapping.table == table]
        waiting = runtime.arrivals.pending([f for f in delivered if f.table == table])
        if asked:
            lines.append({"table": table.name, "way": "asks", "why": ", ".join(asked)})
        if waiting:
            names = ", ".join(f.path.name for f in waiting)
            lines.append({"table": table.name, "way": "delivery", "why": names})
        if asked or waiting:
            stale.add(table.name)
        else:
            of_today = names_of_today(table, mappings)
            late = runtime.arrivals.to_compare(totals, table, day.date(), of_today)
            found = "; ".join(total.first_look(taken) for total, taken in late)
            lines += [{"table": table.name, "way": "compare", "why": found}] if late else []
    arrived = {f.table.name for f in delivered} | {a.mapping.table.name for a in asks}
    arrived |= {t.table for t in totals if t.rows}
    left_out = positions.left_out(arrived)
    for stage in runtime.graph.stages:
        inputs = {t.name for t in runtime.graph.inputs(stage)}
        if stage.name in left_out:
            why = f"for want of {', '.join(sorted(inputs & left_out))}"
            lines.append({"table": stage.name, "way": "left out", "why": why})
            continue
        waits = sorted(inputs & stale)
        try:
            planned = runner.plan(stage, day.date(), positions)
            way, why = planned.way.value, planned.why
        except NotReady as refusal:
            way, why = "not ready", str(refusal)
        if waits:
            way, why = "after its inputs", f"depends on what changes in {', '.join(waits)}"
        if way != Way.NOTHING.value:
            stale.add(stage.name)
        lines.append({"table": stage.name, "way": way, "why": why})
    if as_json:
        print_document(runtime, lines)
        return
    grid = Grid("table", "way", "why", title=title(runtime), title_justify="left")
    for line in lines:
        grid.add_row(*(str(v) for v in line.values()))
    console.print(grid)


@app.command()
@plainly
def verify(
    day: Day,
    engine: Annotated[
        str | None, typer.Option(help="sail or spark; the configured engine if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recalculate a date from its deliveries in a scratch place and compare every table."""
    from regulatory_assets.verification import verify_day

    runtime = open_runtime()
    wanted = engine or runtime.settings.engine
    if wanted not in ("sail", "spark"):
        raise NotReady(f"no engine {wanted}; use sail or spark")
    start = time.monotonic()
    with waiting("verifying", as_json) as step:
        compared = verify_day(runtime, day.date(), wanted, step)
    if not compared:
        raise NotReady(f"nothing is registered for {day.date()}; run it first")
    if as_json:
        print_document(runtime, [vars(c) for c in compared])
    else:
        grid = Grid("table", "revision", "rows", "differing", title=title(runtime))
        grid.title_justify = "left"
        for c in compared:
            grid.add_row(c.table, str(c.revision), str(c.rows), str(c.differing))
        console.print(grid)
        for c in compared:
            for example in c.examples:
                console.print(f"{c.table}: {example}")
        console.print(f"recalculated on {wanted} in {time.monotonic() - start:.1f} s")
    if any(c.differing for c in compared):
        raise typer.Exit(1)


@lake_app.command("status")
@plainly
def lake_status(as_json: Json = False) -> None:
    """Every table and day: revision, postings behind the state, entries."""
    runtime = open_runtime()
    found = status(runtime.graph, runtime.register)
    if as_json:
        print_document(runtime, [vars(s) for s in found])
        return
    columns = ("table", "day", "revision", "postings", "booked", "reversed")
    grid = Grid(*columns, title=title(runtime), title_justify="left")
    for s in found:
        grid.add_row(*(str(v) for v in vars(s).values()))
    console.print(grid)


@lake_app.command("compact")
@plainly
def lake_compact(
    day: Day,
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    as_json: Json = False,
) -> None:
    """Post the state of a date once more as a snapshot, so that reading starts there."""
    runtime = open_runtime()
    if table is not None and table not in runtime.graph.tables:
        raise NotReady(f"no table {table}; use one of {', '.join(sorted(runtime.graph.tables))}")
    if not any(runtime.register.latest(name, day.date()) for name in runtime.graph.tables):
        raise NotReady(f"nothing is registered for {day.date()}; run it first")
    run_id = f"compact-{uuid.uuid4().hex}"
    done = []
    with waiting("compacting", as_json) as step:
        for name, each in runtime.graph.tables.items():
            if table not in (None, name):
                continue
            step(name)
            posted = compact(
                runtime.lake, runtime.register, each, day.date(), run_id, runtime.engine.identity
            )
            if posted is not None:
                done.append({"table": name, "revision": posted.revision, "rows": posted.booked})
    if as_json:
        print_document(runtime, done)
        return
    demo = stamp(runtime)
    for entry in done:
        said = f"revision {entry['revision']}, {entry['rows']} rows"
        console.print(f"{demo}{entry['table']}: {said}")
    if not done:
        console.print(f"{demo}nothing to compact: each table's state is one posting")


@lake_app.command("clean")
@plainly
def lake_clean(
    grace_hours: Annotated[
        int, typer.Option(help="Keep postings younger than this; longer than any run lasts.", min=0)
    ] = 24,
    as_json: Json = False,
) -> None:
    """Remove postings that no register row names: what crashed or overtaken runs left."""
    runtime = open_runtime()
    lake, register, grace = runtime.lake, runtime.register, timedelta(hours=grace_hours)
    found = {t: orphans(lake, register, t, grace) for t in runtime.graph.tables.values()}
    if known := runtime.anchors.postings() & {*chain.from_iterable(found.values())}:
        raise NotReady(
            f"{len(known)} postings that the control database does not name were registered when "
            "an anchor was taken, so it is not the one that this lake was written with, or older; "
            "nothing was removed. Bring it back, or correct REGULATORY_ASSETS_CONTROL_URL"
        )
    removed = [
        {"table": table.name, "posting": posting}
        for table, unnamed in found.items()
        for posting in clean(lake, register, table, unnamed)
    ]
    if as_json:
        print_document(runtime, removed)
        return
    console.print(f"{stamp(runtime)}{len(removed)} orphan postings removed")


@app.command()
@plainly
def engine(as_json: Json = False) -> None:
    """Start the configured engine, run its self-check, say what it is."""
    runtime = open_runtime()
    start = time.monotonic()
    started = runtime.engine
    seconds = time.monotonic() - start
    document = {"engine": started.name, "version": started.version, "selfcheck": "passed"}
    if as_json:
        print_json(document)
        return
    console.print(f"{started.identity}: self-check passed, up in {seconds:.1f} s")


@demo_app.command("sample")
@plainly
def demo_sample() -> None:
    """Take the sample bank's days through the graph, correct one deal, adjust by a rule."""
    from regulatory_assets import demo

    runtime = open_runtime()
    with waiting("running", quiet=False) as step:
        screen = demo.Screen(
            partial(_print_outcomes, runtime),
            console.print,
            step,
            partial(print_lcr, runtime),
            partial(print_impact, runtime),
        )
        demo.sample(runtime.settings.data, screen, runtime)


@demo_app.command("real")
@plainly
def demo_real(
    bank: Annotated[Path, typer.Option(help="Folder with the bank's files.")],
) -> None:
    """Take a real bank (PKDD'99) through the graph, as of 1993-12-31, by the mappings of
    data/berka/sources (REGULATORY_ASSETS_SOURCES names them)."""
    from regulatory_assets import demo

    runtime = open_runtime()
    settings = runtime.settings
    with waiting("running", quiet=False) as step:
        demo.real(
            bank,
            settings.data / "berka" / "beside",
            settings.var,
            demo.Screen(
                partial(_print_outcomes, runtime), console.print, step, partial(print_lcr, runtime)
            ),
        )


if __name__ == "__main__":
    app()

"""Commands about delivered files: making a sample bank, and empty files to be filled."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid

from regulatory_assets.commands.acting import print_document, stamp, title
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.terminal import Day, Json, console, plainly, print_json, tell, waiting

if TYPE_CHECKING:
    from regulatory_assets.ledger.table import Table
    from regulatory_assets.runtime import Runtime

sources_app = typer.Typer(
    help="Deliveries of the bank's data: form, fetching, rejected lines, where a row is from."
)


@sources_app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        console.print(context.get_help())


def _share(text: str) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if not (share.is_finite() and 0 <= share <= 1):
        raise typer.BadParameter(f"{text!r} is no share from 0 to 1; write one like 0.003")
    return share


@plainly
def generate(
    deals: Annotated[int, typer.Option(help="Deals of each day.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")],
    out: Annotated[Path, typer.Option(help="Folder of the deliveries.", file_okay=False)],
    days: Annotated[int, typer.Option(min=1, help="Number of business days.")] = 1,
    first_day: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First reporting date.")
    ] = datetime(2026, 1, 5),  # noqa: DTZ001 - a day, not a moment
    dirty: Annotated[
        Decimal, typer.Option(parser=_share, metavar="SHARE", help="Share of broken rows.")
    ] = Decimal(0),
    delta: Annotated[
        Decimal,
        typer.Option(
            parser=_share, metavar="SHARE", help="Share of each day's deals that a delta corrects."
        ),
    ] = Decimal(0),
    stated_rates: Annotated[
        bool,
        typer.Option(
            "--stated-rates",
            help="Exchange rates around stated levels; else the ECB's of each day.",
        ),
    ] = False,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the files above 64 KB.")] = False,
    as_json: Json = False,
) -> None:
    """Write a sample bank: full deliveries of each day with control totals, the same bytes for the
    same options.

    Exchange rates are the European Central Bank's of the day, else the last at most 5 days before;
    a day without one is refused. With --stated-rates they move around levels of our own.

    With --delta each day's deals are followed by a delta: of its rows 80 % change an amount, 10 %
    are new and 10 % delete a deal.
    """
    from regulatory_assets.bank import generator
    from regulatory_assets.bank.ecb import ecb_rate

    rates = None if stated_rates else ecb_rate
    with waiting("generating", as_json) as step:
        try:
            wanted = generator.business_days(first_day.date(), days)
            made = generator.generate(
                out,
                deals,
                wanted,
                seed,
                dirty,
                lambda what, done, all_: step(f"{what} {done:,}"),
                totals=True,
                rates=rates,
                gzip=gzip,
            )
            for day in wanted if delta else ():
                generator.generate_correction(
                    out, deals, wanted[0], seed, delta, day, rates=rates, gzip=gzip
                )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if as_json:
        rows = {day.isoformat(): count for day, count in made.deals.items()}
        print_json({"out": str(out), "deals": rows, "dirty": made.dirty})
        return
    for day, count in made.deals.items():
        console.print(f"{out / day.isoformat()}: {count:,} deals")
    console.print(f"{made.dirty:,} of the first day's are broken")


@sources_app.command("template")
@plainly
def template(
    out: Annotated[Path, typer.Option(help="Folder for the files.", file_okay=False)],
    as_json: Json = False,
) -> None:
    """Write an empty file with its header for each source table; existing files are kept."""
    from regulatory_assets.bank.writing import write_templates
    from regulatory_assets.runtime import production_graph

    written = write_templates(out, production_graph().sources)
    if as_json:
        print_json([str(path) for path in written])
        return
    console.print(f"{len(written)} files written to {out}; what each column means: docs/sources.md")


def _source_table(runtime: Runtime, name: str) -> Table:
    found = next((t for t in runtime.graph.sources if t.name == name), None)
    if found is None:
        raise typer.BadParameter(f"no source table {name}; docs/sources.md lists them")
    return found


@sources_app.command("fetch")
@plainly
def fetch(
    day: Day,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of deliveries.", file_okay=False)] = None,
    as_json: Json = False,
) -> None:
    """Ask the databases that mappings query, and deliver their answers for a date as files."""
    from regulatory_assets.bank.fetching import asking_sources
    from regulatory_assets.bank.fetching import fetch as fetch_one
    from regulatory_assets.runtime import production_graph
    from regulatory_assets.settings import Databases, Settings

    folder, databases = out or Settings().data, Databases().databases
    found = [
        fetch_one(folder, day.date(), asking, databases)
        for asking in asking_sources(production_graph().sources, source)
    ]
    if as_json:
        print_json([{"file": str(each.path), "rows": each.rows} for each in found])
        return
    for each in found:
        console.print(f"{each.path}: {each.rows:,} rows", highlight=False)


@sources_app.command("rejected")
@plainly
def rejected(
    day: Day,
    table: Annotated[str | None, typer.Option(help="Only this table's lines.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 50,
    replaced: Annotated[
        bool, typer.Option("--all", help="Also of deliveries that others have replaced since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The rejected lines of a date: file, line, every reason, and the text as it stood."""
    from pyspark.sql.connect import functions as F

    from regulatory_assets.bank.conform import REJECTED_ROWS
    from regulatory_assets.bank.ingest import arrivals
    from regulatory_assets.ledger.reader import Reader, Version
    from regulatory_assets.runtime import open_runtime

    runtime = open_runtime()
    if table is not None:
        _source_table(runtime, table)
    history = runtime.register.history(REJECTED_ROWS.name, day.date())
    rows = []
    if history:
        found = Reader(runtime.lake).rows(Version(REJECTED_ROWS, day.date(), history))
        if table is not None:
            found = found.where(F.col("source_table") == table)
        if not replaced:
            arrived = arrivals(runtime.runner("rejected"))
            of_tables = (arrived.standing(t, day.date()) for t in runtime.graph.sources)
            standing = [d.batch for s in of_tables for of in s.of.values() for d in of]
            found = found.where(F.col("batch").isin(standing))
        ordered = found.orderBy("file_name", "batch", "line_number").limit(limit)
        rows = frames.values(ordered.select(*REJECTED_ROWS.column_names))
    if as_json:
        print_document(runtime, rows)
        return
    grid = Grid("file", "line", "reasons", "text", title=title(runtime), title_justify="left")
    for row in rows:
        words = (row["file_name"], str(row["line_number"]), row["reasons"], row["raw_text"][:200])
        grid.add_row(*words)
    none = f"{stamp(runtime)}no rejected lines for {day.date()}"
    if not any(runtime.register.deliveries(t.name, day.date()) for t in runtime.graph.sources):
        none += ": no file of that day has been taken"
    console.print(grid if rows else none)


@sources_app.command("origin")
@plainly
def origin(
    table: Annotated[str, typer.Argument(help="A source table.")],
    day: Day,
    key: Annotated[list[str], typer.Option(help="COLUMN=VALUE, for each column of the key.")],
    as_json: Json = False,
) -> None:
    """The source, file and line that a row was made from."""
    from dataclasses import asdict

    from regulatory_assets.bank.provenance import provenance
    from regulatory_assets.ledger.reader import Reader
    from regulatory_assets.runtime import open_runtime

    runtime = open_runtime()
    source = _source_table(runtime, table)
    of_key = dict(k.split("=", 1) for k in key if "=" in k)
    reader, register = Reader(runtime.lake), runtime.register
    found = provenance(reader, register, source, day.date(), of_key)
    if as_json:
        print_document(runtime, asdict(found))
        return
    where = f"{found.source}: {found.file_name}, line {found.line}"
    console.print(f"{stamp(runtime)}{where}", highlight=False)
    console.print(found.text, highlight=False)


@sources_app.command("report")
@plainly
def report(day: Day, as_json: Json = False) -> None:
    """Judge a date's deliveries by what was expected of them; one page a table."""
    from regulatory_assets.orchestration.expectations import DELIVERY_REPORT
    from regulatory_assets.orchestration.launch import run_days
    from regulatory_assets.runtime import open_runtime

    runtime = open_runtime()
    if not any(runtime.register.history(t.name, day.date()) for t in runtime.graph.sources):
        raise NotReady(f"nothing is registered for {day.date()}; run it first")
    with waiting("judging", as_json) as step:
        (result,) = run_days([day.date()], on_event=step, job_name=f"{DELIVERY_REPORT}_day")
    folder = runtime.settings.reports / "deliveries" / day.date().isoformat()
    pages = sorted(str(path) for path in folder.glob("*.html"))
    if as_json:
        told = {"unexpected": result.warnings, "failures": result.failures, "pages": pages}
        print_document(runtime, told)
    else:
        for warning in result.warnings:
            tell("unexpected", warning, "yellow")
        for failure in result.failures:
            tell("error", failure, "red")
        said = f"{stamp(runtime)}{len(pages)} pages in {folder}"
        console.print(said, highlight=False, soft_wrap=True)
    if not result.success:
        raise typer.Exit(1)

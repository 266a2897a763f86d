"""Commands about parameters: what is in force, whether the files are right, what differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Grid

from regulatory_assets.terminal import Day, Json, console, plainly, print_json

parameters_app = typer.Typer(help="Values and decisions of the regulations.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a parameter, like lcr/lines.")]
Regime = Annotated[str, typer.Option("--regime", help="Regime; others than basel lie over it.")]
_FORMATS = ["%Y-%m-%d"]


@parameters_app.command("show")
@plainly
def show(name: Name, day: Day, regime: Regime = "basel", as_json: Json = False) -> None:
    """The entries of a parameter in force on a date, each with its citation."""
    from regulatory_assets.regulation.comparison import entries
    from regulatory_assets.regulation.parameters import Parameters

    found = entries(Parameters.default().at(day.date(), [name])[name], regime)
    if as_json:
        print_json([vars(entry) for entry in found.values()])
        return
    grid = Grid("entry", "value", "from regime", "citation", "verified")
    for entry in found.values():
        verified = "yes" if entry.verified else "[red]no[/red]"
        grid.add_row(entry.name, entry.value, entry.regime, entry.citation, verified)
    console.print(grid)


@parameters_app.command("check")
@plainly
def check(
    folder: Annotated[
        list[Path] | None, typer.Argument(help="Folders of files; those of the reports if none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Load every file: complete, unambiguous, cited, without overlapping dates; else say where."""
    from regulatory_assets.regulation.parameters import Parameters

    loaded = Parameters.load(folder) if folder else Parameters.default()
    if as_json:
        print_json(list(loaded.names))
        return
    console.print(f"{len(loaded.names)} parameters are complete, unambiguous and cited")


@parameters_app.command("diff")
@plainly
def diff(
    day: Day,
    to: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Another date.")] = None,
    regime: Regime = "basel",
    to_regime: Annotated[str | None, typer.Option(help="Another regime.")] = None,
    folder: Annotated[
        list[Path] | None, typer.Option(help="Other files than those of the reports; repeat.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What is in force on a date but not on another, in another regime or in other files."""
    from regulatory_assets.regulation.comparison import compare
    from regulatory_assets.regulation.parameters import Parameters

    ours = Parameters.default()
    theirs = Parameters.load(folder) if folder else ours
    other = (to or day).date()
    lines = list(compare(ours, day.date(), regime, theirs, other, to_regime or regime))
    if as_json:
        print_json([vars(line) for line in lines])
        return
    grid = Grid("parameter", "entry", "before", "after")
    for line in lines:
        grid.add_row(line.parameter, line.entry, *_texts(line.before, line.after))
    console.print(grid if lines else "no difference")


def _texts(*values: str | None) -> Iterator[str]:
    yield from ("none" if value is None else value for value in values)

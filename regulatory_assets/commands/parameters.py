"""``parameters``: what is in force, what differs, whether the files are right; release by two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from regulatory_assets.adjustments.releasing import last_released, set_hash, states
from regulatory_assets.commands.acting import (
    As,
    Key,
    Reason,
    acting,
    print_document,
    say_event,
    stamp,
)
from regulatory_assets.runtime import open_runtime
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
        verified = Text("yes") if entry.verified else Text("no", "red")
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
    """Load every file: complete, unambiguous, cited, without overlapping dates, and every row that
    one names in another or a calculation needs is there; else say where. Of a report with files
    here there is every file that its stages read, in force on the same days."""
    from regulatory_assets.regulation.parameters import Parameters
    from regulatory_assets.reports.declared import check_declared
    from regulatory_assets.runtime import production_graph

    loaded = Parameters.load(folder) if folder else Parameters.default()
    check_declared(loaded, production_graph().stages)
    if as_json:
        print_json(list(loaded.names))
        return
    said = "complete, unambiguous and cited, and every row that one names or a stage needs is there"
    console.print(f"{len(loaded.names)} parameters are {said}")


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


# -- release by two persons -----------------------------------------------------------------------


@parameters_app.command("propose")
@plainly
def propose(reason: Reason, name: As = None, key: Key = None) -> None:
    """Propose the files as they are for figures that are released; somebody else releases them."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = runtime.releasing.propose(actor, reason)
    say_event(runtime, event, f"proposed parameter set {event.document['set']}: {reason}")


@parameters_app.command("release")
@plainly
def release(name: As = None, key: Key = None) -> None:
    """Release the set that waits; refused where the files have moved since it was proposed."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = runtime.releasing.release(actor)
    found, _ = last_released(runtime.events.read())
    say_event(runtime, event, f"released parameter set {found.set_hash}")


@parameters_app.command("reject")
@plainly
def reject(reason: Reason, name: As = None, key: Key = None) -> None:
    """Reject the set that waits."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = runtime.releasing.reject(actor, reason)
    say_event(runtime, event, f"rejected what waited: {reason}")


@parameters_app.command("status")
@plainly
def status(as_json: Json = False) -> None:
    """Whether what each file says has been released by a second person, and what waits."""
    runtime = open_runtime()
    released, waiting = last_released(runtime.events.read())
    now = runtime.releasing.at_hand
    files = states(released, now)
    if as_json:
        print_document(
            runtime,
            {
                "set": set_hash(now),
                "released": released.set_hash or None,
                "waiting": waiting.document["set"] if waiting else None,
                "files": files,
            },
        )
        return
    grid = Grid("file", "state", title_justify="left")
    grid.title = f"{stamp(runtime)}parameter set {set_hash(now)}"
    for file, state in files.items():
        grid.add_row(file, Text(state, "" if state == "released" else "red"))
    console.print(grid)
    if released.proposal is not None and released.decision is not None:
        by = f"{released.proposal.actor} and {released.decision.actor}"
        console.print(f"released: {released.set_hash} by {by}", highlight=False)
    if waiting is not None:
        said = f"{waiting.document['set']} by {waiting.actor}: {waiting.document['reason']}"
        console.print(f"waits as event {waiting.seq}: {said}", highlight=False)

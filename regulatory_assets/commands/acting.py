"""Who acts in a command, and what all output of a demonstration says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regulatory_assets.adjustments import people
from regulatory_assets.control.events import Actor, Event
from regulatory_assets.runtime import Runtime
from regulatory_assets.terminal import console, print_json, tell

As = Annotated[str | None, typer.Option("--as", help="Who acts, in a demonstration.")]
Key = Annotated[Path | None, typer.Option("--key", help="File of your private key.")]


def said(reason: str) -> str:
    """A reason, refused where it is blank."""
    if not reason.strip():
        raise typer.BadParameter("say why; it is kept for ever")
    return reason


Reason = Annotated[str, typer.Option(help="Why.", callback=said)]


def stamp(runtime: Runtime) -> str:
    """What all output of a demonstration says."""
    return people.stamp(runtime.events.read())


def title(runtime: Runtime) -> str | None:
    """The same above a grid that has no title of its own."""
    return stamp(runtime).strip() or None


def print_document(runtime: Runtime, document: object) -> None:
    """Print what a command says as JSON. Of a demonstration an object says so itself; a list, whose
    elements are what is documented of it, beside what is printed, on standard error."""
    if stamp(runtime):
        if isinstance(document, dict):
            document = {**document, "demo": True}
        else:
            tell("DEMO", "in this control database a name is enough to act", "yellow")
    print_json(document)


def acting(runtime: Runtime, name: str | None, key: Path | None) -> Actor:
    """Who acts, by the name in a demonstration or else by the key."""
    return people.identify(runtime.events.read(), name, key)


def say_event(runtime: Runtime, event: Event, what: str) -> None:
    """What somebody has done, and as which event of the log."""
    console.print(f"{stamp(runtime)}event {event.seq}: {event.actor} {what}", highlight=False)

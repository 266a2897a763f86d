"""``people``: who may act. Private keys stay in files of their owners."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Grid

from regulatory_assets.adjustments import people
from regulatory_assets.commands.acting import As, Key, Reason, acting, say_event, stamp
from regulatory_assets.runtime import open_runtime
from regulatory_assets.terminal import console, plainly

people_app = typer.Typer(help="Who may propose, approve, audit, administer.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's name.")]


@people_app.command("key")
@plainly
def key(out: Annotated[Path, typer.Option(help="File for the private key.")]) -> None:
    """Make a private key; prints the public key to be registered."""
    try:
        public = people.new_key(out)
    except FileExistsError:
        raise people.NotAllowed(f"{out}: exists; a key is never written over") from None
    except OSError as error:
        raise people.NotAllowed(f"{out}: cannot be written ({error.strerror})") from None
    console.print(public, highlight=False)


@people_app.command("open")
@plainly
def open_log(
    administrator: Annotated[
        list[str] | None, typer.Option(help="NAME=PUBLIC_KEY; two or more.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="A demonstration; for ever.")] = False,
) -> None:
    """Open a new control database: for people with keys, or as a demonstration."""
    if demo and administrator:
        raise people.NotAllowed(
            "either --demo or --administrator: how a control database was opened never changes"
        )
    runtime = open_runtime()
    runtime.require_record()
    if demo:
        people.open_demo(runtime.events)
        console.print("opened as a DEMO: a name is enough to act")
        return
    named: dict[str, str] = {}
    for each in administrator or []:
        name, separator, public = each.partition("=")
        if not separator or not name:
            raise people.NotAllowed(f"{each!r}: write --administrator NAME=PUBLIC_KEY")
        named[name] = public
    people.open_signed(runtime.events, named)
    console.print(f"opened with the administrators {', '.join(named)}")


@people_app.command("register")
@plainly
def register(
    name: Name,
    role: Annotated[str, typer.Option(help=", ".join(people.ROLES))],
    public_key: Annotated[str, typer.Option(help="64 hexadecimal digits.")],
    as_name: As = None,
    key: Key = None,
) -> None:
    """Register a person; another administrator confirms."""
    runtime = open_runtime()
    actor = acting(runtime, as_name, key)
    event = people.register(runtime.events, actor, name, role, public_key)  # type: ignore[arg-type]
    say_event(runtime, event, f"registered {name} as {role}")


@people_app.command("confirm")
@plainly
def confirm(name: Name, as_name: As = None, key: Key = None) -> None:
    """Confirm a person whom another administrator has registered."""
    runtime = open_runtime()
    actor = acting(runtime, as_name, key)
    event = people.confirm(runtime.events, actor, name)
    say_event(runtime, event, f"confirmed {name}")


@people_app.command("reject")
@plainly
def reject(
    name: Name,
    reason: Reason,
    as_name: As = None,
    key: Key = None,
) -> None:
    """Reject the registration of a person, so that another may follow."""
    runtime = open_runtime()
    actor = acting(runtime, as_name, key)
    event = people.reject(runtime.events, actor, name, reason)
    say_event(runtime, event, f"rejected {name}")


@people_app.command("list")
@plainly
def list_people() -> None:
    """Everybody who may act, and whose registration waits."""
    runtime = open_runtime()
    grid = Grid("name", "role", "public key", title_justify="left")
    grid.title = f"{stamp(runtime)}people"
    events = runtime.events.read()
    for person in people.people(events).values():
        grid.add_row(person.name, person.role, person.public_key)
    console.print(grid)
    for name in dict.fromkeys(e.subject for e in events if e.kind == people.REGISTERED):
        if event := people.registration(events, name):
            role, key = event.document["role"], event.document["public_key"]
            console.print(
                f"event {event.seq} waits to be confirmed: {name} as {role}, key {key}, registered "
                f"by {event.actor}",
                highlight=False,
            )

"""``privacy``: what is kept of a person, erasing it, and who did either and why.

With ``--as NAME`` in a demonstration, which every output then says, or ``--key FILE``.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table as Grid

from regulatory_assets.commands.acting import As, Key, acting, print_document, said, stamp
from regulatory_assets.runtime import open_runtime
from regulatory_assets.terminal import Json, console, plainly

privacy_app = typer.Typer(help="Personal data, apart from all figures.", no_args_is_help=True)

Customer = Annotated[str, typer.Argument(help="The customer's pseudonymous identifier.")]
Reason = Annotated[
    str, typer.Option(help="Why; kept for ever, so nothing personal in it.", callback=said)
]


@privacy_app.command("show")
@plainly
def show(
    customer: Customer, reason: Reason, name: As = None, key: Key = None, as_json: Json = False
) -> None:
    """Show an officer what is kept of a person; that they looked is logged."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    found = runtime.vault.show(actor, customer, reason)
    if as_json:
        print_document(runtime, {"customer": customer, "kept": found})
        return
    grid = Grid("from", "column", "value", title=f"{stamp(runtime)}{customer}")
    for table, values in sorted(found.items()):
        for column, value in sorted(values.items()):
            grid.add_row(table, column, value)
    console.print(grid)


@privacy_app.command("erase")
@plainly
def erase(customer: Customer, reason: Reason, name: As = None, key: Key = None) -> None:
    """Destroy the key of a person for good; no figure and no ledger changes."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event = runtime.vault.erase(actor, customer, reason)
    console.print(
        f"{stamp(runtime)}{customer} is erased: privacy log {event.seq}, {event.actor}, "
        f"{event.at:%Y-%m-%d %H:%M:%S} UTC. Backups of the vault and delivered files still hold "
        "what they hold",
        highlight=False,
    )


@privacy_app.command("rotate")
@plainly
def rotate(reason: Reason, name: As = None, key: Key = None) -> None:
    """Change the vault's master key for a new one; the old one opens nothing then."""
    runtime = open_runtime()
    actor = acting(runtime, name, key)
    event, count = runtime.vault.rotate(actor, reason)
    console.print(
        f"{stamp(runtime)}{count:,} keys wrapped by a new master key: privacy log {event.seq}, "
        f"{event.actor}, {event.at:%Y-%m-%d %H:%M:%S} UTC. It lies in "
        f"{runtime.settings.vault_key_file.name}; keep a copy, and destroy those of the old one, "
        "which opens older backups",
        highlight=False,
    )


@privacy_app.command("log")
@plainly
def show_log(
    customer: Annotated[str | None, typer.Argument(help="Only this customer.")] = None,
    as_json: Json = False,
) -> None:
    """Every erasure, every look, every new master key: who, when, why."""
    runtime = open_runtime()
    rows = [
        {
            "seq": event.seq,
            "at": event.at,
            "actor": event.actor,
            "kind": event.kind,
            "customer": event.subject,
            "reason": event.document["reason"],
        }
        for event in runtime.vault.log(customer)
    ]
    if as_json:
        print_document(runtime, rows)
        return
    grid = Grid("", "at", "who", "what", "customer", "why", title=f"{stamp(runtime)}privacy")
    for row in rows:
        at = f"{row['at']:%Y-%m-%d %H:%M:%S}"
        words = (str(row["seq"]), at, row["actor"], row["kind"], row["customer"], row["reason"])
        grid.add_row(*words)
    console.print(grid if rows else "nobody has been erased or looked at")

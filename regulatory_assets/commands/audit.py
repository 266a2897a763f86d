"""``audit verify``: is everything on record as it was?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from regulatory_assets.audit.anchors import Anchors
from regulatory_assets.audit.verification import Audit, audit
from regulatory_assets.control.database import connect
from regulatory_assets.settings import Settings
from regulatory_assets.terminal import Json, console, plainly, print_json, tell, waiting

audit_app = typer.Typer(help="Proof that nothing on record was changed.", no_args_is_help=True)

PlatformKey = Annotated[
    str | None,
    typer.Option("--platform-key", help="The platform's public key, as you have noted it."),
]


@audit_app.command("verify")
@plainly
def verify(platform_key: PlatformKey = None, as_json: Json = False) -> None:
    """Compare events, register and lake with the anchors outside the database."""
    # Not through the runtime: it would migrate, and refuse a database without its guards.
    settings = Settings()
    anchors = Anchors(
        connect(settings.database_url),
        settings.lake,
        settings.anchor_folder,
        settings.platform_key_file,
    )
    with waiting("auditing", as_json or not console.is_terminal) as step:
        found = audit(anchors, platform_key, step)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    if found.faults:
        raise typer.Exit(1)


def _print(found: Audit) -> None:
    for fault in found.faults:
        tell(fault.place, fault.said, "red")
    console.print(
        f"{'DEMO ' if found.demo else ''}{found.events} events, {found.anchors} anchors, "
        f"{found.rows} rows of the register, {found.files} files: "
        f"{len(found.faults) or 'no'} fault{'' if len(found.faults) == 1 else 's'}",
        highlight=False,
    )
    for many, what in ((found.younger, "rows"), (found.younger_events, "events")):
        if many:
            console.print(f"{many} {what} are younger than the last anchor", highlight=False)
    if found.key:
        console.print(f"platform key {found.key}", highlight=False)

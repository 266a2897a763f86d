"""Commands that write report templates."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.runtime import open_runtime
from regulatory_assets.terminal import Day, console, plainly

report_app = typer.Typer(help="Write report templates.", no_args_is_help=True)
report_app.callback()(lambda: None)  # keeps `report liq1` a sub-command while it is the only one

_FORMATS = ["%Y-%m-%d"]


@report_app.command("liq1")
@plainly
def liq1(
    day: Day,
    out: Annotated[Path, typer.Option("--out", help="File to write: *.xlsx or *.html.")],
    entity: Annotated[str | None, typer.Option(help="Only this entity or group.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="First day of the average; else of the quarter."),
    ] = None,
    closed: Annotated[
        list[datetime] | None,
        typer.Option(formats=_FORMATS, help="A weekday without figures; repeat for more."),
    ] = None,
) -> None:
    """The disclosure template LIQ1, averaged over the quarter's reporting dates so far."""
    from regulatory_assets.disclosure.days import expected_days
    from regulatory_assets.disclosure.files import WRITERS
    from regulatory_assets.disclosure.liq1 import pages

    if out.suffix not in WRITERS:
        raise NotReady(f"{out}: no such format; use {' or '.join(f'*{s}' for s in WRITERS)}")
    if not out.absolute().parent.is_dir():
        raise NotReady(f"{out}: there is no folder {out.absolute().parent}; create it first")
    first = since.date() if since else None
    expected = expected_days(day.date(), first, [d.date() for d in closed or ()])
    found = pages(open_runtime(), day.date(), expected)
    wanted = [page for page in found if entity in (None, page.scope)]
    if not wanted:
        known = ", ".join(page.scope for page in found)
        raise NotReady(f"no LIQ1 of {entity} for {day.date()}; entities: {known}")
    WRITERS[out.suffix](wanted, out)
    said = f"{out}: {len(wanted)} pages, average of {len(wanted[0].days)} days to {day.date()}"
    console.print(f"{wanted[0].stamp}{said}")

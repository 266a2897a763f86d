"""Markdown of the reference pages: a page, a table, names set as code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def page(title: str, lines: Iterable[str]) -> str:
    """A page with its title and where it comes from."""
    head = [
        f"# {title}",
        "",
        "Written from the code by `python -m regulatory_assets.reference`.",
        "",
    ]
    return "\n".join([*head, *lines]).rstrip() + "\n"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, and an empty one."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def code(names: Iterable[str]) -> str:
    """Names set as code."""
    return ", ".join(f"`{name}`" for name in names)

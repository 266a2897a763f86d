"""Pages of what the graph declares: tables, what to deliver of the sources, stages."""

from __future__ import annotations

from collections.abc import Iterator

from regulatory_assets.bank.conform import written_as
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Column
from regulatory_assets.reference.markdown import grid


def tables(graph: Graph) -> Iterator[str]:
    """Every table with its columns, types, units and what they mean."""
    for table in graph.tables.values():
        yield from (f"## {table.name}", "", table.description, "")
        need = " A bank need not deliver it." if table.optional else ""
        key = ", ".join(f"`{k}`" for k in table.key)
        yield from (f"Key: {key}. Group: {table.group}.{need}", "")
        head = ("column", "type", "unit", "may be empty", "classification", "meaning")
        yield from grid(head, (_column(c) for c in table.columns))
        if table.personal:
            names = ", ".join(f"`{c.name}`" for c in table.personal)
            yield from (f"Personal, so delivered and kept in no table: {names}.", "")


def sources(graph: Graph) -> Iterator[str]:
    """What to deliver for each source table."""
    yield from (
        "What to deliver for each source table: `<folder>/<YYYY-MM-DD>/<table>.csv` in UTF-8 (or",
        "`<table>.csv.gz`, compressed with gzip),",
        "fields separated by commas, with this header in any order. The files with their headers:",
        "`regulatory-assets sources template --out DIR`. What becomes of a file that is not so:",
        "[deliveries](reference/deliveries.md). Another format, other names or codes:",
        "[add a source](how-to/add-a-source.md).",
        "",
    )
    for table in graph.sources:
        yield from (f"## {table.name}", "", table.description, "")
        yield from (f"`{','.join(table.delivered_names)}`", "")
        yield f"Key: {', '.join(f'`{k}`' for k in table.key)}; it stands once in a file."
        yield ""
        head = ("column", "written as", "may be empty", "meaning")
        yield from grid(
            head,
            (
                (f"`{c.name}`", written_as(c), "yes" if c.nullable else "", _column(c)[-1])
                for c in table.delivered
            ),
        )
        if table.personal:
            names = ", ".join(f"`{c.name}`" for c in table.personal)
            yield f"Kept in the vault alone ([personal data](how-to/personal-data.md)): {names}."
            yield ""


def _column(column: Column) -> tuple[str, ...]:
    meaning = column.description
    if column.allowed:
        meaning += f" One of {', '.join(column.allowed)}."
    bounds = [
        f"{word} {bound}"
        for word, bound in (("at least", column.minimum), ("at most", column.maximum))
        if bound is not None
    ]
    if bounds:
        meaning += f" {' and '.join(bounds).capitalize()}."
    empty = "yes" if column.nullable else ""
    kind, unit = column.type.value, column.unit or ""
    return (f"`{column.name}`", kind, unit, empty, column.classification, meaning)


def stages(graph: Graph) -> Iterator[str]:
    """Every stage: what it reads, looks up, adds up, and its parameters."""
    for stage in graph.stages:
        yield from (f"## {stage.name}", "", _summary(stage), "")
        lookups = [
            f"`{lookup.table.name}` by {', '.join(lookup.by)}: {', '.join(lookup.take)}"
            for lookup in stage.lookups
        ]
        read = ", ".join(f"`{table.name}`" for table in stage.drives)
        rows = [("kind", stage.kind.value), ("reads", read)]
        rows += [("lookup", text) for text in lookups]
        rows += [("parameter", f"`{name}`") for name in stage.parameters]
        if stage.by:
            rows.append(("by", ", ".join(stage.by)))
        if stage.sums:
            rows.append(("sums", ", ".join(stage.sums)))
        yield from grid(("", ""), rows)


def _summary(stage: Stage) -> str:
    text = stage.function.__doc__ if stage.function is not None else stage.writes.description
    return " ".join((text or stage.writes.description).split())

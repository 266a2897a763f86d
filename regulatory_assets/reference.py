"""Reference pages written from the code: tables, sources, stages, parameters, settings, proofs.

``python -m regulatory_assets.reference DIR`` writes them; a test fails when the committed pages
differ. Explanations for people belong in ``docs/``, not here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from regulatory_assets.bank.conform import written_as
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Column
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.regulation.parameters import Parameters, RateTable
from regulatory_assets.regulation.tables import (
    BASEL,
    Citation,
    DecisionTable,
    Key,
    Row,
    plain,
)
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.plain import PARAMETERS
from regulatory_assets.runtime import production_graph
from regulatory_assets.settings import Settings


def pages(day: date) -> dict[str, str]:
    """Every page by file name; parameters as in force on a day."""
    graph = production_graph()
    return {
        "tables.md": _page("Tables", _tables(graph)),
        "stages.md": _page("Stages", _stages(graph)),
        "parameters.md": _page("Parameters", _parameters(day)),
        "settings.md": _page("Settings", _settings()),
        "../sources.md": _page("Sources", _sources(graph)),
        "../regulation/lcr.md": _page("The liquidity coverage ratio, line by line", _lcr(day)),
        "../regulation/coverage.md": _page("Which case proves which parameter", _coverage(day)),
    }


def _page(title: str, lines: Iterable[str]) -> str:
    head = [
        f"# {title}",
        "",
        "Written from the code by `python -m regulatory_assets.reference`.",
        "",
    ]
    return "\n".join([*head, *lines]).rstrip() + "\n"


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _tables(graph: Graph) -> Iterator[str]:
    for table in graph.tables.values():
        yield from (f"## {table.name}", "", table.description, "")
        need = " A bank need not deliver it." if table.optional else ""
        key = ", ".join(f"`{k}`" for k in table.key)
        yield from (f"Key: {key}. Group: {table.group}.{need}", "")
        head = ("column", "type", "unit", "may be empty", "classification", "meaning")
        yield from _grid(head, (_column(c) for c in table.columns))


def _sources(graph: Graph) -> Iterator[str]:
    yield from (
        "What to deliver for each source table: `<folder>/<YYYY-MM-DD>/<table>.csv` in UTF-8,",
        "fields separated by commas, with this header in any order. The files with their headers:",
        "`regulatory-assets sources template --out DIR`. What becomes of a file that is not so:",
        "[deliveries](reference/deliveries.md). Another format, other names or codes:",
        "[add a source](how-to/add-a-source.md).",
        "",
    )
    for table in graph.sources:
        yield from (f"## {table.name}", "", table.description, "")
        yield from (f"`{','.join(table.column_names)}`", "")
        yield f"Key: {', '.join(f'`{k}`' for k in table.key)}; it stands once in a file."
        yield ""
        head = ("column", "written as", "may be empty", "meaning")
        yield from _grid(
            head,
            (
                (f"`{c.name}`", written_as(c), "yes" if c.nullable else "", _column(c)[-1])
                for c in table.columns
            ),
        )


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


def _stages(graph: Graph) -> Iterator[str]:
    for stage in graph.stages:
        yield from (f"## {stage.name}", "", _summary(stage), "")
        lookups = [
            f"`{lookup.table.name}` by {', '.join(lookup.by)}: {', '.join(lookup.take)}"
            for lookup in stage.lookups
        ]
        rows = [("kind", stage.kind.value), ("reads", f"`{stage.reads.name}`")]
        rows += [("lookup", text) for text in lookups]
        rows += [("parameter", f"`{name}`") for name in stage.parameters]
        if stage.by:
            rows.append(("by", ", ".join(stage.by)))
        if stage.sums:
            rows.append(("sums", ", ".join(stage.sums)))
        yield from _grid(("", ""), rows)


def _summary(stage: Stage) -> str:
    text = stage.function.__doc__ if stage.function is not None else stage.writes.description
    return " ".join((text or stage.writes.description).split())


def _parameters(day: date) -> Iterator[str]:
    parameters = Parameters.default()
    found = parameters.at(day, sorted(parameters.names))
    for name in found.names:
        table = found[name]
        yield from (f"## {name}", "")
        for regime in table.regimes:
            if isinstance(table, RateTable):
                yield from _rates(table, regime)
            else:
                yield from _decisions(table, regime)


def _rates(table: RateTable, regime: str) -> Iterator[str]:
    head = (*table.key_columns, *table.types, *table.texts, "regime", "citation", "verified")
    yield from _grid(
        head,
        (
            (
                *key,
                *(plain(row.values[n]) for n in table.types),
                *(row.texts[n] for n in table.texts),
                regime,
                *_cited(row.citation),
            )
            for key, row in table.rows(regime).items()
        ),
    )


def _decisions(table: DecisionTable, regime: str) -> Iterator[str]:
    yield from _grid(
        ("rule", "when", "then", "regime", "citation", "verified"),
        (
            (
                rule.name,
                "; ".join(f"{k} in {', '.join(v)}" for k, v in rule.when.items()) or "any",
                ", ".join(rule.then.values()),
                regime,
                *_cited(rule.citation),
            )
            for rule in table.rules(regime)
        ),
    )


def _cited(citation: Citation) -> tuple[str, str]:
    return str(citation), "yes" if citation.verified else "no"


_LCR = """\
What each line is worth, where that is written, whether somebody has read it there, and the worked
examples that hold a deal of the line (`regulatory_assets/reports/lcr/cases/`). A factor is what is
left of an asset after its haircut, the run-off of an outflow, the share of an inflow that counts. A
regime stands beside the lines that it changes or adds."""

_COVERAGE = """\
A number is proved by the cases that fail when it alone is raised by the smallest step, a rule by
the cases in which it decides. A test fails where an entry has none."""


def _lcr(day: date) -> Iterator[str]:
    parameters = Parameters.default().at(day, ["lcr/lines"])
    using: dict[str, dict[str, None]] = {}
    for bank in coverage.cases().banks:
        for case in bank.cases:
            for part in case.parts:
                using.setdefault(part.line, {})[case.name] = None
    for worked in coverage.cases().calculations:
        for line in (*worked.lines, *worked.amounts):
            using.setdefault(line, {})[worked.name] = None
    yield from (_LCR, "")
    by_component: dict[str, list[tuple[str, ...]]] = {}
    for (line,), regime, row in _entries(parameters.rates("lcr/lines")):
        rate = f"{plain(row.values['rate'] * 100)} %"
        found = (f"`{line}`", regime, rate, *_cited(row.citation), row.citation.note)
        cells = (*found, _named(list(using.get(line, {}))))
        by_component.setdefault(row.texts["component"], []).append(cells)
    head = ("line", "regime", "factor", "citation", "verified", "note", "cases")
    for component, rows in by_component.items():
        yield from (f"## {component}", "")
        yield from _grid(head, rows)


def _entries(table: RateTable) -> Iterator[tuple[Key, str, Row]]:
    """Each entry once, with the regime whose file has it; those of Basel first."""
    basel = table.rows(BASEL)
    for regime in table.regimes:
        for key, row in table.rows(regime).items():
            if regime == BASEL or basel.get(key) is not row:
                yield key, regime, row


def _coverage(day: date) -> Iterator[str]:
    parameters = Parameters.default().at(day, PARAMETERS)
    yield from (_COVERAGE, "", "## Numbers", "")
    head = ("parameter", "entry", "number", "cases")
    yield from _grid(
        head,
        (
            (
                f"`{number.table}`",
                f"{', '.join(number.key)} {number.column}",
                plain(number.row.values[number.column]),
                _named(coverage.proving(parameters, number)),
            )
            for number in coverage.numbers(parameters)
        ),
    )
    yield from ("## Rules", "")
    deciding = coverage.deciding()
    rules = {
        (rule.path, rule.line): (table.name, rule)
        for table in (parameters[name] for name in PARAMETERS)
        if isinstance(table, DecisionTable)
        for regime in table.regimes
        for rule in table.rules(regime)
    }
    yield from _grid(
        ("parameter", "rule", "decides in"),
        (
            (
                f"`{name}`",
                rule.name,
                _named(deciding.get(entry, []))
                or f"nowhere: {coverage.UNREACHABLE.get((rule.path.stem, rule.name), '')}",
            )
            for entry, (name, rule) in rules.items()
        ),
    )


def _named(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _settings() -> Iterator[str]:
    prefix = str(Settings.model_config["env_prefix"])
    yield from _grid(
        ("variable", "default", "meaning"),
        (
            (f"`{prefix}{name.upper()}`", f"`{field.default}`", field.description or "")
            for settings in (Settings, Calendar)
            for name, field in settings.model_fields.items()
        ),
    )


def write(folder: Path, day: date) -> None:
    """Write every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages(day).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


REFERENCE_DAY = date(2026, 1, 7)
"""The day whose parameters the committed pages show."""

if __name__ == "__main__":
    write(Path(sys.argv[1]), REFERENCE_DAY)

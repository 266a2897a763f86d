"""Reference pages written from the code: tables, stages, parameters, settings, rules, proofs.

``python -m regulatory_assets.reference DIR`` writes them; a test fails when the committed pages
differ. Explanations for people belong in ``docs/``, not here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from regulatory_assets.adjustments.book import SUFFIX
from regulatory_assets.adjustments.fitting import conditional, settable
from regulatory_assets.adjustments.form import names as flat_form
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.adjustments.thresholds import thresholds
from regulatory_assets.bank.conform import written_as
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import COUNTS, Stage, measures
from regulatory_assets.ledger.table import Column
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.regulation.parameters import Parameters, RateTable
from regulatory_assets.regulation.tables import (
    BASEL,
    Citation,
    DecisionTable,
    plain,
)
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.plain import PARAMETERS
from regulatory_assets.runtime import production_graph
from regulatory_assets.settings import Databases, Settings

_Name = TypeVar("_Name")
_Entry = TypeVar("_Entry")


def pages(day: date) -> dict[str, str]:
    """Every page by file name; parameters as in force on a day."""
    graph = production_graph()
    return {
        "tables.md": _page("Tables", _tables(graph)),
        "stages.md": _page("Stages", _stages(graph)),
        "parameters.md": _page("Parameters", _parameters(day)),
        "settings.md": _page("Settings", _settings()),
        "rule.md": _page("Rules", _rules(graph)),
        "rule.schema.json": json.dumps(_rule_schema(graph), indent=2) + "\n",
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
        if table.personal:
            names = ", ".join(f"`{c.name}`" for c in table.personal)
            yield from (f"Personal, so delivered and kept in no table: {names}.", "")


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
        yield from (f"`{','.join(table.delivered_names)}`", "")
        yield f"Key: {', '.join(f'`{k}`' for k in table.key)}; it stands once in a file."
        yield ""
        head = ("column", "written as", "may be empty", "meaning")
        yield from _grid(
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


_PARAMETERS = """\
Entries in force on a day, each with the regime whose file has it. A regime takes those of `basel`
where it has none of its own."""


def _parameters(day: date) -> Iterator[str]:
    parameters = Parameters.default()
    found = parameters.at(day, sorted(parameters.names))
    yield from (_PARAMETERS, "")
    for name in found.names:
        table = found[name]
        yield from (f"## {name}", "")
        yield from _rates(table) if isinstance(table, RateTable) else _decisions(table)


def _rates(table: RateTable) -> Iterator[str]:
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
            for key, regime, row in _own(table.regimes, table.rows)
        ),
    )


def _decisions(table: DecisionTable) -> Iterator[str]:
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
            for _, regime, rule in _own(
                table.regimes, lambda regime: {rule.name: rule for rule in table.rules(regime)}
            )
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
    for views in coverage.cases().currencies:
        for taken in views.rows:
            using.setdefault(taken["line"], {})[views.name] = None
    yield from (_LCR, "")
    lines = parameters.rates("lcr/lines")
    by_component: dict[str, list[tuple[str, ...]]] = {}
    for (line,), regime, row in _own(lines.regimes, lines.rows):
        rate = f"{plain(row.values['rate'] * 100)} %"
        found = (f"`{line}`", regime, rate, *_cited(row.citation), row.citation.note)
        cells = (*found, _named(list(using.get(line, {}))))
        by_component.setdefault(row.texts["component"], []).append(cells)
    head = ("line", "regime", "factor", "citation", "verified", "note", "cases")
    for component, rows in by_component.items():
        yield from (f"## {component}", "")
        yield from _grid(head, rows)


def _own(
    regimes: Iterable[str], of_regime: Callable[[str], Mapping[_Name, _Entry]]
) -> Iterator[tuple[_Name, str, _Entry]]:
    """Each entry once, with the regime whose file has it; those of Basel first."""
    basel = of_regime(BASEL)
    for regime in regimes:
        for name, entry in of_regime(regime).items():
            if regime == BASEL or basel.get(name) is not entry:
                yield name, regime, entry


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
            for settings in (Settings, Databases, Calendar)
            for name, field in settings.model_fields.items()
        ),
    )


_RULES = """\
The form of a rule as a [JSON Schema](rule.schema.json), by which an editor completes and checks;
`# yaml-language-server: $schema=<path>/rule.schema.json` in the first line of a YAML file says so.
How a rule is written: [write a rule](../how-to/write-a-rule.md). `regulatory-assets rules validate
FILE` checks more: fields and values against the stage."""

_FLAT = """\
A rule may also be written with `conditions` as a list, all of which must hold, and `adjustments`.
What else its names stand for:"""


def _rules(graph: Graph) -> Iterator[str]:
    schema = _rule_schema(graph)
    yield from (_RULES, "", "## Keys", "")
    yield from _rule_keys(schema)
    for kind, form in schema["$defs"].items():
        meaning = " ".join(form["description"].replace("``", "`").split())
        yield from (f"**{kind}**: {meaning}", "")
        yield from _rule_keys(form)
    yield from ("## Stages", "")
    for stage in graph.adjustments.values():
        yield from _rule_stage(stage, graph)
    yield from ("## The flat form", "", _FLAT, "")
    yield from _grid(
        ("kind", "in the flat form", "here"),
        (
            (kind, f"`{name}`", f"`{plain_name}`")
            for kind in ("keys", "parts", "comparisons", "actions", "stages")
            for name, plain_name in flat_form()[kind].items()
            if name != plain_name
        ),
    )
    yield from ("## When two approvals are needed", "")
    yield from _grid(
        ("limit", "value"),
        (
            (f"`{name}`", ", ".join(value) if isinstance(value, list) else str(value))
            for name, value in thresholds().items()
        ),
    )


def _rule_keys(form: dict[str, Any]) -> Iterator[str]:
    needed = form.get("required", ())
    yield from _grid(
        ("key", "needed", "form"),
        (
            (f"`{name}`", "yes" if name in needed else "", _form(part))
            for name, part in form["properties"].items()
        ),
    )


def _rule_stage(stage: Stage, graph: Graph) -> Iterator[str]:
    can_set = settable(stage)
    looked_up = [c for c in conditional(stage) if c not in stage.reads.column_names]
    yield from (f"### {stage.name.removesuffix(SUFFIX)}", "")
    rows = [
        ("acts on", f"`{stage.reads.name}`"),
        ("conditions may name", "its columns" + (f" and {_code(looked_up)}" if looked_up else "")),
        ("operations may set", _code(can_set)),
    ]
    if stage.derivation:
        rows.append(("follows by itself", _code(stage.derivation.columns)))
        if stage.derivation.reclassifies:
            brought = _code(stage.derivation.reclassifies)
            rows.append(("reclassify", f"moves a row to another line, which brings its {brought}"))
    for column, parameter in stage.named:
        rows.append((column, f"a key of [`{parameter}`](parameters.md)"))
    if stage.inserts:
        rows.append(("insert", f"adds a row whose `{stage.inserts}` is `MAN-<rule>-<n>`"))
    if stage.leaves:
        values = [c for c in stage.reads.column_names if c not in COUNTS]
        rows.append(("insert", f"adds a row of {_code(values)} that nothing is behind"))
    if spreading := graph.spreading(stage):
        looked_up = [c for c in conditional(spreading) if c not in spreading.reads.column_names]
        rows.append(
            (
                "allocate",
                f"spreads {_code(measures(spreading))} of it over `{spreading.reads.name}`; "
                f"`where` may name the columns of these and {_code(looked_up)}",
            )
        )
    if stage.reads.additive:
        scaled = [c for c in stage.reads.additive if c in can_set]
        rows.append(("scale", f"multiplies {_code(scaled)}"))
    yield from _grid(("", ""), rows)


def _rule_schema(graph: Graph) -> dict[str, Any]:
    """The form of a rule as JSON Schema; its stages are those of the graph."""
    schema = Rule.model_json_schema(by_alias=True)
    stages = [s.name.removesuffix(SUFFIX) for s in graph.adjustments.values()]
    schema["properties"]["stage"]["enum"] = stages
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _form(part: dict[str, Any]) -> str:
    """A part of a schema in words."""
    if among := part.get("anyOf", part.get("oneOf")):
        found = dict.fromkeys(_form(p) for p in among if p.get("type") != "null")
        text = " or ".join(found).replace("Test or AllOf or AnyOf or Not", "a condition")
    elif "$ref" in part:
        text = part["$ref"].rpartition("/")[2]
    elif "enum" in part:
        text = "one of " + _code(part["enum"])
    elif part.get("type") == "array":
        items = part["items"]
        text = f"list of {'conditions' if _form(items) == 'a condition' else _form(items)}"
    elif "patternProperties" in part:
        ((pattern, value),) = part["patternProperties"].items()
        text = f"mapping of names matching `{pattern}` to {_form(value)}"
    else:
        kind = part.get("format", part.get("type", "anything"))
        text = {"string": "text", "integer": "whole number"}.get(kind, kind)
        text += f" matching `{part['pattern']}`" if "pattern" in part else ""
        text += f" of at least {part['minimum']}" if "minimum" in part else ""
    default = part.get("default")
    return text if default is None else f"{text}; else {default}"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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

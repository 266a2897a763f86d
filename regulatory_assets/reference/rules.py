"""The page of rules of adjustment, and the JSON Schema by which editors check them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regulatory_assets.adjustments.fitting import conditional, settable
from regulatory_assets.adjustments.form import names as flat_form
from regulatory_assets.adjustments.rule import SUFFIX, Rule
from regulatory_assets.adjustments.thresholds import thresholds
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import COUNTS, Stage, measures
from regulatory_assets.reference.markdown import code, grid

_RULES = """\
The form of a rule as a [JSON Schema](rule.schema.json), by which an editor completes and checks;
`# yaml-language-server: $schema=<path>/rule.schema.json` in the first line of a YAML file says so.
How a rule is written: [write a rule](../how-to/write-a-rule.md). `regulatory-assets rules validate
FILE` checks more: fields and values against the stage."""

_FLAT = """\
A rule may also be written with `conditions` as a list, all of which must hold, and `adjustments`.
What else its names stand for:"""


def rules(graph: Graph) -> Iterator[str]:
    """The keys of a rule, what it may do at each stage, and when two approvals are needed."""
    form_of_rule = schema(graph)
    yield from (_RULES, "", "## Keys", "")
    yield from _keys(form_of_rule)
    for kind, form in form_of_rule["$defs"].items():
        meaning = " ".join(form["description"].replace("``", "`").split())
        yield from (f"**{kind}**: {meaning}", "")
        yield from _keys(form)
    yield from ("## Stages", "")
    for stage in graph.adjustments.values():
        yield from _stage(stage, graph)
    yield from ("## The flat form", "", _FLAT, "")
    yield from grid(
        ("kind", "in the flat form", "here"),
        (
            (kind, f"`{name}`", f"`{plain_name}`")
            for kind in ("keys", "parts", "comparisons", "actions", "stages")
            for name, plain_name in flat_form()[kind].items()
            if name != plain_name
        ),
    )
    yield from ("## When two approvals are needed", "")
    yield from grid(
        ("limit", "value"),
        (
            (f"`{name}`", ", ".join(value) if isinstance(value, list) else str(value))
            for name, value in thresholds().items()
        ),
    )


def _keys(form: dict[str, Any]) -> Iterator[str]:
    needed = form.get("required", ())
    yield from grid(
        ("key", "needed", "form"),
        (
            (f"`{name}`", "yes" if name in needed else "", _form(part))
            for name, part in form["properties"].items()
        ),
    )


def _stage(stage: Stage, graph: Graph) -> Iterator[str]:
    can_set = settable(stage)
    looked_up = [c for c in conditional(stage) if c not in stage.reads.column_names]
    yield from (f"### {stage.name.removesuffix(SUFFIX)}", "")
    rows = [
        ("acts on", f"`{stage.reads.name}`"),
        ("conditions may name", "its columns" + (f" and {code(looked_up)}" if looked_up else "")),
        ("operations may set", code(can_set)),
    ]
    if stage.derivation:
        rows.append(("follows by itself", code(stage.derivation.columns)))
        if stage.derivation.reclassifies:
            brought = code(stage.derivation.reclassifies)
            rows.append(("reclassify", f"moves a row to another line, which brings its {brought}"))
    for column, parameter in stage.named:
        rows.append((column, f"a key of [`{parameter}`](parameters.md)"))
    if stage.inserts:
        rows.append(("insert", f"adds a row whose `{stage.inserts}` is `MAN-<rule>-<n>`"))
    if stage.leaves:
        values = [c for c in stage.reads.column_names if c not in COUNTS]
        rows.append(("insert", f"adds a row of {code(values)} that nothing is behind"))
    if spreading := graph.spreading(stage):
        looked_up = [c for c in conditional(spreading) if c not in spreading.reads.column_names]
        rows.append(
            (
                "allocate",
                f"spreads {code(measures(spreading))} of it over `{spreading.reads.name}`; "
                f"`where` may name the columns of these and {code(looked_up)}",
            )
        )
    if stage.reads.additive:
        scaled = [c for c in stage.reads.additive if c in can_set]
        rows.append(("scale", f"multiplies {code(scaled)}"))
    yield from grid(("", ""), rows)


def schema(graph: Graph) -> dict[str, Any]:
    """The form of a rule as JSON Schema; its stages are those of the graph."""
    form = Rule.model_json_schema(by_alias=True)
    stages = [s.name.removesuffix(SUFFIX) for s in graph.adjustments.values()]
    form["properties"]["stage"]["enum"] = stages
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **form}


def _form(part: dict[str, Any]) -> str:
    """A part of a schema in words."""
    if among := part.get("anyOf", part.get("oneOf")):
        found = dict.fromkeys(_form(p) for p in among if p.get("type") != "null")
        text = " or ".join(found).replace("Test or AllOf or AnyOf or Not", "a condition")
    elif "$ref" in part:
        text = part["$ref"].rpartition("/")[2]
    elif "enum" in part:
        text = "one of " + code(part["enum"])
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

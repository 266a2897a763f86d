"""All reference pages by file name, and writing them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from regulatory_assets.reference import graph as declared
from regulatory_assets.reference import lcr, rules
from regulatory_assets.reference.markdown import page
from regulatory_assets.reference.parameters import parameters
from regulatory_assets.reference.settings import settings
from regulatory_assets.runtime import production_graph

REFERENCE_DAY = date(2026, 1, 7)
"""The day whose parameters the committed pages show."""


def pages(day: date) -> dict[str, str]:
    """Every page by file name; parameters as in force on a day."""
    graph = production_graph()
    return {
        "tables.md": page("Tables", declared.tables(graph)),
        "stages.md": page("Stages", declared.stages(graph)),
        "parameters.md": page("Parameters", parameters(day)),
        "settings.md": page("Settings", settings()),
        "rule.md": page("Rules", rules.rules(graph)),
        "rule.schema.json": json.dumps(rules.schema(graph), indent=2) + "\n",
        "../sources.md": page("Sources", declared.sources(graph)),
        "../regulation/lcr.md": page("The liquidity coverage ratio, line by line", lcr.lines(day)),
        "../regulation/coverage.md": page("Which case proves which parameter", lcr.proofs(day)),
    }


def write(folder: Path, day: date) -> None:
    """Write every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages(day).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

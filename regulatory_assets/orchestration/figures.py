"""A report's figures over the reporting dates, drawn for the page of its asset.

Reads small tables through delta-rs and the register, without an engine.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dagster import MetadataValue

from regulatory_assets.control.register import Register
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.stages import Stage, StageKind
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.metadata import markdown

MOST_DAYS = 90
RATIO = "ratio"


def figures(stage: Stage, day: date, lake: Path, register: Register) -> dict[str, Any]:
    """For a report with a ratio: its figures of the day, and the ratio over the last dates."""
    table = stage.writes
    if stage.kind is not StageKind.REPORT or RATIO not in table.column_names:
        return {}
    rows = history(table, lake, register)
    return {
        "figures": MetadataValue.md(markdown(rows.get(day, []))),
        "ratio_over_days": MetadataValue.md(plot(table, rows)),
    }


def history(table: Table, lake: Path, register: Register) -> dict[date, list[dict[str, Any]]]:
    """The rows of a bounded table after all rules, for its last dates, in the order of the key."""
    from dagster_deltalake import DeltaTableResource, LocalConfig

    days = register.days(table.name)[-MOST_DAYS:]
    histories = register.histories([(table.name, day) for day in days])
    day_of = {
        revision.posting: day
        for (_, day), chain in histories.items()
        for revision in Version(table, day, chain).live
        if revision.posting is not None
    }
    if not day_of:
        return {}
    stored = DeltaTableResource(url=str(lake / table.name), storage_options=LocalConfig()).load()
    found = stored.to_pyarrow_table(partitions=[("posting", "in", sorted(day_of))])
    sums: Counter[tuple[Any, ...]] = Counter()
    for row in found.to_pylist():
        place = (day_of[row["posting"]], *(row[name] for name in table.column_names))
        sums[place] += row["entry"] * row["sign"]
    rows: dict[date, list[dict[str, Any]]] = {day: [] for day in days}
    for (day, *content), entries in sums.items():
        if entries > 0:
            rows[day].append(dict(zip(table.column_names, content, strict=True)))
    for of_day in rows.values():
        of_day.sort(key=lambda row: tuple(str(row[name]) for name in table.key))
    return rows


def plot(table: Table, rows: Mapping[date, Sequence[Mapping[str, Any]]]) -> str:
    """The ratio of each key over the dates, as a picture within Markdown."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Matplotlib draws decimals, its types do not say so.
    lines: dict[str, list[tuple[date, Any]]] = {}
    for day in sorted(rows):
        for row in rows[day]:
            if row[RATIO] is not None:
                name = " ".join(str(row[key]) for key in table.key)
                lines.setdefault(name, []).append((day, row[RATIO] * 100))
    figure = Figure(figsize=(7, 3), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    days = [day.isoformat() for day in sorted(rows)]
    for name, points in sorted(lines.items()):
        axes.plot([days.index(d.isoformat()) for d, _ in points], [v for _, v in points],
                  marker="o", markersize=3, label=name)  # fmt: skip
    shown = range(0, len(days), max(1, len(days) // 6))
    axes.set_xticks(list(shown), [days[i] for i in shown])
    axes.axhline(100, color="grey", linewidth=0.8, linestyle="--")
    axes.set_ylabel(f"{table.name.upper()}, %")
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    encoded = base64.b64encode(picture.getvalue()).decode()
    return f"![{table.name} over the reporting dates](data:image/png;base64,{encoded})"

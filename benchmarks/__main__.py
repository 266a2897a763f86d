"""The command ``make bench``: measure, compare the results, print and keep the ratios.

python -m benchmarks --deals 100000 [--tasks system_full,system_correction] [--repeat 3]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import SHARE, Files, prepare
from benchmarks.measure import Measured, run
from benchmarks.shares import LINES, SHARES
from benchmarks.task import TASKS

RESULTS = Path(__file__).parent / "results"
LARGE = 5_000_000
BEGINS_WITH = {"system_correction": "system_full", "duckdb_correction": "duckdb_full",
               "pyspark_recompute": "pyspark_full"}  # fmt: skip
BEGINS_WITH |= {f"{kind}_{share}": "system_full" for kind in ("impact", "rule") for share in SHARES}
BEGINS_WITH |= {f"factor_{share}{how}": "system_full" for share in LINES for how in ("", "_whole")}
RATIOS = {
    "full_vs_duckdb": ("system_full", "duckdb_full"),
    "conform_vs_duckdb": ("system_conform", "duckdb_conform"),
    "full_vs_pyspark": ("system_full", "pyspark_full"),
    "correction_0.1pct_vs_full": ("system_correction", "system_full"),
    "correction_0.1pct_vs_duckdb": ("system_correction", "duckdb_correction"),
    "correction_0.1pct_vs_pyspark": ("system_correction", "pyspark_full"),
    "correction_0.1pct_vs_pyspark_recompute": ("system_correction", "pyspark_recompute"),
    **{
        f"rule_{share}_vs_{name}": (f"rule_{share}", f"{other}_full")
        for share in SHARES
        for name, other in (("full", "system"), ("duckdb", "duckdb"), ("pyspark", "pyspark"))
    },
    **{
        f"impact_{share}_vs_recalculation": (f"impact_{share}", f"rule_{share}") for share in SHARES
    },
    **{f"factor_{s}_vs_whole": (f"factor_{s}", f"factor_{s}_whole") for s in LINES},
}
"""Time of the first divided by time of the second: below 1 the first is faster."""
LINES_AND_RATIO = ("lcr_lines", "lcr_scope_lines", "lcr")
COMPARED = {
    ("_full",): LINES_AND_RATIO,
    ("_correction", "_recompute"): LINES_AND_RATIO,
    ("_conform",): ("conformed",),
    **{(f"factor_{s}", f"factor_{s}_whole"): LINES_AND_RATIO for s in LINES},
}
"""The tables that tasks with these ends must agree on."""


class Different(AssertionError):
    """Two tasks calculated different figures."""


def main() -> None:
    """Measure every task in turn; a task is repeated in fresh processes on fresh state."""
    chosen = _arguments()
    var = Path(os.environ.get("REGULATORY_ASSETS_VAR", "var"))
    root = var / "bench" / str(chosen.deals)
    _say(f"generating {chosen.deals:,} deals below {root}, if they are not there")
    files = prepare(root, chosen.deals)
    measured: dict[str, list[Measured]] = {}
    for task in chosen.tasks:
        repeat = chosen.repeat or (3 if chosen.deals >= LARGE or "pyspark" in task else 5)
        for _ in range(repeat):
            found = run(task, files.root, _state(root, task))
            measured.setdefault(task, []).append(found)
            _say(
                f"{task:20s} {found.seconds:8.2f} s  {found.cpu_seconds:8.2f} cpu s  "
                f"{found.peak_bytes / 2**30:5.2f} GiB"
            )
    _compare(root, list(measured))
    document = _document(chosen.deals, files, measured)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{chosen.deals}.json"
    if target.exists():  # tasks that were not chosen keep their last measurement
        document["tasks"] = json.loads(target.read_text())["tasks"] | document["tasks"]
    document["ratios"] = _ratios(document["tasks"], "seconds")
    document["cpu_ratios"] = _ratios(document["tasks"], "cpu_seconds")
    target.write_text(json.dumps(document, indent=2) + "\n")
    for name, value in document["ratios"].items():
        _say(f"{name:40s} {value:7.3f}   (processor time {document['cpu_ratios'][name]:7.3f})")
    _say(f"written to {target}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure against DuckDB and PySpark.")
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, help="runs of each task")
    parser.add_argument(
        "--tasks", type=lambda text: text.split(","), default=list(TASKS), help=", ".join(TASKS)
    )
    found = parser.parse_args()
    if unknown := set(found.tasks) - set(TASKS):
        parser.error(f"no such task: {', '.join(sorted(unknown))}")
    return found


def _state(root: Path, task: str) -> Path:
    """A fresh state for a task: empty, or a copy of what the full task before it left."""
    if task in BEGINS_WITH:
        return fresh_copy(root / BEGINS_WITH[task], root / task)
    shutil.rmtree(root / task, ignore_errors=True)
    return root / task


def fresh_copy(source: Path, target: Path) -> Path:
    """A copy of a state in place of what was there. Data files and logs of a lake are never
    changed, so they are linked; databases are copied."""

    def copy(file: str, to: str) -> None:
        if Path(file).suffix in (".parquet", ".json", ".crc"):
            os.link(file, to)
        else:
            shutil.copyfile(file, to)

    if not source.exists():
        raise SystemExit(f"{source} is not there: run the task {source.name} first")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=copy)
    return target


def _compare(root: Path, tasks: list[str]) -> None:
    """All full tasks, all corrections and all that conform must have the very same rows."""
    for ends, tables in COMPARED.items():
        group = [t for t in tasks if t.endswith(ends)]
        for table in tables:
            rows = {t: _rows(root / f"{t}-results" / f"{table}.parquet") for t in group}
            for task in group[1:]:
                if rows[task] != rows[group[0]]:
                    only = set(rows[task]) ^ set(rows[group[0]])
                    raise Different(f"{table}: {group[0]} and {task} differ: {sorted(only)[:4]}")
        if group:
            _say(f"same {', '.join(tables)}: {', '.join(group)}")


def _rows(path: Path) -> list[str]:
    table: pa.Table = pq.read_table(path)
    names = sorted(table.column_names)
    return sorted(repr([row[n] for n in names]) for row in table.to_pylist())


def _document(deals: int, files: Files, measured: dict[str, list[Measured]]) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    for task, runs in measured.items():
        middle = sorted(runs, key=lambda r: r.seconds)[len(runs) // 2]
        tasks[task] = {
            "seconds": median(r.seconds for r in runs),
            "fastest": min(r.seconds for r in runs),
            "slowest": max(r.seconds for r in runs),
            "cpu_seconds": median(r.cpu_seconds for r in runs),
            "peak_gib": max(r.peak_bytes for r in runs) / 2**30,
            "start_seconds": median(r.start_seconds for r in runs),
            "runs": len(runs),
            "load_after": os.getloadavg()[0],
            "steps": asdict(middle)["steps"],
            "rows": middle.rows,
        }
    machine = {
        "cores": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "python": platform.python_version(),
        **{name: version(name) for name in ("pysail", "duckdb", "pyspark", "deltalake")},
    }
    return {
        "deals": deals,
        "corrected": str(SHARE),
        "bytes_delivered": sum(f.stat().st_size for f in files.source.rglob("*.csv")),
        "machine": machine,
        "tasks": tasks,
    }


def _ratios(tasks: dict[str, Any], what: str) -> dict[str, float]:
    return {
        name: round(tasks[ours][what] / tasks[theirs][what], 4)
        for name, (ours, theirs) in RATIOS.items()
        if ours in tasks and theirs in tasks
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""One task in a process of its own: start the engine, work, print one line of JSON.

python -m benchmarks.task system_full var/bench/100000 var/bench/100000/state
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.data import Files
from benchmarks.shares import LINES, SHARES
from benchmarks.steps import Steps

Work = Callable[[Files, Path, Steps], Callable[[], None]]

TASKS = {
    "system_full": ("benchmarks.system", "full"),
    "system_correction": ("benchmarks.system", "correction"),
    "system_conform": ("benchmarks.conforming", "ours"),
    "duckdb_conform": ("benchmarks.conforming", "by_hand"),
    "duckdb_full": ("benchmarks.duck", "full"),
    "duckdb_correction": ("benchmarks.duck", "correction"),
    "pyspark_full": ("benchmarks.plain_spark", "full"),
    "pyspark_recompute": ("benchmarks.plain_spark", "recompute"),
    **{f"impact_{share}": ("benchmarks.ruled", f"IMPACT.{share}") for share in SHARES},
    **{f"rule_{share}": ("benchmarks.ruled", f"RECALCULATION.{share}") for share in SHARES},
    **{f"factor_{share}": ("benchmarks.factors", f"FOLLOWED.{share}") for share in LINES},
    **{f"factor_{share}_whole": ("benchmarks.factors", f"WHOLE.{share}") for share in LINES},
}


def function_of(module: str, name: str) -> Any:
    """A function of a module, or of a table of functions in it."""
    table, _, key = name.partition(".")
    found = getattr(import_module(module), table)
    return found[key] if key else found


def main(name: str, root: str, state: str) -> None:
    """Do one task; its result tables are kept beside the state for comparison."""
    module, function = TASKS[name]
    steps = Steps()
    start = time.perf_counter()
    work = function_of(module, function)(Files(Path(root)), Path(state), steps)
    started = time.perf_counter()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    work()
    ended = time.perf_counter()
    measured = {"seconds": ended - started, "start": started - start}
    steps_found = {"steps": steps.seconds, "rows": steps.rows}
    sys.stdout.write("measured " + json.dumps(measured | steps_found) + "\n")
    sys.stdout.flush()
    folder = Path(state).with_name(Path(state).name + "-results")
    folder.mkdir(exist_ok=True)
    for table, rows in import_module(module).results(Path(state)).items():
        pq.write_table(rows, folder / f"{table}.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Running one task in its own process and measuring it: seconds, processor seconds, memory.

Processor time and memory are those of the whole process tree (a Java server is a child of the
task), read from ``/proc`` when the task says that it has started and that it has ended: what looks
on meanwhile takes part of the cores. Memory is the sum of what each process had at most; pages
shared between processes count twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")


class TaskFailed(RuntimeError):
    """A task ended without a measurement; the message holds the end of its output."""


@dataclass
class Measured:
    """One run of one task."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    start_seconds: float
    steps: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def run(task: str, root: Path, state: Path) -> Measured:
    """Run a task to its end and measure what lies between its start and its end."""
    command = [sys.executable, "-m", "benchmarks.task", task, str(root), str(state)]
    os.sync()  # what the task before left to be written is not this one's work
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines: list[str] = []
        at: dict[str, _Tree] = {}
        found: dict[str, Any] | None = None
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.partition(" ")
            if word.strip() in ("started", "measured"):
                at[word.strip()] = _tree(process.pid)
            if word == "measured":
                found = json.loads(rest)
            lines.append(line)
    if found is None or process.returncode != 0:
        raise TaskFailed(f"{task}: exit status {process.returncode}\n{''.join(lines[-40:])}")
    return Measured(
        found["seconds"],
        at["measured"].cpu_seconds - at["started"].cpu_seconds,
        at["measured"].peak_bytes,
        found["start"],
        found["steps"],
        found["rows"],
    )


@dataclass
class _Tree:
    """A process and its descendants."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def _tree(pid: int) -> _Tree:
    found, waiting = _Tree(), [pid]
    while waiting:
        current = Path("/proc") / str(waiting.pop())
        try:
            fields = (current / "stat").read_text().rsplit(")", 1)[1].split()
            status = (current / "status").read_text()
            children = [(task / "children").read_text() for task in (current / "task").iterdir()]
        except (OSError, IndexError):  # ended meanwhile
            continue
        found.cpu_seconds += (int(fields[11]) + int(fields[12])) / _TICK
        found.peak_bytes += 1024 * int(status.partition("VmHWM:")[2].split()[0])
        waiting += (int(child) for of_thread in children for child in of_thread.split())
    return found

"""Running one task in its own process and watching it: seconds, processor seconds, memory.

Memory is the resident size of the whole process tree (a Java server is a child of the task),
sampled ten times a second from ``/proc``; pages shared between processes count twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY = 0.1


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
        watch = _Watch(process.pid)
        watch.start()
        lines: list[str] = []
        cpu = {"started": 0.0, "measured": 0.0}
        found: dict[str, Any] | None = None
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.partition(" ")
            if word.strip() in cpu:
                cpu[word.strip()] = watch.cpu_seconds()
            if word == "measured":
                watch.stop()
                found = json.loads(rest)
            lines.append(line)
        watch.stop()
    if found is None or process.returncode != 0:
        raise TaskFailed(f"{task}: exit status {process.returncode}\n{''.join(lines[-40:])}")
    return Measured(
        found["seconds"],
        cpu["measured"] - cpu["started"],
        watch.peak,
        found["start"],
        found["steps"],
        found["rows"],
    )


class _Watch(threading.Thread):
    """Samples a process and its descendants until stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            self.peak = max(self.peak, sum(size for size, _ in _tree(self.pid)))
            time.sleep(_EVERY)

    def stop(self) -> None:
        self._stopped.set()

    def cpu_seconds(self) -> float:
        return sum(ticks for _, ticks in _tree(self.pid)) / _TICK


def _tree(pid: int) -> list[tuple[int, int]]:
    """Resident bytes and processor ticks of a process and its descendants."""
    found: list[tuple[int, int]] = []
    waiting = [pid]
    while waiting:
        current = Path("/proc") / str(waiting.pop())
        try:
            fields = (current / "stat").read_text().rsplit(")", 1)[1].split()
            found.append((int(fields[21]) * _PAGE, int(fields[11]) + int(fields[12])))
            for thread in (current / "task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
        except (OSError, IndexError):  # ended meanwhile
            continue
    return found

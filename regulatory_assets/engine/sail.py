"""Sail: a Spark Connect server in Rust, inside this process, without Java."""

from __future__ import annotations

import atexit
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY_PERCENT = 60
"""Share of this machine's memory that queries may take before they spill to disk."""

IDLE_SECONDS = 10 * 365 * 86_400
"""Sail forgets a session after 15 idle minutes; ours lives as long as the process."""


def start() -> tuple[SparkSession, str]:
    """Start the server on a free port of the loopback interface; its session and version."""
    for name, value in environment().items():
        os.environ.setdefault(name, value)
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    _, port = server.listening_address
    session = SparkSession.builder.remote(f"sc://localhost:{port}").create()
    # To take a query up again after its connection broke takes two more calls for each; within one
    # process there is nothing to come back to.
    session.client.disable_reattachable_execute()
    # The bound method also keeps the server alive until the process ends.
    atexit.register(_stop, os.getpid(), session, server)
    return session, version("pysail")


def environment() -> dict[str, str]:
    """What Sail reads when it is loaded; a variable that is already set wins."""
    return {
        "RUST_LOG": "error",
        "SAIL_PARQUET__COMPRESSION": "lz4_raw",  # of what is set aside and soon read again
        "SAIL_PARQUET__PUSHDOWN_FILTERS": "true",
        "SAIL_PARQUET__REORDER_FILTERS": "true",
        "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(IDLE_SECONDS),
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory() * MEMORY_PERCENT // 100),
    }


def memory() -> int:
    """Bytes of memory this process may use: the machine's, or its container's if less."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup") / limit
        if path.exists() and (text := path.read_text().strip()).isdigit():
            found = min(found, int(text))
    return found


def _stop(owner: int, session: SparkSession, server: object) -> None:
    if owner == os.getpid():
        session.stop()
        server.stop()  # type: ignore[attr-defined]

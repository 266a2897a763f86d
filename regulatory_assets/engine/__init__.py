"""One function, :func:`start`, gives the Spark Connect session of the chosen engine.

Calculation code uses the session and never asks which engine answers. ``sail`` and ``spark`` start
one engine each, ``selfcheck`` proves at start that it keeps the arithmetic contract, ``resource``
offers it to Dagster. An engine is started lazily, once per process, and never survives a fork.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from regulatory_assets.settings import Settings

EngineName = Literal["sail", "spark"]

_lock = threading.RLock()
_started: dict[tuple[EngineName, str | None], Engine] = {}
_owner: int | None = None


class EngineError(RuntimeError):
    """The engine cannot be started, or does not keep the arithmetic contract."""


@dataclass(frozen=True)
class Engine:
    """A running engine: its name, version and one session."""

    name: EngineName
    version: str
    session: SparkSession

    @property
    def identity(self) -> str:
        """Name and version, as every posting records them: ``sail-0.7.2``."""
        return f"{self.name}-{self.version}"


def start(settings: Settings) -> Engine:
    """The engine these settings ask for, started and self-checked on the first call.

    Later calls of the same process return the same object. A forked child is refused: neither the
    server's threads nor the session's channel exist there, so child processes must be spawned.
    """
    global _owner
    if _owner is not None and _owner != os.getpid():
        raise EngineError(
            f"process {os.getpid()} was forked from {_owner} after an engine had started there; "
            "start child processes with the 'spawn' method"
        )
    wanted = (settings.engine, settings.spark_remote if settings.engine == "spark" else None)
    with _lock:
        if wanted not in _started:
            _owner = os.getpid()
            _started[wanted] = _start(settings)
        return _started[wanted]


def _start(settings: Settings) -> Engine:
    from regulatory_assets.engine import selfcheck

    if settings.engine == "sail":
        from regulatory_assets.engine import sail

        session, version = sail.start()
        session.conf.set(*CALLER_UNSOUGHT)
    else:
        from regulatory_assets.engine import spark

        session, version = spark.start(settings)
    for name, value in SESSION_CONFS.items():
        session.conf.set(name, value)
    for logger in REPEATING_LOGGERS:
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    engine = Engine(settings.engine, version, session)
    selfcheck.check(session, settings.lake, engine.identity)
    return engine


SESSION_CONFS = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}
"""Settings of every session, whatever the engine."""

CALLER_UNSOUGHT = ("spark.python.sql.dataFrameDebugging.enabled", "false")
"""Otherwise pyspark looks for the caller's line, and for IPython on disk, at every function of a
column: a third of the time that small runs take. Apache Spark takes it at the server's start alone
(``spark``)."""

REPEATING_LOGGERS = (
    "SQLQueryContextLogger",
    "DataFrameQueryContextLogger",
    "pyspark.sql.connect.logging",
)
"""pyspark writes each error to standard error as well as raising it."""

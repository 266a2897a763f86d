"""The runtime as a Dagster resource: settings that a launch may override, one runtime a process."""

import os
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.run import Runner
from regulatory_assets.runtime import Runtime
from regulatory_assets.settings import Settings

_runtimes: dict[tuple[int, Settings, int], Runtime] = {}


class RuntimeResource(ConfigurableResource):  # type: ignore[type-arg]
    """Engine, lake and register. What is left empty comes from the environment's settings.

    The control database's URL is a secret and never stands here; set REGULATORY_ASSETS_CONTROL_URL.
    """

    var: str | None = Field(default=None, description="Folder of all state.")
    delivery_folder: str | None = Field(default=None, description="Folder of delivered files.")
    engine: str | None = Field(default=None, description="sail or spark.")
    spark_remote: str | None = Field(default=None, description="URL of a Spark Connect server.")

    @cached_property
    def settings(self) -> Settings:
        """Read once in a run; every step and check asks."""
        given: dict[str, Any] = {
            "var": self.var,
            "data": self.delivery_folder,
            "engine": self.engine,
            "spark_remote": self.spark_remote,
        }
        return Settings(**{name: value for name, value in given.items() if value is not None})

    @property
    def deliveries(self) -> Path:
        """The folder that delivered files are taken from, absolute."""
        return self.settings.data.resolve()

    @cached_property
    def _aside(self) -> ExitStack:
        return ExitStack()

    @cached_property
    def _recalls(self) -> dict[int, Recall]:
        return {}

    def runner(self, graph: Graph, run_id: str) -> Runner:
        """A runner for one step of a run; what it looks up by key, later steps need not look for
        again (``ledger.recall``)."""
        runtime = self.runtime(graph)
        if id(graph) not in self._recalls:
            store = self._aside.enter_context(runtime.lake.scratch())
            self._recalls[id(graph)] = Recall(store)
        return runtime.runner(run_id, self._recalls[id(graph)])

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Forget what a run has looked up, and anchor what it has left, whoever launched it and
        whether it succeeded or failed.

        The one place at the end of every run: a run-status sensor needs the daemon, which runs
        from the command line do not have, and a job's hooks follow every single step.
        """
        self._aside.close()
        self._recalls.clear()
        opened = (r for (process, s, _), r in _runtimes.items() if (process, s) == self._here)
        if context.run is not None and (runtime := next(opened, None)) is not None:
            runtime.anchors.take(f"run {context.run.run_id}")

    @property
    def _here(self) -> tuple[int, Settings]:
        # Deliveries may come from another folder in each run; engine and register stay the same.
        return os.getpid(), self.settings.model_copy(update={"data": Path()})

    def runtime(self, graph: Graph) -> Runtime:
        """The runtime of this process; no engine is started before it is used.

        Every run, schedule and sensor comes to it here, so a lost control database is refused here,
        when a process first asks, and no anchor is taken of it. Raises LostDatabaseError.
        """
        key = (*self._here, id(graph))
        if key not in _runtimes:
            opened = Runtime(self.settings, graph)
            opened.require_record()
            _runtimes[key] = opened
        return _runtimes[key]

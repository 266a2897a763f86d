"""The engine as a Dagster resource, usable wherever dagster-pyspark's resource is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from dagster_pyspark import LazyPySparkResource
from pydantic import Field

from regulatory_assets.engine import Engine, start
from regulatory_assets.settings import Settings


class EngineResource(LazyPySparkResource):  # type: ignore[misc]  # dagster_pyspark has no types
    """The process's engine, started and self-checked when first asked for.

    ``spark_session`` is the engine's own session, as a ``PySparkResource`` whose ``spark.remote``
    names the engine's server would give; the address of an embedded server is known only once it
    runs, so this resource starts it. Nothing here is secret, since Dagster shows a resource's
    configuration: a server's token belongs into SPARK_CONNECT_AUTHENTICATE_TOKEN.
    """

    spark_config: dict[str, Any] = Field(
        default_factory=dict, description="Unused: an engine's settings belong to the engine."
    )
    engine_name: Literal["sail", "spark"] = Field(default="sail", description="Which engine.")
    spark_remote: str | None = Field(
        default=None, description="URL (sc://...) of a Spark Connect server; empty: a local one."
    )
    var: str = Field(default="var", description="Folder of all state.")
    cache: str | None = Field(default=None, description="Folder for what can be fetched again.")

    @classmethod
    def of(cls, settings: Settings) -> EngineResource:
        """The resource for these settings."""
        return cls(
            engine_name=settings.engine,
            spark_remote=settings.spark_remote,
            var=str(settings.var.resolve()),
            cache=str(settings.cache),
        )

    @property
    def engine(self) -> Engine:
        return start(
            Settings(
                engine=self.engine_name,
                spark_remote=self.spark_remote,
                var=Path(self.var),
                cache_folder=Path(self.cache) if self.cache else None,
            )
        )

    def _init_session(self) -> None:
        self._spark_session = self.engine.session

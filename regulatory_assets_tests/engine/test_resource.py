"""The Dagster resource gives the process's engine, as dagster-pyspark's own resource would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource, PySparkResource

from regulatory_assets.engine import Engine
from regulatory_assets.engine.resource import EngineResource
from regulatory_assets.settings import Settings


def given(pyspark: Any, resource: type) -> Any:
    """The session an asset is given by a resource."""
    seen = []

    def compute(pyspark: Any) -> None:
        seen.append(pyspark.spark_session)

    compute.__annotations__ = {"pyspark": resource}
    result = dg.materialize([dg.asset(name="one")(compute)], resources={"pyspark": pyspark})
    assert result.success
    return seen[0]


def test_an_asset_gets_the_engines_session(sail: Engine, tmp_path: Path) -> None:
    resource = EngineResource.of(Settings(engine="sail", var=tmp_path))
    assert given(resource, LazyPySparkResource) is sail.session
    assert given(resource, EngineResource) is sail.session
    assert resource.engine is sail


def test_pyspark_resource_by_address(sail: Engine) -> None:
    """With ``spark.remote`` dagster-pyspark's own resource reaches the same server."""
    address = f"sc://{sail.session.client._builder.endpoint}"
    session = given(PySparkResource(spark_config={"spark.remote": address}), PySparkResource)
    assert session.range(3).count() == 3


def test_no_secret_is_configuration(tmp_path: Path) -> None:
    fields = EngineResource.of(Settings(var=tmp_path)).model_dump()
    assert "control_url" not in str(fields)

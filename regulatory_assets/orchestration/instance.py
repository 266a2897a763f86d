"""The Dagster instance on which commands run days and look up checks: the one that the UI shows.

It is that of DAGSTER_HOME where this is set, as everywhere in Dagster, and else lies in
``dagster/`` below the folder of all state, made when it is not there; the project's
``dagster.yaml`` is copied into it each time, so that a changed setting holds there too.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_HOME = "DAGSTER_HOME"
_CONFIGURATION = Path(__file__).parents[2] / "dagster.yaml"


def open_instance() -> DagsterInstance:
    """The instance, to be used as a context. Raises NotReady where DAGSTER_HOME is no folder."""
    from dagster import DagsterInstance

    if home := os.environ.get(_HOME):
        if not Path(home).is_absolute() or not Path(home).is_dir():
            raise NotReady(
                f"{_HOME} is {home}, which is no absolute path of a folder; create the folder, "
                f"or unset {_HOME} for the one below REGULATORY_ASSETS_VAR"
            )
    else:
        os.environ[_HOME] = str(_made((Settings().var / "dagster").resolve()))
    return DagsterInstance.get()


def _made(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    if _CONFIGURATION.exists():
        shutil.copyfile(_CONFIGURATION, home / _CONFIGURATION.name)
    return home

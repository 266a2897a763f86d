"""Where a bank's own thresholds and ties are, which are laid over those of the package.

What a file says, and what laying it over another means, is for ``ties`` and ``expectations``.
"""

from __future__ import annotations

from pathlib import Path

from regulatory_assets.regulation.document import ParameterError
from regulatory_assets.settings import settings

EXPECTATIONS, AGREEMENTS = "quality/thresholds", "quality/ties"
"""What the two files are called where they are released, beside those of parameters."""


def own_file(name: str) -> Path | None:
    """A file of the folder that REGULATORY_ASSETS_QUALITY names, where there is one.

    Raises ParameterError where the folder is not there.
    """
    folder = settings().quality
    if folder is None:
        return None
    if not folder.is_dir():
        raise ParameterError(
            f"REGULATORY_ASSETS_QUALITY names {folder}, which is no folder",
            "Create it or correct the setting",
        )
    path = folder / name
    return path if path.is_file() else None

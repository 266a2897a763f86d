"""The page of settings, read from the environment."""

from __future__ import annotations

from collections.abc import Iterator

from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.reference.markdown import grid
from regulatory_assets.settings import PREFIX, Databases, Settings


def settings() -> Iterator[str]:
    """Every variable with its default and meaning."""
    yield from grid(
        ("variable", "default", "meaning"),
        (
            (f"`{PREFIX}{name.upper()}`", f"`{field.default}`", field.description or "")
            for group in (Settings, Databases, Calendar)
            for name, field in group.model_fields.items()
        ),
    )

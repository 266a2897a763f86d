"""What the files of thresholds and ties say, as two persons release it beside the parameters.

A threshold is in force on every day, from the package or from a bank's own folder. What releasing
means is for ``adjustments.releasing``; what a file says for ``expectations`` and ``ties``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from regulatory_assets.adjustments.releasing import Contents, Released
from regulatory_assets.quality.expectations.suite import THRESHOLDS
from regulatory_assets.quality.own import AGREEMENTS, EXPECTATIONS, own_file
from regulatory_assets.quality.ties import TIES
from regulatory_assets.regulation.comparison import file_label
from regulatory_assets.regulation.document import parse, read_text
from regulatory_assets.regulation.tables import BASEL

OWN = "own"
"""The bank's own file, as that of a regime lies over Basel's."""

_FILES = {EXPECTATIONS: THRESHOLDS, AGREEMENTS: TIES}


def contents() -> Contents:
    """What each file says. Raises ParameterError for a folder that is not there, or no YAML."""
    found = {}
    for name, path in _FILES.items():
        own = own_file(path.name)
        said = {BASEL: _digest(path, read_text(path))}
        if own is not None:
            said[OWN] = _digest(own, read_text(own))
        found[name] = {date.min.isoformat(): said}
    return found


def unreleased(released: Released, name: str | None = None) -> Iterator[str]:
    """The files, or that of a name with the bank's own, that say what no second person has
    released."""
    for each, stretches in contents().items():
        (now,) = stretches.values()
        then = released.of(each, date.max)
        for file in sorted({*now, *then}) if name in (None, each) else ():
            if now.get(file) != then.get(file):
                yield file_label(each, file)


@cache  # every check that asks by a file tells whether it is released, and parsing takes long
def _digest(path: Path, text: str) -> str:
    """A hash of what a file says; comments and layout do not count. Raises ParameterError."""
    parse(path, text)  # with file and line where it is no YAML
    said = YAML(typ="safe", pure=True).load(text)
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

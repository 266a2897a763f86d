"""What parameters said when a stage was calculated, so that a later run sees what has changed.

The register names a set of parameters by its hash. Of the stages that follow single values (see
``stages.Cited``) the text behind the hash is kept beside the ledgers, in a file of that name. A
file that is gone, or no longer has the hash it is named by, is as if it had never been kept: the
stage is then calculated whole.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from regulatory_assets.ledger.stages import ParameterSet


class KeptParameters:
    """A folder of parameter sets, each under its hash; nothing in it is ever changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, parameters: ParameterSet) -> None:
        """Keep what a set says, unless that is kept already."""
        path = self._path(parameters.hash)
        if self.text(parameters.hash) is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{uuid.uuid4().hex}")
        beside.write_text(parameters.text, encoding="utf-8")
        beside.replace(path)

    def text(self, of: str) -> str | None:
        """The text of a hash; None where it is not kept, or is damaged."""
        try:
            found = self._path(of).read_bytes()
        except FileNotFoundError:
            return None
        return found.decode() if hashlib.sha256(found).hexdigest() == of else None

    def _path(self, of: str) -> Path:
        return self._folder / f"{of}.json"

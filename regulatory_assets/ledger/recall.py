"""What a run has found by key in a large table, so that it need not look for it again.

A stage looks for the rows that a change reaches, the next stages for rows of the same keys in the
same tables; each look reads a key column of the whole table. Rows once found are kept aside until
the run ends, and answer a later look

* by the same columns, for keys that were among those asked for then;
* by the table's own key, for keys that are among the rows found: each stands once in a table
  without rows of the adjustment layer.

Only other keys are looked for in the table; they are mostly few or none. The answer holds for a
later revision too, with what was posted since. What is kept is named by the postings it was read
from, and postings never change, so it cannot be stale. Noted beside it is which postings of the run
hold nothing but what rules have made. Reading tables and netting entries belong to ``reader``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger import frames

if TYPE_CHECKING:
    from regulatory_assets.control.register import Revision
    from regulatory_assets.ledger.lake import Scratch
    from regulatory_assets.ledger.reader import Version


@dataclass
class _Found:
    """Entries that add up to rows of one table: all whose columns ``on`` stand in ``keys``."""

    postings: frozenset[str]
    on: tuple[str, ...]
    keys: DataFrame
    entries: DataFrame

    def extend(self, keys: DataFrame, entries: DataFrame) -> None:
        """Take in what was found of other keys."""
        self.keys = frames.union([self.keys, keys])
        self.entries = frames.union([self.entries, entries])

    def knows(self, part: Version, on: tuple[str, ...]) -> DataFrame | None:
        """The keys whose rows are all here, asked for by some columns; None if that is not known
        of any."""
        if not self.postings <= _postings(part.live):
            return None
        if on == self.on:
            return self.keys
        return self.entries if on == part.table.key and not part.layered else None


class Recall:
    """The rows that one run has found; ``store`` writes a frame aside until the run ends."""

    def __init__(self, store: Scratch) -> None:
        self._store = store
        self.answered = 0
        """How many looks were answered so far, wholly or in part."""
        self.by_rules: set[str] = set()
        """The run's postings without a row of the base layer: there only rules have moved."""
        self._found: dict[tuple[str, date], list[_Found]] = {}

    def keep(
        self, part: Version, on: Sequence[str], rows: DataFrame, keys: DataFrame | None = None
    ) -> DataFrame:
        """Store standing rows of a table alone, all those of some keys, by default of their own;
        return them as stored."""
        stored = self._store(rows)
        # The keys may lie where a stage has set them aside, which is gone before the run ends.
        keys = stored.select(*on) if keys is None else self._store(keys.select(*on))
        found = _Found(_postings(part.live), tuple(on), keys, stored)
        self._found.setdefault((part.table.name, part.day), []).insert(0, found)
        return stored

    def entries(
        self,
        part: Version,
        keys: DataFrame,
        on: Sequence[str],
        look: Callable[[Sequence[Revision], DataFrame], DataFrame],
    ) -> DataFrame | None:
        """Entries of a table alone that add up to its rows of some keys; None where none of them
        are known. ``look`` reads the entries of some keys from postings."""
        on = tuple(on)
        for found in self._found.get((part.table.name, part.day), ()):
            known = found.knows(part, on)
            if known is None:
                continue
            missing = self._store.unless_empty(frames.anti(keys.select(*on).distinct(), known, on))
            parts = [frames.semi(found.entries, keys, on)]
            if missing is not None:
                before = [r for r in part.live if r.posting in found.postings]
                parts.append(self._store(look(before, missing)))
                if found.on == on:
                    found.extend(missing, parts[-1])
            if since := [r for r in part.live if r.posting not in found.postings]:
                parts.append(look(since, keys))
            self.answered += 1
            return frames.union(parts)
        return None


def _postings(revisions: Sequence[Revision]) -> frozenset[str]:
    return frozenset(r.posting for r in revisions if r.posting is not None)

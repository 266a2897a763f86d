"""Running a day without posting: what would be written goes aside and is gone afterwards.

The register and the lake of a shadow show what is really there, and beside it what the run has
written; so the very code that posts can be asked for its effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import (
    Delivery,
    LostRace,
    Place,
    Register,
    Revision,
)
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.gate import Open
from regulatory_assets.ledger.lake import Lake, Scratch
from regulatory_assets.ledger.rules import RuleSource
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.table import Table


class ShadowRegister(Register):
    """The real register's rows, and those of the run that is not posted.

    A table's day stays as it stood when first asked for, and all of one day are asked for at once
    (``Positions``): so what others post meanwhile is neither mixed with what is looked at, nor in
    its way.
    """

    def __init__(self, real: Register) -> None:
        self._real = real
        self._standing: dict[Place, tuple[Revision, ...]] = {}
        self._added: dict[Place, list[Revision]] = {}

    def history(self, table: str, day: date, upto: int | None = None) -> tuple[Revision, ...]:
        found = self.histories([(table, day)])[table, day]
        return tuple(r for r in found if upto is None or r.revision <= upto)

    def histories(self, wanted: Iterable[Place]) -> dict[Place, tuple[Revision, ...]]:
        places = list(wanted)
        if unseen := [place for place in places if place not in self._standing]:
            self._standing |= self._real.histories(unseen)
        return {p: (*self._standing[p], *self._added.get(p, ())) for p in places}

    def commit(
        self, revisions: Sequence[Revision], delivery: Delivery | None = None
    ) -> tuple[Revision, ...]:
        for revision in revisions:
            chain = self.history(revision.table, revision.day)
            if revision.revision != len(chain) + 1:
                raise LostRace(revision.table, revision.day, revision.revision)
            self._added.setdefault((revision.table, revision.day), []).append(revision)
        return tuple(revisions)


class ShadowLake(Lake):
    """The real lake's postings, and those of the run that is not posted, which are set aside."""

    def __init__(self, real: Lake, store: Scratch) -> None:
        super().__init__(real.root, real.session)
        self._real = real  # which may be a shadow too
        self._store = store
        self._written: dict[str, DataFrame | None] = {}

    def append(self, table: Table, day: date, posting: str, entries: DataFrame) -> None:
        self._written[posting] = self._store.unless_empty(entries.select(*self.typed(table)))

    def scan(
        self, table: Table, day: date, postings: Iterable[str], *, named: bool = False
    ) -> DataFrame:
        wanted = set(postings)
        behind = wanted - self._written.keys()
        aside = {posting: self._written[posting] for posting in sorted(wanted - behind)}
        found = [
            entries.withColumn("posting", F.lit(posting)) if named else entries
            for posting, entries in aside.items()
            if entries is not None
        ]
        if behind or not found:
            found.insert(0, self._real.scan(table, day, behind, named=named))
        return frames.union(found)

    def remove(self, table: Table, postings: Collection[str]) -> None:
        for posting in postings:
            del self._written[posting]


@contextmanager
def shadow(runner: Runner, rules: RuleSource) -> Iterator[Runner]:
    """A runner with other rules, whose work nobody else sees."""
    with runner.lake.scratch() as store:
        yield replace(
            runner,
            lake=ShadowLake(runner.lake, store),
            register=ShadowRegister(runner.register),
            rules=rules,
            gate=Open(),
        )

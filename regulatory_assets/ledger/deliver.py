"""Posting rows that no stage calculates: what sources deliver, and rows copied as they stand.

A delivery is posted by the same rules as a stage: the difference between what it holds and what
stands, checked, then registered. What a file's lines mean and which of them are wrong is not known
here (``bank.ingest``); writing, checking and comparing are the runner's (``run``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.control.register import Delivery, LostRace, Mode, Revision
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY, OPERATION
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import ATTEMPTS, CheckedPosting, Outcome, Runner
from regulatory_assets.ledger.table import Table

log = logging.getLogger(__name__)


def deliver(
    runner: Runner,
    table: Table,
    day: date,
    content: DataFrame,
    mode: Mode,
    cause: str,
    delivery: Delivery | None = None,
    beside: tuple[Table, DataFrame] | None = None,
    *,
    judged_at: int | None = None,
    own: DataFrame | None = None,
    standing: DataFrame | None = None,
    written: CheckedPosting | None = None,
) -> Outcome:
    """Post the difference between a delivery and what stands.

    A full delivery holds the business columns of the whole table; rows that are not in it are
    reversed. A delta holds changed keys, and a column ``_operation`` (OPERATION) with ``upsert`` or
    ``delete``. ``beside`` is a second table whose rows are registered in the same transaction
    (the rejected lines of the delivery).

    ``own`` are the keys of rows that a full delivery replaces, besides those that it holds;
    all rows if not given. ``judged_at`` is the revision that the content was held against:
    LostRace is raised where another stands by now. ``standing`` are the rows of a delta's keys
    at that revision, where the caller has read them. ``written`` is the posting of a first full
    delivery that the caller has written.
    """
    runner.require_open(day)
    for _ in range(ATTEMPTS):
        previous = Version.registered(runner.register, table, day)
        if judged_at not in (None, previous.revision):
            raise LostRace(table.name, day, previous.revision)
        posting, counts = written or _write(runner, content, previous, mode, own, standing)
        revisions = [runner.revision(previous, posting, counts, cause)]
        if beside is not None:
            revisions.append(_append_beside(runner, *beside, day, cause))
        runner.require_open(day)  # it may have been closed meanwhile
        try:
            registered = runner.register.commit(revisions, delivery)
        except LostRace as lost:
            log.info("%s: overtaken at revision %s", lost.table, lost.revision)
            continue
        version = Version(table, day, (*previous.chain, registered[0]))
        return Outcome.of(Way.CHANGE, f"{mode} delivery", version, counts)
    raise LostRace(table.name, day, previous.revision + 1)


def post(runner: Runner, table: Table, day: date, rows: DataFrame, cause: str) -> None:
    """Post standing rows of any layer as they are, to a day that has none yet."""
    previous = Version(table, day, ())
    posting, counts = runner.write(previous, rows)
    runner.register.commit([runner.revision(previous, posting, counts, cause)])


def _write(
    runner: Runner,
    content: DataFrame,
    previous: Version,
    mode: Mode,
    own: DataFrame | None,
    standing: DataFrame | None,
) -> CheckedPosting:
    with runner.clear_errors([previous]), runner.lake.scratch() as store:
        if mode == "full":
            entries = _replacing(runner, content, previous, own, store)
        else:
            entries = _changing(runner, content, previous, standing)
        return runner.write(previous, entries)


def _replacing(
    runner: Runner,
    content: DataFrame,
    previous: Version,
    own: DataFrame | None,
    store: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """The entries of a full delivery."""
    table = previous.table
    new = frames.as_base_rows(content, table)
    if previous.data_revision == 0:
        return new
    new = store(new)
    if own is not None:
        own = store(frames.union([own, new.select(*table.key)]))
    return runner.difference(new, previous, own)


def _changing(
    runner: Runner, content: DataFrame, previous: Version, standing: DataFrame | None
) -> DataFrame:
    """The entries of a delta."""
    table = previous.table
    named = F.col(OPERATION)
    unknown = F.raise_error(F.lit(f"a delta's {OPERATION} must be upsert or delete"))
    operation = F.when(named.isin("upsert", "delete"), named).otherwise(unknown)
    new = frames.as_base_rows(content.where(operation == "upsert"), table)
    old = standing
    if old is None:
        old = runner.reader.rows(previous, among=content, on=table.key)
    both = [new, frames.negative(old).select(ENTRY, *table.content)]
    return frames.net(frames.union(both), table.content)


def _append_beside(
    runner: Runner, table: Table, content: DataFrame, day: date, cause: str
) -> Revision:
    previous = Version.registered(runner.register, table, day)
    posting, counts = runner.write(previous, frames.as_base_rows(content, table))
    return runner.revision(previous, posting, counts, cause)

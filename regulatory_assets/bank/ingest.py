"""Taking a delivered file into its ledger: stage, conform, reject, post the difference.

The conformed rows, the rejected lines and the delivery's own record are registered together or
not at all. The same file twice changes nothing. What is personal goes to the vault before, and only
there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.claims import (
    SettledLines,
    StandingDeliveries,
    all_claims,
    raw_folder,
    settle,
)
from regulatory_assets.bank.conform import (
    REASONS,
    REJECTED_ROWS,
    conform_kept,
    reject_repeated_keys,
    reject_unknown_deletes,
)
from regulatory_assets.bank.control_totals import ControlTotal, check_totals, control_totals
from regulatory_assets.bank.delivery import DeliveredFile, DeliveryError, find_files
from regulatory_assets.bank.formats.piece import LINE, RAW_TEXT
from regulatory_assets.bank.intake import Arrivals
from regulatory_assets.bank.mapping import installed
from regulatory_assets.bank.personal import PersonalData, keep_personal
from regulatory_assets.bank.staging import RawLines, stage
from regulatory_assets.control.register import Delivery, LostRace
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.postcheck import PostingRefused
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import ATTEMPTS, CheckedPosting, Outcome, Runner
from regulatory_assets.ledger.table import Table

log = logging.getLogger(__name__)

REASONS_SHOWN = 3


@dataclass(frozen=True)
class Ingested:
    """What became of one delivered file, and what is worth a word."""

    delivery: Delivery
    outcome: Outcome
    warnings: tuple[str, ...]


def arrivals(runner: Runner) -> Arrivals:
    """What has arrived in a runner's lake."""
    return Arrivals(runner.register, raw_folder(runner.lake.root))


def ingest_table(
    runner: Runner, folder: Path, table: Table, day: date, vault: PersonalData | None = None
) -> tuple[Ingested, ...]:
    """Apply the pending files of one table and day from a delivery folder.

    ``vault`` takes what is personal; a table without personal columns needs none.
    """
    sources = runner.graph.sources
    mappings = installed(sources)
    files = [f for f in find_files(folder, day, sources, mappings) if f.table == table]
    if files and not arrivals(runner).pending(files):
        return ()
    totals = [t for t in control_totals(folder, day, sources) if t.table == table.name]
    if totals:
        full = (m for m in mappings if m.table == table and m.mode == "full")
        known = {table.name, *(m.source for m in full)}
        whole = {f.source for f in files if f.mode == "full"}
        check_totals(totals, whole, known, arrivals(runner).standing(table, day).of)
    return ingest_pending(runner, files, totals, vault)


def ingest_pending(
    runner: Runner,
    files: Sequence[DeliveredFile],
    totals: Iterable[ControlTotal] = (),
    vault: PersonalData | None = None,
) -> tuple[Ingested, ...]:
    """Apply those of one table's and day's files that are pending."""
    taken: list[Ingested] = []
    # Asked for each: what a source before it has delivered may concern its keys. And asked twice:
    # what has passed to a source of a later name may free keys of one before.
    for source in sorted({f.source for f in files}) * 2:
        waiting = arrivals(runner).pending([f for f in files if f.source == source])
        taken += [ingest(runner, file, totals, vault) for file in waiting]
    return tuple(taken)


def ingest(
    runner: Runner,
    file: DeliveredFile,
    totals: Iterable[ControlTotal] = (),
    vault: PersonalData | None = None,
) -> Ingested:
    """Take one file. Raises DeliveryError where it cannot be taken at all."""
    start = time.monotonic()
    runner.require_open(file.day)
    if file.table.personal and vault is None:
        raise DeliveryError(f"{file.named}: holds personal data, and there is no vault to keep it")
    if file.mode == "delta":
        _require_full(runner, file)
    kept = stage(file, raw_folder(runner.lake.root))
    try:
        taken = take(
            runner,
            kept,
            [t for t in totals if t.of(file)],
            partial(keep_personal, file, vault) if vault and file.table.personal else _nothing,
        )
    except DeliveryError:
        kept.path.unlink(missing_ok=True)
        raise
    return replace(taken, outcome=replace(taken.outcome, seconds=time.monotonic() - start))


def _require_full(runner: Runner, file: DeliveredFile) -> None:
    standing = arrivals(runner).standing(file.table, file.day)
    if file.source not in standing.before(file.source, file.mapping.formerly).of:
        of = "" if file.source == file.table.name else f" by the source {file.source}"
        raise DeliveryError(
            f"{file.named}: a delta needs a full delivery of {file.table.name}{of} for {file.day} "
            "first"
        )


def _nothing(_: DataFrame) -> tuple[str, ...]:
    return ()


def take(
    runner: Runner,
    raw: RawLines,
    totals: Iterable[ControlTotal] = (),
    before: Callable[[DataFrame], tuple[str, ...]] = _nothing,
) -> Ingested:
    """Conform kept lines and post what differs from the table as it stands, of this source's rows.

    ``before`` sees the accepted lines before anything is registered, and may have warnings. Where
    another writer was faster, lines are held against what stands by then.
    """
    totals = tuple(totals)
    for _ in range(ATTEMPTS - 1):
        try:
            return _take(runner, raw, totals, before)
        except LostRace as lost:
            log.info("%s: overtaken at revision %s", lost.table, lost.revision)
    return _take(runner, raw, totals, before)


def _take(
    runner: Runner,
    raw: RawLines,
    totals: Sequence[ControlTotal],
    before: Callable[[DataFrame], tuple[str, ...]],
) -> Ingested:
    table = raw.table
    version = Version.registered(runner.register, table, raw.day)
    conformed = conform_kept(runner.lake, raw)
    agreed = _agreed(raw, conformed, totals)
    standing = Arrivals(runner.register, raw.path.parents[1]).standing(table, raw.day)
    others = standing.before(raw.source, raw.formerly)
    alone = not others.of.keys() - {raw.source}
    if raw.mode == "full" and alone and not version.data_revision:
        with suppress(PostingRefused):  # a key stands twice: it is told which lines those are
            return _take_first(runner, raw, version, conformed, before, agreed)
    with runner.lake.scratch() as store:
        if raw.mode == "delta":
            conformed = store(conformed)  # looked at several times, and few
        counted = conformed.agg(
            F.count("*").alias("lines"),
            F.count(F.when(_WRONG, 1)).alias("rejected"),
            F.countDistinct(F.when(_VALID, frames.fingerprint(table.key))).alias("keys"),
        ).collect()[0]
        _check_lines(raw, counted.lines)
        known: int | None = counted.rejected
        if counted.keys + counted.rejected < counted.lines:
            conformed, known = reject_repeated_keys(conformed, table), None
        if raw.mode == "full":
            known = _rejected_count(conformed, known)
            if counted.lines and known == counted.lines:
                raise DeliveryError(_nothing_valid(raw, conformed.where(_WRONG)))
        settled = None if alone else _beside(runner, raw, conformed, others, store)
        stood = None
        if settled is not None:
            conformed, known = settled.lines, None
        elif raw.mode == "delta":
            # Asked twice, for what is deleted and for what is replaced; the table is scanned once.
            stood = store(runner.reader.rows(version, among=conformed.where(_VALID), on=table.key))
            conformed, known = reject_unknown_deletes(conformed, stood, table), None
        rejected = _rejected_count(conformed, known)
        contested, own = (settled.contested, settled.own) if settled else (0, None)
        delivery = _delivery(raw, rejected, agreed, contested)
        # Where no line is wrong, nothing need be checked once more to leave the wrong ones out.
        accepted, wrong = conformed, None
        if rejected:
            accepted, wrong = conformed.where(_VALID), conformed.where(_WRONG)
        return _post(runner, raw, version, accepted, wrong, delivery, before, own, stood)


_VALID, _WRONG = F.col(REASONS) == "", F.col(REASONS) != ""


def _agreed(raw: RawLines, conformed: DataFrame, totals: Sequence[ControlTotal]) -> str:
    """The control totals that a file was held against. Raises DeliveryError where one differs."""
    for each in totals:
        each.check(raw.file_name, raw.lines, each.summed(conformed))
    return "\n".join(t.told for t in totals)


def _check_lines(raw: RawLines, read: int) -> None:
    if read != raw.lines:
        raise DeliveryError(
            f"{raw.file_name}: {raw.lines} lines are kept, but {read} were read; "
            "the storage of the lake is damaged"
        )


def _take_first(
    runner: Runner,
    raw: RawLines,
    version: Version,
    conformed: DataFrame,
    before: Callable[[DataFrame], tuple[str, ...]],
    agreed: str,
) -> Ingested:
    """Take the first full file of a day. Its valid lines are written, then counted: each line is
    checked once, and nothing counts before it is registered. Raises PostingRefused where a key
    stands twice."""
    valid = conformed.where(_VALID)
    rows = frames.as_base_rows(valid.select(*raw.table.column_names), raw.table)
    posting, counts = runner.write(version, rows)
    with runner.lake.scratch() as store:
        wrong, rejected = None, 0
        if counts.booked != raw.lines:
            wrong = store(conformed.where(_WRONG))
            rejected = wrong.count()
        _check_lines(raw, counts.booked + rejected)
        if wrong is not None and not counts.booked:
            raise DeliveryError(_nothing_valid(raw, wrong))
        delivery = _delivery(raw, rejected, agreed)
        written = (posting, counts)
        return _post(runner, raw, version, valid, wrong, delivery, before, written=written)


def _rejected_count(conformed: DataFrame, known: int | None) -> int:
    """How many lines are rejected; they are counted where that is not known any more."""
    return conformed.where(_WRONG).count() if known is None else known


def _beside(
    runner: Runner,
    raw: RawLines,
    conformed: DataFrame,
    others: StandingDeliveries,
    store: Callable[[DataFrame], DataFrame],
) -> SettledLines:
    """The lines beside what other sources have delivered."""
    table, folder = raw.table, raw.path.parents[1]
    claims = all_claims(runner.reader, runner.register, folder, table, raw.day, others)
    claims = store(claims)
    return settle(store(conformed), claims, table, raw.source, raw.mode == "delta")


def _delivery(raw: RawLines, rejected: int, agreed: str, contested: int = 0) -> Delivery:
    return Delivery(
        batch=raw.batch,
        table=raw.table.name,
        day=raw.day,
        mode=raw.mode,
        file_name=raw.file_name,
        sha256=raw.sha256,
        delivered=raw.lines,
        accepted=raw.lines - rejected,
        rejected=rejected,
        arrived_at=raw.arrived_at,
        source=raw.source,
        contested=contested,
        agreed=agreed,
    )


def _post(
    runner: Runner,
    raw: RawLines,
    version: Version,
    accepted: DataFrame,
    wrong: DataFrame | None,
    delivery: Delivery,
    before: Callable[[DataFrame], tuple[str, ...]],
    own: DataFrame | None = None,
    standing: DataFrame | None = None,
    written: CheckedPosting | None = None,
) -> Ingested:
    table = raw.table
    warnings = (*_warnings(raw), *before(accepted))
    kept = [F.col(name) for name in table.column_names]
    if raw.mode == "delta":
        # Two values only: the runner raises on others, and an engine may look before it filters.
        deleting = F.when(F.col(OPERATION) == "delete", "delete").otherwise("upsert")
        kept.append(deleting.alias(OPERATION))
    outcome = deliver(
        runner,
        table,
        raw.day,
        accepted.select(*kept),
        raw.mode,
        cause=f"delivery {raw.file_name} {raw.batch}",
        delivery=delivery,
        beside=None if wrong is None else (REJECTED_ROWS, _rejected(raw, wrong)),
        judged_at=version.revision,
        own=own,
        standing=standing,
        written=written,
    )
    return Ingested(delivery, outcome, warnings)


def _nothing_valid(raw: RawLines, wrong: DataFrame) -> str:
    """A full file without a valid line would empty the table; that is never what is meant."""
    first = wrong.orderBy(LINE).limit(REASONS_SHOWN).select(LINE, REASONS).collect()
    said = "; ".join(f"line {row[LINE]}: {row[REASONS]}" for row in first)
    return (
        f"{raw.file_name}: none of its {raw.lines} lines is valid, and taking it would empty "
        f"{raw.table.name}. {said}. Nothing of it was taken; deliver it again"
    )


def _warnings(raw: RawLines) -> tuple[str, ...]:
    told = tuple(f"{raw.file_name}: {warning}" for warning in raw.warnings)
    if not raw.unknown:
        return told
    names = ", ".join(raw.unknown)
    kept = "are not kept" if raw.table.personal else "are kept with the raw lines"
    return (*told, f"{raw.file_name}: columns that nothing uses: {names}. They {kept}")


def _rejected(raw: RawLines, wrong: DataFrame) -> DataFrame:
    """Rejected lines in the shape of their table."""
    return wrong.select(
        F.lit(raw.batch).alias("batch"),
        F.col(LINE),
        F.lit(raw.table.name).alias("source_table"),
        F.lit(raw.file_name).alias("file_name"),
        F.col(REASONS),
        F.col(RAW_TEXT),
    )

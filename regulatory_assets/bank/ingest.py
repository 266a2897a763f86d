"""Taking a delivered file into its ledger: stage, conform, reject, post the difference.

The conformed rows, the rejected lines and the delivery's own record are registered together or
not at all. The same file twice changes nothing. What is personal goes to the vault before, and only
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.conform import (
    REASONS,
    REJECTED_ROWS,
    conform,
    reject_repeated_keys,
    reject_unknown_deletes,
)
from regulatory_assets.bank.control_totals import ControlTotal, control_totals
from regulatory_assets.bank.delivery import DeliveredFile, DeliveryError, find_files
from regulatory_assets.bank.formats.piece import LINE, RAW_TEXT
from regulatory_assets.bank.mapping import OPERATION
from regulatory_assets.bank.personal import PersonalData, keep_personal
from regulatory_assets.bank.staging import RawLines, raw_lines, stage
from regulatory_assets.control.register import Delivery
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.table import MONEY_LIMIT_DIGITS, ColumnType, Table

REASONS_SHOWN = 3


@dataclass(frozen=True)
class Ingested:
    """What became of one delivered file, and what is worth a word."""

    delivery: Delivery
    outcome: Outcome
    warnings: tuple[str, ...]


def pending(runner: Runner, files: Sequence[DeliveredFile]) -> tuple[DeliveredFile, ...]:
    """The files of one table and day that are not applied yet, in order.

    A full file that is not the last one applied replaces the table, so the deltas beside it follow
    it again; so does one whose mapping has changed since. Otherwise only deltas that were not
    applied since are pending.
    """
    if not files:
        return ()
    applied = runner.register.deliveries(files[0].table.name, files[0].day)
    last_full = max((i for i, d in enumerate(applied) if d.mode == "full"), default=None)
    fulls = [f for f in files if f.mode == "full"]
    if fulls and (last_full is None or not _is(runner, fulls[-1], applied[last_full])):
        return tuple(files)
    since = {d.sha256 for d in applied[(last_full or 0) :]}
    return tuple(f for f in files if f.mode == "delta" and f.sha256 not in since)


def _is(runner: Runner, file: DeliveredFile, applied: Delivery) -> bool:
    """Whether this very content was applied by this very mapping."""
    if file.sha256 != applied.sha256:
        return False
    kept = raw_lines(raw_folder(runner.lake), file.table, applied.batch)
    return kept.mapping_text == file.mapping.text


def ingest_table(
    runner: Runner, folder: Path, table: Table, day: date, vault: PersonalData | None = None
) -> tuple[Ingested, ...]:
    """Apply the pending files of one table and day from a delivery folder.

    ``vault`` takes what is personal; a table without personal columns needs none.
    """
    sources = runner.graph.sources
    files = [f for f in find_files(folder, day, sources) if f.table == table]
    waiting = pending(runner, files)
    if not waiting:
        return ()
    totals = [t for t in control_totals(folder, day, sources) if t.table == table.name]
    return tuple(ingest(runner, file, totals, vault) for file in waiting)


def ingest(
    runner: Runner,
    file: DeliveredFile,
    totals: Iterable[ControlTotal] = (),
    vault: PersonalData | None = None,
) -> Ingested:
    """Take one file. Raises DeliveryError where it cannot be taken at all."""
    runner.require_open(file.day)
    if file.table.personal and vault is None:
        raise DeliveryError(f"{file.path}: holds personal data, and there is no vault to keep it")
    if file.mode == "delta" and not runner.register.history(file.table.name, file.day):
        raise DeliveryError(
            f"{file.path}: a delta needs a full delivery of {file.table.name} for {file.day} first"
        )
    kept = stage(file, raw_folder(runner.lake))
    try:
        return take(
            runner,
            kept,
            totals if file.mode == "full" else (),
            partial(keep_personal, file, vault) if vault and file.table.personal else _nothing,
        )
    except DeliveryError:
        kept.path.unlink(missing_ok=True)
        raise


def raw_folder(lake: Lake) -> Path:
    """The folder of the delivered lines, beside the tables."""
    return lake.root / "raw"


def _nothing(_: DataFrame) -> tuple[str, ...]:
    return ()


def take(
    runner: Runner,
    raw: RawLines,
    totals: Iterable[ControlTotal] = (),
    before: Callable[[DataFrame], tuple[str, ...]] = _nothing,
) -> Ingested:
    """Conform kept lines and post what differs from the table as it stands.

    ``before`` sees the accepted lines before anything is posted, and may have warnings.
    """
    table, mapping = raw.table, raw.mapping
    lines = runner.lake.session.read.parquet(str(raw.path))
    conformed = conform(lines, raw.columns, mapping, raw.day)
    totals = tuple(totals)
    counted = conformed.agg(
        F.count("*").alias("lines"),
        F.count(F.when(F.col(REASONS) != "", 1)).alias("rejected"),
        F.countDistinct(F.when(F.col(REASONS) == "", frames.fingerprint(table.key))).alias("keys"),
        *(
            total(_countable(F.col(t.sum_column))).alias(f"sum_{i}")
            for i, t in enumerate(totals)
            if t.sum_column is not None
        ),
    ).collect()[0]
    if counted.lines != raw.lines:
        raise DeliveryError(
            f"{raw.file_name}: {raw.lines} lines are kept, but {counted.lines} were read; "
            "the storage of the lake is damaged"
        )
    for i, each in enumerate(totals):
        of_column = counted[f"sum_{i}"] if each.sum_column is not None else Decimal(0)
        each.check(Path(raw.file_name), counted.lines, of_column)
    again = False
    if counted.keys + counted.rejected < counted.lines:
        conformed, again = reject_repeated_keys(conformed, table), True
    if raw.mode == "delta":
        version = Version(table, raw.day, runner.register.history(table.name, raw.day))
        deletes = conformed.where((F.col(REASONS) == "") & (F.col(OPERATION) == "delete"))
        standing = runner.reader.rows(version, among=deletes, on=table.key)
        conformed, again = reject_unknown_deletes(conformed, standing, table), True
    wrong = conformed.where(F.col(REASONS) != "")
    rejected = wrong.count() if again else counted.rejected
    if raw.mode == "full" and counted.lines and rejected == counted.lines:
        raise DeliveryError(_nothing_valid(raw, wrong))
    delivery = Delivery(
        batch=raw.batch,
        table=table.name,
        day=raw.day,
        mode=raw.mode,
        file_name=raw.file_name,
        sha256=raw.sha256,
        delivered=raw.lines,
        accepted=counted.lines - rejected,
        rejected=rejected,
        arrived_at=raw.arrived_at,
    )
    warnings = (*_warnings(raw), *before(conformed.where(F.col(REASONS) == "")))
    kept = [F.col(name) for name in table.column_names]
    if raw.mode == "delta":
        # Two values only: the runner raises on others, and an engine may look before it filters.
        deleting = F.when(F.col(OPERATION) == "delete", "delete").otherwise("upsert")
        kept.append(deleting.alias(OPERATION))
    outcome = runner.deliver(
        table,
        raw.day,
        conformed.where(F.col(REASONS) == "").select(*kept),
        raw.mode,
        cause=f"delivery {raw.file_name} {raw.batch}",
        delivery=delivery,
        beside=(REJECTED_ROWS, _rejected(raw, wrong)) if rejected else None,
    )
    return Ingested(delivery, outcome, warnings)


def _countable(number: Column) -> Column:
    """A number that can be summed; one beyond all delivered money is for its own line to reject."""
    limit = F.lit("1" + "0" * MONEY_LIMIT_DIGITS).cast(ColumnType.MONEY.value)
    money = number.cast(ColumnType.MONEY.value)
    return F.when((money < limit) & (money > -limit), money)


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
    """The rejected lines in the shape of their table."""
    return wrong.select(
        F.lit(raw.batch).alias("batch"),
        F.col(LINE),
        F.lit(raw.table.name).alias("source_table"),
        F.lit(raw.file_name).alias("file_name"),
        F.col(REASONS),
        F.col(RAW_TEXT),
    )

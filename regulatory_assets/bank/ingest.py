"""Taking a delivered file into its ledger: stage, conform, reject, post the difference.

The conformed rows, the rejected lines and the delivery's own record are registered together or
not at all. The same file twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.conform import (
    RAW_TEXT,
    REASONS,
    REJECTED_ROWS,
    conform,
    reject_repeated_keys,
)
from regulatory_assets.bank.delivery import (
    LINE,
    OPERATION,
    DeliveredFile,
    DeliveryError,
    Staged,
    find_files,
    stage,
)
from regulatory_assets.control.register import Delivery
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class Ingested:
    """What became of one delivered file."""

    delivery: Delivery
    outcome: Outcome


def pending(runner: Runner, files: Sequence[DeliveredFile]) -> tuple[DeliveredFile, ...]:
    """The files of one table and day that are not applied yet, in order.

    A full file that is not the last one applied replaces the table, so the deltas beside it follow
    it again; otherwise only deltas that were not applied since are pending.
    """
    if not files:
        return ()
    applied = runner.register.deliveries(files[0].table.name, files[0].day)
    last_full = max((i for i, d in enumerate(applied) if d.mode == "full"), default=None)
    fulls = [f for f in files if f.mode == "full"]
    if fulls and (last_full is None or applied[last_full].sha256 != fulls[-1].sha256):
        return tuple(files)
    since = {d.sha256 for d in applied[(last_full or 0) :]}
    return tuple(f for f in files if f.mode == "delta" and f.sha256 not in since)


def ingest_table(runner: Runner, folder: Path, table: Table, day: date) -> tuple[Ingested, ...]:
    """Apply the pending files of one table and day from a delivery folder."""
    files = [f for f in find_files(folder, day, runner.graph.sources) if f.table == table]
    return tuple(ingest(runner, file) for file in pending(runner, files))


def ingest(runner: Runner, file: DeliveredFile) -> Ingested:
    """Take one file. Raises DeliveryError where it cannot be taken at all."""
    if file.mode == "delta" and not runner.register.history(file.table.name, file.day):
        raise DeliveryError(
            f"{file.path}: a delta needs a full delivery of {file.table.name} for {file.day} first"
        )
    return take(runner, stage(file, raw_folder(runner.lake)))


def raw_folder(lake: Lake) -> Path:
    """The folder of the delivered lines, beside the tables."""
    return lake.root / "raw"


def take(runner: Runner, staged: Staged) -> Ingested:
    """Conform staged lines and post what differs from the table as it stands."""
    file, table = staged.file, staged.file.table
    lines = runner.lake.session.read.parquet(str(staged.parquet))
    conformed = conform(lines, table, file.mode)
    counted = conformed.agg(
        F.count("*").alias("lines"),
        F.count(F.when(F.col(REASONS) != "", 1)).alias("rejected"),
        F.countDistinct(F.when(F.col(REASONS) == "", frames.fingerprint(table.key))).alias("keys"),
    ).collect()[0]
    rejected = counted.rejected
    if counted.keys + rejected < counted.lines:
        conformed = reject_repeated_keys(conformed, table)
        rejected = conformed.where(F.col(REASONS) != "").count()
    accepted = conformed.where(F.col(REASONS) == "")
    delivery = Delivery(
        batch=staged.batch,
        table=table.name,
        day=file.day,
        mode=file.mode,
        file_name=file.path.name,
        sha256=staged.sha256,
        delivered=staged.lines,
        accepted=counted.lines - rejected,
        rejected=rejected + len(staged.malformed),
        arrived_at=datetime.now(UTC),
    )
    if counted.lines + len(staged.malformed) != delivery.delivered:
        raise DeliveryError(
            f"{file.path}: {delivery.delivered} lines were delivered, but {counted.lines} read and "
            f"{len(staged.malformed)} set aside; the file changed while it was read"
        )
    beside = None
    if delivery.rejected:
        beside = (REJECTED_ROWS, _rejected(runner, staged, conformed))
    kept = (*table.column_names, OPERATION) if file.mode == "delta" else table.column_names
    outcome = runner.deliver(
        table,
        file.day,
        accepted.select(*kept),
        file.mode,
        cause=f"delivery {file.path.name} {staged.batch}",
        delivery=delivery,
        beside=beside,
    )
    return Ingested(delivery, outcome)


def _rejected(runner: Runner, staged: Staged, conformed: DataFrame) -> DataFrame:
    """The rejected lines in the shape of their table, malformed lines among them."""
    wanted = (LINE, REASONS, RAW_TEXT)
    found = conformed.where(F.col(REASONS) != "").select(*wanted)
    if staged.malformed:
        aside = pa.table(
            {
                LINE: pa.array([m.line for m in staged.malformed], pa.int64()),
                REASONS: [m.reason for m in staged.malformed],
                RAW_TEXT: [m.text for m in staged.malformed],
            }
        )
        found = found.unionAll(runner.lake.session.createDataFrame(aside))
    return found.select(
        F.lit(staged.batch).alias("batch"),
        F.col(LINE),
        F.lit(staged.file.table.name).alias("source_table"),
        F.lit(staged.file.path.name).alias("file_name"),
        F.col(REASONS),
        F.col(RAW_TEXT),
    )

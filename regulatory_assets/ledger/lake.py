"""Where the ledgers lie: Delta tables on disk, created up front and only ever appended to.

Storage knows postings by their id and nothing of revisions: which postings count is the
register's word. Overwrite, ``replaceWhere`` and MERGE are never used.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from pyspark.errors.exceptions.base import PySparkException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from regulatory_assets.ledger.table import (
    LEDGER_COLUMNS,
    PARTITION_COLUMNS,
    ColumnType,
    Table,
)


class LakeError(Exception):
    """The lake does not hold what the register says; the message names table and remedy."""


_KEPT_TYPES = frozenset(kind.arrow for kind in ColumnType)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+:-]+")


def new_posting() -> str:
    """A fresh id for one attempt to write."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Scratch:
    """Writes a frame aside and reads it back.

    For a result that is looked at twice: it is calculated once, and the engine plans the second
    look over plain columns (over a calculated frame, planning alone can take minutes).
    """

    folder: Path
    session: SparkSession

    def __call__(self, frame: DataFrame) -> DataFrame:
        return self._read(self._write(frame), frame)

    def unless_empty(self, frame: DataFrame) -> DataFrame | None:
        """The same; None for a frame without rows, which the files tell and no query need ask."""
        path = self._write(frame)
        if not any(pq.read_metadata(file).num_rows for file in path.glob("*.parquet")):
            return None
        return self._read(path, frame)

    def _write(self, frame: DataFrame) -> Path:
        path = self.folder / new_posting()
        frame.write.parquet(str(path))
        return path

    def _read(self, path: Path, frame: DataFrame) -> DataFrame:
        schema = _written_schema(path) or frame.schema
        return self.session.read.schema(schema).parquet(str(path))


class Lake:
    """A folder of Delta tables, one folder per table, read and written through one session."""

    def __init__(self, root: Path, session: SparkSession) -> None:
        if not _PLAIN_PATH.fullmatch(str(root.absolute())):
            # Sail encodes such a path and writes to another folder than the one created for it.
            raise LakeError(
                f"{root.absolute()}: the path of a lake may hold only letters without accents, "
                "digits and . _ - + : /; choose another folder for the state"
            )
        self.root = root
        self.session = session
        self._created: set[str] = set()

    @property
    def parameters(self) -> Path:
        """Where texts of parameters are kept; see ``kept``."""
        return self.root / "parameters"

    def path(self, table: Table) -> Path:
        return self.root / table.name

    def create(self, table: Table) -> None:
        """Create the table if it is not there; refuse one of another shape.

        Done by delta-rs before any engine writes: concurrent first writes fail on Spark. Skipping
        statistics are kept for key columns only, because Sail reads a decimal column with one
        distinct value back through its statistics as a double.
        """
        if table.name in self._created:
            return
        path = self.path(table)
        path.mkdir(parents=True, exist_ok=True)
        if is_created(path):
            created = delta_table(path)
        else:
            created = DeltaTable.create(
                str(path),
                schema=Schema.from_arrow(table.arrow_schema),
                mode="ignore",
                name=table.name,
                description=table.description,
                partition_by=list(PARTITION_COLUMNS),
                configuration={"delta.dataSkippingStatsColumns": ",".join(table.key)},
            )
        stored = {f.name: str(f.type) for f in created.schema().fields}
        wanted = {f.name: str(f.type) for f in Schema.from_arrow(table.arrow_schema).fields}
        if stored != wanted:
            different = sorted(set(stored.items()) ^ set(wanted.items()))
            raise LakeError(
                f"{path}: the stored table has another shape than its definition: {different}. "
                "A changed table needs a new name or a migration; ledgers are never rewritten."
            )
        self._created.add(table.name)

    def _holds(self, table: Table) -> bool:
        return table.name in self._created or is_created(self.path(table))

    def append(self, table: Table, day: date, posting: str, entries: DataFrame) -> None:
        """Write entries as one posting. An empty frame leaves no data file."""
        self.create(table)
        partition = [F.lit(day).alias("reporting_date"), F.lit(posting).alias("posting")]
        (
            entries.select(*partition, *self.typed(table))
            .write.format("delta")
            .mode("append")
            .partitionBy(*PARTITION_COLUMNS)
            .save(str(self.path(table)))
        )

    @staticmethod
    def typed(table: Table) -> list[Column]:
        """The entry and content columns of a table, typed and ordered as they are stored."""
        stored = (*LEDGER_COLUMNS, *table.column_names)
        return [F.col(c).cast(table.type_of(c).value).alias(c) for c in stored]

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Where frames are written aside; all of it is gone at the end."""
        folder = self.root / "scratch" / new_posting()
        try:
            yield Scratch(folder, self.session)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def scan(
        self, table: Table, day: date, postings: Iterable[str], *, named: bool = False
    ) -> DataFrame:
        """The entries of the postings of a day: entry and content columns, where ``named`` also in
        which ``posting`` they stand, lazily. Raises LakeError where there are postings and no
        table: what is lost is not taken for no rows."""
        wanted = sorted(postings)
        if wanted and not self._holds(table):
            raise LakeError(
                f"{table.name}: {self.path(table)} is gone, with {len(wanted)} registered postings "
                f"of {day}. Restore it from backup; no figure is computed without it"
            )
        self.create(table)
        counted = F.col("posting").isin(wanted) if wanted else F.lit(False)
        return (
            self.session.read.format("delta")
            .load(str(self.path(table)))
            .where((F.col("reporting_date") == F.lit(day)) & counted)
            .select("entry", *table.content, *(["posting"] if named else []))
        )

    def remove(self, table: Table, postings: Collection[str]) -> None:
        """Remove postings that are not registered, from the Delta table and from disk."""
        stored = delta_table(self.path(table))
        doomed = [
            uri
            for posting in postings
            for uri in stored.file_uris(partition_filters=[("posting", "=", posting)])
        ]
        listed = ", ".join(f"'{p}'" for p in postings)
        stored.delete(f"posting IN ({listed})")
        for uri in doomed:
            Path(uri.removeprefix("file://")).unlink(missing_ok=True)

    def explain_failure(self, table: Table, error: PySparkException) -> LakeError | None:
        """A clear error when a read failed because files named by the Delta log are gone."""
        path = self.path(table)
        missing = [
            file
            for file in delta_table(path).file_uris()
            if not Path(file.removeprefix("file://")).exists()
        ]
        if not missing:
            return None
        return LakeError(
            f"{table.name}: {len(missing)} data file(s) of registered postings are missing, first "
            f"{missing[0]}. Restore them from backup; no figure is computed without them. ({error})"
        )


def is_created(path: Path) -> bool:
    """Whether a Delta log holds anything. Delta-rs takes milliseconds to say so, for each table of
    every process."""
    return any((path / "_delta_log").glob("[0-9]*"))


def delta_table(path: Path) -> DeltaTable:
    """A table by its Delta log. Raises LakeError where the log cannot be read."""
    try:
        return DeltaTable(str(path))
    except DeltaError as error:
        why, log = str(error).partition("\n")[0], path / "_delta_log"
        raise LakeError(
            f"{path.name}: its Delta log cannot be read ({why}); bring {log} back from a backup"
        ) from None


def _written_schema(folder: Path) -> StructType | None:
    """The schema of a frame that was written to a folder, from the head of one of its files.

    Asked for it, an engine would plan the whole calculation once more. None where a type is neither
    one of the ledgers' nor a decimal (it may be read back as another), and where there is no file:
    Sail writes none without rows.
    """
    file = next(folder.glob("*.parquet"), None)
    if file is None:
        return None
    fields = [field.with_nullable(True) for field in pq.read_schema(file)]
    kept = (f.type in _KEPT_TYPES or pa.types.is_decimal128(f.type) for f in fields)
    return from_arrow_schema(pa.schema(fields)) if all(kept) else None

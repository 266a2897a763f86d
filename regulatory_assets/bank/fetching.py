"""Asking databases for a day, and delivering their answers as files.

A database cannot say that it changed, and most cannot be asked for a past day again. So it is asked
once, when its table is first run for a day or when somebody says so, and the answer is a delivered
file like any other from then on: it lies among the day's files, has a hash, is looked at by the
sensor, and can be taken again. What is asked stands in a mapping (``query``); where a database is,
and by which password, in the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr
from sqlalchemy import Connection, CursorResult, Date, NullPool, bindparam, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.mapping import SourceMapping, installed
from regulatory_assets.bank.query import DAY, DatabaseQuery
from regulatory_assets.ledger.table import Table

_ROWS = 65_536


@dataclass(frozen=True)
class Fetched:
    """A delivered answer."""

    path: Path
    rows: int


@dataclass(frozen=True)
class Asking:
    """A source that asks a database."""

    mapping: SourceMapping
    query: DatabaseQuery

    @property
    def setting(self) -> str:
        """The environment variable that says where the database is."""
        return f"REGULATORY_ASSETS_DATABASES__{self.query.database.upper()}"

    @property
    def told(self) -> str:
        """What will be asked, in a plan."""
        return f"{self.mapping.source} asks the database {self.query.database}"

    def error(self, problem: str) -> DeliveryError:
        return DeliveryError(f"{self.mapping.path}: {problem}")

    def refused(self, error: SQLAlchemyError) -> DeliveryError:
        said = str(getattr(error, "orig", error)).strip()
        return self.error(f"the database {self.query.database} refuses the query: {said}")


def asking_sources(tables: Iterable[Table], only: str | None = None) -> tuple[Asking, ...]:
    """The installed sources that ask a database. Raises DeliveryError where there is none."""
    asking = [Asking(m, m.query) for m in installed(tables) if isinstance(m.query, DatabaseQuery)]
    found = tuple(a for a in asking if only in (None, a.mapping.source))
    if not found:
        named = ", ".join(a.mapping.source for a in asking) or "none"
        raise DeliveryError(
            f"no such source asks a database (those that do: {named}); add a mapping with a query "
            "to the folder that REGULATORY_ASSETS_SOURCES names"
        )
    return found


def askable(
    tables: Iterable[Table], day: date, databases: Mapping[str, SecretStr]
) -> tuple[Asking, ...]:
    """The installed sources that a run asks by itself: their day has come, and it is known where
    their database is. Answers of others are waited for like files."""
    return tuple(
        Asking(m, m.query)
        for m in installed(tables)
        if isinstance(m.query, DatabaseQuery)
        and m.query.database in databases
        and (m.first_day is None or m.first_day <= day)
    )


def fetch_new(
    folder: Path, day: date, asking: Asking, databases: Mapping[str, SecretStr]
) -> Fetched | None:
    """Ask for a day that has no answer yet; None where one lies there.

    Raises DeliveryError also where the database has no rows: it would empty the table, and most
    often the day is not there yet.
    """
    target = folder / day.isoformat() / asking.mapping.pattern.text
    if target.exists():
        return None
    return fetch(folder, day, asking, databases, empty=False)


def fetch(
    folder: Path,
    day: date,
    asking: Asking,
    databases: Mapping[str, SecretStr],
    *,
    empty: bool = True,
) -> Fetched:
    """Ask a source's database, and replace its file among those of the day.

    The rows are ordered by their values, so that the same answer is the same file. Raises
    DeliveryError, in which nothing of the database's URL stands, also for an answer without rows
    that may not be ``empty``; what was there stays then.
    """
    import duckdb

    target = folder / day.isoformat() / asking.mapping.pattern.text
    part = target.with_name(f"{target.name}.part")
    with TemporaryDirectory(prefix="fetch-") as temporary:
        rows = Path(temporary) / "rows.parquet"
        with _connected(asking, databases) as connection:
            count = _write(_answer(connection, asking, day), asking, rows)
        if not (count or empty):
            raise asking.error(
                f"the database {asking.query.database} has no rows for {day}; run again when it "
                "has, or deliver that there are none by sources fetch"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        # One thread: with more, the same rows may be cut into other groups.
        with duckdb.connect(config={"temp_directory": temporary, "threads": 1}) as sorting:
            sorting.execute(
                f"copy (select * from read_parquet('{rows}') order by all) "
                f"to {_quoted(part)} (format parquet)"
            )
    part.replace(target)
    for name in asking.mapping.pattern.also:  # what it was called under a former name
        target.with_name(name).unlink(missing_ok=True)
    return Fetched(target, count)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def _connected(asking: Asking, databases: Mapping[str, SecretStr]) -> Iterator[Connection]:
    """A connection that is rolled back. What a driver says of it may hold its URL: that is not
    told."""
    name = asking.query.database
    if name not in databases:
        raise asking.error(
            f"where the database {name} is, is not known; set {asking.setting} to its URL"
        )
    try:
        engine = create_engine(databases[name].get_secret_value(), poolclass=NullPool)
        connection = engine.connect()
    except (SQLAlchemyError, ImportError) as error:
        raise asking.error(
            f"the database {name} cannot be reached ({type(error).__name__}); look at "
            f"{asking.setting}, and whether the database is up"
        ) from None
    with connection:
        yield connection


def _answer(connection: Connection, asking: Asking, day: date) -> CursorResult[Any]:
    asked, given = text(asking.query.sql), {}
    if DAY in asked.compile().params:
        asked, given = asked.bindparams(bindparam(DAY, type_=Date)), {DAY: day}
    try:
        return connection.execution_options(stream_results=True).execute(asked, given)
    except SQLAlchemyError as error:
        raise asking.refused(error) from None


def _write(answer: CursorResult[Any], asking: Asking, target: Path) -> int:
    """Write the rows as columns of text; their number."""
    names = list(answer.keys())
    if len(set(names)) < len(names):
        raise asking.error("the query has a column twice; name each once")
    schema = pa.schema([(name, pa.string()) for name in names])
    count = 0
    with pq.ParquetWriter(target, schema) as writer:
        try:
            for rows in answer.partitions(_ROWS):
                columns = zip(*rows, strict=True)
                texts = [
                    [_text(asking, name, value) for value in column]
                    for name, column in zip(names, columns, strict=True)
                ]
                writer.write_table(pa.table(texts, schema=schema))
                count += len(rows)
        except SQLAlchemyError as error:
            raise asking.refused(error) from None
    return count


def _text(asking: Asking, name: str, value: Any) -> str | None:
    """A value as it would be written in a text file."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, str | int | date):
        return str(value)
    kind = type(value).__name__
    raise asking.error(
        f"the column {name} is a {kind}, which has no exact text; cast it to a decimal or to text "
        "in the query"
    )

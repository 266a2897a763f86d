"""The result of a query over delivered files, asked of DuckDB in this process.

Each file is read once by its own format, into columns of the types that the query gives them; a
line that cannot be read, or a value of another type, refuses the whole, since a sum without it
would be wrong and no row would tell. The query sees these relations and nothing else of the
machine. Its rows are ordered by their values and numbered from 1, so that the same files give the
same lines however often they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats.columnar import ParquetFile
from regulatory_assets.bank.formats.piece import (
    LINE,
    PROBLEM,
    SourceFile,
    Unreadable,
    place,
    staged_schema,
)
from regulatory_assets.bank.mapping import SourceMapping
from regulatory_assets.bank.query import DAY, FileQuery, QueriedType, Relation
from regulatory_assets.bank.query import LINE as LINE_IN_SQL

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TOLD = 5

Open = Callable[[Path, Relation], SourceFile]


class QueriedFiles:
    """The rows that a query finds in files. What it is computed from is gone once it is opened."""

    sha256 = None

    def __init__(
        self,
        mapping: SourceMapping,
        query: FileQuery,
        parts: Mapping[str, Path],
        day: date,
        read: Open,
    ) -> None:
        import duckdb

        with TemporaryDirectory(prefix="query-") as folder:
            here = Path(folder)
            with duckdb.connect(config={"temp_directory": folder}) as connection:
                for name, relation in query.relations.items():
                    with _telling(parts[name]):
                        _relate(connection, name, relation, read(parts[name], relation), here)
                connection.execute(f"set allowed_directories = ['{folder}']")
                connection.execute("set enable_external_access = false")
                connection.execute("set lock_configuration = true")
                for what, sql in query.refuse.items():
                    if found := _found(connection, what, sql, day):
                        raise Unreadable(found)
                warned = [_found(connection, what, sql, day) for what, sql in query.warn.items()]
                self.warnings = tuple(filter(None, warned))
                _asked(connection, _into(query.sql, here / "rows.parquet"), day)
            self._rows = ParquetFile(here / "rows.parquet", FileForm("parquet"), mapping.known)
        self.columns = self._rows.columns

    @property
    def unknown(self) -> tuple[str, ...]:
        return self._rows.unknown

    def pieces(self) -> Iterator[pa.Table]:
        return self._rows.pieces()


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Say which of the files it is that cannot be taken, and the line in it."""
    try:
        yield
    except Unreadable as wrong:
        where = f"{path.name}, line {wrong.line}" if wrong.line else path.name
        raise Unreadable(f"{where}: {wrong.problem}", plain=wrong.plain) from wrong


def _relate(
    connection: DuckDBPyConnection,
    name: str,
    relation: Relation,
    file: SourceFile,
    folder: Path,
) -> None:
    """Make a relation of a file. Raises Unreadable."""
    if missing := [column for column in relation.columns if column not in file.columns]:
        raise Unreadable(f"the columns {', '.join(missing)} are missing", plain=True)
    target = folder / f"{name}.parquet"
    places = {column: place(file.columns.index(column)) for column in relation.columns}
    _keep(file, tuple(dict.fromkeys(places.values())), target)
    lines = f"read_parquet('{target}')"
    wrong = " ".join(_what_is_wrong(c, places[c], t) for c, t in relation.columns.items())
    first = connection.execute(
        f"select {LINE}, wrong from (select {LINE}, case {wrong} end as wrong from {lines}) "
        f"where wrong is not null order by {LINE} limit 1"
    ).fetchone()
    if first is not None:
        raise Unreadable(str(first[1]), int(first[0]), plain=True)
    typed = ", ".join(f"{places[c]}::{t.sql} as {_quoted(c)}" for c, t in relation.columns.items())
    connection.execute(
        f"create view {_quoted(name)} as select {LINE} as {LINE_IN_SQL}, {typed} from {lines}"
    )


def _keep(file: SourceFile, places: Sequence[str], target: Path) -> None:
    """Write the columns asked for, as text; a line that cannot be read refuses all."""
    kept = [LINE, *places]
    schema = pa.schema([staged_schema(len(file.columns)).field(name) for name in kept])
    with pq.ParquetWriter(target, schema) as writer:
        for piece in file.pieces():
            bad = piece.filter(pc.is_valid(piece[PROBLEM]))
            if bad.num_rows:
                raise Unreadable(
                    f"{bad[PROBLEM][0]}; a query needs every line", bad[LINE][0].as_py(), plain=True
                )
            writer.write_table(piece.select(kept))


def _what_is_wrong(column: str, at: str, kind: QueriedType) -> str:
    """What a line's value is told to be, as a branch of a CASE."""
    told = column.replace("'", "''")
    found = [] if kind.may_be_empty else [f"when {at} is null then '{told} is empty'"]
    if kind.written is not None:
        wrong = (
            f"not regexp_full_match({at}, '{kind.written}') or try_cast({at} as {kind.sql}) is null"
        )
        found.append(f"when {at} is not null and ({wrong}) then '{told} is no {kind.name}'")
    return " ".join(found) or "when false then ''"


def _found(connection: DuckDBPyConnection, what: str, sql: str, day: date) -> str | None:
    """What is wrong, with the first rows that show it."""
    found = _asked(connection, f"select * from (\n{sql}\n) order by all limit {_TOLD + 1}", day)
    names = [column[0] for column in found.description]
    rows = [
        ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
        for row in found.fetchall()
    ]
    more = " and more" if len(rows) > _TOLD else ""
    return f"{what} ({'; '.join(rows[:_TOLD])}{more})" if rows else None


def _into(sql: str, target: Path) -> str:
    return f"copy (select * from (\n{sql}\n) order by all) to '{target}' (format parquet)"


def _asked(connection: DuckDBPyConnection, sql: str, day: date) -> DuckDBPyConnection:
    """Carry out SQL. Raises Unreadable with what DuckDB says."""
    import duckdb

    try:
        return connection.execute(sql, {DAY: day} if f"${DAY}" in sql else None)
    except duckdb.Error as error:
        raise Unreadable(f"the query fails: {error}") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""Queries as origins of rows: what a mapping may ask, of delivered files or of a database.

A query over files names each file that it reads as a relation, with the columns that it needs and
their types. Its SQL sees these and nothing else, and ``$day``, the reporting date; what it takes
for granted stands in ``refuse`` and ``warn``. A query of a database names the database; where that
is says the environment, and its SQL sees ``:day``. Carrying a query out is for ``formats.queried``
(files) and ``fetching`` (databases).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text as statement

from regulatory_assets.bank.files import FORM, FileForm, FilePattern, read_form, read_pattern
from regulatory_assets.regulation.document import Node

DAY = "day"
"""The one parameter of a query: the reporting date."""

LINE = "line"
"""A column that every relation has beside its own: the number of the line."""

OR_EMPTY = " or empty"
TYPES = {
    "text": ("varchar", None),
    "integer": ("bigint", "-?[0-9]{1,18}"),
    "decimal": ("decimal(28, 8)", r"-?[0-9]{1,20}([.][0-9]{1,8})?"),
    "date": ("date", "[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
"""How a column of a relation may be typed: the type in SQL, and how it must be written, since SQL
would round or guess."""

_CHECKS = ("refuse", "warn")
_NAME = re.compile("[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class QueriedType:
    """How a column of a relation is typed for a query: ``name`` is one of TYPES."""

    name: str
    may_be_empty: bool

    @property
    def sql(self) -> str:
        return TYPES[self.name][0]

    @property
    def written(self) -> str | None:
        """A regular expression of the whole value."""
        return TYPES[self.name][1]


@dataclass(frozen=True)
class Relation:
    """A delivered file as a query sees it."""

    pattern: FilePattern
    form: FileForm
    columns: Mapping[str, QueriedType]


@dataclass(frozen=True)
class FileQuery:
    """What is asked of the day's files; ``refuse`` and ``warn`` are SQL by what is wrong where it
    finds rows."""

    sql: str
    relations: Mapping[str, Relation]
    refuse: Mapping[str, str]
    warn: Mapping[str, str]


@dataclass(frozen=True)
class DatabaseQuery:
    """What is asked of a database."""

    sql: str
    database: str


def read_query(node: Node) -> FileQuery | DatabaseQuery:
    """A mapping's ``query``. Raises ParameterError with file and line."""
    fields = node.fields(("sql",), ("files", "database", *_CHECKS), "needed in a query")
    if ("files" in fields) == ("database" in fields):
        raise node.error(
            "a query is of files or of a database", "Give exactly one of files, database"
        )
    if "database" in fields:
        for name in _CHECKS:
            if name in fields:
                raise fields[name].error(
                    f"only a query of files has {name}", f"Remove {name}; a database checks itself"
                )
        name = _name(fields["database"], fields["database"].text(), "a database")
        return DatabaseQuery(_of_database(fields["sql"]), name)
    files = fields["files"].pairs()
    if not files:
        raise fields["files"].error("no file is named", "Name the files, each by its relation")
    refuse, warn = (
        {what: _of_files(sql) for what, sql in fields[name].pairs().items()}
        if name in fields
        else {}
        for name in _CHECKS
    )
    return FileQuery(
        _of_files(fields["sql"]),
        {name: _relation(_name(given, name, "a relation"), given) for name, given in files.items()},
        refuse,
        warn,
    )


def _name(node: Node, name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise node.error(f"{name} cannot name {what}", "Use small letters, digits and _")
    return name


def _relation(name: str, node: Node) -> Relation:
    fields = node.fields(("files", "columns"), FORM, f"needed to read {name}")
    columns = {
        column: _type(given.code(_ALL_TYPES, "the type"))
        for column, given in fields["columns"].pairs().items()
    }
    if LINE in columns:
        raise fields["columns"].error(f"{LINE} is the number of a line", "Leave it out")
    if not columns:
        raise fields["columns"].error("no column is named", "Name those that the query needs")
    return Relation(read_pattern(fields["files"]), read_form(fields), columns)


def _type(code: str) -> QueriedType:
    return QueriedType(code.removesuffix(OR_EMPTY), code.endswith(OR_EMPTY))


_ALL_TYPES = tuple(name + end for name in TYPES for end in ("", OR_EMPTY))


def _of_files(node: Node) -> str:
    import duckdb

    sql = node.text()
    try:
        found = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise node.error(f"this is not SQL of DuckDB: {error}", "Mend the query") from error
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise node.error("a query is one SELECT", "Write one, without a semicolon between")
    _check_parameters(node, found[0].named_parameters, "$")
    return _ended(sql)


def _of_database(node: Node) -> str:
    """Only its parameters can be checked: which SQL a database speaks is its own affair."""
    sql = node.text()
    if re.match(r"(select|with)\b", sql, re.IGNORECASE) is None:
        raise node.error("a query is one SELECT", "Begin it with select or with")
    _check_parameters(node, set(statement(sql).compile().params), ":")
    return _ended(sql)


def _check_parameters(node: Node, names: set[str], sign: str) -> None:
    for name in sorted(names - {DAY}):
        raise node.error(
            f"the parameter {sign}{name} is unknown", f"Use {sign}{DAY}, the reporting date"
        )


def _ended(sql: str) -> str:
    return sql.rstrip().rstrip(";")

"""Mappings: how one source becomes rows of one table, as YAML checked on load.

A mapping is one file below ``bank/sources`` or in the folder that REGULATORY_ASSETS_SOURCES names;
``docs/how-to/add-a-source.md`` shows one. A source is files with lines, or a query (``query``).
Every source table can also be delivered without a mapping, as CSV with the table's own columns
(:func:`standard`). What the rules do is decided in ``rules``, how a format is read in ``formats``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path

from regulatory_assets.bank.files import FORM, FileForm, FilePattern, read_form, read_pattern
from regulatory_assets.bank.query import DatabaseQuery, FileQuery, read_query
from regulatory_assets.bank.rules import (
    ORIGINS,
    Columns,
    Mapped,
    Origin,
    Step,
    carry_out,
    delivered,
    read_steps,
)
from regulatory_assets.control.register import Mode
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.table import Table
from regulatory_assets.regulation.document import Node, ParameterError, parse, read_text
from regulatory_assets.settings import settings

REPORTING_DATE = "reporting_date"
"""A delivered column of this name must hold the day of the delivery, where no mapping is given."""

PACKAGED = Path(__file__).parent / "sources"


@dataclass(frozen=True)
class ColumnMapping:
    """How one column of the table is made."""

    origin: Origin
    steps: tuple[Step, ...] = ()
    required: bool = False

    def apply(self, columns: Columns) -> Mapped:
        return carry_out(self.origin, self.steps, columns)


@dataclass(frozen=True)
class SourceMapping:
    """One source of one table. ``text`` is the mapping as written; empty for the standard one.

    ``pattern`` fits the names of its files; of a query of files, the name that its result goes by.
    ``optional``, ``first_day`` and ``beside_own_file`` say which days need it (``needed_sources``).
    ``formerly`` are names that the source has had: what it delivered under them is its own.
    """

    source: str
    table: Table
    pattern: FilePattern
    mode: Mode
    columns: Mapping[str, ColumnMapping]
    form: FileForm = field(default_factory=FileForm)
    query: FileQuery | DatabaseQuery | None = None
    operation: ColumnMapping | None = None
    day: ColumnMapping | None = None
    path: Path | None = None
    text: str = ""
    optional: bool = False
    first_day: date | None = None
    beside_own_file: bool = False
    formerly: tuple[str, ...] = ()

    @property
    def uses(self) -> tuple[str, ...]:
        """The delivered columns that must be there, each once."""
        made = [*self.columns.values(), *(m for m in (self.operation,) if m is not None)]
        if self.day is not None and self.text:
            made.append(self.day)
        return tuple(dict.fromkeys(name for m in made for name in m.origin.uses))

    @property
    def known(self) -> tuple[str, ...]:
        """The delivered columns that are used where they are there, each once."""
        of_day = self.day.origin.uses if self.day is not None else ()
        return tuple(dict.fromkeys((*self.uses, *of_day)))

    @property
    def not_personal(self) -> frozenset[str]:
        """The delivered columns from which the ledger's columns are made, and nothing else."""
        made = [m for name, m in self.columns.items() if name in self.table.column_names]
        made += [m for m in (self.operation, self.day) if m is not None]
        return frozenset(name for m in made for name in m.origin.uses)

    @property
    def fingerprint(self) -> str:
        """What tells a changed mapping; it is kept with the lines that were read by it."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16] if self.text else ""


@cache
def standard(table: Table, mode: Mode) -> SourceMapping:
    """The mapping of a table that needs none: CSV, the columns and codes of the table."""
    return SourceMapping(
        source=table.name,
        table=table,
        pattern=FilePattern(table.name + (".csv" if mode == "full" else ".delta-#.csv")),
        mode=mode,
        columns={c: ColumnMapping(delivered(c)) for c in table.delivered_names},
        operation=ColumnMapping(delivered(OPERATION)) if mode == "delta" else None,
        day=ColumnMapping(delivered(REPORTING_DATE)),
    )


# -- loading -----------------------------------------------------------------------------------

_NEEDED = ("source", "table", "delivery", "key", "columns")
_ORIGIN = ("files", "query")
_WHEN = ("optional", "first_day", "beside_own_file")
_OPTIONAL = ("title", "operation", "reporting_date", "formerly", *_WHEN)

_QUERY_OF_FILES, _QUERY_OF_DATABASE = ".query", ".query.parquet"
"""What follows the source's name in that of a query's result."""


def installed(tables: Iterable[Table]) -> tuple[SourceMapping, ...]:
    """The mappings of the package and of the folder in the settings. Raises ParameterError."""
    folders = [PACKAGED]
    if (more := settings().sources) is not None:
        if not more.is_dir():
            raise ParameterError(
                f"REGULATORY_ASSETS_SOURCES names {more}, which is no folder",
                "Create it or correct the setting",
            )
        folders.append(more)
    found: dict[tuple[str, Mode], SourceMapping] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            try:
                mapping = _loaded(path, path.stat().st_mtime_ns, tuple(tables))
            except OSError as error:
                raise ParameterError(
                    f"it cannot be read ({error.strerror})", "Mend or remove it", path
                ) from error
            same = [m for m in found.values() if m.source == mapping.source]
            other = next((m for m in same if _clash(m, mapping)), None)
            found[mapping.source, mapping.mode] = mapping
            if other is not None:
                raise ParameterError(
                    f"the source {mapping.source} is also in {other.path}",
                    "Rename one of the two; only a full and a delta mapping of one table share it",
                    path,
                    1,
                )
    mappings = tuple(found.values())
    for mapping in mappings:
        _check_formerly(mapping, mappings)
    return mappings


def _check_formerly(mapping: SourceMapping, mappings: Sequence[SourceMapping]) -> None:
    """Of rows that a source had under another name there can be one owner."""
    others = [m for m in mappings if m.table == mapping.table and m.source != mapping.source]
    for name in mapping.formerly:
        other = next((m for m in others if name in (m.source, *m.formerly)), None)
        if other is not None:
            assert mapping.path is not None
            says = "is there" if name == other.source else "says so too"
            raise (
                parse(mapping.path, mapping.text)
                .pairs()["formerly"]
                .error(
                    f"{mapping.source} was formerly {name}, but {other.path} {says}",
                    f"Remove {name} here or the other mapping",
                )
            )


def _formerly(node: Node, source: str, table: Table) -> tuple[str, ...]:
    names = node.codes()
    for name in names:
        if name in (source, table.name):
            raise node.error(
                f"{name} is "
                + ("its name now" if name == source else "the name of the table's own file"),
                "Give the names that the mapping has had",
            )
    return tuple(names)


def _clash(one: SourceMapping, other: SourceMapping) -> bool:
    """Of one source there may be two mappings: how it delivers a table whole, and its changes."""
    return one.table != other.table or one.mode == other.mode


def needed_sources(table: Table, day: date, mappings: Iterable[SourceMapping]) -> tuple[str, ...]:
    """The sources without whose full file a table is not complete for a day, in order.

    None where it has no mappings: whatever is delivered of it is all of it.
    """
    whole = [m for m in mappings if m.table == table and m.mode == "full"]
    begun = [m for m in whole if m.first_day is None or m.first_day <= day]
    needed = {m.source for m in begun if not m.optional}
    if any(m.beside_own_file for m in begun) or (whole and not needed and not table.optional):
        needed.add(table.name)
    return tuple(sorted(needed))


def names_of_today(table: Table, mappings: Iterable[SourceMapping]) -> Mapping[str, str]:
    """Of every name that a source of a table has or has had, the one that it has now."""
    whole = [m for m in mappings if m.table == table and m.mode == "full"]
    return {name: m.source for m in whole for name in (m.source, *m.formerly)}


@lru_cache(maxsize=256)
def _loaded(path: Path, _changed: int, tables: tuple[Table, ...]) -> SourceMapping:
    return load(path, read_text(path), tables)


def load(path: Path, text: str, tables: Sequence[Table]) -> SourceMapping:
    """One mapping from its text. Raises ParameterError with file, line and remedy."""
    root = parse(path, text)
    fields = root.fields(_NEEDED, (*_ORIGIN, *FORM, *_OPTIONAL), "needed in a mapping")
    by_name = {t.name: t for t in tables}
    table = by_name[fields["table"].code(by_name, "the table")]
    mode: Mode = (
        "full" if fields["delivery"].code(("full", "delta"), "delivery") == "full" else ("delta")
    )
    if mode == "delta" and "operation" not in fields:
        raise fields["delivery"].error(
            "a delta must say which lines delete", "Add operation, with from and codes"
        )
    if mode == "full" and "operation" in fields:
        raise fields["operation"].error("a full delivery has no operations", "Remove operation")
    source = fields["source"].text()
    formerly = _formerly(fields["formerly"], source, table) if "formerly" in fields else ()
    pattern, form, query = _origin(root, fields, source, table, formerly)
    mapping = SourceMapping(
        source=source,
        table=table,
        pattern=pattern,
        mode=mode,
        columns=_columns(fields["columns"], table),
        form=form,
        query=query,
        operation=_column(fields["operation"]) if "operation" in fields else None,
        day=_column(fields["reporting_date"]) if "reporting_date" in fields else None,
        path=path,
        text=text,
        optional="optional" in fields and fields["optional"].boolean(),
        first_day=fields["first_day"].date() if "first_day" in fields else None,
        beside_own_file="beside_own_file" in fields and fields["beside_own_file"].boolean(),
        formerly=formerly,
    )
    for name in _WHEN:
        if name in fields and mode == "delta":
            raise fields[name].error(
                f"only a full delivery has {name}", f"Write {name} in the source's full mapping"
            )
    if "title" in fields:
        fields["title"].text()
    _check_key(fields["key"], mapping)
    _check_personal(fields["columns"], mapping)
    return mapping


def _origin(
    root: Node,
    fields: Mapping[str, Node],
    source: str,
    table: Table,
    formerly: Sequence[str],
) -> tuple[FilePattern, FileForm, FileQuery | DatabaseQuery | None]:
    """Where the lines come from: files of a name and form, or a query."""
    if ("files" in fields) == ("query" in fields):
        raise root.error("a source is files or a query", "Give exactly one of files, query")
    if "files" in fields:
        return read_pattern(fields["files"]), read_form(fields), None
    if table.personal:
        raise fields["query"].error(
            f"{table.name} holds personal data, and what SQL makes of it cannot be seen",
            "Deliver its lines as files",
        )
    for name in FORM:
        if name in fields:
            raise fields[name].error(
                f"the result of a query has no {name}", f"Write {name} beside the query's own files"
            )
    query = read_query(fields["query"])
    if isinstance(query, FileQuery):
        return FilePattern(source + _QUERY_OF_FILES), FileForm(), query
    answers = tuple(name + _QUERY_OF_DATABASE for name in formerly)
    return FilePattern(source + _QUERY_OF_DATABASE, also=answers), FileForm("parquet"), query


def _columns(node: Node, table: Table) -> dict[str, ColumnMapping]:
    given = node.pairs()
    for name, value in given.items():
        if name not in table.delivered_names:
            raise value.error(
                f"{table.name} has no column {name}",
                f"Use one of {', '.join(table.delivered_names)}",
            )
        if name not in table.column_names and not _as_delivered(value):
            raise value.error(
                f"{name} is personal, so no rule sees it: it goes to the vault as delivered",
                "Name the delivered column and nothing else",
            )
    for column in table.delivered:
        if column.name not in given and not column.nullable:
            raise node.error(
                f"{column.name} is missing, and {table.name} needs it in every row",
                f"Add {column.name}, with from, constant or another origin",
            )
    return {name: _column(value) for name, value in given.items()}


def _as_delivered(node: Node) -> bool:
    return node.kind != "map" or set(node.pairs()) == {"from"}


def _column(node: Node) -> ColumnMapping:
    """A delivered column's name alone, or an origin with rules."""
    if node.kind != "map":
        return ColumnMapping(delivered(node.text()))
    fields = node.fields((), (*ORIGINS, "rules", "required"))
    origins = [name for name in ORIGINS if name in fields]
    if len(origins) != 1:
        raise node.error(
            f"the value has {len(origins) or 'no'} origin{'s' if origins else ''}",
            f"Give exactly one of {', '.join(ORIGINS)}",
        )
    return ColumnMapping(
        ORIGINS[origins[0]](fields[origins[0]]),
        read_steps(fields["rules"]) if "rules" in fields else (),
        "required" in fields and fields["required"].boolean(),
    )


def _check_personal(node: Node, mapping: SourceMapping) -> None:
    """What is personal is read for the vault alone: nothing that is kept may be made from it."""
    for name in (c.name for c in mapping.table.personal if c.name in mapping.columns):
        for used in mapping.columns[name].origin.uses:
            if used in mapping.not_personal:
                raise node.error(
                    f"{used} is personal ({name}), and something that is kept is made from it; "
                    "even a checksum of it would tell who somebody is",
                    "Deliver a pseudonymous identifier beside it",
                )


def _check_key(node: Node, mapping: SourceMapping) -> None:
    """The natural key must be what the table's key is made from: no more, no less."""
    natural = node.codes()
    made_from = {name for key in mapping.table.key for name in mapping.columns[key].origin.uses}
    for name in natural:
        if name not in made_from:
            raise node.error(
                f"{name} is in the natural key, but {', '.join(mapping.table.key)} is not made "
                "from it: two lines would become one row",
                "Make the table's key from all columns of the natural key",
            )
    for name in sorted(made_from - set(natural)):
        raise node.error(
            f"{', '.join(mapping.table.key)} is made from {name}, which is not in the natural key",
            f"Add {name} to key",
        )

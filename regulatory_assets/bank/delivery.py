"""Which files a delivery folder holds, of which table, in which order.

A delivery folder holds one sub-folder per reporting date. In it ``<table>.csv`` is the whole table
and ``<table>.delta-<n>.csv`` are changes to it; the files of other sources have the names that
their mappings give. Compressed ones end in ``.gz`` besides. A source that asks files by a query is
there when all of them are. What stands in a file is not looked at here (``staging``, ``conform``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from regulatory_assets.bank.files import COMPRESSED, FilePattern
from regulatory_assets.bank.mapping import SourceMapping, installed, standard
from regulatory_assets.bank.query import FileQuery, Relation
from regulatory_assets.control.register import Mode
from regulatory_assets.ledger.table import Table

CONTROL_TOTALS = "control_totals.csv"
"""Beside the files of a day: what their source counted (``control_totals``)."""

_NUMBER = re.compile(r"\d+")


class DeliveryError(Exception):
    """A file that cannot be taken at all; the message names file, line and remedy."""


def content_hash(path: Path) -> str:
    """The SHA-256 of a file. Raises DeliveryError."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DeliveryError(
            f"{path}: cannot be read ({error.strerror}); deliver it again"
        ) from error


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery folder, with the mapping of its source; or what a query over files
    finds in them: ``parts``, by relation. Nothing lies at its ``path``, it only tells the query."""

    path: Path
    day: date
    mapping: SourceMapping
    parts: Mapping[str, Path] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        return self.mapping.table

    @property
    def source(self) -> str:
        return self.mapping.source

    @property
    def mode(self) -> Mode:
        return self.mapping.mode

    @property
    def named(self) -> str:
        """What a refusal calls it: its path; where nothing lies at one, the name alone."""
        return self.path.name if self.parts else str(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were delivered."""
        return tuple(self.parts.values()) or (self.path,)

    @cached_property
    def sha256(self) -> str:
        """The hash of the content, as it was when first asked for; of a query over files, of the
        relations' names and their contents' hashes."""
        return self.read_sha256()

    def read_sha256(self, of: Callable[[Path], str] = content_hash) -> str:
        """The same of the content as it is now, from the hash ``of`` a file."""
        if not self.parts:
            return of(self.path)
        told = "".join(f"{name} {of(path)}\n" for name, path in self.parts.items())
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def packed(self) -> bool:
        """Whether any of its files is delivered compressed."""
        return any(path.name.endswith(COMPRESSED) for path in self.files)


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is none."""
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DeliveryError(
            f"{folder}: cannot be listed ({error.strerror}); let the account that runs this read it"
        ) from error


def delivery_days(folder: Path) -> tuple[date, ...]:
    """The reporting dates for which the folder holds files, in order. Raises DeliveryError, also
    for a date that is written in another way: nobody would look for its files."""
    days = []
    for child in _listed(folder):
        try:
            day = date.fromisoformat(child.name)
        except ValueError:
            continue
        if child.name != str(day):
            raise DeliveryError(f"{child}: the folder of that day is named {day}; rename it")
        days.append(day)
    return tuple(days)


def find_files(
    folder: Path,
    day: date,
    tables: Iterable[Table],
    mappings: Sequence[SourceMapping] | None = None,
) -> tuple[DeliveredFile, ...]:
    """The files of a day, full deliveries before deltas, by their numbers and names.

    ``mappings`` are those installed if not given. Raises DeliveryError for a name that fits no
    source or two, for a name with another day, for a second full file of a source, and for a delta
    that is there twice: plain and compressed, or under the same number.
    """
    tables = tuple(tables)
    known = [*(standard(t, mode) for t in tables for mode in ("full", "delta"))]
    known += installed(tables) if mappings is None else mappings
    where = folder / day.isoformat()
    paths = [
        path
        for path in _listed(where)
        if path.name != CONTROL_TOTALS
        and not path.name.startswith(".")
        and not path.name.endswith(".part")
    ]
    for path in paths:
        if path.name != path.name.encode(errors="replace").decode():
            raise DeliveryError(f"{where}: the name {path.name!a} is not UTF-8; rename it")
    asking = [m for m in known if isinstance(m.query, FileQuery)]
    named = [m for m in known if m not in asking]
    only_asked = {
        path
        for path in paths
        if any(r.pattern.matches(path.name) for m in asking for r in _relations(m).values())
        and not any(m.pattern.matches(path.name) for m in named)
    }
    found = [_found(path, day, named, tables) for path in paths if path not in only_asked]
    for mapping in asking:
        if parts := _parts(mapping, paths, day, only_asked):
            found.append(DeliveredFile(where / mapping.pattern.text, day, mapping, parts))
    _check_once(found)
    return tuple(sorted(found, key=_order))


def _check_once(files: Iterable[DeliveredFile]) -> None:
    """Refuse a second full file of a source: of two wholes one would replace the other unseen. And
    changes that lie there twice, plain and compressed, or as 1 and 01: it cannot be seen whether
    they are two, nor which comes first."""
    whole: dict[str, DeliveredFile] = {}
    changes: dict[str, DeliveredFile] = {}
    for file in files:
        named = _NUMBER.sub(lambda n: str(int(n[0])), file.path.name.removesuffix(COMPRESSED))
        if file.mode == "delta" and (other := changes.setdefault(named, file)) is not file:
            raise DeliveryError(
                f"{file.named}: {other.path.name} is there too and says the same delta; remove "
                "one, or rename it if it holds other changes"
            )
        if file.mode == "full" and (other := whole.setdefault(file.source, file)) is not file:
            raise DeliveryError(
                f"{file.named}: {file.source} delivers all its {file.table.name} in one file, and "
                f"{other.path.name} is there too; remove the one that does not hold, or give each "
                "a mapping of its own"
            )


def _found(
    path: Path, day: date, known: Sequence[SourceMapping], tables: Sequence[Table]
) -> DeliveredFile:
    fitting = [m for m in known if m.pattern.matches(path.name)]
    if not fitting:
        raise DeliveryError(
            f"{path}: no source has this name; expected <table>.csv or <table>.delta-<n>.csv, "
            f"compressed with {COMPRESSED} behind, with a table of "
            f"{', '.join(sorted(t.name for t in tables))}, or the name that a mapping gives. "
            "Rename it, or add a mapping"
        )
    if len(fitting) > 1:
        names = ", ".join(m.source for m in fitting)
        raise DeliveryError(f"{path}: fits the sources {names}; make their patterns differ")
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A pipe would be waited for; a folder is refused when it is read.
        raise DeliveryError(f"{path}: is no file; deliver one, or remove it")
    _check_day(path, day, fitting[0].pattern)
    return DeliveredFile(path, day, fitting[0])


def _check_day(path: Path, day: date, pattern: FilePattern) -> None:
    """Refuse a name with another day."""
    try:
        named = pattern.day(path.name)
    except ValueError:
        raise DeliveryError(f"{path}: the date in the name is no day; rename it") from None
    if named not in (None, day):
        raise DeliveryError(
            f"{path}: the name says {named}, but it lies among the files of {day}; move it to "
            f"{path.parent.parent / str(named)}"
        )


def _relations(mapping: SourceMapping) -> Mapping[str, Relation]:
    return mapping.query.relations if isinstance(mapping.query, FileQuery) else {}


def _parts(
    mapping: SourceMapping, paths: Sequence[Path], day: date, only_asked: Collection[Path]
) -> dict[str, Path]:
    """The file of each relation; none where the source is not delivered.

    Raises DeliveryError where it is delivered in part: files are there that nothing else asks for,
    and others are not.
    """
    parts: dict[str, Path] = {}
    for name, relation in _relations(mapping).items():
        fitting = [path for path in paths if relation.pattern.matches(path.name)]
        if len(fitting) > 1:
            raise DeliveryError(
                f"{fitting[1]}: {mapping.source} reads one file as {name}, and {fitting[0].name} "
                "is there too; remove one of the two"
            )
        for path in fitting:
            _check_day(path, day, relation.pattern)
            parts[name] = path
    lacking = [r.pattern.text for n, r in _relations(mapping).items() if n not in parts]
    if not lacking:
        return parts
    if begun := [path for path in parts.values() if path in only_asked]:
        raise DeliveryError(
            f"{begun[0]}: {mapping.source} reads it together with {', '.join(lacking)}, which is "
            "not there; deliver that too"
        )
    return {}


def _order(file: DeliveredFile) -> tuple[bool, list[int], str]:
    """Full files first; then by the numbers in the name, so that 10 comes after 9."""
    numbers = [int(digits) for digits in _NUMBER.findall(file.path.name)]
    return file.mode == "delta", numbers, file.path.name

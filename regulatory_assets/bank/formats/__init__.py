"""How the formats of delivered files are read: one module each, one interface.

A reader tells the delivered columns and gives the file's lines in pieces, as text, in bounded
memory. What a value means is decided in ``rules``
and ``conform``. A line that cannot be read is given as it stands, with its problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from regulatory_assets.bank.delivery import DeliveredFile
from regulatory_assets.bank.files import COMPRESSED, TEXT_FORMATS, FileForm
from regulatory_assets.bank.formats.columnar import ParquetFile
from regulatory_assets.bank.formats.delimited import DelimitedFile
from regulatory_assets.bank.formats.excel import ExcelFile
from regulatory_assets.bank.formats.json_lines import JsonLinesFile
from regulatory_assets.bank.formats.piece import SourceFile, Unreadable
from regulatory_assets.bank.formats.queried import QueriedFiles
from regulatory_assets.bank.query import FileQuery, Relation

__all__ = ["SourceFile", "Unreadable", "open_file"]

_FORMATS: dict[str, Callable[[Path, FileForm, Sequence[str]], SourceFile]] = {
    "csv": DelimitedFile,
    "json_lines": JsonLinesFile,
    "parquet": ParquetFile,
    "excel": ExcelFile,
}


def open_file(file: DeliveredFile) -> SourceFile:
    """A reader of what was delivered. Raises Unreadable."""
    mapping = file.mapping
    if isinstance(mapping.query, FileQuery):
        return QueriedFiles(mapping, mapping.query, file.parts, file.day, _open_relation)
    return _open(file.path, mapping.form, mapping.known)


def _open_relation(path: Path, relation: Relation) -> SourceFile:
    return _open(path, relation.form, tuple(relation.columns))


def _open(path: Path, form: FileForm, used: Sequence[str]) -> SourceFile:
    if form.format not in TEXT_FORMATS and path.name.endswith(COMPRESSED):
        raise Unreadable(
            f"only text is delivered compressed, and {form.format} is none; deliver it as it is",
            plain=True,
        )
    return _FORMATS[form.format](path, form, used)

"""How the formats of delivered files are read: one module each, one interface.

A reader tells the delivered columns and gives the file's lines in pieces, as text, in bounded
memory. What a value means is decided in ``rules``
and ``conform``. A line that cannot be read is given as it stands, with its problem.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regulatory_assets.bank.formats.columnar import ParquetFile
from regulatory_assets.bank.formats.delimited import DelimitedFile
from regulatory_assets.bank.formats.excel import ExcelFile
from regulatory_assets.bank.formats.json_lines import JsonLinesFile
from regulatory_assets.bank.formats.piece import SourceFile, Unreadable
from regulatory_assets.bank.mapping import SourceMapping

__all__ = ["SourceFile", "Unreadable", "open_file"]

_FORMATS: dict[str, Callable[[Path, SourceMapping], SourceFile]] = {
    "csv": DelimitedFile,
    "json_lines": JsonLinesFile,
    "parquet": ParquetFile,
    "excel": ExcelFile,
}


def open_file(path: Path, mapping: SourceMapping) -> SourceFile:
    """A reader of the mapping's format. Raises Unreadable."""
    return _FORMATS[mapping.format](path, mapping)

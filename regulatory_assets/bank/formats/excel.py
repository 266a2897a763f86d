"""Excel workbooks (.xlsx): one sheet, a header in its first row, values as they are shown by type.

Excel keeps numbers as floats of 15 digits; their shortest decimal text is what was typed. An amount
with more digits must be delivered as text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import pyarrow as pa
from openpyxl.chartsheet import Chartsheet
from openpyxl.reader.excel import ExcelReader

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats.piece import Unreadable, check_names, good_lines

_ROWS = 20_000

_UNCALCULATED = re.compile(
    rb"<c\b([^>]*)>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>|</c>)"
)
"""A cell with a formula and no value, as it stands in a sheet."""
_PLACE = re.compile(rb'\br="([A-Z]+[0-9]+)"')
_BLOCK_BYTES, _CELL_BYTES = 1024 * 1024, 64 * 1024


class _Workbook(ExcelReader):  # type: ignore[misc]  # it has no types
    """Values only, read row by row. Of a chart sheet its name is kept: it has no rows, and the
    library fails at one on which nothing was ever drawn."""

    def __init__(self, path: Path) -> None:
        # Opened here: the library refuses names that do not end in xlsx.
        super().__init__(path.open("rb"), read_only=True, data_only=True)
        self.read()

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        self.wb._add_sheet(Chartsheet(parent=self.wb, title=sheet.name))


class ExcelFile:
    """A sheet, read row by row; rows without any value below the last filled one are no rows."""

    sha256 = None
    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, form: FileForm, used: Sequence[str]) -> None:
        try:
            book = _Workbook(path).wb
            names = book.sheetnames
            wanted = form.sheet or names[0]
        except Exception as error:
            # A damaged workbook makes the library fail in many ways, none of them its own.
            raise Unreadable(f"not a whole Excel workbook ({error}); deliver it again") from error
        if wanted not in names:
            raise Unreadable(f"no sheet {wanted}; the sheets are {', '.join(names)}")
        if book[wanted] not in book.worksheets:
            raise Unreadable(
                f"the sheet {wanted} is a chart and has no rows; name the sheet that has them in "
                "the source's mapping (sheet), or deliver it as the first"
            )
        self._require_values(path, book[wanted])
        self._rows = book[wanted].iter_rows(values_only=True)
        head = self._next(1)
        if not head or all(value is None for value in head[0]):
            raise Unreadable("the sheet is empty; a table without rows has its header", 1)
        filled = max(i for i, value in enumerate(head[0]) if value is not None) + 1
        self.columns = tuple(
            str(value).strip() if value is not None else f"(column {i})"
            for i, value in enumerate(head[0][:filled], 1)
        )
        check_names(self.columns, 1)
        self.unknown = tuple(c for c in self.columns if c not in used)

    @staticmethod
    def _require_values(path: Path, sheet: Any) -> None:
        """Refuse a formula that no program has calculated: it would be read as nothing."""
        try:
            with ZipFile(path) as parts, parts.open(sheet._worksheet_path.lstrip("/")) as stream:
                rest = b""
                while data := stream.read(_BLOCK_BYTES):
                    text = rest + data
                    for cell in _UNCALCULATED.finditer(text):
                        if b't="str"' not in cell[1]:  # a text may be calculated as empty
                            place = (_PLACE.search(cell[1]) or [b"", b"?"])[1].decode()
                            raise Unreadable(
                                f"the formula in {place} was never calculated; open and save the "
                                "workbook, or deliver values",
                                plain=True,
                            )
                    rest = text[-_CELL_BYTES:]
        except (AttributeError, KeyError, OSError, BadZipFile, zlib.error) as error:
            raise Unreadable(f"not a whole Excel workbook ({error}); deliver it again") from error

    def pieces(self) -> Iterator[pa.Table]:
        width, row, empty = len(self.columns), 2, 0
        while found := self._next(_ROWS):
            kept: list[list[str | None]] = []
            numbers = []
            for values in found:
                texts = [_text(value) for value in values]
                beyond = [t for t in texts[width:] if t is not None]
                if beyond:
                    raise Unreadable(f"a value without a header: {beyond[0]}", row)
                if all(t is None for t in texts):
                    empty += 1
                elif empty:
                    raise Unreadable(f"{empty} empty rows stand above it; remove them", row)
                else:
                    kept.append([*texts[:width], *[None] * (width - len(texts))])
                    numbers.append(row)
                row += 1
            if kept:
                columns = [pa.array(c, pa.string()) for c in zip(*kept, strict=True)]
                yield good_lines(pa.array(numbers, pa.int64()), columns)

    def _next(self, count: int) -> Sequence[tuple[Any, ...]]:
        try:
            return list(islice(self._rows, count))
        except Exception as error:
            raise Unreadable(f"a damaged Excel workbook ({error}); deliver it again") from error


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        number = Decimal(repr(value))
        return format(number.to_integral() if number == number.to_integral() else number, "f")
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)

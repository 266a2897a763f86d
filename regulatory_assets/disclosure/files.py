"""Writing LIQ1 pages to a spreadsheet or an HTML file.

Spreadsheets hold numbers as binary floating point; what must be exact is read from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from regulatory_assets.disclosure.liq1 import NOTES, Page, PageRow

_HEAD = ("Row", "Item", "Unweighted", "Weighted", "Formula", "Citation", "Unverified")
_WIDTHS = (6, 48, 20, 20, 70, 24, 40)
_READINGS = {
    "mean_of_daily_ratios": "average of the daily ratios",
    "ratio_of_means": "ratio of the averages",
}
_SHEET_NAME_MOST = 31
_NOT_IN_SHEET_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))


def write_html(pages: Sequence[Page], target: Path) -> None:
    """One HTML document with a table for each scope."""
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["amount"] = _amount
    environment.filters["percent"] = _percent
    template = environment.get_template("liq1.html.jinja")
    target.write_text(template.render(pages=pages, notes=NOTES, readings=_READINGS, head=_HEAD))


def write_xlsx(pages: Sequence[Page], target: Path) -> None:
    """One workbook with a sheet for each scope."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for place, page in enumerate(pages, 1):
        name = page.scope.translate(_NOT_IN_SHEET_NAMES)
        if len(name) > _SHEET_NAME_MOST or name.lower() in map(str.lower, book.sheetnames):
            name = f"{name[: _SHEET_NAME_MOST - len(str(place)) - 1]}~{place}"
        _fill(book.create_sheet(name), page)
    book.save(target)


WRITERS: Mapping[str, Callable[[Sequence[Page], Path], None]] = {
    ".html": write_html,
    ".xlsx": write_xlsx,
}
"""By the ending of the file's name."""


def heading(page: Page) -> str:
    """What a page is about, in one line."""
    return (
        f"LIQ1: liquidity coverage ratio, {page.scope}, {page.currency}, average of "
        f"{len(page.days)} days from {page.days[0]} to {page.days[-1]} (revision {page.revision})"
    )


def _fill(sheet: Worksheet, page: Page) -> None:
    bold = Font(bold=True)
    sheet.append([heading(page)])
    sheet["A1"].font = bold
    sheet.append([])
    sheet.append(list(_HEAD))
    for cell in sheet[sheet.max_row]:
        cell.font = bold
    section = ""
    for row in page.rows:
        if row.section != section:
            section = row.section
            sheet.append(["", section])
            sheet.cell(sheet.max_row, 2).font = bold
        if row.ratios:
            for name, reading in _READINGS.items():
                _append(sheet, row, f"{row.item} ({reading})", row.ratios[name], "0.00%")
        else:
            _append(sheet, row, row.item, row.weighted, "#,##0")
    sheet.append([])
    for note in NOTES:
        sheet.append(["", note])
        sheet.cell(sheet.max_row, 2).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.merge_cells(
            start_row=sheet.max_row, end_row=sheet.max_row, start_column=2, end_column=6
        )
        sheet.row_dimensions[sheet.max_row].height = 45
    for letter, width in zip("ABCDEFG", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A4"


def _append(sheet: Worksheet, row: PageRow, item: str, value: Decimal | None, shape: str) -> None:
    shown = "not defined" if row.ratios and value is None else value
    marks = "; ".join(row.unverified)
    sheet.append([row.number, item, row.unweighted, shown, row.formula, row.citation, marks])
    for cell in sheet[sheet.max_row]:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.cell(sheet.max_row, 3).number_format = "#,##0"
    sheet.cell(sheet.max_row, 4).number_format = shape


def _amount(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _percent(value: Decimal | None) -> str:
    return "not defined" if value is None else f"{value * 100:.2f} %"

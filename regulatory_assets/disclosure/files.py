"""Writing LIQ1 pages to a spreadsheet or an HTML file.

Spreadsheets hold numbers as binary floating point; what must be exact is read from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from regulatory_assets.disclosure.liq1 import Page, PageRow

_HEAD = (
    "Row",
    "Item",
    "Unweighted",
    "Weighted",
    "Unweighted, adjusted",
    "Weighted, adjusted",
    "Formula",
    "Citation",
    "Unverified",
)
_WIDTHS = (6, 48, 20, 20, 20, 20, 70, 24, 40)
_AMOUNT, _PERCENT = "#,##0", "0.00%"
_READ_AS = {
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
    environment.filters["shown"] = _shown
    template = environment.get_template("liq1.html.jinja")
    target.write_text(template.render(pages=pages, lines=lines, head=_HEAD))


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
        f"{page.stamp}LIQ1: liquidity coverage ratio, {page.scope}, {page.currency}, average of "
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
        for item, figures in lines(row):
            marks = "; ".join(row.unverified)
            sheet.append([row.number, item, *figures, row.formula, row.citation, marks])
            for cell in sheet[sheet.max_row]:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                cell.number_format = _PERCENT if row.reading else _AMOUNT
    sheet.append([])
    for note in page.notes:
        sheet.append(["", note])
        sheet.cell(sheet.max_row, 2).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.merge_cells(
            start_row=sheet.max_row, end_row=sheet.max_row, start_column=2, end_column=7
        )
        sheet.row_dimensions[sheet.max_row].height = 45
    for letter, width in zip("ABCDEFGHI", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A4"


def lines(row: PageRow) -> Iterator[tuple[str, list[Decimal | str | None]]]:
    """What a row shows: its item and four figures; row 23 has a line for each reading, the one that
    the parameters choose first."""
    if row.reading is None:
        of_base, of_adjusted = row.base, row.adjusted
        shown = [of_base.unweighted, of_base.weighted]
        yield row.item, [*shown, of_adjusted.unweighted, of_adjusted.weighted]
        return
    for name in sorted(_READ_AS, key=lambda name: name != row.reading):
        ratios = (getattr(row.base, name), getattr(row.adjusted, name))
        base, adjusted = ("not defined" if ratio is None else ratio for ratio in ratios)
        yield f"{row.item} ({_READ_AS[name]})", [None, base, None, adjusted]


def _shown(value: Decimal | str | None, reading: str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value * 100:.2f} %" if reading else f"{value:,.0f}"

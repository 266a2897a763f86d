"""LIQ1 against averages of its own, the days it refuses, and the files it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.cli import app
from regulatory_assets.disclosure.days import expected_days, require
from regulatory_assets.disclosure.files import WRITERS
from regulatory_assets.disclosure.files import lines as lines_shown
from regulatory_assets.disclosure.liq1 import (
    NOTES,
    PARAMETERS,
    Page,
    PageRow,
    make_pages,
    pages,
)
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.regulation.parameters import BASEL, Parameters
from regulatory_assets.reports.lcr.liq1 import NOWHERE, liq1
from regulatory_assets.reports.lcr.quarter import lcr_quarter
from regulatory_assets.runtime import Runtime
from regulatory_assets.settings import Settings

from .test_stages import BANKS, rows_of_day, run_bank

DAY = date(2026, 1, 7)
DAYS = (date(2026, 1, 5), date(2026, 1, 6), DAY)
LEAP = (date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29))
LOANS = ("loan_retail", "loan_small_business", "loan_nonfinancial", "loan_financial")
CENT = Decimal("0.00000001")
SET = Parameters.default().at(DAY, PARAMETERS)

# Three days of one scope: line -> (amount, weighted amount), and the day's ratio with its operands.
LINES: tuple[Mapping[str, tuple[str, str]], ...] = (
    {
        "level1_cash": ("50", "50"),
        "level2a_security": ("100", "85"),
        "retail_stable": ("400", "20"),
        "retail_less_stable": ("100", "10"),
        "small_business_stable": ("200", "10"),
        "operational_uninsured": ("40", "10"),
        "wholesale_other": ("30", "30"),
        "secured_funding_level2a": ("60", "9"),
        "reverse_repo_level2a": ("20", "3"),
        "loan_retail": ("10", "5"),
        "out_of_scope_maturity": ("999", "0"),
        "unwind_level1_cash": ("-60", "-60"),
    },
    {
        "level1_cash": ("80", "80"),
        "retail_stable": ("401", "20.05"),
        "wholesale_other": ("10", "10"),
        "loan_financial": ("7", "7"),
    },
    {
        "level1_cash": ("70", "70"),
        "retail_term_locked": ("50", "0"),
        "wholesale_nonfinancial": ("100", "40"),
    },
)
OPERANDS = (
    {
        "level1": "50", "level2a": "85", "level2b": "0", "hqla": "83.33333333",
        "lending_excess": "0", "outflows": "89", "inflows_uncapped": "8", "net_outflows": "81",
        "ratio": "1.02880658",
    },
    {
        "level1": "80", "level2a": "0", "level2b": "0", "hqla": "80",
        "lending_excess": "3", "outflows": "33.05", "inflows_uncapped": "7",
        "net_outflows": "23.05", "ratio": "3.47071584",
    },
    {
        "level1": "70", "level2a": "0", "level2b": "0", "hqla": "70",
        "lending_excess": "4.5", "outflows": "44.5", "inflows_uncapped": "0", "net_outflows": "40",
        "ratio": "1.75",
    },
)  # fmt: skip
# By hand: row -> unweighted, weighted, each the sum of the three days by 3.
EXPECTED = {
    1: (None, "95"),  # (135 + 80 + 70) / 3
    2: ("367", "20.01666667"),  # (700 + 401) / 3, (40 + 20.05) / 3; what is locked in is in no row
    3: ("333.66666667", "16.68333333"),  # (600 + 401) / 3, (30 + 20.05) / 3
    4: ("33.33333333", "3.33333333"),
    5: ("60", "30"),  # (70 + 10 + 100) / 3, (40 + 10 + 40) / 3
    6: ("13.33333333", "3.33333333"),
    7: ("46.66666667", "26.66666667"),  # (30 + 10 + 100) / 3, (30 + 10 + 40) / 3
    8: ("0", "0"),
    9: (None, "3"),
    10: ("0", "0"),
    11: ("0", "0"),
    12: ("0", "0"),
    13: ("0", "0"),
    14: ("0", "2.5"),  # no line, but the lending excess: (3 + 4.5) / 3
    15: ("0", "0"),
    16: (None, "55.51666667"),  # (89 + 33.05 + 44.5) / 3
    17: ("6.66666667", "1"),
    18: ("5.66666667", "4"),  # (10 + 7) / 3, (5 + 7) / 3
    19: ("0", "0"),
    20: ("12.33333333", "5"),
    21: (None, "77.77777778"),  # 233.33333333 / 3
    22: (None, "48.01666667"),  # 144.05 / 3
    23: (None, None),
}
MEAN_OF_RATIOS = Decimal("2.08317414")  # 6.24952242 / 3
RATIO_OF_MEANS = Decimal("1.61980794")  # 77.77777778 / 48.01666667


def _quarter() -> Mapping[str, Any]:
    days = [
        {"scope": "BANK", "currency": "EUR", "inflows": Decimal(0)}
        | {name: Decimal(text) for name, text in day.items()}
        for day in OPERANDS
    ]
    function: Any = lcr_quarter.function
    (row,) = function(days, None)
    return dict(row)


def _rows() -> list[dict[str, Any]]:
    quarter = {k: v for k, v in _quarter().items() if k not in ("scope", "currency")}
    lines = [
        {
            "scope": "BANK",
            "reporting_currency": "EUR",
            "line": line,
            "amount": Decimal(amount),
            "weighted": Decimal(weighted),
            **quarter,
        }
        for day in LINES
        for line, (amount, weighted) in day.items()
    ]
    function: Any = liq1.function
    return list(function(lines, SET))


def _more(value: Decimal | None) -> Decimal | None:
    return None if value is None else value + 1000


HELD = {"BANK": {(line, "basel") for day in LINES for line in day}}


def _page() -> Page:
    adjusted = [{**row, "weighted": _more(row["weighted"])} for row in _rows()]
    (page,) = make_pages(_rows(), adjusted, DAYS, 2, SET, HELD)
    return page


def test_every_row_is_the_average_worked_out_by_hand() -> None:
    rows = {row["row_number"]: row for row in _rows()}
    given = {
        number: tuple(
            None if row[name] is None else row[name].normalize()
            for name in ("unweighted", "weighted")
        )
        for number, row in rows.items()
    }
    assert given == {
        number: tuple(None if text is None else Decimal(text).normalize() for text in row)
        for number, row in EXPECTED.items()
    }
    assert rows[23]["mean_of_daily_ratios"] == MEAN_OF_RATIOS
    assert rows[23]["ratio_of_means"] == RATIO_OF_MEANS
    assert all(row["days"] == 3 for row in rows.values())
    assert all(row["ratio_of_means"] is None for number, row in rows.items() if number != 23)


def test_rows_need_not_recompute() -> None:
    """Row 21 is after caps: below row 1, and no function of the rows above it."""
    rows = {row["row_number"]: row for row in _rows()}
    assert rows[21]["weighted"] < rows[1]["weighted"]
    assert any("need not follow" in note for note in NOTES)


def test_every_line_of_the_ratio_has_a_row_of_its_kind() -> None:
    """Stock in row 1, outflows below row 16, inflows below row 20; nothing else anywhere, nor what
    runs off under no regime."""
    template, assigned = SET.rates("lcr/liq1_rows"), SET.rates("lcr/liq1_lines")
    tops, regimes = {"outflow": "16", "inflow": "20"}, SET.rates("lcr/lines").regimes
    assert set(assigned.rows()) == {*SET.rates("lcr/lines").rows(BASEL), ("lending_excess",)}
    for (line,), row in SET.rates("lcr/lines").rows(BASEL).items():
        top = last = assigned.text(line, "row")
        while top != NOWHERE:
            last, top = top, template.text(top, "part_of")
        component = row.texts["component"]
        if component == "outflow" and last == NOWHERE:
            rates = {SET.rates("lcr/lines").rows(r)[line,].values["rate"] for r in regimes}
            assert rates == {0}, line
            continue
        expected = "1" if component.startswith("hqla_") else tops.get(component, NOWHERE)
        assert last == expected, line


# Typed again from the explanations that the Basel Committee gives beside the template (BCBS d400).
ROW_OF = {
    1: "level1_cash level1_central_bank_reserve level1_security level2a_security level2b_rmbs "
    "level2b_other foreign_sovereign_level2a foreign_sovereign_level2b",
    3: "retail_stable retail_stable_reduced small_business_stable",
    4: "retail_less_stable small_business_less_stable",
    6: "operational_insured operational_uninsured network_deposit",
    7: "wholesale_nonfinancial wholesale_nonfinancial_insured wholesale_other",
    8: "own_debt",
    9: "secured_funding_ swap_even swap_outflow_",
    11: "derivative_outflow downgrade_collateral valuation_collateral excess_collateral "
    "uncalled_collateral substitutable_collateral market_valuation",
    12: "covered_debt structured_vehicle",
    13: "facility_bank facility_credit_ facility_liquidity_ facility_other facility_posted "
    "facility_retail",
    14: "lending_excess lending_financial other_contractual_outflow",
    15: "uncommitted_facility guarantee other_contingent trade_finance customer_short",
    17: "reverse_repo_ swap_inflow_ short_cover_lending margin_loan",
    18: "loan_ operational_placement",
    19: "security_maturing derivative_inflow other_contractual_inflow facility_received",
    None: "foreign_sovereign_none retail_term_locked lending_nonfinancial out_of_scope_ unwind_ "
    "unclassified",
}
"""Lines by their row, or how the names of several begin."""


def test_every_line_is_in_the_row_that_the_template_explains() -> None:
    beginnings = {text: row for row, texts in ROW_OF.items() for text in texts.split()}
    for (line,), row in SET.rates("lcr/liq1_lines").rows().items():
        fitting = max((b for b in beginnings if line.startswith(b)), key=len)
        assert row.texts["row"] == str(beginnings[fitting] or NOWHERE), line


def test_the_template_has_23_rows_and_totals_only_of_what_is_below() -> None:
    template = SET.rates("lcr/liq1_rows")
    assert [row for (row,) in template.rows()] == [str(n) for n in range(1, 24)]
    taken = {
        SET.rates("lcr/liq1_lines").text(line, "row") for (line,) in SET["lcr/lines"].rows(BASEL)
    }
    totals = {row.texts["part_of"] for row in template.rows().values()} - {NOWHERE}
    assert totals == {"2", "5", "10", "16", "20"}
    assert not taken & totals


def test_expected_days_are_the_weekdays_of_the_quarter() -> None:
    assert expected_days(DAY) == (date(2026, 1, 1), date(2026, 1, 2), *DAYS)
    assert expected_days(DAY, since=DAYS[0]) == DAYS
    assert expected_days(DAY, closed=[date(2026, 1, 1), date(2026, 1, 2)]) == DAYS
    assert len(expected_days(date(2026, 3, 31))) == 64


def test_a_weekend_counts_where_it_has_figures() -> None:
    """A month that ends on a Saturday, and a bank that works from Sunday to Thursday."""
    saturday, friday, sunday = date(2026, 1, 31), date(2026, 1, 30), date(2026, 1, 25)
    assert expected_days(saturday, since=friday) == (friday, saturday)
    week = [date(2026, 1, d) for d in (26, 27, 28, 29)]
    expected = expected_days(date(2026, 1, 29), since=date(2026, 1, 22), closed=[date(2026, 1, 23)])
    averaged = (date(2026, 1, 22), sunday, *week)
    assert require(averaged, expected, "liq1", week[-1]) == averaged
    with pytest.raises(NotReady, match="also holds 2026-01-25"):
        require((sunday, *week), week, "liq1", week[-1])
    with pytest.raises(NotReady, match="2026-01-25 is no weekday"):
        expected_days(week[-1], closed=[sunday])


def test_an_average_of_no_day_is_refused() -> None:
    """Where the only day that is wanted is also named as one without figures."""
    none = expected_days(DAY, since=DAY, closed=[DAY])
    assert not none
    with pytest.raises(NotReady, match=f"also holds {DAY}, which --since or --closed exclude"):
        require([DAY], none, "liq1", DAY)


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 1, 8)])
def test_a_day_outside_the_quarter_so_far_is_refused(day: date) -> None:
    with pytest.raises(NotReady, match=f"{day} is not in the quarter"):
        expected_days(DAY, since=day)
    with pytest.raises(NotReady, match=f"{day} is not in the quarter"):
        expected_days(DAY, closed=[day])


def test_a_missing_or_surplus_day_is_named() -> None:
    require(DAYS, DAYS, "liq1", DAY)
    with pytest.raises(NotReady, match="lacks 2026-01-06; run these days"):
        require((DAYS[0], DAYS[2]), DAYS, "liq1", DAY)
    with pytest.raises(NotReady, match="also holds 2026-01-05"):
        require(DAYS, DAYS[1:], "liq1", DAY)
    with pytest.raises(NotReady, match="2026-01-07 and 59 more"):
        require((), expected_days(date(2026, 3, 31)), "liq1", DAY)


def test_a_scope_without_figures_on_a_day_is_refused() -> None:
    with pytest.raises(NotReady, match="BANK has figures on 3 of 2 days"):
        make_pages(_rows(), _rows(), DAYS[1:], 1, SET, HELD)


def test_a_row_says_its_formula_citation_and_what_is_unverified() -> None:
    rows = {row.number: row for row in _page().rows}
    assert "operational_uninsured x 25 % (BCBS 238 93-103)" in rows[6].formula
    assert rows[16].formula == "row 2 + row 5 + row 9 + row 10 + row 14 + row 15"
    assert rows[3].citation == "BCBS d400 LIQ1 row 3"
    assert rows[3].unverified == (), "all its lines were read"
    assert "trade_finance" in rows[15].formula
    assert rows[15].unverified == (), "the scope has no trade finance"
    (with_it,) = make_pages(_rows(), [], DAYS, 2, SET, {"BANK": {("trade_finance", "basel")}})
    assert {r.number: r for r in with_it.rows}[15].unverified == ("lcr/lines trade_finance",)
    (with_it,) = make_pages(_rows(), [], DAYS, 2, SET, {"BANK": {("facility_received", "basel")}})
    where = "lcr/liq1_lines facility_received"
    shown = {r.number: r for r in with_it.rows}
    assert shown[19].unverified == shown[20].unverified == (where,), "not in which row"
    assert shown[18].unverified == ()


def test_a_row_says_the_factors_of_the_regimes_that_weight_its_lines() -> None:
    """12 CFR 249.32(a) takes 3 % of stable deposits; of guarantees the Qatar Financial Centre's
    5 % have been read (QFCRA IBANK 8.4.41), Basel's have not."""

    def row(number: int, *lines: tuple[str, str]) -> PageRow:
        (page,) = make_pages(_rows(), [], DAYS, 2, SET, {"BANK": set(lines)})
        return {r.number: r for r in page.rows}[number]

    american, usual = "retail_stable x 3 % (12 CFR 249 32(a))", "retail_stable x 5 % (BCBS 238 75)"
    alone = row(3, ("retail_stable", "us")).formula
    assert american in alone
    assert usual not in alone
    both = row(3, ("retail_stable", "us"), ("retail_stable", "basel")).formula
    assert f"{usual} + {american}" in both
    assert row(15, ("guarantee", "qatar_fc")).unverified == ()
    assert row(15, ("guarantee", "basel")).unverified == ("lcr/lines guarantee",)


def test_row_23_is_read_first_as_the_parameters_say() -> None:
    """Convention 16: by parameter, both shown."""
    (found,) = (row for row in _page().rows if row.number == 23)
    assert found.reading == "mean_of_daily_ratios"
    for reading, values in (
        ("mean_of_daily_ratios", [MEAN_OF_RATIOS, RATIO_OF_MEANS]),
        ("ratio_of_means", [RATIO_OF_MEANS, MEAN_OF_RATIOS]),
    ):
        shown = list(lines_shown(replace(found, reading=reading)))
        assert [figures[1] for _, figures in shown] == values


class _Cells(HTMLParser):
    """The cells of the rows of an HTML document's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_the_html_holds_every_row_and_both_readings(tmp_path: Path) -> None:
    target = tmp_path / "liq1.html"
    WRITERS[".html"]([_page()], target)
    parser = _Cells()
    parser.feed(target.read_text())
    rows = [cells for cells in parser.rows if cells[0].isdigit()]
    assert [cells[0] for cells in rows] == [*map(str, range(1, 24)), "23"]
    assert rows[2][2:6] == ["334", "17", "334", "1,017"]
    assert [cells[3] for cells in rows[-2:]] == ["208.32 %", "161.98 %"]
    assert [cells[5] for cells in rows[-2:]] == ["208.32 %", "161.98 %"]
    assert "A second person has released all parameters" in target.read_text()
    assert "was read in the text that it cites" in target.read_text()
    WRITERS[".html"]([replace(_page(), unread=("lcr/asset_lines: overdue",))], target)
    assert "not read in the text cited: lcr/asset_lines: overdue." in target.read_text()
    assert "<h2>LIQ1:" in target.read_text()
    demo = replace(_page(), unreleased=("lcr/lines", "lcr/caps"), stamp="DEMO ")
    WRITERS[".html"]([demo], target)
    assert "<h2>DEMO LIQ1:" in target.read_text()
    assert "no second person has released the parameters lcr/lines, lcr/caps" in target.read_text()
    assert "average of 3 days" in target.read_text()


def test_the_workbook_holds_every_row_and_both_readings(tmp_path: Path) -> None:
    target = tmp_path / "liq1.xlsx"
    WRITERS[".xlsx"]([_page()], target)
    sheet = load_workbook(target)["BANK"]
    rows = [r for r in sheet.iter_rows(values_only=True) if isinstance(r[0], int)]
    assert [r[0] for r in rows] == [*range(1, 24), 23]
    given = {r[0]: (r[2], r[3]) for r in rows[:22]}
    for number, expected in list(EXPECTED.items())[:22]:
        for value, text in zip(given[number], expected, strict=True):
            assert (value is None) == (text is None)
            assert value is None or round(Decimal(repr(value)), 8) == Decimal(str(text))
    assert rows[2][5] == rows[2][3] + 1000
    assert [round(Decimal(repr(r[3])), 8) for r in rows[-2:]] == [MEAN_OF_RATIOS, RATIO_OF_MEANS]
    assert "3 days" in sheet["A1"].value
    assert sheet["A1"].value.startswith("LIQ1: ")
    WRITERS[".xlsx"]([replace(_page(), unreleased=("lcr/lines",), stamp="DEMO ")], target)
    assert load_workbook(target)["BANK"]["A1"].value.startswith("DEMO LIQ1: ")
    said = [cell.value for cell in load_workbook(target)["BANK"]["B"]]
    assert any("released the parameters lcr/lines." in str(text) for text in said)


def test_scopes_of_one_name_to_a_spreadsheet_get_sheets_of_their_own(tmp_path: Path) -> None:
    page = _page()
    names = ["A/B", "a_b", "X" * 40, "X" * 41]
    pages = [Page(n, page.currency, page.days, page.revision, page.rows) for n in names]
    WRITERS[".xlsx"](pages, tmp_path / "liq1.xlsx")
    book = load_workbook(tmp_path / "liq1.xlsx")
    assert len(book.sheetnames) == 4
    assert [n in book[s]["A1"].value for n, s in zip(names, book.sheetnames, strict=True)]


def test_three_days_from_files_to_the_page(tmp_path: Path, sail: Engine) -> None:
    """Averages of the daily tables, computed here from their rows, stand on the page."""
    (bank,) = (bank for bank in BANKS if bank.path.stem == "small_banks")
    runner = None
    for place, day in enumerate(LEAP, 1):
        rows = dict(bank.rows)
        rows["deals"] = [{**d, "amount": d["amount"] * place} for d in bank.rows["deals"]]
        runner = run_bank(replace(bank, day=day, rows=rows), tmp_path, sail)
    assert runner is not None
    runtime = Runtime(Settings(var=tmp_path), runner.graph)
    given = {page.scope: page for page in pages(runtime, LEAP[-1], LEAP)}

    entity = {deal["deal_id"]: deal["entity_id"] for deal in bank.rows["deals"]}
    flows = [row for day in LEAP for row in rows_of_day(runner, "lcr_flows", day)]
    ratios = [row for day in LEAP for row in rows_of_day(runner, "lcr", day)]
    assert set(given) == {row["scope"] for row in ratios}
    assert all({"lcr/lines", "lcr/liq1_rows"} < {*page.unreleased} for page in given.values())
    assert all("lcr/limited_transfer: covers_first" in page.unread for page in given.values())
    for scope, page in given.items():
        shown = {row.number: row for row in page.rows}
        for number, lines in {7: ("wholesale_nonfinancial", "wholesale_other"), 18: LOANS}.items():
            own = [f for f in flows if entity[f["deal_id"]] == scope and f["line"] in lines]
            for name in ("amount", "weighted"):
                mean = sum((f[name] for f in own), Decimal(0)) / 3
                value = getattr(shown[number].base, "unweighted" if name == "amount" else name)
                assert value == mean.quantize(CENT, ROUND_HALF_UP)
        for number, name in ((21, "hqla"), (22, "net_outflows")):
            mean = sum((r[name] for r in ratios if r["scope"] == scope), Decimal(0)) / 3
            assert shown[number].base.weighted == mean.quantize(CENT, ROUND_HALF_UP)
        assert all(row.adjusted == row.base for row in page.rows)
    assert {page.stamp for page in given.values()} == {""}
    people.open_demo(runtime.events)
    assert {page.stamp for page in pages(runtime, LEAP[-1], LEAP)} == {"DEMO "}
    with pytest.raises(NotReady, match="lacks 2024-03-01"):
        pages(runtime, LEAP[-1], (*LEAP, date(2024, 3, 1)))
    with pytest.raises(NotReady, match="liq1 has no rows for 2024-03-01"):
        pages(runtime, date(2024, 3, 1), LEAP)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--out", "liq1.pdf"], "no such format; use *.html or *.xlsx"),
        (["--out", "nowhere/liq1.html"], "there is no folder"),
        (["--out", "liq1.html", "--since", "2025-12-01"], "is not in the quarter"),
    ],
)
def test_the_command_says_what_is_wrong(
    options: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", "liq1", "--date", "2026-01-07", *options])
    assert result.exit_code == 1
    assert problem in result.stderr
    assert not list(tmp_path.iterdir())

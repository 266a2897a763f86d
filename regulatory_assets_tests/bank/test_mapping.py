"""Mappings: one broken file for every kind of error, every rule on values, every format."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.chart import BarChart

from regulatory_assets.bank.conform import REASONS, conform
from regulatory_assets.bank.delivery import DeliveryError, find_files
from regulatory_assets.bank.formats.piece import LINE, staged_schema
from regulatory_assets.bank.mapping import SourceMapping, installed, load
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.engine import Engine
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.orchestration.homes import ROOT
from regulatory_assets_tests.regulation.broken import broken, broken_file

BAD = "../bank/bad_mappings"
DAY = date(2026, 1, 7)
EXAMPLE = ROOT / "docs" / "how-to" / "new-source"


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("source: x\ntable: \0\n", "this is not YAML: control characters are not allowed", 2),
        ('encoding: "\\0"\n', "the encoding \0 is unknown", 6),
    ],
)
def test_what_is_no_text_for_people_is_no_mapping(text: str, problem: str, line: int) -> None:
    rest = "source: x\ntable: fx_rates\nfiles: x\ndelivery: full\nkey: [C]\n"
    columns = "columns: {currency: C, rate: V}\n"
    with pytest.raises(ParameterError) as caught:
        load(Path("m.yaml"), rest + text + columns if line == 6 else text, SOURCES)
    assert caught.value.problem.startswith(problem)
    assert caught.value.line == line


def test_a_mapping_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path))
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ParameterError, match=r"gone\.yaml: it cannot be read \(No such file"):
        installed(SOURCES)


@pytest.mark.parametrize("name", broken(BAD))
def test_a_broken_mapping_is_refused_with_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    path, problem, line = broken_file(BAD, name, tmp_path)
    with pytest.raises(ParameterError) as caught:
        load(path, path.read_text(), SOURCES)
    assert problem in caught.value.problem
    assert (caught.value.path, caught.value.line) == (path, line)
    assert caught.value.remedy


def mapping(columns: str, **head: str) -> SourceMapping:
    """A mapping of exchange rates, whose currency is CODE."""
    given = {"source": "s", "table": "fx_rates", "files": '"s_*"', "delivery": "full",
             "key": "[CODE]", **head}  # fmt: skip
    text = "\n".join(f"{name}: {value}" for name, value in given.items())
    code = "" if "currency:" in columns else "\n  currency: CODE"
    return load(Path("s.yaml"), f"{text}\ncolumns:{code}\n{columns}", SOURCES)


def mapped(
    engine: Engine, made: SourceMapping, delivered: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[dict[str, Any]]:
    """The conformed rows of values given by column, in order."""
    texts = [list(column) for column in zip(*rows, strict=True)]
    numbers = list(range(2, 2 + len(rows)))
    nothing = [None] * len(rows)
    table = pa.table([numbers, nothing, nothing, *texts], schema=staged_schema(len(delivered)))
    lines = engine.session.createDataFrame(table)
    found = conform(lines, delivered, made, DAY).orderBy(LINE).toArrow().to_pylist()
    return [{**row, REASONS: row[REASONS] or None} for row in found]


RATE_RULES: list[tuple[str, str, str | None, str | None]] = [
    ("{from: V, rules: [trim]}", " 1.5 ", "1.5", None),
    ("{from: V}", " 1.5 ", None, "not a decimal"),
    ("{constant: '2'}", "1", "2", None),
    ("{coalesce: [W, V]}", "3", "3", None),
    ("{from: V, rules: [{default: '4'}]}", None, "4", None),
    ("{from: V}", None, None, "rate: missing"),
    ("{from: V, rules: [{codes: {par: '1', half: '0.5'}}]}", "half", "0.5", None),
    ("{from: V, rules: [{codes: {par: '1'}}]}", "third", None, "rate: not one of the codes par"),
    ("{from: V, rules: [{codes: {par: '1'}}, {default: '2'}]}", "third", None, "not one of the"),
    ("{from: V, rules: [{number: {decimal: ','}}]}", "1,25", "1.25", None),
    ("{from: V, rules: [{number: {decimal: ','}}]}", "1.25", None, "rate: not a number like"),
    ("{from: V, rules: [{number: {decimal: ',', thousands: point}}]}", "1.234,5", "1234.5", None),
    ("{from: V, rules: [{number: {decimal: ',', thousands: point}}]}", "1.23,5", None, "like 1"),
    ("{from: V, rules: [{number: {decimal: '.', thousands: blank}}]}", "1 234.5", "1234.5", None),
    ("{from: V, rules: [{range: {at_most: '2'}}]}", "2", "2", None),
    ("{from: V, rules: [{range: {at_most: '2'}}]}", "2.1", None, "rate: above 2"),
    ("{from: V, rules: [{range: {at_least: '1'}}]}", "0.9", None, "rate: below 1"),
    ("{from: V, rules: [{range: {at_least: '1'}}]}", "x", None, "rate: not a number"),
    ("{expression: \"number('2') * V\"}", "1.5", "3", None),
    ("{expression: \"V - number('0.00000001')\"}", "0.00000001", None, "below 0.00000001"),
    ("{expression: \"V - number('0.00000001')\"}", "0.00000002", "0.00000001", None),
    ("{expression: \"abs(-V)\"}", "7", "7", None),
    ("{expression: \"V + V\"}", "x", None, "rate: the expression has no value"),
    ("{expression: \"'1' if CODE == 'EUR' and not V > '3' else '9'\"}", "2", "1", None),
    ("{expression: \"'1' if V >= number('10') else '9'\"}", "9", "9", None),
    ("{expression: \"coalesce(W, concat(V, '.5'))\"}", "2", "2.5", None),
    ("{expression: \"column('V')\"}", "2", "2", None),
    ("{expression: \"number('1') if is_empty(V) else length(V)\"}", None, "1", None),
]  # fmt: skip


def test_every_rule_takes_a_value_or_says_what_is_wrong(engine: Engine) -> None:
    for rule, value, expected, reason in RATE_RULES:
        made = mapping(f"  rate: {rule}\n")
        (row,) = mapped(engine, made, ("CODE", "V", "W"), [("EUR", value, None)])
        if reason is None:
            assert (row["rate"], row[REASONS]) == (Decimal(expected or ""), None), rule
        else:
            assert reason in (row[REASONS] or ""), rule


def test_text_dates_and_checksums(engine: Engine) -> None:
    made = load(
        Path("d.yaml"),
        """
source: d
table: deals
files: "d"
delivery: full
key: [A, B]
columns:
  deal_id: {sha256: [A, B]}
  entity_id: {md5: [B, A]}
  counterparty_id: {from: A, rules: [trim, lower], required: true}
  product_type: {from: B, rules: [upper]}
  currency: {constant: EUR}
  amount: {constant: "1"}
  maturity_date: {from: D, rules: [{date: "dd/MM/yyyy"}]}
  transactional: {constant: "true"}
  insurable: {constant: "true"}
  locked_in: {constant: "true"}
  eligible: {constant: "true"}
  days_past_due: {constant: "0"}
""",
        SOURCES,
    )
    given = [(" X ", "loan", "31/12/2026"), (None, "LOAN", None), ("x", "loan", "31/02/2026"),
             ("x", "loan", "2026-12-31")]  # fmt: skip
    rows = mapped(engine, made, ("A", "B", "D"), given)
    first = rows[0]
    assert first["deal_id"] == sha256(b" X \x1floan").hexdigest()
    assert first["entity_id"] == md5(b"loan\x1f X ").hexdigest()
    assert (first["counterparty_id"], first["product_type"]) == ("x", "LOAN")
    assert first["maturity_date"] == date(2026, 12, 31)
    assert rows[1]["deal_id"] == sha256(b"\x1fLOAN").hexdigest()
    assert [r[REASONS] for r in rows] == [
        None,
        "counterparty_id: missing",
        "maturity_date: no such day",
        "maturity_date: not a date dd/MM/yyyy",
    ]


# -- formats -----------------------------------------------------------------------------------

ROWS = [("EUR", "1"), ("USD", "0.90"), ("JPY", "0.00617")]


def _excel(rows: Sequence[Sequence[Any]], sheet: str, chart: str = "", drawn: bool = True) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    if chart:
        first = book.create_chartsheet(chart, 0)
        if drawn:
            first.add_chart(BarChart())
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _json(values: Sequence[str]) -> bytes:
    return "".join(f'{{"CODE": "{c}", "V": {v}, "X": [1]}}\n' for c, v in values).encode()


FORMATS: dict[str, tuple[dict[str, str], bytes]] = {
    "csv": ({"delimiter": "tab"}, b"V\tX\tCODE\n1\t\tEUR\n0.90\t\tUSD\n0.00617\t\tJPY\n"),
    "utf-16": (
        {"encoding": "utf-16"},
        "CODE,V,X\nEUR,1,\nUSD,0.90,\nJPY,0.00617,\n".encode("utf-16"),
    ),
    "quoted": ({}, b'"CODE","V",X\r\n"EUR",1,"a ""b"", c"\r\nUSD,"0.90",\r\nJPY,0.00617,\r\n'),
    "open end": ({"last_line_may_end_open": "true"}, b"CODE,V,X\nEUR,1,\nUSD,0.90,\nJPY,0.00617,"),
    "json_lines": ({"format": "json_lines"}, _json(ROWS)),
    "parquet": (
        {"format": "parquet"},
        _parquet(
            pa.table(
                {
                    "CODE": pa.array([c for c, _ in ROWS]).dictionary_encode(),
                    "V": pa.array([Decimal(v) for _, v in ROWS], pa.decimal128(12, 8)),
                    "X": pa.array([[1.5], None, []]),
                }
            )
        ),
    ),
    "excel": (
        {"format": "excel", "sheet": "Rates"},
        _excel(
            [("CODE", "V", "X"), *((c, float(v), None) for c, v in ROWS), (None, None)],
            "Rates",
            chart="Nothing drawn",
            drawn=False,
        ),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(desk: Desk, name: str) -> None:
    head, content = FORMATS[name]
    made = mapping("  rate: {from: V}\n", **head)
    desk.deliver("s_1", content)
    (taken,) = desk.take("fx_rates", [made])
    expected = sorted((c, Decimal(v)) for c, v in ROWS)
    assert [(r["currency"], r["rate"]) for r in desk.rows("fx_rates")] == expected
    assert (taken.delivery.delivered, taken.delivery.rejected) == (3, 0)
    assert "X" in taken.warnings[0]
    kept = raw_lines(desk.runner.lake.root / "raw", desk.table("fx_rates"), taken.delivery.batch)
    assert kept.mapping.text == made.text
    assert (kept.file_name, kept.lines) == ("s_1", 3)
    assert kept.unknown == ("X",)


UNREADABLE: dict[str, tuple[dict[str, str], bytes, str]] = {
    "parquet cut off": ({"format": "parquet"}, FORMATS["parquet"][1][:-20], "not a whole Parquet"),
    "parquet is text": ({"format": "parquet"}, b"CODE,V\n", "not a whole Parquet"),
    "float": (
        {"format": "parquet"},
        _parquet(pa.table({"CODE": ["EUR"], "V": [1.5]})),
        "column V is a float",
    ),
    "list": (
        {"format": "parquet"},
        _parquet(pa.table({"CODE": ["EUR"], "V": [["1"]]})),
        r"column V is a list<.*>, and a field .* take it apart with a query",
    ),
    "struct": (
        {"format": "parquet"},
        _parquet(pa.table({"CODE": [{"iso": "EUR"}], "V": ["1"]})),
        "column CODE is a struct<iso: string>",
    ),
    "excel cut off": ({"format": "excel"}, FORMATS["excel"][1][:500], "not a whole Excel"),
    "no sheet": ({"format": "excel", "sheet": "No"}, FORMATS["excel"][1], "no sheet No"),
    "empty sheet": (
        {"format": "excel", "sheet": "Cover"},
        FORMATS["excel"][1],
        "the sheet is empty",
    ),
    "hole in sheet": (
        {"format": "excel", "sheet": "R"},
        _excel([("CODE", "V"), ("EUR", 1), (None, None), ("USD", 1)], "R"),
        "1 empty rows stand above",
    ),
    "chart": (
        {"format": "excel"},
        _excel([("CODE", "V"), ("EUR", 1)], "R", "Rates over time"),
        r"the sheet Rates over time is a chart and has no rows; name the sheet .*\(sheet\), or",
    ),
    "chart without a drawing": (
        {"format": "excel"},
        _excel([("CODE", "V"), ("EUR", 1)], "R", "To be drawn", drawn=False),
        r"the sheet To be drawn is a chart and has no rows; name the sheet .*\(sheet\), or",
    ),
    "json empty": ({"format": "json_lines"}, b"", "the file is empty"),
    "json cut off": ({"format": "json_lines"}, _json(ROWS)[:-5], "may have been cut off"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_refused(desk: Desk, name: str) -> None:
    head, content, problem = UNREADABLE[name]
    desk.deliver("s_1", content)
    with pytest.raises(DeliveryError, match=problem):
        desk.take("fx_rates", [mapping("  rate: {from: V}\n", **head)])
    assert desk.rows("fx_rates") == []


def test_parquet_decimals_keep_all_digits_however_small(desk: Desk) -> None:
    amounts = [Decimal("0.00000001"), Decimal("0.00000001"), Decimal("2.5"), Decimal("0.001")]
    codes = ["EUR", "USD", "JPY", "CHF"]
    table = pa.table({"CODE": codes, "V": pa.array(amounts, pa.decimal128(12, 8))})
    desk.deliver("s_1", _parquet(table))
    (taken,) = desk.take("fx_rates", [mapping("  rate: {from: V}\n", format="parquet")])
    assert taken.delivery.rejected == 0
    assert {r["currency"]: r["rate"] for r in desk.rows("fx_rates")} == dict(
        zip(codes, amounts, strict=True)
    )


def test_json_keeps_digits_and_rejects_lines_that_are_no_object(desk: Desk) -> None:
    lines = [
        '{"CODE": "EUR", "V": 1234.56789012}',
        '{"CODE": "USD", "V": 1234.567890123}',
        '{"CODE": "JPY", "V": 1e1}',
        "[1]",
        '{"CODE": "CHF", "CODE": "GBP", "V": 1}',
        "{",
        "",
        '{"CODE": "SEK"}',
        "[" * 100_000,
    ]
    desk.deliver("s_1", "\n".join(lines) + "\n")
    (taken,) = desk.take("fx_rates", [mapping("  rate: {from: V}\n", format="json_lines")])
    assert [(r["currency"], str(r["rate"])) for r in desk.rows("fx_rates")] == [
        ("EUR", "1234.56789012")
    ]
    rejected = desk.rejected()
    assert sorted(rejected) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert taken.delivery.delivered == 9
    assert rejected[4] == ("not a JSON object: the line is another value", "[1]")
    assert rejected[7] == ("an empty line", "")
    assert rejected[8][1] == lines[7]


# -- adding a source ---------------------------------------------------------------------------


def test_a_source_is_added_by_adding_a_file(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The how-to's mapping and file, found in the folder of the settings and nowhere else."""
    name = f"treasury_{desk.day:%Y%m%d}.txt"
    text = (EXAMPLE / "treasury_20260107.txt").read_text(encoding="latin-1")
    desk.deliver(name, text.replace("07.01.2026", f"{desk.day:%d.%m.%Y}").encode("latin-1"))
    with pytest.raises(DeliveryError, match="no source has this name"):
        find_files(desk.deliveries, desk.day, SOURCES)
    (tmp_path / "treasury.yaml").write_text((EXAMPLE / "treasury_deals.yaml").read_text())
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path))
    (taken,) = desk.take("deals", installed(SOURCES))
    assert (taken.delivery.accepted, taken.delivery.rejected) == (3, 2)
    rows = {r["deal_id"]: r for r in desk.rows("deals")}
    assert sorted(rows) == ["T10-1001", "T10-1002", "T20-1001"]
    deposit = rows["T10-1001"]
    assert deposit["amount"] == Decimal("1250000.50")
    assert (deposit["counterparty_id"], deposit["currency"]) == ("C0000000010", "EUR")
    assert (deposit["insurable"], deposit["maturity_date"]) == (True, date(2026, 3, 31))
    assert "DESK" in taken.warnings[0]
    assert sorted(desk.rejected()) == [5, 6]


def test_the_how_to_shows_the_mapping_that_is_tested() -> None:
    page = (EXAMPLE.parent / "add-a-source.md").read_text()
    assert (EXAMPLE / "treasury_deals.yaml").read_text() in page


def test_a_folder_that_is_not_there_and_a_source_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path / "nothing"))
    with pytest.raises(ParameterError, match="is no folder"):
        installed(SOURCES)
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text((EXAMPLE / "treasury_deals.yaml").read_text())
    with pytest.raises(ParameterError, match="is also in"):
        installed(SOURCES)


def test_a_changed_mapping_takes_the_file_again(desk: Desk) -> None:
    desk.deliver("s_1", "CODE,V,W\nEUR,1,2\nUSD,3,4\n")
    first = mapping("  rate: {from: V}\n")
    desk.take("fx_rates", [first])
    assert desk.take("fx_rates", [first]) == ()
    (again,) = desk.take("fx_rates", [mapping("  rate: {from: W}\n")])
    assert (again.outcome.booked, again.outcome.reversed) == (2, 2)
    assert [r["rate"] for r in desk.rows("fx_rates")] == [Decimal(2), Decimal(4)]

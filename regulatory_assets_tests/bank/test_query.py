"""Sources by query: delivered files asked together, and databases asked for a day."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance
from pydantic import SecretStr
from typer.testing import CliRunner

from regulatory_assets.bank.delivery import DeliveryError, content_hash, find_files
from regulatory_assets.bank.fetching import Asking, fetch, fetch_new
from regulatory_assets.bank.formats import Unreadable, open_file
from regulatory_assets.bank.mapping import SourceMapping, load
from regulatory_assets.bank.query import DatabaseQuery
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.cli import app
from regulatory_assets.orchestration.files import DayFiles, missing
from regulatory_assets.orchestration.launch import run_days
from regulatory_assets.runtime import production_graph
from regulatory_assets.settings import Databases, Settings
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.orchestration.homes import ROOT, new_home

DAY = date(2026, 1, 7)
LISTED = """
source: desks
table: fx_rates
query:
  files:
    quote: {files: quotes.txt, delimiter: ";", columns: {DESK: integer, CODE: text, V: decimal}}
    desk:
      files: "desks_{yyyyMMdd}.json"
      format: json_lines
      columns: {id: integer, open: date or empty}
  refuse:
    a desk is not known: select line, DESK from quote where DESK not in (select id from desk)
  warn:
    a desk opens later: select id from desk where open > $day
  sql: |
    select CODE as code, sum(V) as rate, count(*) as quotes
    from quote join desk on DESK = id where open is null or open <= $day
    group by all;
delivery: full
key: [code]
columns:
  currency: {from: code, rules: [upper]}
  rate: {from: rate, rules: [{range: {at_most: "5"}}]}
"""
QUOTES = "DESK;CODE;V;X\n1;eur;0.50000001;a\n2;eur;0.5;\n1;usd;3;\n3;usd;100;\n1;chf;9;\n"
DESKS = '{"id": 1, "open": "2019-01-01"}\n{"id": 2}\n{"id": 3, "open": "2099-01-01"}\n'


def listed(text: str = LISTED) -> SourceMapping:
    return load(Path("desks.yaml"), text, SOURCES)


def rates(desk: Desk) -> dict[str, Decimal]:
    return {row["currency"]: row["rate"] for row in desk.rows("fx_rates")}


def test_files_are_asked_together_and_the_result_is_kept_like_a_file(desk: Desk) -> None:
    desks = desk.deliver(f"desks_{desk.day:%Y%m%d}.json", DESKS)
    with pytest.raises(DeliveryError, match=r"desks reads it together with quotes\.txt"):
        desk.take("fx_rates", [listed()])
    quotes = desk.deliver("quotes.txt", QUOTES.replace("3;usd", "4;usd"))
    with pytest.raises(DeliveryError, match=r"^desks\.query: a desk is not known \(line 5"):
        desk.take("fx_rates", [listed()])
    quotes.write_text(QUOTES)
    (taken,) = desk.take("fx_rates", [listed()])
    told = taken.delivery
    assert (told.file_name, told.delivered, told.accepted, told.rejected) == (
        "desks.query",
        3,
        2,
        1,
    )
    assert rates(desk) == {"EUR": Decimal("1.00000001"), "USD": Decimal(3)}
    assert desk.rejected() == {1: ("rate: above 5", "chf,9.00000000,1")}
    assert taken.warnings == (
        "desks.query: a desk opens later (id 3)",
        "desks.query: columns that nothing uses: quotes. They are kept with the raw lines",
    )
    kept = raw_lines(desk.runner.lake.root / "raw", desk.table("fx_rates"), told.batch)
    assert kept.mapping.text == LISTED
    assert kept.sha256 == told.sha256 != content_hash(quotes)

    assert desk.take("fx_rates", [listed()]) == ()
    quotes.write_text(QUOTES.replace("usd;3", "usd;4"))
    (again,) = desk.take("fx_rates", [listed()])
    assert (again.outcome.booked, again.outcome.reversed) == (1, 1)
    desks.write_text(DESKS.replace("2099", "2020"))
    (third,) = desk.take("fx_rates", [listed()])
    assert third.delivery.rejected == 2, "the sum of USD is above 5 now"
    changed = LISTED.replace("sum(V)", "max(V)")
    (fourth,) = desk.take("fx_rates", [listed(changed)])
    assert fourth.delivery.delivered == 3
    assert rates(desk) == {"EUR": Decimal("0.50000001")}


WRONG: Mapping[str, tuple[str, str, str]] = {
    "refused": (QUOTES.replace("3;usd", "4;usd"), LISTED, r"not known \(line 5, DESK 4\)"),
    "no line": (QUOTES + "1;x\n", LISTED, r"quotes\.txt, line 7: 2 fields"),
    "no number": (QUOTES.replace("100", "1e2"), LISTED, r"quotes\.txt, line 5: V is no decimal"),
    "9 places": (QUOTES.replace("9;", "0.123456789;"), LISTED, "line 6: V is no decimal"),
    "no text": (QUOTES.replace("usd", "\udcfc"), LISTED, r"quotes\.txt, line 4: not utf-8 text"),
    "nothing": ("", LISTED, r"^quotes\.txt: the file is empty"),
    "no column": (QUOTES.replace("V", "W", 1), LISTED, r"quotes\.txt: the columns V are missing"),
    "fails": (QUOTES, LISTED.replace("as code,", "as code, error('no ' || V),"), "fails: .*no "),
    "a float": (QUOTES, LISTED.replace("sum(V)", "avg(V)"), "column rate is a float"),
    "elsewhere": (
        QUOTES,
        LISTED.replace("from quote join", "from read_csv('/etc/hosts') as h, quote join"),
        "file system operations are disabled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_would_make_a_result_wrong_refuses_it(name: str, tmp_path: Path) -> None:
    quotes, mapping, problem = WRONG[name]
    (tmp_path / str(DAY)).mkdir()
    (tmp_path / str(DAY) / "quotes.txt").write_text(quotes, errors="surrogateescape")
    packed = gzip.compress(DESKS.encode())
    desks = tmp_path / str(DAY) / "desks_20260107.json.gz"
    desks.write_bytes(packed)
    (file,) = find_files(tmp_path, DAY, SOURCES, [listed(mapping)])
    with pytest.raises(Unreadable, match=problem):
        open_file(file)
    (tmp_path / str(DAY) / "quotes.txt").write_text(QUOTES)
    desks.write_bytes(packed[:-1])
    with pytest.raises(
        Unreadable, match=r"^desks_20260107\.json\.gz: the compressed file ends too"
    ):
        open_file(file)


def test_two_files_for_one_relation_and_another_day_in_a_name_are_refused(tmp_path: Path) -> None:
    here = tmp_path / str(DAY)
    here.mkdir()
    (here / "quotes.txt").write_text(QUOTES)
    (here / "desks_20260108.json").write_text(DESKS)
    with pytest.raises(DeliveryError, match="the name says 2026-01-08"):
        find_files(tmp_path, DAY, SOURCES, [listed()])
    (here / "desks_20260108.json").rename(here / "quotes_2.txt")
    several = listed(LISTED.replace("quotes.txt", '"quotes*.txt"'))
    with pytest.raises(DeliveryError, match="reads one file as quote"):
        find_files(tmp_path, DAY, SOURCES, [several])


def test_files_of_other_sources_alone_are_no_delivery_in_part(tmp_path: Path) -> None:
    here = tmp_path / str(DAY)
    here.mkdir()
    (here / "securities.csv").write_text("security_id\n")
    both = LISTED.replace("quotes.txt", "securities.csv")
    (alone,) = find_files(tmp_path, DAY, SOURCES, [listed(both)])
    assert alone.table.name == "securities"
    (here / "desks_20260107.json").write_text(DESKS)
    found = find_files(tmp_path, DAY, SOURCES, [listed(both)])
    assert {f.table.name for f in found} == {"securities", "fx_rates"}


def test_the_sensor_looks_at_the_files_that_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, sources = tmp_path / str(DAY), tmp_path / "sources"
    here.mkdir()
    sources.mkdir()
    (sources / "desks.yaml").write_text(LISTED)
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(sources))
    (here / "quotes.txt").write_text(QUOTES)
    (here / "desks_20260107.json").write_text(DESKS)
    graph = production_graph()
    before = DayFiles(here, find_files(tmp_path, DAY, graph.sources)).mark(0)
    assert "fx_rates" not in missing(tmp_path, DAY, graph)
    (here / "quotes.txt").write_text(QUOTES + "1;gbp;1;")
    assert DayFiles(here, find_files(tmp_path, DAY, graph.sources)).mark(0) != before


def test_the_how_to_shows_mappings_that_can_be_used() -> None:
    examples = ROOT / "docs" / "how-to" / "new-query"
    page = (examples.parent / "add-a-source.md").read_text()
    for path in examples.glob("*.yaml"):
        shown, _, _ = path.read_text().partition("columns:\n  deal_id")
        assert shown in page
        assert load(path, path.read_text(), SOURCES).source == path.stem


# -- databases ---------------------------------------------------------------------------------

ASKED = """
source: treasury_rates
table: fx_rates
query:
  database: treasury
  sql: select code, cast(rate as text) as rate from rates where day = :day
delivery: full
key: [code]
columns: {currency: code, rate: rate}
"""
SECRET = "pa55word"


def asking(text: str = ASKED) -> Asking:
    mapping = load(Path("treasury.yaml"), text, SOURCES)
    assert isinstance(mapping.query, DatabaseQuery)
    return Asking(mapping, mapping.query)


@pytest.fixture
def treasury(tmp_path: Path) -> Path:
    path = tmp_path / f"{SECRET}.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table rates (day date, code text, rate text)")
        given = [("USD", "0.9"), ("EUR", "1.00000000"), ("CHF", "x"), ("GBP", None)]
        for day in ("2020-01-01", "2026-01-07"):
            database.executemany(f"insert into rates values ('{day}', ?, ?)", given)
    return path


def test_a_databases_answer_is_a_delivered_file(
    desk: Desk, treasury: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the command, as it is used; the same answer is the same file, and nothing is posted."""
    with sqlite3.connect(treasury) as database:
        database.execute(f"update rates set day = '{desk.day}' where day = '2020-01-01'")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "treasury.yaml").write_text(ASKED)
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path / "sources"))
    monkeypatch.setenv("REGULATORY_ASSETS_DATABASES__TREASURY", f"sqlite:///{treasury}")
    monkeypatch.setenv("REGULATORY_ASSETS_DATA", str(desk.deliveries))
    call = ["sources", "fetch", "--date", str(desk.day)]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    assert "treasury_rates.query.parquet: 4 rows" in said.output.replace("\n", "")
    landed = desk.here / "treasury_rates.query.parquet"
    first = landed.read_bytes()
    (taken,) = desk.take("fx_rates", [asking().mapping])
    assert (taken.delivery.delivered, taken.delivery.accepted) == (4, 2)
    assert rates(desk) == {"EUR": Decimal(1), "USD": Decimal("0.9")}
    assert desk.rejected()[3] == ("rate: missing", "GBP,")

    with sqlite3.connect(treasury) as database:
        rows = database.execute("select * from rates order by code desc").fetchall()
        database.execute("delete from rates")
        database.executemany("insert into rates values (?, ?, ?)", rows)
    assert CliRunner().invoke(app, [*call, "--source", "treasury_rates"]).exit_code == 0
    assert landed.read_bytes() == first
    assert desk.take("fx_rates", [asking().mapping]) == ()
    for path in desk.folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    nothing = CliRunner().invoke(app, [*call, "--source", "other"])
    assert nothing.exit_code == 1
    assert "those that do: treasury_rates" in nothing.output.replace("\n", " ")


def test_a_run_asks_once_for_a_day_and_conforms_the_answer(
    treasury: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Through Dagster, from an empty folder; the schedule does not wait for what a run asks."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "treasury.yaml").write_text(ASKED)
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path / "sources"))
    graph = production_graph()
    with new_home(tmp_path / "home") as home:
        assert "fx_rates of treasury_rates" in missing(home.deliveries, DAY, graph)
        monkeypatch.setenv("REGULATORY_ASSETS_DATABASES__TREASURY", f"sqlite:///{treasury}")
        lacking = missing(home.deliveries, DAY, graph)
        assert "deals" in lacking
        assert not [name for name in lacking if name.startswith("fx_rates")]
        assert planned("fx_rates", "market_adjustments") == {
            "fx_rates": ("asks", "treasury_rates asks the database treasury"),
            "market_adjustments": ("after its inputs", "depends on what changes in rates_of_day"),
        }
        assert not list(home.deliveries.rglob("*")), "a plan asks nothing"

        (done,) = run_days([DAY], ["fx_rates"])
        assert done.success, done.failures
        assert [(o.revision, o.booked) for o in done.outcomes] == [(1, 2)]
        with DagsterInstance.get() as instance:
            event = instance.get_latest_materialization_event(AssetKey("fx_rates"))
            assert event is not None
            assert event.asset_materialization is not None
            told = event.asset_materialization.metadata
        assert "| treasury_rates | treasury | 4 |" in str(told["asked"].value)
        assert "| treasury_rates | treasury_rates.query.parquet |" in str(told["deliveries"].value)

        with sqlite3.connect(treasury) as database:
            database.execute("update rates set rate = '7'")
        (home.deliveries / str(DAY) / "treasury_rates.query.parquet").unlink()
        renamed = ASKED.replace("source: treasury_rates", "source: t\nformerly: treasury_rates")
        for text in (ASKED, renamed):
            (tmp_path / "sources" / "treasury.yaml").write_text(text)
            assert planned("fx_rates") == {}
        (again,) = run_days([DAY], ["fx_rates"])
        assert again.success
        assert [o.rows for o in again.outcomes] == [0], "a day's answer is not asked for twice"
        kept = [p for p in home.folder.rglob("*") if p.is_file()]
        assert [p for p in kept if SECRET.encode() in p.read_bytes()] == []
        assert SECRET not in "".join(capfd.readouterr())


def planned(*tables: str) -> dict[str, tuple[str, str]]:
    """What a run would do with some tables, and why, as the command says."""
    said = CliRunner().invoke(app, ["plan", "--date", str(DAY), "--json"])
    assert said.exit_code == 0, said.output
    lines = {line["table"]: (line["way"], line["why"]) for line in json.loads(said.stdout)}
    return {name: lines[name] for name in tables if name in lines}


def test_a_day_without_rows_has_no_answer_unless_somebody_says_so(
    treasury: Path, tmp_path: Path
) -> None:
    at = {"treasury": SecretStr(f"sqlite:///{treasury}")}
    assert fetch_new(tmp_path, DAY, asking(), at) is not None
    assert fetch_new(tmp_path, DAY, asking(), at) is None
    later = DAY + timedelta(days=1)
    with pytest.raises(DeliveryError, match="treasury has no rows for 2026-01-08; run again when"):
        fetch_new(tmp_path, later, asking(), at)
    assert not (tmp_path / str(later)).exists()
    assert fetch(tmp_path, later, asking(), at).rows == 0
    renamed = asking(ASKED.replace("source: treasury_rates", "source: t\nformerly: treasury_rates"))
    assert [f.source for f in find_files(tmp_path, later, SOURCES, [renamed.mapping])] == ["t"]
    fetch(tmp_path, later, renamed, at)
    assert [p.name for p in (tmp_path / str(later)).iterdir()] == ["t.query.parquet"]
    assert fetch_new(tmp_path, later, renamed, at) is None


UNASKED: Mapping[str, tuple[str, str, str]] = {
    "unknown": ("", ASKED, "set REGULATORY_ASSETS_DATABASES__TREASURY"),
    "no url": (f"here {SECRET}", ASKED, "cannot be reached"),
    "no driver": (f"oracle://u:{SECRET}@db/x", ASKED, "cannot be reached"),
    "not there": (f"sqlite:////nowhere/{SECRET}/x.sqlite", ASKED, "cannot be reached"),
    "no table": ("", ASKED.replace("from rates", "from none"), "no such table: none"),
    "a float": ("", ASKED.replace("cast(rate as text)", "1.5"), "column rate is a float"),
    "twice": ("", ASKED.replace("as rate", "as code"), "a column twice"),
}


@pytest.mark.parametrize("name", UNASKED)
def test_a_database_that_does_not_answer_is_told_without_its_url(
    name: str, treasury: Path, tmp_path: Path
) -> None:
    url, text, problem = UNASKED[name]
    at = {} if name == "unknown" else {"treasury": SecretStr(url or f"sqlite:///{treasury}")}
    with pytest.raises(DeliveryError, match=problem) as told:
        fetch(tmp_path / "in", DAY, asking(text), at)
    chain = [told.value, told.value.__cause__]
    assert not any(SECRET in str(error) for error in chain)
    assert str(told.value).startswith("treasury.yaml: ")
    assert not list((tmp_path / "in").rglob("*"))


def test_databases_are_named_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULATORY_ASSETS_DATABASES__TREASURY", f"sqlite:///{SECRET}")
    settings = Databases()
    assert settings.databases["treasury"].get_secret_value() == f"sqlite:///{SECRET}"
    assert SECRET not in repr((settings, Settings()))

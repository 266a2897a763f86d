"""Several sources of one table: each has its own rows, and the order of arrival does not matter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.claims import (
    BATCH,
    SOURCE,
    all_claims,
    owners,
    raw_folder,
    standing_deliveries,
)
from regulatory_assets.bank.control_totals import check_totals, control_totals
from regulatory_assets.bank.delivery import CONTROL_TOTALS, DeliveryError, find_files
from regulatory_assets.bank.formats.piece import LINE
from regulatory_assets.bank.ingest import Ingested, arrivals, ingest_pending
from regulatory_assets.bank.ingest import take as take_lines
from regulatory_assets.bank.mapping import (
    SourceMapping,
    installed,
    load,
    names_of_today,
    needed_sources,
)
from regulatory_assets.bank.provenance import provenance
from regulatory_assets.bank.staging import raw_lines, stage
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.orchestration.files import DayFiles, missing
from regulatory_assets.quality.deliveries import delivery_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets.verification import verify_day
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.orchestration.homes import ROOT

EXAMPLE = ROOT / "docs" / "how-to" / "new-source"

OWN = "fx_rates"
"""The source that needs no mapping; in the order of names it stands between the two others."""
NAMES = ("early", OWN, "late")
CODES = tuple(f"{a}{b}X" for a in "ABC" for b in "DE")


def written(source: str, mode: str, more: str = "", system: str = "") -> str:
    """A mapping of exchange rates, from the files of a system of its name."""
    operation = "operation: OP\n" if mode == "delta" else ""
    files = (system or source) + (".changes-#.csv" if mode == "delta" else ".txt")
    return (
        f"source: {source}\ntable: fx_rates\nfiles: '{files}'\ndelivery: {mode}\n{more}"
        f"key: [CODE]\n{operation}columns: {{currency: CODE, rate: VALUE}}\n"
    )


def loaded(system: str, *names: str) -> list[SourceMapping]:
    """The mappings of a system by its names, the last of which is that of today."""
    formerly = f"formerly: [{', '.join(names[:-1])}]\n" if names[1:] else ""
    name = (names or (system,))[-1]
    return [
        load(Path(f"{name}-{mode}.yaml"), written(name, mode, formerly, system), SOURCES)
        for mode in ("full", "delta")
    ]


MAPPINGS = [*loaded("early"), *loaded("late")]


@dataclass
class Bank:
    """What the sources have laid among the day's files, in plain Python; by the names of their
    systems, which have borne some names as sources."""

    names: dict[str, list[str]] = field(default_factory=lambda: {name: [name] for name in NAMES})
    full: dict[str, dict[str, str]] = field(default_factory=dict)
    deltas: dict[str, list[dict[str, str | None]]] = field(default_factory=dict)

    def rows(self) -> dict[str, tuple[str, str]]:
        """Of each key the source that has it and its value: the first by name."""
        found: dict[str, tuple[str, str]] = {}
        for system in sorted(self.full, key=lambda s: self.names[s][-1], reverse=True):
            own: dict[str, str | None] = dict(self.full[system])
            for delta in self.deltas.get(system, ()):
                own |= delta
            name = self.names[system][-1]
            found |= {code: (name, v) for code, v in own.items() if v is not None}
        return found

    def mappings(self) -> list[SourceMapping]:
        return [m for system in ("early", "late") for m in loaded(system, *self.names[system])]


def write(desk: Desk, source: str, number: int | None, lines: dict[str, str | None]) -> None:
    """A full file, or the delta of a number, in which no value means to delete."""
    head = {OWN: "currency,rate"}.get(source, "CODE,VALUE")
    if number is None:
        name = f"{source}.csv" if source == OWN else f"{source}.txt"
        body = [f"{code},{value}" for code, value in lines.items()]
    else:
        middle = "delta" if source == OWN else "changes"
        name = f"{source}.{middle}-{number}.csv"
        head = f"{'_operation' if source == OWN else 'OP'},{head}"
        body = [
            f"delete,{code}," if value is None else f"upsert,{code},{value}"
            for code, value in lines.items()
        ]
    desk.deliver(name, "\n".join([head, *body, ""]))


def draw(dice: random.Random, desk: Desk, bank: Bank) -> None:
    """One source delivers: all it has, or what it changes. Or its mapping gets another name, before
    or behind those of others."""
    source = dice.choice(NAMES)
    if source != OWN and dice.random() < 0.3:
        bank.names[source].append(f"{dice.choice('ahz')}_{source}_{len(bank.names[source])}")
        return
    codes = dice.sample(CODES, dice.randint(1, 4))
    values = {code: f"{dice.randint(1, 9)}.5" for code in codes}
    if source not in bank.full or dice.random() < 0.4:
        bank.full[source] = values
        write(desk, source, None, dict(values))
        return
    delta = {code: None if dice.random() < 0.4 else v for code, v in values.items()}
    bank.deltas.setdefault(source, []).append(delta)
    write(desk, source, len(bank.deltas[source]), delta)


def take(desk: Desk, mappings: Sequence[SourceMapping] = MAPPINGS) -> tuple[Ingested, ...]:
    return desk.take("fx_rates", mappings)


def stands(desk: Desk) -> dict[str, Decimal]:
    return {row["currency"]: row["rate"] for row in desk.rows("fx_rates")}


def told(desk: Desk) -> dict[str, tuple[str, str]]:
    """Of each standing key the source that has it, and the value in the line that says so."""
    table, folder = desk.table("fx_rates"), raw_folder(desk.runner.lake.root)
    arrived = desk.runner.register.deliveries("fx_rates", desk.day)
    standing = standing_deliveries(folder, table, arrived)
    register, reader = desk.runner.register, desk.runner.reader
    claims = owners(all_claims(reader, register, folder, table, desk.day, standing), table)
    found = {}
    for row in claims.toArrow().to_pylist():
        raw = raw_lines(folder, table, row[BATCH])
        kept = desk.runner.lake.session.read.parquet(str(raw.path)).where(f"{LINE} = {row[LINE]}")
        place = list(raw.columns).index("rate" if raw.source == OWN else "VALUE")
        found[row["currency"]] = (row[SOURCE], kept.toArrow().column(3 + place).to_pylist()[0])
        assert raw.source == row[SOURCE]
    return found


def origin(desk: Desk, code: str) -> tuple[str, str, int, str]:
    found = provenance(
        desk.runner.reader,
        desk.runner.register,
        desk.table("fx_rates"),
        desk.day,
        {"currency": code},
    )
    return found.source, found.file_name, found.line, found.text


def agree(desk: Desk, bank: Bank) -> None:
    expected = bank.rows()
    assert stands(desk) == {code: Decimal(value) for code, (_, value) in expected.items()}
    examination = Examination(
        desk.runner.positions(desk.day), desk.runner.reader, desk.runner.register
    )
    reconciled = delivery_checks(desk.table("fx_rates"))[0].examine(examination, 0)
    assert reconciled.passed, reconciled.said
    assert not take(desk, bank.mappings())


@pytest.mark.parametrize("seed", [0, 14])
def test_rows_follow_from_the_files_whatever_the_order_of_arrival(desk: Desk, seed: int) -> None:
    """Against a model that knows no order: files one by one, and all at once on another day."""
    dice, bank = random.Random(seed), Bank()
    for _ in range(8):
        draw(dice, desk, bank)
        take(desk, bank.mappings())
    agree(desk, bank)
    assert told(desk) == bank.rows()
    one_by_one = desk.here
    if seed == 0:
        for compared in verify_day(desk.runtime, desk.day, "sail"):
            assert compared.differing == 0, compared
    desk.next_day()
    for path in one_by_one.iterdir():
        desk.deliver(path.name, path.read_bytes())
    take(desk, bank.mappings())
    agree(desk, bank)


def test_a_key_of_two_sources_is_of_the_first_until_it_lets_go(desk: Desk) -> None:
    write(desk, "late", None, {"AAX": "1", "BBX": "2"})
    (first,) = take(desk)
    assert (first.delivery.source, first.delivery.contested) == ("late", 0)
    write(desk, "early", None, {"AAX": "9"})
    mine, again = take(desk)
    assert (mine.delivery.source, mine.delivery.contested, mine.outcome.rows) == ("early", 1, 2)
    assert (again.delivery.rejected, again.delivery.contested, again.outcome.rows) == (1, 1, 0)
    assert desk.rejected() == {
        2: ("key (currency) is also delivered by the source early, which goes before late", "AAX,1")
    }
    write(desk, "early", 1, {"AAX": None, "BBX": None, "CCX": None})
    mine, again = take(desk)
    assert desk.rejected()[3][0] == "early deletes a key (currency) that is of the source late"
    assert desk.rejected()[4][0] == "deletes a key (currency) that does not stand"
    assert (again.delivery.rejected, stands(desk)) == (0, {"AAX": 1, "BBX": 2})
    assert [d.source for d in desk.runner.register.deliveries("fx_rates", desk.day)] == [
        "late", "early", "late", "early", "late"]  # fmt: skip
    assert origin(desk, "BBX") == ("late", "late.txt", 3, "BBX,2")
    with pytest.raises(DeliveryError, match="has no row with currency CCX on"):
        origin(desk, "CCX")
    write(desk, "late", None, {"BBX": "2"})
    (done,) = take(desk)
    assert (done.outcome.booked, done.outcome.reversed) == (0, 1)
    desk.deliver("fx_rates.delta-1.csv", "_operation,currency,rate\nupsert,CCX,1\n")
    with pytest.raises(DeliveryError, match="a delta needs a full delivery of fx_rates for"):
        take(desk)


def test_a_source_that_delivers_meanwhile_keeps_its_rows(desk: Desk) -> None:
    """Lines were held against what stood, another source posts, and they are held again."""
    write(desk, "early", None, {"AAX": "9"})
    write(desk, "late", None, {"AAX": "1", "BBX": "2"})
    early, late = find_files(desk.deliveries, desk.day, SOURCES, MAPPINGS)
    raced: list[Ingested] = []

    def meanwhile(_: DataFrame) -> tuple[str, ...]:
        raced.extend(() if raced else ingest_pending(desk.runner, [late]))
        return ()

    kept = stage(early, raw_folder(desk.runner.lake.root))
    done = take_lines(desk.runner, kept, before=meanwhile)
    assert (raced[0].outcome.revision, done.outcome.revision) == (1, 2)
    assert done.delivery.contested == 1
    assert stands(desk) == {"AAX": 9, "BBX": 2}
    (again,) = take(desk)
    assert (again.delivery.source, again.delivery.rejected) == ("late", 1)
    agree(desk, Bank(full={"early": {"AAX": "9"}, "late": {"AAX": "1", "BBX": "2"}}))


def test_a_renamed_source_has_what_it_delivered_before(desk: Desk, folder: Path) -> None:
    """Also where its full file is gone and a delta alone comes under the new name."""

    def rename(*names: str) -> None:
        for mapping in loaded("early", *names):
            (folder / f"{mapping.mode}.yaml").write_text(mapping.text)

    def reconciled() -> str:
        now = Examination(desk.runner.positions(desk.day), desk.runner.reader, desk.runner.register)
        return delivery_checks(desk.table("fx_rates"))[0].examine(now, 0).said

    rename("early")
    (folder / "late.yaml").write_text(written("late", "full"))
    write(desk, "early", None, {"AAX": "1", "BBX": "2"})
    write(desk, "early", 1, {"BBX": "3"})
    write(desk, "late", None, {"BBX": "9", "CCX": "9"})
    take(desk, installed(SOURCES))
    for path in desk.here.glob("early*"):
        path.unlink()
    rename("early", "zuerich")
    table, arrivals_ = desk.table("fx_rates"), desk.runtime.arrivals
    for rows, found in ((2, "2 rows, as in early.txt"), (3, "3 rows were sent, 2 arrived in")):
        counted = f"table,rows,sum_column,sum,source\nfx_rates,{rows},,,zuerich\n"
        desk.deliver(CONTROL_TOTALS, counted)
        there = DayFiles(desk.here, find_files(desk.deliveries, desk.day, SOURCES))
        assert list(there.waiting(arrivals_, SOURCES).values()) == [CONTROL_TOTALS]
        totals = control_totals(desk.deliveries, desk.day, SOURCES)
        names = names_of_today(table, installed(SOURCES))
        ((total, delivery),) = arrivals_.to_compare(totals, table, desk.day, names)
        assert f"line 2: {found}" in total.first_look(delivery)
    (desk.here / CONTROL_TOTALS).unlink()
    write(desk, "early", 2, {"AAX": "7"})
    rename("zuerich")
    with pytest.raises(DeliveryError, match="full delivery of fx_rates by the source zuerich"):
        take(desk, installed(SOURCES))
    assert reconciled() == "the source zuerich has not delivered"
    rename("early", "zuerich")
    assert reconciled().startswith("every delivered line")

    done = take(desk, installed(SOURCES))
    assert [d.delivery.source for d in done] == ["zuerich", "late"]
    assert stands(desk) == {"AAX": 7, "BBX": 9, "CCX": 9}, "late goes before zuerich"
    assert (origin(desk, "AAX")[:2], origin(desk, "BBX")[0]) == (
        ("zuerich", "early.changes-2.csv"), "late")  # fmt: skip
    assert reconciled().startswith("every delivered line")
    assert take(desk, installed(SOURCES)) == ()


def test_a_former_name_is_of_one_source_and_of_no_present_one(folder: Path) -> None:
    (folder / "a.yaml").write_text(written("one", "full"))
    (folder / "b.yaml").write_text(written("two", "full", "formerly: [old, one]\n"))
    with pytest.raises(ParameterError, match=r"b\.yaml:5: two was .* one, but .*a\.yaml is there"):
        installed(SOURCES)
    (folder / "a.yaml").write_text(written("three", "full", "formerly: old\n"))
    with pytest.raises(ParameterError, match=r"a\.yaml:5: .*old, but .*b\.yaml says so too"):
        installed(SOURCES)
    (folder / "a.yaml").write_text(written("two", "delta", "formerly: old\n"))
    assert [m.formerly for m in installed(SOURCES)] == [("old",), ("old", "one")]
    for name in ("two", "fx_rates"):
        with pytest.raises(ParameterError, match=rf"5: {name} is .*Give the names"):
            load(Path("c.yaml"), written("two", "full", f"formerly: {name}\n"), SOURCES)


def test_control_totals_say_whose_file_they_count(desk: Desk) -> None:
    def deliver(totals: str) -> tuple[Ingested, ...]:
        desk.deliver("control_totals.csv", totals)
        totals_of = control_totals(desk.deliveries, desk.day, SOURCES)
        files = find_files(desk.deliveries, desk.day, SOURCES, MAPPINGS)
        check_totals(totals_of, {f.source for f in files}, {"early", "late", "other"})
        return ingest_pending(desk.runner, files, totals_of)

    write(desk, "late", None, {"AAX": "1", "BBX": "2"})
    write(desk, "early", None, {"CCX": "9"})
    with pytest.raises(DeliveryError, match=r"line 2: fx_rates is delivered by early, late; say"):
        deliver("table,rows,sum_column,sum\nfx_rates,3,,\n")
    head = "table,rows,sum_column,sum,source\nfx_rates,1,,,early\n"
    with pytest.raises(DeliveryError, match=r"line 3: 3 rows were sent, 2 arrived in late"):
        deliver(f"{head}fx_rates,3,,,late\n")
    with pytest.raises(DeliveryError, match=r"line 3: fx_rates has no source lat; .* early, late,"):
        deliver(f"{head}fx_rates,2,,,lat\n")
    with pytest.raises(DeliveryError, match=r"line 3: 7 rows .* by the source other, .* deliver"):
        deliver(f"{head}fx_rates,7,,,other\n")
    (done,) = deliver(f"{head}fx_rates,2,rate,3,late\nfx_rates,0,,,other\n")
    assert done.delivery.source == "late"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGULATORY_ASSETS_SOURCES", str(tmp_path))
    return tmp_path


def test_a_table_is_complete_when_every_source_that_is_needed_has_delivered(
    desk: Desk, folder: Path
) -> None:
    def lacks() -> list[str]:
        found = missing(desk.deliveries, desk.day, desk.runtime.graph)
        return [name for name in found if name.startswith("fx_rates")]

    def reconciled() -> str:
        now = Examination(desk.runner.positions(desk.day), desk.runner.reader, desk.runner.register)
        return delivery_checks(desk.table("fx_rates"))[0].examine(now, 0).said

    assert lacks() == ["fx_rates"]
    (folder / "early.yaml").write_text(written("early", "full"))
    (folder / "late.yaml").write_text(written("late", "full", "beside_own_file: true\n"))
    assert lacks() == ["fx_rates of early", "fx_rates of fx_rates", "fx_rates of late"]
    write(desk, "late", None, {"AAX": "1"})
    assert lacks() == ["fx_rates of early", "fx_rates of fx_rates"]
    ingest_pending(desk.runner, find_files(desk.deliveries, desk.day, SOURCES))
    assert reconciled() == (
        "the source early has not delivered; the source fx_rates has not delivered"
    )
    (folder / "late.yaml").write_text(written("late", "full"))
    (folder / "early.yaml").write_text(written("early", "full", "first_day: 2500-01-01\n"))
    assert lacks() == []
    assert reconciled().startswith("every delivered line")
    (folder / "late.yaml").write_text(written("late", "full", "optional: true\n"))
    assert lacks() == ["fx_rates of fx_rates"]
    ratings = [m for m in installed(SOURCES) if m.source == "late"]
    assert needed_sources(desk.table("deals"), desk.day, ratings) == ()


def test_a_name_is_shared_by_a_full_and_a_delta_mapping_of_one_table_only(folder: Path) -> None:
    (folder / "a.yaml").write_text(written("one", "full"))
    (folder / "b.yaml").write_text(written("one", "delta"))
    assert [m.mode for m in installed(SOURCES)] == ["full", "delta"]
    (folder / "c.yaml").write_text(written("one", "full"))
    with pytest.raises(ParameterError, match=r"the source one is also in .*a\.yaml"):
        installed(SOURCES)
    (folder / "c.yaml").write_text(written("two", "delta", "optional: true\n"))
    with pytest.raises(ParameterError, match=r"c\.yaml:5: only a full delivery has optional"):
        installed(SOURCES)


def test_the_how_to_adds_a_source_by_a_file_alone(desk: Desk, folder: Path) -> None:
    """Its two mappings of deals and their files, with the day put in."""
    page = (EXAMPLE.parent / "add-a-source.md").read_text()
    for path in EXAMPLE.glob("*.yaml"):
        assert path.read_text().strip() in page
        (folder / path.name).write_text(path.read_text())
    treasury = (EXAMPLE / "treasury_20260107.txt").read_text(encoding="latin-1")
    dated = treasury.replace("07.01.2026", f"{desk.day:%d.%m.%Y}").encode("latin-1")
    desk.deliver(f"treasury_{desk.day:%Y%m%d}.txt", dated)
    workbook = (EXAMPLE / "workbook_20260107.csv").read_bytes()
    desk.deliver(f"workbook_{desk.day:%Y%m%d}.csv", workbook)
    one, other = desk.take("deals", installed(SOURCES))
    assert (one.delivery.source, one.delivery.rejected) == ("treasury_deals", 2)
    assert (other.delivery.source, other.delivery.rejected) == ("workbook_deals", 1)
    assert {r["deal_id"] for r in desk.rows("deals")} == {"T10-1001", "T10-1002", "T20-1001", "W-1"}


def only(mappings: list[SourceMapping], desk: Desk) -> list[str]:
    files = find_files(desk.deliveries, desk.day, SOURCES, mappings)
    return [f.path.name for f in arrivals(desk.runner).pending(files)]


def test_what_is_pending_is_named_source_by_source(desk: Desk) -> None:
    write(desk, "late", None, {"AAX": "1"})
    write(desk, "early", None, {"BBX": "1"})
    write(desk, "early", 1, {"BBX": None})
    assert only(MAPPINGS, desk) == ["early.txt", "early.changes-1.csv", "late.txt"]
    take(desk)
    write(desk, "late", 1, {"CCX": "1"})
    assert only(MAPPINGS, desk) == ["late.changes-1.csv"]

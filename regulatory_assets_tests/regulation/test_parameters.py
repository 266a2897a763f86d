"""Loading, dates, overlays, hashes, and one broken file for every kind of error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from regulatory_assets.regulation.parameters import ParameterError, Parameters, ParameterSet
from regulatory_assets.regulation.tables import Key, Row

from .broken import GOOD, broken, broken_file

LATE = date(2026, 1, 31)
NAMES = ("test/run_off", "test/kind", "test/weights")


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return Parameters.load([GOOD])


@pytest.fixture(scope="module")
def late(parameters: Parameters) -> ParameterSet:
    return parameters.at(LATE, NAMES)


@pytest.mark.parametrize("name", broken("bad"))
def test_a_broken_file_is_refused_with_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    path, problem, line = broken_file("bad", name, tmp_path)
    with pytest.raises(ParameterError) as caught:
        Parameters.load([GOOD, tmp_path])
    error = caught.value
    assert problem in error.problem
    assert (error.path, error.line) == (path, line)
    assert error.remedy
    assert str(error).startswith(f"{path}:{line}: ")


def test_an_overlap_names_both_rules_and_lines(tmp_path: Path) -> None:
    broken_file("bad", "overlap", tmp_path)
    with pytest.raises(ParameterError, match=r"the rules p \(line 13\) and r of .* overlap"):
        Parameters.load([tmp_path])


def test_a_missing_folder_and_a_wrong_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no such folder"):
        Parameters.load([tmp_path / "nothing"])
    (tmp_path / "lines.yml").write_text("parameter: x\n")
    with pytest.raises(ParameterError, match="Rename it"):
        Parameters.load([tmp_path])


def test_a_folder_given_twice_is_read_once() -> None:
    assert Parameters.load([GOOD, GOOD / "us"]).names == Parameters.load([GOOD]).names


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (date(2015, 1, 1), "0.05"),
        (date(2019, 12, 31), "0.05"),
        (date(2020, 1, 1), "0.03"),
        (date(9999, 12, 31), "0.03"),
    ],
)
def test_the_value_of_the_day(parameters: Parameters, day: date, rate: str) -> None:
    table = parameters.at(day, ["test/run_off"]).rates("test/run_off")
    assert table.value("stable", "rate", "basel") == Decimal(rate)


def test_a_row_that_has_ended_is_unknown(parameters: Parameters) -> None:
    last = parameters.at(date(2020, 6, 30), NAMES).rates("test/run_off")
    assert last.value(("ends",), "rate", "basel") == Decimal("0.10")
    ended = parameters.at(date(2020, 7, 1), NAMES).rates("test/run_off")
    with pytest.raises(ParameterError, match="has no row ends for regime basel"):
        ended.value("ends", "rate", "basel")


def test_a_day_before_everything_is_refused(parameters: Parameters) -> None:
    with pytest.raises(ParameterError, match="no values in force on 2014-12-31"):
        parameters.at(date(2014, 12, 31), ["test/run_off"])


def test_an_overlay_replaces_and_adds_rows(late: ParameterSet) -> None:
    table = late.rates("test/run_off")
    assert table.value("stable", "limit", "basel") == 100000
    assert table.value("stable", "limit", "us") == 250000
    assert table.value("brokered", "rate", "us") == Decimal("0.40")
    with pytest.raises(ParameterError, match="has no row brokered for regime basel"):
        table.value("brokered", "rate", "basel")
    assert (
        late.decisions("test/kind").decide("basel", sector="BANK", insured="NO")["line"] == "other"
    )
    us = late.decisions("test/kind").decide("us", sector="BANK", insured="NO")
    assert us == {"line": "less_stable", "listed": "NO"}


def test_an_overlay_keeps_what_it_does_not_name(parameters: Parameters) -> None:
    table = parameters.at(date(2020, 6, 30), NAMES).rates("test/run_off")
    assert table.value("ends", "rate", "us") == Decimal("0.10")
    assert list(table.rows("us")) == [("stable",), ("ends",), ("brokered",)]


def test_an_overlay_holds_from_its_own_date(parameters: Parameters) -> None:
    before = parameters.at(date(2015, 12, 31), NAMES).rates("test/run_off")
    assert before.value("stable", "limit", "us") == 100000


def test_a_regime_known_to_one_table_takes_the_basel_rows_of_another(late: ParameterSet) -> None:
    table = late.rates("test/weights")
    assert table.value(("A", "low"), "weight", "us") == table.value(("A", "low"), "weight")


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda p: p["lcr/caps"], "undeclared parameter lcr/caps"),
        (lambda p: p.rates("test/kind"), "test/kind is not a rate table"),
        (lambda p: p.decisions("test/run_off"), "test/run_off is not a decision table"),
        (lambda p: p["test/run_off"].value("stable", "rate", "uk"), "knows no regime uk"),
        (lambda p: p["test/run_off"].value("stable", "component"), "has no column component"),
        (lambda p: p["test/run_off"].text("stable", "rate"), "has no column rate"),
        (lambda p: p["test/weights"].value("A", "weight"), "has no row A for regime basel"),
        (lambda p: p["test/kind"].decide(sector="BANK"), "was asked with sector"),
        (
            lambda p: p["test/kind"].decide("basel", sector="X", insured="NO"),
            "sector X is not in its",
        ),
        (lambda p: p["test/run_off"].value("stable", "rate"), "run_off is asked for no regime"),
        (
            lambda p: p["test/kind"].decide(sector="BANK", insured="NO"),
            "kind is asked for no regime",
        ),
        (lambda p: p["test/kind"].decide("uk", sector="BANK", insured="NO"), "no regime uk"),
    ],
)
def test_what_is_not_there_is_refused(
    late: ParameterSet, ask: Callable[[ParameterSet], object], problem: str
) -> None:
    with pytest.raises(ParameterError, match=problem) as caught:
        ask(late)
    assert caught.value.remedy


def test_an_unknown_name_is_refused(parameters: Parameters) -> None:
    with pytest.raises(ParameterError, match="there is no parameter test/none"):
        parameters.at(LATE, ["test/none"])


def test_every_combination_is_decided_by_the_rule_that_covers_it(late: ParameterSet) -> None:
    table = late.decisions("test/kind")
    for sector, insured in itertools.product(("RETAIL", "CORPORATE", "BANK"), ("YES", "NO")):
        expected = "other"
        if sector == "RETAIL":
            expected = "stable" if insured == "YES" else "less_stable"
        assert table.decide("basel", sector=sector, insured=insured)["line"] == expected
    assert len(list(table.combinations())) == 6


def test_a_value_knows_its_citation_and_place(late: ParameterSet) -> None:
    row = late.rates("test/run_off").row("stable", "basel")
    assert str(row.citation) == "BCBS 238 78: Stable with extra criteria"
    assert (row.citation.verified, row.citation.note) == (False, "a test")
    assert (row.path.name, row.line) == ("run_off.yaml", 19)
    rule = late.decisions("test/kind").rule("basel", sector="RETAIL", insured="NO")
    assert (rule.name, rule.citation.paragraph, rule.line) == ("less_stable", "79", 17)


def _copy(tmp_path: Path, **changes: tuple[str, str]) -> Parameters:
    """The good files with one text replaced in each of some."""
    for path in GOOD.rglob("*.yaml"):
        target = tmp_path / path.relative_to(GOOD)
        target.parent.mkdir(exist_ok=True)
        text = path.read_text()
        if path.parent == GOOD and path.stem in changes:
            old, new = changes[path.stem]
            assert old in text
            text = text.replace(old, new)
        target.write_text(text)
    return Parameters.load([tmp_path])


@pytest.mark.parametrize(
    "change",
    [
        {"run_off": ('rate: "0.03"', "rate: '0.0300'")},
        {"run_off": ('paragraph: "78"', 'paragraph: "78-80"')},
        {"run_off": ("verified: false", "verified: true")},
        {"run_off": ("# A rate table", "# Another comment on a rate table")},
        {"run_off": ("from: 2020-01-01", "from: 2020-01-01\n    to: 2099-12-31")},
        {"run_off": ("component: [outflow, inflow]", "component: [inflow, outflow, none]")},
        {
            "kind": (
                "{sector: [CORPORATE, BANK]}",
                '{sector: [BANK, CORPORATE], insured: ["NO", "YES"]}',
            )
        },
        {"kind": ("sector: [RETAIL, CORPORATE, BANK]", "sector: [BANK, CORPORATE, RETAIL]")},
        {"kind": ("rule: less_stable", "rule: renamed")},
    ],
)
def test_spelling_does_not_change_the_hash(
    late: ParameterSet, change: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    assert _copy(tmp_path, **change).at(LATE, NAMES).hash == late.hash


@pytest.mark.parametrize(
    "change",
    [
        {"run_off": ('rate: "0.03"', 'rate: "0.04"')},
        {"run_off": ("to: 2020-06-30", "to: 2030-06-30")},
        {"run_off": ("days: count", "days: rate")},
        {"kind": ('then: {line: other, listed: "NO"}', 'then: {line: other, listed: "YES"}')},
        {"weights": ("keys: [class, band]", "keys: [band, class]")},
    ],
)
def test_content_changes_the_hash(
    late: ParameterSet, change: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    assert _copy(tmp_path, **change).at(LATE, NAMES).hash != late.hash


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"run_off": ('rate: "0.03"', 'rate: "0.04"')}, {("basel", "stable")}),
        ({"run_off": ('rate: "0.03"', 'rate: "0.0300"')}, set()),
        ({"run_off": ("to: 2020-06-30", "to: 2030-06-30")}, None),
        ({"run_off": ("days: count", "days: rate")}, None),
        (
            {"kind": ('then: {line: other, listed: "NO"}', 'then: {line: other, listed: "YES"}')},
            None,
        ),
    ],
    ids=["a number", "its spelling", "another row", "another type", "a decision"],
)
def test_which_entries_have_moved(
    late: ParameterSet,
    change: dict[str, tuple[str, str]],
    moved: set[tuple[str, str]] | None,
    tmp_path: Path,
) -> None:
    """Only numbers and texts of rows that are in both sets: what else differs reaches anywhere.
    The United States have a row of their own for what moves."""
    expected = None if moved is None else {"test/run_off": moved} if moved else {}
    assert _copy(tmp_path, **change).at(LATE, NAMES).moved_since(late.text) == expected
    assert late.moved_since(_copy(tmp_path, **change).at(LATE, NAMES).text) == expected
    assert late.moved_since(late.text) == {}


def test_other_numbers_are_those_of_the_rows_meant(parameters: Parameters) -> None:
    """On every day, and of no other row; what is loaded stays as it is."""

    def values(regime: str, key: Key, row: Row) -> Mapping[str, Decimal]:
        return {**row.values, "rate": Decimal("0.9")} if key == ("stable",) else row.values

    other = parameters.with_values("test/run_off", values)
    for day in (date(2019, 12, 31), LATE):
        before, after = parameters.at(day, NAMES), other.at(day, NAMES)
        assert after.rates("test/run_off").value("stable", "rate", "basel") == Decimal("0.9")
        moved = {("basel", "stable"), ("us", "stable")}
        assert after.moved_since(before.text) == {"test/run_off": moved}
    with pytest.raises(ParameterError, match="test/kind is not a rate table"):
        parameters.with_values("test/kind", values)


def test_sets_of_other_tables_are_not_compared(parameters: Parameters, late: ParameterSet) -> None:
    assert parameters.at(LATE, NAMES[:1]).moved_since(late.text) is None


def test_the_hash_is_of_the_declared_tables_and_the_day(
    parameters: Parameters, late: ParameterSet
) -> None:
    assert parameters.at(date(2026, 2, 1), NAMES).hash == late.hash
    assert parameters.at(LATE, reversed(NAMES)).hash == late.hash
    assert parameters.at(LATE, NAMES[:1]).hash != late.hash
    assert parameters.at(date(2019, 12, 31), NAMES).hash != late.hash


def test_the_default_holds_the_reports() -> None:
    assert Parameters.default() is Parameters.default()
    assert "lcr/lines" in Parameters.default().names

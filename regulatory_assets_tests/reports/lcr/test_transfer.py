"""Liquid assets that may not leave their entity: their own rows, the views, a moved structure."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import regulatory_assets.reports.lcr
from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.engine import Engine
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.reports.lcr import _of_lines, _operands
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr.calculation import ADD_ON, component_totals
from regulatory_assets.reports.lcr.currency import currency_views
from regulatory_assets.reports.lcr.tables import UNTRANSFERABLE, UNTRANSFERABLE_UNWIND

from .test_stages import BANKS, rows_of_day, run_bank

(BANK,) = (bank for bank in BANKS if bank.path.stem == "transfer")
PARAMETERS_OF_LCR = Path(regulatory_assets.reports.lcr.__file__).parent / "parameters"
LEFT_OUT = {
    "G": ("0", "75", "20"),
    "SUB": ("0", "50", "20"),
    "H": ("0", "0", "0"),
    "I": ("0.01", "0", "0"),
    "J": ("10", "0", "0"),
    "N": ("80", "0", "0"),
    "O": ("34", "170", "0"),
    "P": ("40", "0", "0"),
    "Q": ("0", "0", "0"),
    "R": ("0", "85", "0"),
    "SHARED": ("80", "0", "0"),
    "LENDER": ("0", "85", "0"),
}
NOT_UNWOUND = {
    "N": ("-80", "84", "0"),
    "O": ("-34", "34", "0"),
    "P": ("-48", "0", "8"),
    "R": ("100", "-85", "0"),
    "SHARED": ("-80", "84", "0"),
    "LENDER": ("100", "-85", "0"),
}
"""What of the trades' unwinding is left out: all but what the worked examples count of it."""


def test_what_is_left_out_has_rows_of_its_own_and_follows_the_structure(
    sail: Engine, tmp_path: Path
) -> None:
    runner = run_bank(BANK, tmp_path, sail)

    def left_out(names: tuple[str, ...] = UNTRANSFERABLE) -> dict[str, tuple[Decimal, ...]]:
        rows = {(r["scope"], r["component"]): r["amount"] for r in components()}
        scopes = {scope for scope, component in rows if component in names}
        return {scope: tuple(rows[scope, name] for name in names) for scope in scopes}

    def components() -> list[Any]:
        return list(rows_of_day(runner, "lcr_components", BANK.day))

    def failed() -> list[str]:
        day = Examination(runner.positions(BANK.day), runner.reader, runner.register)
        own = (c for c in all_checks(runner.graph) if c.blocking and c.table.group == "lcr")
        return [c.name for c in own if not c.examine(day, 0).passed]

    expected = {scope: tuple(map(Decimal, row)) for scope, row in LEFT_OUT.items()}
    assert left_out() == expected
    nothing = (Decimal(0),) * len(UNTRANSFERABLE)
    trades = {scope: tuple(map(Decimal, row)) for scope, row in NOT_UNWOUND.items()}
    assert left_out(UNTRANSFERABLE_UNWIND) == dict.fromkeys(expected, nothing) | trades
    views = {r["scope"]: r for r in rows_of_day(runner, "lcr_currency", BANK.day)}
    for whole in rows_of_day(runner, "lcr", BANK.day):  # all is in one currency
        of_view = {n: views[whole["scope"]][n] for n in ("adjusted_level2a", "hqla", "ratio")}
        assert of_view == {name: whole[name] for name in of_view}
    assert failed() == []

    # E2 may pass on what it holds after all: 150, 85 and 20; 105 are 5 more than 2/3 of 150.
    columns = ",".join(runner.graph.tables["entity_structure"].column_names)
    freed = f"_operation,{columns}\nupsert,E2,,,DE,true,TARGET,\n"
    (tmp_path / str(BANK.day) / "entity_structure.delta-001.csv").write_text(freed)
    ingest_table(runner, tmp_path, runner.graph.tables["entity_structure"], BANK.day)
    runner.run_day(BANK.day, "freed")
    assert left_out() == {k: v for k, v in expected.items() if k != "SUB"} | {"G": nothing}
    (group,) = (r for r in rows_of_day(runner, "lcr", BANK.day) if r["scope"] == "G")
    assert (group["cap_level2"], group["hqla"]) == (Decimal(5), Decimal(250))
    assert failed() == []


def test_a_view_counts_up_to_the_outflows_in_its_currency() -> None:
    """Of 50 in USD 30 are needed there; the 10 in EUR are, though 100 are needed."""
    rows = [
        {"entity_id": "E", "consolidation": "group", "transferable": False, "currency": currency,
         "line": line, "amount": Decimal(amount), "weighted": Decimal(amount)}
        for currency, line, amount in (
            ("USD", "level1_cash", 50), ("USD", "wholesale_other", 30),
            ("EUR", "level1_cash", 10), ("EUR", "wholesale_other", 100),
        )
    ]  # fmt: skip
    parameters = Parameters.default().at(BANK.day, Parameters.default().names)
    views = {v["currency"]: v["hqla"] for v in currency_views(rows, "EUR", parameters, "basel")}
    assert views == {"USD": Decimal(30), "EUR": Decimal(10)}


@pytest.mark.parametrize(
    ("first", "left_out"),
    [("most_liquid", ("0", "30", "50")), ("least_liquid", ("80", "0", "0"))],
)
def test_which_assets_cover_the_outflows_first_is_a_choice(
    first: str, left_out: tuple[str, ...], tmp_path: Path
) -> None:
    """Of 100, 85 and 50 as they count 155 cover the outflows: by their order 30 and 50 are left,
    or 80 of Level 1."""
    folder = shutil.copytree(PARAMETERS_OF_LCR, tmp_path / "parameters")
    file = folder / "limited_transfer.yaml"
    file.write_text(file.read_text().replace("    is: most_liquid\n", f"    is: {first}\n"))
    assert f"    is: {first}\n" in file.read_text()
    known = Parameters.load([folder])
    rows = [
        {"entity_id": "E", "consolidation": "group", "transferable": False,
         "line": line, "amount": Decimal(weighted), "weighted": Decimal(weighted)}
        for line, weighted in (
            ("level1_cash", 100), ("level2a_security", 85), ("level2b_other", 50),
            ("wholesale_other", 155),
        )
    ]  # fmt: skip
    totals = component_totals(rows, known.at(BANK.day, known.names), "basel")
    assert tuple(totals[name] for name in UNTRANSFERABLE) == tuple(map(Decimal, left_out))


def test_what_does_not_tie_is_found() -> None:
    """More left out than an entity keeps, less than nothing, and a level that lacks more."""
    lines = {("G", "hqla_level1"): Decimal(30)}
    kept = {("G", "hqla_level1"): Decimal(10), ("G", "unwind_level1"): Decimal(15)}

    def faults(left_out: int, component: str = "untransferable_level1") -> list[str]:
        amounts = {("G", component): Decimal(left_out)}
        return list(_of_lines(lines, lines | amounts, kept))

    assert [faults(n) for n in (0, 10)] == [[], []]
    assert faults(11) == ["G untransferable_level1: 11, its entities keep 10"]
    assert faults(-1) == ["G untransferable_level1: -1, its entities keep 10"]
    assert [faults(n, "untransferable_unwind_level1") for n in (-15, 15)] == [[], []]
    for amount in (-16, 16):
        assert faults(amount, "untransferable_unwind_level1") == [
            f"G untransferable_unwind_level1: {amount}, its entities unwind 15"
        ]

    def operands(
        level1: int, by_component: int, kept: dict[Any, Decimal], unwound: int = 0
    ) -> list[str]:
        zero = dict.fromkeys(
            ("level2a", "level2b", "lending_excess", "outflows", "inflows", "inflows_uncapped",
             "net_outflows", "cap_level2b", "cap_level2", ADD_ON, "adjusted_level2a",
             "adjusted_level2b"), Decimal(0),
        )  # fmt: skip
        figure = {"scope": "G", "level1": Decimal(level1), "hqla": Decimal(level1), **zero}
        figure["adjusted_level1"] = Decimal(level1 + unwound)
        left_out = {("G", "untransferable_level1"): Decimal(by_component)}
        return list(_operands(lines | left_out, [figure], ("scope",), kept))

    assert operands(20, 10, {}) == [] == operands(20, 0, kept)
    assert operands(19, 10, {}) == ["G level1: 19, its parts give 20"]
    assert operands(21, 10, {}) == ["G level1: 21, its parts give 20"]
    assert operands(19, 0, kept) == ["G level1: 19, its parts give 30"]
    assert operands(20, 10, {}, 1) == ["G adjusted_level1: 21, its parts give 20"]
    assert operands(20, 0, kept, -15) == []
    assert operands(20, 0, kept, -16) == ["G adjusted_level1: 4, its parts give 20"]

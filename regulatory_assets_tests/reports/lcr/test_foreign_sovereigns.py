"""Sovereigns in a foreign currency: rows of their own, views, checks, and outflows that move."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.engine import Engine
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.reports.lcr import _of_lines, _operands
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr.calculation import ADD_ON
from regulatory_assets.reports.lcr.tables import PROMOTED

from .test_stages import BANKS, rows_of_day, run_bank

(BANK,) = (bank for bank in BANKS if bank.path.stem == "foreign_sovereigns")


def test_what_is_promoted_has_rows_of_its_own_and_follows_the_outflows(
    sail: Engine, tmp_path: Path
) -> None:
    runner = run_bank(BANK, tmp_path, sail)

    def promoted(scope: str) -> tuple[Decimal | None, ...]:
        rows = rows_of_day(runner, "lcr_components", BANK.day)
        found = {r["component"]: r["amount"] for r in rows if r["scope"] == scope}
        return tuple(found.get(name) for name in PROMOTED)

    def failed() -> list[str]:
        day = Examination(runner.positions(BANK.day), runner.reader, runner.register)
        own = (c for c in all_checks(runner.graph) if c.blocking and c.table.group == "lcr")
        return [c.name for c in own if not c.examine(day, 0).passed]

    assert promoted("E5") == (Decimal(100), Decimal(-85), Decimal(0))
    assert promoted("E6") == (Decimal(100), Decimal(0), Decimal(-20))
    assert promoted("E1") == (None, None, None), "it holds none"
    views = {(r["scope"], r["currency"]): r for r in rows_of_day(runner, "lcr_currency", BANK.day)}
    assert (views["E5", "USD"]["level1"], views["E5", "USD"]["level2a"]) == (100, 17)
    assert failed() == []

    # A cent more of outflows: of the EUR 100.01 that E4 holds all is Level 1.
    header = ",".join(runner.graph.tables["deals"].column_names)
    flags = "false,false,false,true,0"
    row = f"C2,E4,BANK,,DEPOSIT,USD,200.02,,,,,{flags}"
    delta = tmp_path / str(BANK.day) / "deals.delta-001.csv"
    delta.write_text(f"_operation,{header}\nupsert,{row}\n")
    (taken,) = ingest_table(runner, tmp_path, runner.graph.tables["deals"], BANK.day)[-1:]
    assert taken.delivery.rejected == 0
    runner.run_day(BANK.day, "more")
    assert promoted("E4") == (Decimal("100.01"), Decimal(0), Decimal(0))
    assert failed() == []


def test_a_country_has_the_currency_of_the_day() -> None:
    """Bulgaria's last day with the lev and its first with the euro; nobody's is not Germany's."""

    def currency(country: str, day: date) -> str | None:
        table = Parameters.default().at(day, ["lcr/country_currencies"])["lcr/country_currencies"]
        row = table.rows().get((country,))
        return row.texts["currency"] if row else None

    assert currency("BG", date(2025, 12, 31)) == "BGN"
    assert currency("BG", date(2026, 1, 1)) == "EUR"
    assert currency("NO", date(2026, 1, 1)) == "NOK", "no boolean of YAML"
    assert currency("AQ", date(2026, 1, 1)) is None


def test_what_does_not_tie_is_found() -> None:
    """More promoted than is held, more taken from a level than it has, and a level without it."""
    lines = {("G", "hqla_level2a"): Decimal(85)}
    most = {("G", "promoted_level1"): Decimal(100), ("G", "promoted_level2a"): Decimal(-85)}

    def faults(level1: int, level2a: int) -> list[str]:
        moved = {("G", "promoted_level1"): level1, ("G", "promoted_level2a"): level2a}
        return list(_of_lines(lines, lines | {k: Decimal(v) for k, v in moved.items()}, {}, most))

    assert [faults(*moved) for moved in ((0, 0), (100, -85))] == [[], []]
    assert faults(101, -85) == ["G promoted_level1: 101, its sovereigns are 100"]
    assert faults(100, -86) == ["G promoted_level2a: -86, its sovereigns are -85"]
    assert faults(-1, 1) == [
        "G promoted_level1: -1, its sovereigns are 100",
        "G promoted_level2a: 1, its sovereigns are -85",
    ]

    def operands(level1: int, level2a: int, by_component: bool) -> list[str]:
        names = ("lending_excess", "outflows", "inflows", "inflows_uncapped", "net_outflows",
                 "cap_level2b", "cap_level2", "level2b", "adjusted_level2b", ADD_ON)  # fmt: skip
        figure = dict.fromkeys(names, Decimal(0)) | {"scope": "G", "hqla": level1 + level2a}
        for adjusted in ("", "adjusted_"):
            figure |= {f"{adjusted}level1": Decimal(level1), f"{adjusted}level2a": Decimal(level2a)}
        if by_component:
            return list(_operands(lines | most, [figure], ("scope",)))
        return list(_operands(lines, [figure], ("scope",), {}, most))

    assert operands(100, 0, True) == [] == operands(100, 0, False) == operands(0, 85, False)
    assert operands(99, 0, True) == ["G level1: 99, its parts give 100"]
    assert operands(101, 0, False) == ["G level1: 101, its parts give 100"]
    assert operands(100, 86, False) == ["G level2a: 86, its parts give 85"]

    def net(amount: str, share: str) -> list[str]:
        names = ("lending_excess", "inflows", "inflows_uncapped", "hqla", "cap_level2b",
                 "cap_level2", "level1", "level2a", "level2b", "adjusted_level1",
                 "adjusted_level2a", "adjusted_level2b", ADD_ON)  # fmt: skip
        figure = dict.fromkeys(names, Decimal(0)) | {"scope": "G", "outflows": Decimal(100)}
        figure |= {"net_outflows": Decimal(amount)}
        sums = {("G", "outflow"): Decimal(100)}
        return list(_operands(sums, [figure], ("scope",), shares={"G": Decimal(share)}))

    assert net("85", "0.85") == [] == net("100", "1")
    assert net("100", "0.85") == ["G net_outflows: 100, its parts give 85.00000000"]

"""Texts of parameters are kept once under their hash, and a damaged one is none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from regulatory_assets.ledger.kept import KeptParameters
from regulatory_assets_tests.kernel.books import Parameters

SET = Parameters().at(date(2026, 1, 5), ["limit"])


def test_a_text_is_found_under_its_hash(tmp_path: Path) -> None:
    kept = KeptParameters(tmp_path / "parameters")
    assert kept.text(SET.hash) is None
    kept.keep(SET)
    kept.keep(SET)
    assert kept.text(SET.hash) == SET.text
    assert [path.stem for path in (tmp_path / "parameters").iterdir()] == [SET.hash]


def test_a_damaged_text_is_not_found_and_kept_anew(tmp_path: Path) -> None:
    kept = KeptParameters(tmp_path)
    kept.keep(SET)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert kept.text(SET.hash) is None
    kept.keep(SET)
    assert kept.text(SET.hash) == SET.text

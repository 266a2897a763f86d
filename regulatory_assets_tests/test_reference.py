"""The committed reference pages say what the code says."""

from pathlib import Path

from regulatory_assets.reference.pages import REFERENCE_DAY, pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def test_pages_are_up_to_date() -> None:
    remedy = "run python -m regulatory_assets.reference docs/reference"
    written = pages(REFERENCE_DAY)
    assert {name: (FOLDER / name).read_text() for name in written} == written, remedy

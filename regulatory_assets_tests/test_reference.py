"""The committed reference pages say what the code says."""

from pathlib import Path

import pytest

from regulatory_assets.reference import REFERENCE_DAY, pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages(REFERENCE_DAY)))
def test_page_is_up_to_date(name: str) -> None:
    remedy = "run python -m regulatory_assets.reference docs/reference"
    assert (FOLDER / name).read_text() == pages(REFERENCE_DAY)[name], remedy

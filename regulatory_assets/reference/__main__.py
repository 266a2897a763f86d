"""``python -m regulatory_assets.reference DIR`` writes every page."""

import sys
from pathlib import Path

from regulatory_assets.reference.pages import REFERENCE_DAY, write

write(Path(sys.argv[1]), REFERENCE_DAY)

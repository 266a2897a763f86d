"""A daily asset graph that computes a bank's regulatory figures from ledgers."""

import gc
import sys

# The many objects of imported libraries live as long as the process. Looking through them for
# garbage as often as Python does by default takes a tenth of a command's start, more of Dagster's,
# and pauses every run.
gc.set_threshold(50_000)


def keep_imported() -> None:
    """Say of all that is imported that it stays: no garbage is looked for in it any more, and it is
    not taken apart when the process ends, which takes as long as half of the imports.

    DuckDB complains of not having been taken apart; where it is imported already, all goes on as
    it did. It is imported where it is used.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()

"""A daily asset graph that computes a bank's regulatory figures from ledgers."""

import gc

# The many objects of imported libraries live as long as the process. Looking through them for
# garbage as often as Python does by default takes a tenth of a command's start, more of Dagster's,
# and pauses every run.
gc.set_threshold(50_000)

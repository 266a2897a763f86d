"""The tags of a run that this package reads and writes."""

CAUSE_TAG = "regulatory_assets/cause"
"""Why a run was launched, as the register keeps it."""

"""The tags of a run that this package reads and writes."""

CAUSE_TAG = "regulatory_assets/cause"
"""Why a run was launched, as the register keeps it."""

FOLLOWED = {"dagster/max_retries": "2", "dagster/retry_strategy": "ALL_STEPS"}
"""Of a run by which a sensor catches up with what has moved. Its run key is taken once for ever, so
what fails is not asked for again by the sensor; the daemon tries it anew, twice, whatever the key
(``run_retries`` in ``dagster.yaml``). All steps, since other runs may have gone on in between."""

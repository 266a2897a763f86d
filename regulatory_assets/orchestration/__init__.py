"""The binding to Dagster: one asset a table, checks, jobs, schedule, sensor.

Only binds: what is computed stands in the ledger's runner and the stages, what is checked in
``quality``. No other package imports Dagster.
"""

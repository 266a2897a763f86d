"""Measuring this system against DuckDB and PySpark on the same files; see README.md."""

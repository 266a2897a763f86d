"""The control database, on SQLite and on PostgreSQL."""

"""The control database: which postings count, what they consumed, what was delivered.

``schema`` describes the tables, ``append_only`` guards them, ``database`` connects and migrates,
``register`` reads and commits. SQLite by default, PostgreSQL in production. No business row is
kept here, and nothing here knows Delta, Spark, Dagster or a regulation.
"""

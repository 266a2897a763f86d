"""The database refuses every change of what was registered, whoever asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, UniqueConstraint, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from regulatory_assets.control.append_only import APPEND_ONLY, EventTable, UnguardedError, faults
from regulatory_assets.control.database import migrate
from regulatory_assets.control.events import Actor, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.control.schema import METADATA

from .examples import DAY, NOON, delivery, only_postgres, only_sqlite, reads, revision

TABLES = [table.name for table in APPEND_ONLY]
COLUMN = {
    "register": "cause",
    "consumed": "input_revision",
    "deliveries": "file_name",
    "events": "actor",
    "anchors": "hash",
    "privacy_log": "actor",
}

Content = dict[str, list[tuple[object, ...]]]


def content(engine: Engine) -> Content:
    with engine.connect() as connection:
        return {
            t: sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {t}")))
            for t in TABLES
        }


@pytest.fixture
def filled(control_engine: Engine) -> Iterator[Engine]:
    """A database with rows in every event table; the test must leave them as they are."""
    register = Register(control_engine)
    register.commit([revision("deals")], delivery())
    register.commit([revision("flows", inputs=(reads("deals", 1),))])
    EventLog(control_engine).append(Actor("anna"), "test", "subject", {})
    log = EventLog(control_engine, table=METADATA.tables["privacy_log"])
    log.append(Actor("olga"), "shown", "C1", {})
    with control_engine.begin() as connection:
        connection.execute(
            insert(METADATA.tables["anchors"]), [{"number": 1, "at": NOON, "hash": "h"}]
        )
    before = content(control_engine)
    assert all(before.values())
    yield control_engine
    assert content(control_engine) == before


def refused(engine: Engine, statement: str, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason), engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("table", TABLES)
def test_update_is_refused(filled: Engine, table: str) -> None:
    column = COLUMN[table]
    refused(filled, f"UPDATE {table} SET {column} = {column}", f"{table} is append-only: UPDATE")


@pytest.mark.parametrize("table", TABLES)
def test_delete_is_refused(filled: Engine, table: str) -> None:
    refused(filled, f"DELETE FROM {table}", f"{table} is append-only: DELETE")


def copy_of(table: str) -> str:
    """A SELECT of the rows as they stand, with one column changed."""
    columns = METADATA.tables[table].columns.keys()
    changed = {
        "cause": "'forged'",
        "input_revision": "input_revision",
        "file_name": "'forged'",
        "actor": "'forged'",
    }
    return "SELECT " + ", ".join(changed.get(c, c) for c in columns) + f" FROM {table}"


@only_sqlite
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"])
@pytest.mark.parametrize("table", TABLES)
def test_a_row_cannot_be_replaced_through_its_key(filled: Engine, table: str, verb: str) -> None:
    refused(filled, f"{verb} INTO {table} {copy_of(table)}", "this key exists")


@only_sqlite
def test_a_row_cannot_be_replaced_through_its_posting(filled: Engine) -> None:
    columns = METADATA.tables["register"].columns.keys()
    values = {"revision": "2", "known_at": "'2999-01-01 00:00:00.000000'"}
    row = ", ".join(values.get(c, c) for c in columns)
    replace = f"INSERT OR REPLACE INTO register SELECT {row} FROM register"
    refused(filled, f"{replace} WHERE table_name = 'deals'", "this key exists")


@only_sqlite
@pytest.mark.parametrize("table", TABLES)
def test_a_row_cannot_be_replaced_through_its_rowid(filled: Engine, table: str) -> None:
    with pytest.raises(OperationalError, match="no such column: rowid"), filled.begin() as c:
        c.execute(text(f"SELECT rowid FROM {table}"))


@only_sqlite
@pytest.mark.parametrize("table", TABLES)
def test_upsert_and_update_or_replace_are_refused(filled: Engine, table: str) -> None:
    column = COLUMN[table]
    change = f"ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
    refused(filled, f"INSERT INTO {table} {copy_of(table)} WHERE true {change}", "append-only")
    refused(filled, f"UPDATE OR REPLACE {table} SET {column} = {column}", "append-only")


@only_sqlite
@pytest.mark.parametrize("table", TABLES)
def test_another_client_without_our_settings_is_refused_too(filled: Engine, table: str) -> None:
    assert filled.url.database is not None
    client = sqlite3.connect(filled.url.database)
    assert client.execute("PRAGMA recursive_triggers").fetchone() == (0,)
    for statement in (
        f"INSERT OR REPLACE INTO {table} {copy_of(table)}",
        f"DELETE FROM {table}",
        f"UPDATE {table} SET {COLUMN[table]} = 0",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            client.execute(statement)
    client.close()


@only_postgres
@pytest.mark.parametrize("table", TABLES)
def test_truncate_is_refused(filled: Engine, table: str) -> None:
    refused(filled, f"TRUNCATE {table} CASCADE", "append-only: TRUNCATE")


@only_postgres
@pytest.mark.parametrize("table", TABLES)
def test_postgres_refuses_also_what_meets_no_row(filled: Engine, table: str) -> None:
    refused(filled, f"DELETE FROM {table} WHERE false", "append-only: DELETE")
    column = COLUMN[table]
    refused(filled, f"UPDATE {table} SET {column} = {column} WHERE false", "append-only: UPDATE")


@only_postgres
@pytest.mark.parametrize("table", TABLES)
def test_postgres_refuses_upsert_and_merge(filled: Engine, table: str) -> None:
    column, key = COLUMN[table], [c.name for c in METADATA.tables[table].primary_key]
    upsert = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {column} = excluded.{column}"
    refused(filled, f"INSERT INTO {table} {copy_of(table)} {upsert}", "append-only: UPDATE")
    merge = f"MERGE INTO {table} USING {table} AS s ON false WHEN MATCHED THEN DELETE"
    with pytest.raises(DBAPIError), filled.begin() as connection:
        connection.execute(text(merge))


@only_postgres
@pytest.mark.parametrize("table", TABLES)
def test_triggers_hold_for_a_replica_session(filled: Engine, table: str) -> None:
    with filled.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        with pytest.raises(IntegrityError, match="append-only: DELETE"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.rollback()


@pytest.mark.parametrize(
    ("number", "known_at"),
    [(3, "2999-01-01 00:00:00.000000"), (2, "2000-01-01 00:00:00.000000")],
    ids=["a gap", "known before its predecessor"],
)
def test_the_database_itself_keeps_the_numbering(
    filled: Engine, number: int, known_at: str
) -> None:
    columns = METADATA.tables["register"].columns.keys()
    moment = f"'{known_at}'" + ("" if filled.dialect.name == "sqlite" else "::timestamptz")
    values = {"revision": str(number), "known_at": moment, "posting": "'new'"}
    row = ", ".join(values.get(c, c) for c in columns)
    statement = f"INSERT INTO register SELECT {row} FROM register WHERE table_name = 'deals'"
    refused(filled, statement.replace("::", r"\:\:"), "revision needs the one before it")


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda t: t.name)
def test_the_list_names_every_unique_key(table: EventTable) -> None:
    declared = METADATA.tables[table.name]
    keys = {tuple(c.name for c in declared.primary_key)}
    keys |= {
        tuple(c.name for c in constraint.columns)
        for constraint in declared.constraints
        if isinstance(constraint, UniqueConstraint)
    }
    keys |= {tuple(c.name for c in i.columns) for i in declared.indexes if i.unique}
    assert set(table.keys) == keys


def triggers(engine: Engine) -> list[tuple[str, str]]:
    if engine.dialect.name == "sqlite":
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal"
        )
    with engine.connect() as connection:
        return sorted((row[0], row[1]) for row in connection.execute(text(query)))


def test_each_trigger_that_goes_missing_is_noticed(control_engine: Engine) -> None:
    standing = triggers(control_engine)
    assert {table for table, _ in standing} == set(TABLES)
    for table, name in standing:
        on = "" if control_engine.dialect.name == "sqlite" else f" ON {table}"
        with control_engine.connect() as connection:
            connection.execute(text(f"DROP TRIGGER {name}{on}"))
            assert faults(connection, complete=True) == [f"{table}: trigger {name} is missing"]
            connection.rollback()


def test_a_start_without_a_trigger_is_refused(control_engine: Engine) -> None:
    table, name = triggers(control_engine)[0]
    on = "" if control_engine.dialect.name == "sqlite" else f" ON {table}"
    with control_engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {name}{on}"))
    with pytest.raises(UnguardedError, match=f"{table}: trigger {name} is missing"):
        migrate(control_engine)


@only_sqlite
def test_a_trigger_that_does_nothing_is_noticed_on_sqlite(control_engine: Engine) -> None:
    with control_engine.begin() as connection:
        connection.execute(text("DROP TRIGGER register_no_delete"))
        connection.execute(
            text("CREATE TRIGGER register_no_delete BEFORE DELETE ON register BEGIN SELECT 1; END")
        )
    with pytest.raises(UnguardedError, match="register_no_delete is not the one"):
        migrate(control_engine)


@only_postgres
@pytest.mark.parametrize(
    "sabotage",
    [
        "ALTER TABLE register DISABLE TRIGGER register_no_change",
        "ALTER TABLE register ENABLE TRIGGER register_no_change",
        "CREATE OR REPLACE FUNCTION register_no_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "CREATE OR REPLACE TRIGGER register_no_change BEFORE UPDATE ON register"
        " FOR EACH STATEMENT EXECUTE FUNCTION register_no_change()",
    ],
    ids=["disabled", "not always", "emptied", "for fewer events"],
)
def test_a_trigger_that_does_nothing_is_noticed_on_postgres(
    control_engine: Engine, sabotage: str
) -> None:
    with control_engine.begin() as connection:
        connection.execute(text(sabotage))
    with pytest.raises(UnguardedError, match="register_no_change is not the one"):
        migrate(control_engine)


def test_the_register_still_grows(filled: Engine) -> None:
    with filled.connect() as connection:
        assert faults(connection, complete=True) == []
    assert len(Register(filled).history("deals", DAY)) == 1

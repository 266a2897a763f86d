"""Tables that only ever grow, enforced by the database itself.

An event table refuses UPDATE and DELETE (and TRUNCATE, which PostgreSQL has), whoever asks. The
rules are triggers, and two things would slip past plain ones:

- SQLite's INSERT OR REPLACE deletes the row in its way without firing delete triggers. A trigger
  before the insert refuses every key that exists, and tables are WITHOUT ROWID, because a given
  rowid is one more key that a row can be replaced by.
- Alembic's batch mode makes the table anew; its triggers are gone without a word, and so may be
  its CHECK constraints and WITHOUT ROWID. :func:`faults` says what is missing; the migration
  environment asks after every step and at the end, and rolls back.

:data:`APPEND_ONLY` lists the tables. A migration that makes or remakes one calls :func:`guard`,
with the table spelled out as it is at that migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import CheckConstraint, Connection, inspect, text

from regulatory_assets.control.schema import METADATA


@dataclass(frozen=True)
class Numbered:
    """Rows are numbered without gaps within ``per``, each later by ``clock`` than the one before.

    The unique key alone decides a race for the next number. It does not stop a number from being
    left out, and whoever took the gap later would change states that had been read, or attested,
    as of the numbers after it.
    """

    per: tuple[str, ...]
    number: str
    clock: str


@dataclass(frozen=True)
class Refusal:
    """A row that is refused while a condition over ``NEW`` holds, and why. ``postgres`` is the
    condition in its words, where they differ from those of SQLite."""

    name: str
    condition: str
    message: str
    postgres: str = ""


@dataclass(frozen=True)
class EventTable:
    """An append-only table: its primary key and every other unique key, its numbering, and what
    rows it refuses besides."""

    name: str
    keys: tuple[tuple[str, ...], ...]
    numbered: Numbered | None = None
    refusals: tuple[Refusal, ...] = ()


def _chained(table: str) -> Refusal:
    return Refusal(
        "chained",
        f"NEW.seq > 1 AND NOT EXISTS (SELECT 1 FROM {table}"
        " WHERE seq = NEW.seq - 1 AND hash = NEW.previous)",
        "an event names the hash of the one before it",
    )


def _decided_twice(impact: str) -> str:
    """A second decision of one person on one proposal; ``impact`` gives what a payload has looked
    at. Who approved what has moved since may look again: another impact, another approval."""
    return (
        "NEW.decides IS NOT NULL AND EXISTS (SELECT 1 FROM events"
        " WHERE decides = NEW.decides AND actor = NEW.actor"
        f" AND COALESCE({impact.format('payload')}, '')"
        f" = COALESCE({impact.format('NEW.payload')}, ''))"
    )


APPEND_ONLY: tuple[EventTable, ...] = (
    EventTable(
        "register",
        keys=(("table_name", "reporting_date", "revision"), ("posting",)),
        numbered=Numbered(("table_name", "reporting_date"), "revision", "known_at"),
    ),
    EventTable(
        "consumed",
        keys=(("table_name", "reporting_date", "revision", "input_table", "input_date"),),
    ),
    EventTable("deliveries", keys=(("batch",),)),
    EventTable(
        "events",
        keys=(("seq",), ("hash",)),
        numbered=Numbered((), "seq", "at"),
        refusals=(
            Refusal(
                "own_proposal",
                "NEW.decides IS NOT NULL AND EXISTS (SELECT 1 FROM events"
                " WHERE seq = NEW.decides AND actor = NEW.actor)",
                "nobody decides on a proposal of their own",
            ),
            Refusal(
                "decided_twice",
                _decided_twice("json_extract({}, '$.impact.impact')"),
                "nobody decides twice on one proposal",
                _decided_twice("(CAST({} AS json) -> 'impact' ->> 'impact')"),
            ),
            _chained("events"),
        ),
    ),
    EventTable("anchors", keys=(("number",), ("hash",)), numbered=Numbered((), "number", "at")),
    EventTable(
        "privacy_log",
        keys=(("seq",), ("hash",)),
        numbered=Numbered((), "seq", "at"),
        refusals=(
            Refusal(
                "erased_twice",
                "NEW.kind = 'erased' AND EXISTS (SELECT 1 FROM privacy_log"
                " WHERE kind = 'erased' AND subject = NEW.subject)",
                "a person is erased once",
            ),
            _chained("privacy_log"),
        ),
    ),
)


class UnguardedError(Exception):
    """An append-only table lacks what makes it so; the message names table and remedy."""


def guard(connection: Connection, table: EventTable) -> None:
    """Create the triggers of one table, in place of those that stand."""
    guards = _guards(connection, table)
    for name in guards:
        on = f" ON {table.name}" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")
    for made in guards.values():
        for statement in made.statements:
            connection.exec_driver_sql(statement)


def faults(connection: Connection, *, complete: bool) -> list[str]:
    """What is wrong with the guards of the append-only tables; empty if nothing is.

    Between two migrations a table may not exist yet and a guard may still be an older one, so only
    its presence counts; ``complete`` is for the newest schema, and looks at everything.
    """
    present = set(inspect(connection).get_table_names())
    found = []
    for table in APPEND_ONLY:
        if table.name not in present:
            found += [f"{table.name}: no such table"] if complete else []
            continue
        standing = _standing(connection, table.name)
        for name, made in _guards(connection, table).items():
            if name not in standing:
                found.append(f"{table.name}: trigger {name} is missing")
            elif complete and standing[name] != made.definition:
                found.append(f"{table.name}: trigger {name} is not the one of this version")
        if complete:
            found += _lost_constraints(connection, table.name)
    return found


def require_guards(connection: Connection, *, complete: bool) -> None:
    """Raise UnguardedError unless every append-only table has its guards."""
    found = faults(connection, complete=complete)
    if found:
        raise UnguardedError(
            "append-only tables without protection, nothing was migrated: "
            + "; ".join(found)
            + ". A migration that remakes a table (batch mode does) loses its triggers: "
            "give it the whole table (copy_from) and call append_only.guard()."
        )


@dataclass(frozen=True)
class _Guard:
    """One trigger: how it is made, and how the database's own catalogue describes it then."""

    statements: tuple[str, ...]
    definition: str


def _guards(connection: Connection, table: EventTable) -> Mapping[str, _Guard]:
    if connection.dialect.name == "sqlite":
        return _sqlite_guards(table)
    return _postgres_guards(table)


def _standing(connection: Connection, table: str) -> Mapping[str, str]:
    """The triggers of a table by name, as :attr:`_Guard.definition` describes them."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    else:
        query = (
            "SELECT t.tgname, concat(t.tgtype, t.tgenabled, t.tgqual IS NULL, p.prosrc)"
            " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = to_regclass(:table) AND NOT t.tgisinternal"
        )
    rows = connection.execute(text(query), {"table": table})
    return {row[0]: row[1] for row in rows}


def _lost_constraints(connection: Connection, table: str) -> list[str]:
    """CHECK constraints, and WITHOUT ROWID, that the schema declares and the table lacks."""
    standing = {c["name"] for c in inspect(connection).get_check_constraints(table)}
    constraints = METADATA.tables[table].constraints
    declared = sorted(str(c.name) for c in constraints if isinstance(c, CheckConstraint))
    found = [f"{table}: CHECK {name} is missing" for name in declared if name not in standing]
    if connection.dialect.name == "sqlite":
        query = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
        if "WITHOUT ROWID" not in connection.execute(query, {"table": table}).scalar_one():
            found.append(f"{table}: WITHOUT ROWID is missing")
    return found


# -- SQLite -------------------------------------------------------------------------------------


def _sqlite_guards(table: EventTable) -> Mapping[str, _Guard]:
    def refuse(name: str, event: str, when: str, message: str) -> tuple[str, _Guard]:
        statement = (
            f"CREATE TRIGGER {table.name}_{name} BEFORE {event} ON {table.name}{when}"
            f" BEGIN SELECT RAISE(ABORT, '{table.name} is append-only: {message}'); END"
        )
        return f"{table.name}_{name}", _Guard((statement,), statement)

    taken = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table.name} WHERE "
        + " AND ".join(f"{column} = NEW.{column}" for column in key)
        + ")"
        for key in table.keys
    )
    guards = [
        refuse("no_update", "UPDATE", "", "UPDATE refused"),
        refuse("no_delete", "DELETE", "", "DELETE refused"),
        refuse("no_replace", "INSERT", f" WHEN {taken}", "this key exists"),
    ]
    if table.numbered:
        guards.append(refuse("next", "INSERT", f" WHEN {_gap(table)}", _gap_message(table)))
    guards += [refuse(r.name, "INSERT", f" WHEN {r.condition}", r.message) for r in table.refusals]
    return dict(guards)


# -- PostgreSQL ---------------------------------------------------------------------------------

_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32
"""Bits of pg_trigger.tgtype."""


def _postgres_guards(table: EventTable) -> Mapping[str, _Guard]:
    # For the whole statement, so that one which meets no row is refused as well; INSERT ... ON
    # CONFLICT DO UPDATE fires it too. ENABLE ALWAYS holds under session_replication_role.
    name = f"{table.name}_no_change"
    guards = {
        name: _postgres_guard(
            table.name,
            name,
            f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} FOR EACH STATEMENT",
            _BEFORE + _UPDATE + _DELETE + _TRUNCATE,
            "BEGIN RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE ="
            f" '{table.name} is append-only: ' || TG_OP || ' refused'; END",
        )
    }
    refused = [(r.name, r.postgres or r.condition, r.message) for r in table.refusals]
    if table.numbered:
        refused.append(("next", _gap(table), _gap_message(table)))
    for last, condition, message in refused:
        name = f"{table.name}_{last}"
        guards[name] = _postgres_guard(
            table.name,
            name,
            f"BEFORE INSERT ON {table.name} FOR EACH ROW",
            _BEFORE + _INSERT + _ROW,
            f"BEGIN IF {condition} THEN RAISE EXCEPTION USING ERRCODE = 'restrict_violation',"
            f" MESSAGE = '{table.name} is append-only: {message}'; END IF;"
            " RETURN NEW; END",
        )
    return guards


def _postgres_guard(table: str, name: str, timing: str, bits: int, body: str) -> _Guard:
    return _Guard(
        (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
            f"CREATE TRIGGER {name} {timing} EXECUTE FUNCTION {name}()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        ),
        f"{bits}At{body}",
    )


# -- both ---------------------------------------------------------------------------------------


def _gap(table: EventTable) -> str:
    """True for a row whose predecessor is not there, or is not earlier.

    A number that is taken passes: the unique key refuses it, and a writer that lost a race gets
    the same error whichever way the database found out.
    """
    assert table.numbered
    number, clock = table.numbered.number, table.numbered.clock
    same = [f"{column} = NEW.{column}" for column in table.numbered.per]
    before = " AND ".join([*same, f"{number} = NEW.{number} - 1"])
    return (
        f"NEW.{number} > 1 AND NOT EXISTS (SELECT 1 FROM {table.name} WHERE {before}"
        f" AND {clock} < NEW.{clock})"
    )


def _gap_message(table: EventTable) -> str:
    assert table.numbered
    return (
        f"{table.numbered.number} needs the one before it, with an earlier {table.numbered.clock}"
    )

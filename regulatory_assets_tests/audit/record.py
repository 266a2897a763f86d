"""A small record of events, register rows, data files and anchors, and ways to tamper with it.

The data files are written by delta-rs, as an engine would lay them: no engine is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from sqlalchemy import Connection, Engine, inspect, text

from regulatory_assets.adjustments import people
from regulatory_assets.audit.anchors import Anchors
from regulatory_assets.audit.verification import audit
from regulatory_assets.control import append_only
from regulatory_assets.control.events import Actor, Event, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets_tests.control.examples import DAY, delivery, reads, revision


class Record:
    """Two administrators, an author, three rows of the register; anchored at each step."""

    def __init__(self, database: Engine, root: Path) -> None:
        self.database, self.root = database, root
        self.lake = root / "lake"
        self.anchors = Anchors(database, self.lake, root / "anchors", root / "keys" / "p.pem")
        self.log = EventLog(database, decided=self.anchor)
        self.register = Register(database)
        keys = {name: people.new_key(root / name) for name in ("ada", "bob")}
        people.open_signed(self.log, keys)
        self.ada, self.bob = self.actor("ada"), self.actor("bob")
        self.hire("eve")
        self.commit("deals", delivery_of="batch-1")
        self.commit("flows", inputs=(reads("deals", 1),))
        self.anchors.take("run one")
        self.commit("deals", 2)
        self.hire("max")

    def anchor(self, event: Event) -> None:
        self.anchors.take(f"event {event.seq}")

    def actor(self, name: str) -> Actor:
        return people.identify(self.log.read(), None, self.root / name)

    def hire(self, name: str) -> None:
        people.register(self.log, self.ada, name, "author", people.new_key(self.root / name))
        people.confirm(self.log, self.bob, name)

    def commit(
        self, table: str, number: int = 1, delivery_of: str | None = None, **changes: Any
    ) -> None:
        rows = pa.table(
            {
                "reporting_date": [DAY.isoformat()],
                "posting": [f"{table}-{number}"],
                "amount": [number],
            }
        )
        write_deltalake(
            self.lake / table, rows, mode="append", partition_by=["reporting_date", "posting"]
        )
        came = None
        if delivery_of:
            raw = self.lake / "raw" / table / f"{delivery_of}.parquet"
            raw.parent.mkdir(parents=True)
            raw.write_bytes(b"delivered lines")
            came = delivery(delivery_of, table=table)
        self.register.commit([revision(table, number, **changes)], came)

    def faults(self, key: str | None = None) -> list[str]:
        return [f"{f.place}: {f.said}" for f in audit(self.anchors, key).faults]

    def data_file(self, posting: str) -> Path:
        (found,) = self.lake.glob(f"*/*/posting={posting}/*.parquet")
        return found

    def lines(self) -> list[str]:
        return self.anchors.path.read_text().splitlines()

    def write_lines(self, lines: list[str]) -> None:
        self.anchors.path.write_text("".join(f"{line}\n" for line in lines))

    def tamper(self, *statements: str) -> None:
        """Change tables as somebody who may drop triggers, and make them good again after."""
        with unguarded(self.database) as connection:
            for statement in statements:
                connection.execute(text(statement))


@contextmanager
def unguarded(database: Engine) -> Iterator[Connection]:
    """A transaction without triggers and foreign keys; the triggers stand again at its end."""
    sqlite = database.dialect.name == "sqlite"
    with database.connect() as connection:
        if sqlite:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            for name, table in triggers(connection):
                connection.execute(text(drop(name, table, connection)))
            if not sqlite:
                for table in ("consumed", "deliveries", "events"):
                    for key in inspect(connection).get_foreign_keys(table):
                        connection.execute(
                            text(f"ALTER TABLE {table} DROP CONSTRAINT {key['name']}")
                        )
            yield connection
            for each in append_only.APPEND_ONLY:
                append_only.guard(connection, each)
        if sqlite:
            raw.execute("PRAGMA foreign_keys = ON")


def triggers(connection: Connection) -> list[tuple[str, str]]:
    query = (
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal"
    )
    return [(row[0], row[1]) for row in connection.execute(text(query))]


def drop(name: str, table: str, connection: Connection) -> str:
    on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
    return f"DROP TRIGGER {name}{on}"

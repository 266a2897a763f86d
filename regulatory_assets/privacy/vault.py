"""The vault: keeps what is personal, shows it to an officer, erases it, changes its master key.

It has a database of its own. The control database is kept for years and never loses a row; here
rows are deleted, and backups must be short-lived. Erasing a person deletes the person's key, and
with it every copy of the records becomes noise; no ledger is touched, since none holds them.

An erasure is logged in the control database first and carried out second. What a crash leaves
between the two, or a delivery that ran at the same time, is carried out by the next delivery.
Whoever has been erased stays so: what later deliveries say of them is not kept.

The database says by which master key its keys are wrapped. A new one lies beside the old one's file
until all keys are wrapped by it, in one transaction, and takes its place then; of what a crash
leaves, the file that the database names is the master key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property
from itertools import islice
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, bindparam, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from regulatory_assets.adjustments import people
from regulatory_assets.control import schema as control
from regulatory_assets.control.database import connect, forget_deleted, migrate, reading
from regulatory_assets.control.events import Actor, Event, EventLog
from regulatory_assets.privacy.schema import vault, vault_keys, vault_master
from regulatory_assets.privacy.sealing import MasterKey, PersonKey, VaultError

ERASED, ROTATED, SHOWN = "erased", "rotated", "shown"
MASTER = "master key"
"""The subject of a rotation in the log."""

OFFICER: people.Role = "officer"

_CHUNK = 500
_ATTEMPTS = 5
_MIGRATIONS = Path(__file__).parent / "migrations"
_WORD = re.compile(r"\w{4,}")

Person = tuple[str, Mapping[str, str]]


class Vault:
    """The vault of one control database. Nothing is opened or made before it is used."""

    def __init__(
        self,
        database: Engine,
        url: SecretStr,
        key: Path,
        *,
        logged: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """``database`` is the control database; ``url`` and ``key`` are those of the vault.
        ``logged`` hears of every entry of the log of privacy."""
        self._control, self._url, self._key = database, url, key
        self._next = key.with_name(f"{key.name}.next")
        self._opened: MasterKey | None = None
        self._logged = logged
        self._events = EventLog(database)
        self._log = EventLog(database, table=control.privacy_log)

    @cached_property
    def _database(self) -> Engine:
        engine = connect(self._url, "vault")
        if engine.url == self._control.url:
            raise VaultError(
                "the vault needs a database of its own; set REGULATORY_ASSETS_VAULT_URL"
            )
        migrate(engine, migrations=_MIGRATIONS)
        return engine

    @property
    def _master(self) -> MasterKey:
        with reading(self._database).connect() as connection:
            return self._master_of(connection)

    def _master_of(self, connection: Connection) -> MasterKey:
        """The key by which the vault's keys are wrapped; no other can be, while a transaction lasts
        that has asked."""
        noted = connection.execute(
            select(vault_master.c.fingerprint).with_for_update(read=True)
        ).scalar()
        if self._opened is None or noted not in (None, self._opened.fingerprint):
            self._opened = self._found(noted, connection)
        return self._opened

    def _found(self, noted: str | None, connection: Connection) -> MasterKey:
        if noted is None:
            kept = connection.execute(select(exists().select_from(vault_keys))).scalar()
            if kept or self._key.exists():
                return MasterKey.read(self._key)  # says so where it is missing
            return MasterKey.make(self._key)
        if self._next.exists() and MasterKey.read(self._next).fingerprint == noted:
            self._take_place()
        found = MasterKey.read(self._key)
        if found.fingerprint != noted:
            raise VaultError(
                f"{self._key} is not the master key by which the vault's keys are wrapped; bring "
                "back what belongs together from a backup"
            )
        return found

    def _take_place(self) -> None:
        """Put the new key in the place of the old one, which is gone then."""
        try:
            with suppress(FileNotFoundError):  # another process was faster
                self._next.replace(self._key)
        except OSError as error:
            raise VaultError(
                f"{self._next} is the master key, but cannot take the place of {self._key} "
                f"({error.strerror}); move it there"
            ) from None

    # -- keeping ----------------------------------------------------------------------------------

    def keep(self, table: str, day: date, persons: Iterable[Person]) -> int:
        """Keep what a delivery for a day says of persons, in place of what an earlier or the same
        day said. Returns how many are not kept, because they have been erased."""
        erased = self._erased()
        waiting, refused = iter(persons), 0
        while chunk := list(islice(waiting, _CHUNK)):
            wanted = {customer: values for customer, values in chunk if customer not in erased}
            refused += len(chunk) - len(wanted)
            self._keep(table, day, wanted)
        if self._delete(self._erased()):
            self._forget()
        return refused

    def _keep(self, table: str, day: date, persons: Mapping[str, Mapping[str, str]]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                with self._database.begin() as connection:
                    self._write(connection, table, day, persons)
            except IntegrityError:  # another delivery made the key of one of them at this moment
                if attempt == _ATTEMPTS - 1:
                    raise VaultError(
                        f"{table}: other deliveries are in the way; run again"
                    ) from None
            else:
                return

    def _write(
        self,
        connection: Connection,
        table: str,
        day: date,
        persons: Mapping[str, Mapping[str, str]],
    ) -> None:
        mine = vault.c.source_table == table
        newer = select(vault.c.customer).where(
            mine, vault.c.customer.in_(list(persons)), vault.c.reporting_date > day
        )
        later = set(connection.execute(newer).scalars())
        kept = {customer: persons[customer] for customer in persons if customer not in later}
        master = self._noted(connection)
        keys = self._keys(connection, kept)
        made = {c: master.new_key(c) for c in kept if c not in keys}
        if made:
            rows = [{"customer": c, "wrapped": wrapped} for c, (_, wrapped) in made.items()]
            connection.execute(insert(vault_keys), rows)
            keys |= {c: key for c, (key, _) in made.items()}
        connection.execute(delete(vault).where(mine, vault.c.customer.in_(list(kept))))
        records = [
            {
                "customer": customer,
                "source_table": table,
                "reporting_date": day,
                "sealed": keys[customer].seal(table, values),
            }
            for customer, values in kept.items()
        ]
        if records:
            connection.execute(insert(vault), records)

    def _keys(self, connection: Connection, customers: Iterable[str]) -> dict[str, PersonKey]:
        wanted = select(vault_keys).where(vault_keys.c.customer.in_(list(customers)))
        master = self._master_of(connection)
        return {c: master.unwrap(c, wrapped) for c, wrapped in connection.execute(wanted)}

    def _noted(self, connection: Connection) -> MasterKey:
        """The master key, of which the database says that it is."""
        master = self._master_of(connection)
        if connection.execute(select(vault_master.c.number)).scalar() is None:
            row = {"number": 1, "fingerprint": master.fingerprint}
            connection.execute(insert(vault_master), [row])
        return master

    # -- showing and erasing ----------------------------------------------------------------------

    def show(self, actor: Actor, customer: str, reason: str) -> dict[str, dict[str, str]]:
        """What is personal of a customer, by source table. The look is logged before it is had.

        Raises NotAllowed for anybody but an officer, VaultError where nothing is kept.
        """
        people.require(self._events.read(), actor, OFFICER)
        _require_reason(reason)
        if customer in self._erased():
            raise VaultError(f"{customer} was erased; nothing is kept")
        found = self._open(customer)
        _refuse_personal(reason, found)
        self._logged(self._log.append(actor, SHOWN, customer, {"reason": reason}))
        return found

    def erase(self, actor: Actor, customer: str, reason: str) -> Event:
        """Erase a customer for good: log it, destroy the key, delete the records.

        Raises NotAllowed for anybody but an officer, or where the reason tells who the customer
        is; VaultError for a customer of whom nothing is or was kept. Erasing again finishes what
        was interrupted, and is not logged twice.
        """
        people.require(self._events.read(), actor, OFFICER)
        _require_reason(reason)
        standing = [e for e in self._log.read() if (e.kind, e.subject) == (ERASED, customer)]
        if not standing:
            try:
                _refuse_personal(reason, self._open(customer))
            except VaultError:
                if not self._known(customer):
                    raise
            standing = [self._log.append(actor, ERASED, customer, {"reason": reason})]
            self._logged(standing[0])
        self._delete({customer})
        self._forget()
        return standing[0]

    def rotate(self, actor: Actor, reason: str) -> tuple[Event, int]:
        """Wrap the key of every customer by a new master key; the old one opens nothing then.

        Returns the entry of the log and the number of keys. Raises NotAllowed for anybody but an
        officer, VaultError where a key does not open; nothing is changed then. Rotating again
        finishes what was interrupted, and is not logged twice.
        """
        people.require(self._events.read(), actor, OFFICER)
        _require_reason(reason)
        self._delete(self._erased())
        with self._database.begin() as connection:
            if connection.execute(select(vault_keys.c.customer).limit(1)).first() is None:
                raise VaultError("nothing is kept yet, so there is nothing to wrap anew")
            self._noted(connection)
        new = MasterKey.make(self._next)
        event = self._rotation(new) or self._log_rotation(actor, new, reason)
        with self._database.begin() as connection:
            # The row is locked first: who writes keys meanwhile waits, and finds the new one.
            row = update(vault_master).values(fingerprint=vault_master.c.fingerprint)
            connection.execute(row)
            count = self._wrap_anew(connection, new)
            connection.execute(update(vault_master).values(fingerprint=new.fingerprint))
        self._take_place()
        self._opened = None
        self._forget()
        return event, count

    def _rotation(self, new: MasterKey) -> Event | None:
        """The entry of a rotation to this key that was interrupted."""
        rotations = (e for e in self._log.read() if e.kind == ROTATED)
        return next((e for e in rotations if e.document["to"] == new.fingerprint), None)

    def _log_rotation(self, actor: Actor, new: MasterKey, reason: str) -> Event:
        told = {"reason": reason, "from": self._master.fingerprint, "to": new.fingerprint}
        event = self._log.append(actor, ROTATED, MASTER, told)
        self._logged(event)
        return event

    def _wrap_anew(self, connection: Connection, new: MasterKey) -> int:
        """Piece by piece, in the order of customers; the number of keys."""
        change = (
            update(vault_keys)
            .where(vault_keys.c.customer == bindparam("of"))
            .values(wrapped=bindparam("anew"))
        )
        count, last = 0, ""
        while True:
            piece = select(vault_keys.c.customer).where(vault_keys.c.customer > last)
            ordered = piece.order_by(vault_keys.c.customer).limit(_CHUNK)
            customers = list(connection.execute(ordered).scalars())
            if not customers:
                return count
            keys = self._keys(connection, customers)
            rows = [{"of": c, "anew": new.wrap(key)} for c, key in keys.items()]
            connection.execute(change, rows)
            count, last = count + len(customers), customers[-1]

    def log(self, customer: str | None = None) -> tuple[Event, ...]:
        """Every erasure and every look, in order; of one customer if given."""
        return tuple(e for e in self._log.read() if customer in (None, e.subject))

    def _open(self, customer: str) -> dict[str, dict[str, str]]:
        with reading(self._database).connect() as connection:
            key = self._keys(connection, [customer]).get(customer)
            if key is None:
                raise VaultError(f"nothing is kept of {customer}")
            rows = select(vault.c.source_table, vault.c.sealed).where(vault.c.customer == customer)
            return {t: key.open(t, sealed) for t, sealed in connection.execute(rows).all()}

    def _known(self, customer: str) -> bool:
        known = select(vault_keys.c.customer).where(vault_keys.c.customer == customer)
        with reading(self._database).connect() as connection:
            return connection.execute(known).first() is not None

    def _erased(self) -> frozenset[str]:
        log = control.privacy_log
        with reading(self._control).connect() as connection:
            found = connection.execute(select(log.c.subject).where(log.c.kind == ERASED))
            return frozenset(found.scalars())

    def _delete(self, customers: Iterable[str]) -> int:
        """Delete the keys and records of customers; the number of keys there were."""
        gone = 0
        for chunk in _chunks(sorted(customers)):
            with self._database.begin() as connection:
                keys = delete(vault_keys).where(vault_keys.c.customer.in_(chunk))
                gone += connection.execute(keys).rowcount
                connection.execute(delete(vault).where(vault.c.customer.in_(chunk)))
        return gone

    def _forget(self) -> None:
        """Make the deleted keys leave the files of the database as well."""
        try:
            forget_deleted(self._database, vault_keys.name)
        except TimeoutError as error:
            raise VaultError(
                f"the key is deleted, but may still lie in the database's file ({error}); erase "
                "again"
            ) from None


def _chunks(customers: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(customers), _CHUNK):
        yield customers[start : start + _CHUNK]


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise people.NotAllowed("say why: --reason TEXT")


def _refuse_personal(reason: str, kept: Mapping[str, Mapping[str, str]]) -> None:
    """The log outlives the person, so a reason may not name who it is."""
    said = {word.lower() for word in _WORD.findall(reason)}
    for values in kept.values():
        for value in values.values():
            if said & {word.lower() for word in _WORD.findall(value)}:
                raise people.NotAllowed(
                    "the reason holds something personal of the customer, and the log is never "
                    "erased; give a case number or a ground"
                )

"""The event log: who proposed and who decided what, in one chain of hashes.

Every event holds the hash of the one before it, so that none can be changed, taken out or slipped
in without breaking the chain; the database refuses it besides (``append_only``), as it refuses
that somebody decides on a proposal of their own. What events mean stands where they are written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, insert, select
from sqlalchemy.exc import DBAPIError

from regulatory_assets.control import schema
from regulatory_assets.control.database import reading

_ATTEMPTS = 20


class EventRefused(Exception):
    """An event that the log does not take; the message says why."""


@dataclass(frozen=True)
class Event:
    """One entry of the log. ``decides`` is the proposal it decides on, by its number."""

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    decides: int | None
    payload: str
    previous: str
    hash: str
    signature: str

    @property
    def document(self) -> dict[str, Any]:
        """The payload as plain values."""
        found: dict[str, Any] = json.loads(self.payload)
        return found

    def digest(self) -> str:
        """The hash of its contents, which the next event names."""
        contents = [
            self.seq,
            self.at.astimezone(UTC).isoformat(),
            self.actor,
            self.kind,
            self.subject,
            self.decides,
            self.payload,
            self.previous,
        ]
        text = json.dumps(contents, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class New:
    """What an event is to say; the log gives it number, moment, hash and signature."""

    kind: str
    subject: str
    payload: Mapping[str, Any]
    decides: int | None = None


Check = Callable[[tuple["Event", ...]], None]
"""Looks at the log that an event is added to, and raises where it may not be."""


def undecided_since(looked: Sequence[Event], proposal: Event) -> Check:
    """Refuses a decision on a proposal on which somebody else was faster since it was looked at:
    of two decisions of one moment the first counts, and who comes second is told of it."""
    last = looked[-1].seq if looked else 0

    def check(log: tuple[Event, ...]) -> None:
        for event in log:
            if event.seq > last and event.decides == proposal.seq:
                raise EventRefused(
                    f"{proposal.subject}: event {proposal.seq} was decided on meanwhile, "
                    f"{event.kind} by {event.actor} as event {event.seq}; look again"
                )

    return check


@dataclass(frozen=True)
class Actor:
    """Who acts. ``sign`` gives the signature of a hash; demo identities sign nothing."""

    name: str
    sign: Callable[[str], str] = lambda _: ""


class EventLog:
    """Reads and extends one of the logs of a control database, by default the event log."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        decided: Callable[[Event], None] = lambda _: None,
        table: Table = schema.events,
    ) -> None:
        """``decided`` hears of every decision that has been added; ``table`` has the columns of
        the event log."""
        self._engine = engine
        self._table = table
        self._decided = decided
        self._reading = reading(engine)
        self._clock = clock

    def read(self, upto: int | None = None) -> tuple[Event, ...]:
        """The events in order, up to and including a number."""
        statement = select(self._table).order_by(self._table.c.seq)
        if upto is not None:
            statement = statement.where(self._table.c.seq <= upto)
        with self._reading.connect() as connection:
            return tuple(Event(*row) for row in connection.execute(statement))

    def append(
        self,
        actor: Actor,
        kind: str,
        subject: str,
        payload: Mapping[str, Any],
        decides: int | None = None,
        *,
        check: Check = lambda _: None,
    ) -> Event:
        """Add an event at the end; see ``append_all``."""
        return self.append_all(actor, [New(kind, subject, payload, decides)], check=check)[0]

    def append_all(
        self, actor: Actor, new: Sequence[New], *, check: Check = lambda _: None
    ) -> tuple[Event, ...]:
        """Add events at the end, in their order, all or none. ``check`` sees the log they are added
        to, and may raise.

        Two writers at once both get in, one after the other. Raises EventRefused where the
        database refuses an event for what it says.
        """
        for _ in range(_ATTEMPTS):
            log = self.read()
            check(log)
            events = tuple(self._chained(log[-1] if log else None, actor, new))
            try:
                with self._engine.begin() as connection:
                    for event in events:
                        connection.execute(insert(self._table), [vars(event)])
            except DBAPIError as error:
                if self.read(upto=events[0].seq)[-1:] == log[-1:]:
                    said = str(error.orig).split("append-only: ")[-1].splitlines()[0]
                    raise EventRefused(said) from error
                continue
            for event in events:
                if event.decides is not None:
                    self._decided(event)
            return events
        told = ", ".join(f"{each.kind} {each.subject}" for each in new)
        raise EventRefused(f"{told}: the log moved on {_ATTEMPTS} times; try again")

    def _chained(self, last: Event | None, actor: Actor, new: Sequence[New]) -> Iterator[Event]:
        """The events as they follow a last one, each with its hash and signature."""
        now = self._clock().astimezone(UTC)
        for each in new:
            event = Event(
                seq=last.seq + 1 if last else 1,
                at=max(now, last.at + timedelta(microseconds=1)) if last else now,
                actor=actor.name,
                kind=each.kind,
                subject=each.subject,
                decides=each.decides,
                payload=json.dumps(
                    each.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False
                ),
                previous=last.hash if last else "",
                hash="",
                signature="",
            )
            digest = event.digest()
            last = replace(event, hash=digest, signature=actor.sign(digest))
            yield last


def chain_faults(events: Iterable[Event]) -> list[str]:
    """Where the chain is broken: a changed event, one missing, one slipped in."""
    found: list[str] = []
    previous: Event | None = None
    for event in events:
        if event.digest() != event.hash:
            found.append(f"event {event.seq}: its contents do not give its hash")
        expected = (previous.seq + 1, previous.hash) if previous else (1, "")
        if (event.seq, event.previous) != expected:
            found.append(f"event {event.seq}: does not follow the event before it")
        previous = event
    return found

"""The register: which postings count, in which order, made from what.

Inserting revision n+1 of a table's day is the commit. The key (table, day, revision) is unique,
so of two writers that computed from revision n one is refused, and its rows stay uncounted. The
database keeps every row as it was written (``append_only``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from regulatory_assets.control import schema
from regulatory_assets.control.database import reading


@dataclass(frozen=True, order=True)
class Consumed:
    """A revision of an input, as it was read."""

    table: str
    day: date
    revision: int


@dataclass(frozen=True)
class Revision:
    """One row of the register, with what it consumed.

    ``posting`` is empty where the revision has no rows. ``commit`` sets ``known_at``.
    """

    table: str
    day: date
    revision: int
    posting: str | None
    kind: Literal["delta", "snapshot"]
    cause: str
    run_id: str
    known_at: datetime
    booked: int
    reversed: int
    code: str
    parameters: str
    rules: str
    engine: str
    inputs: tuple[Consumed, ...]

    @property
    def rows(self) -> int:
        return self.booked + self.reversed


Mode = Literal["full", "delta"]
"""Whether a delivery holds all rows of a source, or its changed keys alone."""


@dataclass(frozen=True)
class Delivery:
    """A file that arrived. ``revision`` is the one it led to, if any; ``commit`` sets it.

    ``source`` is the source of its mapping, empty where the database is older than the field; of
    the file's keys ``contested`` have been delivered by another source as well. ``agreed`` are the
    control totals that lay beside the file and that it agreed with, one a line.
    """

    batch: str
    table: str
    day: date
    mode: Mode
    file_name: str
    sha256: str
    delivered: int
    accepted: int
    rejected: int
    arrived_at: datetime
    revision: int | None = None
    source: str = ""
    contested: int = 0
    agreed: str = ""


class LostRace(Exception):
    """Another writer registered this revision first; nothing of the commit stays."""

    def __init__(self, table: str, day: date, revision: int) -> None:
        super().__init__(table, day, revision)
        self.table = table
        self.day = day
        self.revision = revision

    def __str__(self) -> str:
        return f"{self.table} for {self.day}: revision {self.revision} was registered by another"


Place = tuple[str, date]
"""A table and a reporting date."""

_REGISTER, _CONSUMED, _DELIVERIES = schema.register, schema.consumed, schema.deliveries
_PLACE = (_REGISTER.c.table_name, _REGISTER.c.reporting_date)
_KEY = (*_PLACE, _REGISTER.c.revision)
_REVISIONS = (
    select(_REGISTER, _CONSUMED.c.input_table, _CONSUMED.c.input_date, _CONSUMED.c.input_revision)
    .select_from(
        _REGISTER.outerjoin(
            _CONSUMED, and_(*(_CONSUMED.c[column.name] == column for column in _KEY))
        )
    )
    .order_by(*_KEY)
)
_REVISION_FIELDS = len(_REGISTER.c)

_MOST_PLACES = 5_000
"""Places asked for at once; each is two parameters, and SQLite takes 32,766."""


class Register:
    """Reads and extends the register of one control database.

    What has been read never changes. Every reading method is one statement, so it sees one state
    of the database.
    """

    def __init__(
        self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._clock = clock

    # -- reading --------------------------------------------------------------------------------

    def latest(self, table: str, day: date) -> Revision | None:
        newest = select(func.max(_REGISTER.c.revision)).where(_at(table, day)).scalar_subquery()
        return next(iter(self._read(_at(table, day), _REGISTER.c.revision == newest)), None)

    def history(self, table: str, day: date, upto: int | None = None) -> tuple[Revision, ...]:
        """The revisions of a table's day, ascending; up to and including ``upto``."""
        conditions = [_at(table, day)]
        if upto is not None:
            conditions.append(_REGISTER.c.revision <= upto)
        return self._read(*conditions)

    def histories(self, wanted: Iterable[Place]) -> dict[Place, tuple[Revision, ...]]:
        """The histories of many tables and days in one query; an empty one where there is none."""
        found: dict[Place, tuple[Revision, ...]] = dict.fromkeys(wanted, ())
        for among in _in_pieces(list(found), *_PLACE):
            for place, revisions in groupby(self._read(among), key=lambda r: (r.table, r.day)):
                found[place] = tuple(revisions)
        return found

    def heads(self) -> dict[Place, int]:
        """The last revision of every table and day that has one."""
        statement = select(*_PLACE, func.max(_REGISTER.c.revision)).group_by(*_PLACE)
        with self._reading.connect() as connection:
            return {(table, day): last for table, day, last in connection.execute(statement)}

    def revision_at(self, table: str, day: date, known_at: datetime) -> int:
        """The last revision known at a moment; zero if there was none."""
        statement = select(func.coalesce(func.max(_REGISTER.c.revision), 0)).where(
            _at(table, day), _REGISTER.c.known_at <= known_at
        )
        with self._reading.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    def days(self, table: str) -> tuple[date, ...]:
        """The reporting dates that have a revision, ascending."""
        statement = (
            select(_REGISTER.c.reporting_date)
            .where(_REGISTER.c.table_name == table, _REGISTER.c.revision == 1)
            .order_by(_REGISTER.c.reporting_date)
        )
        with self._reading.connect() as connection:
            return tuple(connection.execute(statement).scalars())

    def postings(self, table: str) -> frozenset[str]:
        """Every registered posting of a table."""
        statement = select(_REGISTER.c.posting).where(
            _REGISTER.c.table_name == table, _REGISTER.c.posting.is_not(None)
        )
        with self._reading.connect() as connection:
            return frozenset(connection.execute(statement).scalars())

    def deliveries(self, table: str, day: date) -> tuple[Delivery, ...]:
        """The deliveries of a table's day, in order of arrival."""
        return self._deliveries(_delivered_at(table, day))

    def deliveries_of(self, wanted: Iterable[Place]) -> dict[Place, tuple[Delivery, ...]]:
        """The deliveries of many tables and days in one query, each in order of arrival."""
        found: dict[Place, list[Delivery]] = {place: [] for place in wanted}
        for among in _in_pieces(
            list(found), _DELIVERIES.c.table_name, _DELIVERIES.c.reporting_date
        ):
            for delivery in self._deliveries(among):
                found[delivery.table, delivery.day].append(delivery)
        return {place: tuple(each) for place, each in found.items()}

    def delivered(self, sha256: str, table: str, day: date) -> Delivery | None:
        """The last delivery of this very content for a table's day."""
        same = self._deliveries(_delivered_at(table, day), _DELIVERIES.c.sha256 == sha256)
        return same[-1] if same else None

    def delivered_counts(self) -> dict[date, int]:
        """How many deliveries each reporting date has had."""
        at = _DELIVERIES.c.reporting_date
        with self._reading.connect() as connection:
            found = connection.execute(select(at, func.count()).group_by(at))
            return {day: int(count) for day, count in found}

    # -- extending ------------------------------------------------------------------------------

    def commit(
        self, revisions: Sequence[Revision], delivery: Delivery | None = None
    ) -> tuple[Revision, ...]:
        """Register revisions, and the delivery that led to them, all or nothing.

        Returns them in the order given, as registered. All of one commit are known at one moment:
        now, or later if a clock ran ahead, so that it is not before any input's and strictly after
        the revision before (of two revisions of one table's day, the second comes a microsecond
        later). Raises LostRace where a revision is registered already.
        """
        # One order for all writers, so that two can never wait for each other in a circle.
        ordered = sorted(revisions, key=_key)
        try:
            with self._engine.begin() as connection:
                stamped = self._stamped(connection, ordered)
                if stamped:
                    connection.execute(insert(_REGISTER), [_register_row(r) for r in stamped])
                inputs = [row for r in stamped for row in _consumed_rows(r)]
                if inputs:
                    connection.execute(insert(_CONSUMED), inputs)
                if delivery is not None:
                    connection.execute(insert(_DELIVERIES), _delivery_row(delivery, stamped))
        except IntegrityError as error:
            # The two databases name what was violated in different words. Since nothing is ever
            # deleted, the key that stood in the way still stands there.
            taken = self._first_registered(ordered)
            if taken is not None:
                raise LostRace(*taken) from error
            raise
        by_key = {_key(r): r for r in stamped}
        return tuple(by_key[_key(r)] for r in revisions)

    def _stamped(self, connection: Connection, ordered: Sequence[Revision]) -> tuple[Revision, ...]:
        """The revisions with their moment, and their inputs in order."""
        moment = self._clock().astimezone(UTC)
        tick = timedelta(microseconds=1)
        before = {(r.table, r.day, r.revision - 1) for r in ordered}
        inputs = {(i.table, i.day, i.revision) for r in ordered for i in r.inputs}
        statement = select(*_KEY, _REGISTER.c.known_at).where(
            tuple_(*_KEY).in_(sorted(before | inputs))
        )
        for *key, known_at in connection.execute(statement):
            moment = max(moment, known_at + tick if tuple(key) in before else known_at)
        stamped = []
        for _, same in groupby(ordered, key=lambda r: (r.table, r.day)):
            for place, revision in enumerate(same):
                known_at = moment + place * tick
                inputs_in_order = tuple(sorted(revision.inputs))
                stamped.append(replace(revision, known_at=known_at, inputs=inputs_in_order))
        return tuple(stamped)

    def _first_registered(self, ordered: Sequence[Revision]) -> tuple[str, date, int] | None:
        statement = (
            select(*_KEY).where(tuple_(*_KEY).in_([_key(r) for r in ordered])).order_by(*_KEY)
        )
        with self._reading.connect() as connection:
            row = connection.execute(statement).first()
        return None if row is None else (row[0], row[1], row[2])

    # -- what both share ------------------------------------------------------------------------

    def _read(self, *conditions: ColumnElement[bool]) -> tuple[Revision, ...]:
        with self._reading.connect() as connection:
            rows = connection.execute(_REVISIONS.where(*conditions)).all()
        return tuple(_revisions(rows))

    def _deliveries(self, *conditions: ColumnElement[bool]) -> tuple[Delivery, ...]:
        statement = (
            select(_DELIVERIES)
            .where(*conditions)
            .order_by(_DELIVERIES.c.arrived_at, _DELIVERIES.c.batch)
        )
        with self._reading.connect() as connection:
            return tuple(Delivery(*row) for row in connection.execute(statement))


def _at(table: str, day: date) -> ColumnElement[bool]:
    return and_(_REGISTER.c.table_name == table, _REGISTER.c.reporting_date == day)


def _delivered_at(table: str, day: date) -> ColumnElement[bool]:
    return and_(_DELIVERIES.c.table_name == table, _DELIVERIES.c.reporting_date == day)


def _in_pieces(places: Sequence[Place], *columns: Any) -> Iterator[ColumnElement[bool]]:
    """Conditions that together hold for all places."""
    for start in range(0, len(places), _MOST_PLACES):
        yield tuple_(*columns).in_(places[start : start + _MOST_PLACES])


def _key(revision: Revision) -> tuple[str, date, int]:
    return (revision.table, revision.day, revision.revision)


def _revisions(rows: Iterable[Any]) -> Iterator[Revision]:
    """Rows of register and consumed, adjacent by key, as revisions."""
    for _, same in groupby(rows, key=lambda row: row[:3]):
        group = list(same)
        inputs = sorted(
            Consumed(*row[_REVISION_FIELDS:]) for row in group if row[_REVISION_FIELDS] is not None
        )
        yield Revision(*(*group[0][:_REVISION_FIELDS], tuple(inputs)))


def _register_row(revision: Revision) -> dict[str, Any]:
    values = astuple(replace(revision, inputs=()))[:-1]
    return dict(zip(_REGISTER.c.keys(), values, strict=True))


def _consumed_rows(revision: Revision) -> Iterator[dict[str, Any]]:
    for consumed in revision.inputs:
        values = (*_key(revision), consumed.table, consumed.day, consumed.revision)
        yield dict(zip(_CONSUMED.c.keys(), values, strict=True))


def _delivery_row(delivery: Delivery, stamped: Iterable[Revision]) -> dict[str, Any]:
    place = (delivery.table, delivery.day)
    led_to = [r.revision for r in stamped if (r.table, r.day) == place]
    values = astuple(replace(delivery, revision=max(led_to)) if led_to else delivery)
    return dict(zip(_DELIVERIES.c.keys(), values, strict=True))

"""The event log: a chain that shows what was done to it, and decisions nobody takes for himself."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from regulatory_assets.control.database import connect
from regulatory_assets.control.events import Actor, Event, EventLog, EventRefused, New, chain_faults

ANNA, BEN = Actor("anna"), Actor("ben")


@pytest.fixture
def log(control_engine: Engine) -> EventLog:
    return EventLog(control_engine)


def three(log: EventLog) -> tuple[Event, ...]:
    for number in range(3):
        log.append(ANNA, "noted", f"subject {number}", {"number": number, "name": "ä"})
    return log.read()


def test_events_are_numbered_chained_and_later_each(log: EventLog) -> None:
    events = three(log)
    assert [e.seq for e in events] == [1, 2, 3]
    assert [e.previous for e in events] == ["", events[0].hash, events[1].hash]
    assert events[0].at < events[1].at < events[2].at
    assert events[2].document == {"number": 2, "name": "ä"}
    assert chain_faults(events) == []
    assert log.read(upto=2) == events[:2]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_changed_event_shows(log: EventLog, at: int) -> None:
    events = list(three(log))
    events[at] = replace(events[at], payload='{"number":9}')
    assert f"event {at + 1}: its contents" in chain_faults(events)[0]


def test_an_event_changed_with_its_hash_breaks_the_next_link(log: EventLog) -> None:
    events = list(three(log))
    forged = replace(events[1], actor="mallory")
    events[1] = replace(forged, hash=forged.digest())
    assert chain_faults(events) == ["event 3: does not follow the event before it"]


def test_a_missing_event_shows(log: EventLog) -> None:
    events = three(log)
    assert chain_faults((events[0], events[2])) == ["event 3: does not follow the event before it"]
    assert chain_faults(events[1:]) == ["event 2: does not follow the event before it"]


def test_nobody_decides_on_a_proposal_of_their_own(log: EventLog) -> None:
    proposal = log.append(ANNA, "proposed", "r", {})
    with pytest.raises(EventRefused, match="nobody decides on a proposal of their own"):
        log.append(ANNA, "approved", "r", {}, proposal.seq)
    log.append(BEN, "approved", "r", {}, proposal.seq)
    with pytest.raises(EventRefused, match="nobody decides twice"):
        log.append(BEN, "approved", "r", {}, proposal.seq)
    for impact in ("one", "another"):
        seen = {"needed": 2, "impact": {"days": [], "impact": impact}}
        log.append(BEN, "approved", "r", seen, proposal.seq)
        with pytest.raises(EventRefused, match="nobody decides twice"):
            log.append(BEN, "approved", "r", {**seen, "needed": 1}, proposal.seq)
    with pytest.raises(EventRefused, match="nobody decides on a proposal of their own"):
        log.append(ANNA, "approved", "r", {"impact": {"impact": "third"}}, proposal.seq)
    assert len(log.read()) == 4


def test_the_database_refuses_a_broken_chain_whoever_writes(log: EventLog) -> None:
    (first, *_) = three(log)
    engine = log._engine
    columns = "seq, at, actor, kind, subject, payload, previous, hash, signature"
    for previous, said in (
        (first.hash, "names the hash of the one before"),
        ("", "names the hash"),
    ):
        statement = (
            f"INSERT INTO events ({columns}) SELECT 4, '2999-01-01 00:00:00.000000', 'm', 'k', "
            f"'s', '{{}}', '{previous}', 'new', ''"
        )
        if engine.dialect.name == "postgresql":
            statement = statement.replace("'2999-01-01", "timestamptz '2999-01-01")
        with pytest.raises(DBAPIError, match=said), engine.begin() as connection:
            connection.execute(text(statement))


def test_a_check_sees_the_log_it_is_added_to(log: EventLog) -> None:
    def empty(events: tuple[Event, ...]) -> None:
        if events:
            raise EventRefused("not the first")

    log.append(ANNA, "first", "s", {}, check=empty)
    with pytest.raises(EventRefused, match="not the first"):
        log.append(ANNA, "first", "s", {}, check=empty)


def test_several_events_are_added_all_or_none(log: EventLog) -> None:
    told: list[int] = []
    log = EventLog(log._engine, decided=lambda event: told.append(event.seq))
    own = New("approved", "R-1", {}, decides=2)
    with pytest.raises(EventRefused, match="nobody decides on a proposal of their own"):
        log.append_all(ANNA, [New("noted", "R-0", {}), New("proposed", "R-1", {}), own])
    assert (log.read(), told) == ((), [])
    events = log.append_all(ANNA, [New("noted", "R-0", {}), New("proposed", "R-1", {})])
    assert log.read() == events
    assert chain_faults(events) == []
    assert events[0].at < events[1].at
    both = log.append_all(BEN, [New("noted", "R-2", {}), own])
    assert chain_faults(log.read()) == []
    assert told == [both[1].seq] == [4]


def test_writers_at_once_all_get_in(control_engine: Engine) -> None:
    logs = [EventLog(control_engine) for _ in range(4)]

    def write(log: EventLog) -> None:
        for number in range(5):
            log.append(ANNA, "noted", str(number), {})

    threads = [threading.Thread(target=write, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = logs[0].read()
    assert len(events) == 20
    assert chain_faults(events) == []


def test_signatures_are_kept(migrated_sqlite: Path, tmp_path: Path) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "c.sqlite")
    log = EventLog(connect(f"sqlite:///{tmp_path / 'c.sqlite'}"))
    event = log.append(Actor("anna", lambda digest: f"signed {digest}"), "noted", "s", {})
    assert event.signature == f"signed {event.hash}"

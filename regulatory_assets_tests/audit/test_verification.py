"""Whatever is tampered with, the audit says so; and says nothing of a record that is as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.rule import canonical
from regulatory_assets.audit.anchors import Anchor, AnchorError, Anchors, Seen, look
from regulatory_assets.audit.covered import _plain, row_digest
from regulatory_assets.audit.verification import audit
from regulatory_assets.control import schema
from regulatory_assets.control.database import connect
from regulatory_assets.control.events import Event, EventLog
from regulatory_assets_tests.audit.record import Record, drop, triggers, unguarded
from regulatory_assets_tests.control.examples import DAY, delivery, only_sqlite


@pytest.fixture
def record(control_engine: Engine, tmp_path: Path) -> Record:
    return Record(control_engine, tmp_path)


def test_nothing_is_found_where_nothing_was_done(record: Record) -> None:
    found = audit(record.anchors)
    assert found.faults == ()
    assert (found.events, found.anchors, found.rows, found.files) == (5, 3, 3, 4)
    assert (found.younger, found.demo) == (0, False)
    record.commit("flows", 2)
    found = audit(record.anchors)
    assert (found.faults, found.younger) == ((), 1)
    record.anchors.take("run two")
    found = audit(record.anchors, found.key)
    assert (found.faults, found.younger, found.anchors) == ((), 0, 4)


def test_anchors_tell_which_postings_were_registered(record: Record) -> None:
    record.commit("flows", 2)
    assert record.anchors.postings() == {"deals-1", "flows-1", "deals-2"}
    seen = look(record.anchors.folder)
    assert seen == Seen(record.log.read()[-1].seq, record.anchors.postings())
    with record.anchors.path.open("ab") as file:
        file.write(b'{"number":9')
    assert look(record.anchors.folder) == seen, "what a crash has left is no line yet"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("anchors/anchors.jsonl/x", "", "anchors.jsonl: cannot be read (Is a directory)"),
        ("anchors/anchors.jsonl", '{"number": 1\n', "anchors.jsonl: line 1 is not an anchor"),
        ("anchors/anchors.jsonl", "\n", "anchors.jsonl: line 1 is not an anchor"),
    ],
)
def test_anchors_that_nobody_can_read_speak_against_a_new_record(
    file: str, content: str, said: str, tmp_path: Path
) -> None:
    assert look(tmp_path / "anchors") == Seen(0, frozenset())
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(content)
    with pytest.raises(AnchorError, match="correct REGULATORY_ASSETS_ANCHORS") as refusal:
        look(tmp_path / "anchors")
    assert said in str(refusal.value)


def test_an_empty_record_has_no_faults(control_engine: Engine, tmp_path: Path) -> None:
    anchors = Anchors(control_engine, tmp_path / "lake", tmp_path / "a", tmp_path / "k")
    assert audit(anchors).faults == ()
    anchors.take("nothing yet")
    assert audit(anchors).faults == ()


# -- events ---------------------------------------------------------------------------------------


def test_a_changed_event(record: Record) -> None:
    record.tamper("UPDATE events SET subject = 'mallory' WHERE seq = 2")
    assert record.faults() == ["events: event 2: its contents do not give its hash"]


def test_a_deleted_event(record: Record) -> None:
    record.tamper("DELETE FROM events WHERE seq = 4")
    assert "events: event 5: does not follow the event before it" in record.faults()


def test_the_first_event_deleted(record: Record) -> None:
    record.tamper("DELETE FROM events WHERE seq = 1")
    assert "events: event 2: does not follow the event before it" in record.faults()


def test_an_inserted_event(record: Record) -> None:
    last = record.log.read()[-1]
    forged = recomputed(replace(last, seq=6, actor="eve", decides=None), "no hash of this chain")
    with unguarded(record.database) as connection:
        connection.execute(insert(schema.events), [vars(forged)])
    assert "events: event 6: does not follow the event before it" in record.faults()


@pytest.mark.parametrize("kept", [4, 3, 0])
def test_a_cut_tail(record: Record, kept: int) -> None:
    record.tamper(f"DELETE FROM events WHERE seq > {kept}")
    (fault,) = record.faults()
    assert f"events: the log ends with event {kept}, but anchor 3 of " in fault
    assert "saw event 5: its tail was cut" in fault


def test_a_recomputed_chain(record: Record) -> None:
    """Every hash is right again; only the anchors, and the signatures, remember another one."""
    events = list(record.log.read())
    previous = events[0].hash
    for at, event in enumerate(events[1:], start=1):
        payload = event.payload.replace("author", "approver")
        events[at] = recomputed(replace(event, payload=payload), previous)
        previous = events[at].hash
    rewrite(record, events)
    found = record.faults()
    assert any(
        "event 3 has another hash than anchor 1" in f and "the chain recomputed" in f for f in found
    )
    assert "events: event 2: the signature is not that of ada" in found
    assert not any("contents" in f or "does not follow" in f for f in found)


def test_a_recomputed_chain_signed_anew(record: Record) -> None:
    """With the private keys of all, the anchors alone tell."""
    events = list(record.log.read())
    previous = events[0].hash
    for at, event in enumerate(events[1:], start=1):
        made = recomputed(replace(event, subject=f"{event.subject}!"), previous)
        actor = record.ada if event.actor == "ada" else record.bob
        events[at] = replace(made, signature=actor.sign(made.hash))
        previous = made.hash
    rewrite(record, events)
    (fault,) = record.faults()
    assert fault.startswith("events: event 3 has another hash than anchor 1 of ")


def test_a_forged_signature(record: Record) -> None:
    record.tamper(
        "UPDATE events SET signature ="
        " (SELECT e.signature FROM events e WHERE e.seq = 4) WHERE seq = 5"
    )
    assert record.faults() == ["events: event 5: the signature is not that of bob"]


def test_a_registration_that_cannot_be_read(record: Record) -> None:
    record.tamper("UPDATE events SET payload = 'nothing' WHERE seq = 2")
    found = record.faults()
    assert found[0] == "events: event 2: its contents do not give its hash"
    assert "the signatures cannot be checked" in found[1]


def test_a_decision_on_a_proposal_of_ones_own(record: Record) -> None:
    last = record.log.read()[-1]
    own = recomputed(replace(last, seq=6, actor="ada", decides=2), last.hash)
    own = replace(own, signature=record.ada.sign(own.hash))
    with unguarded(record.database) as connection:
        connection.execute(insert(schema.events), [vars(own)])
    assert record.faults() == ["events: event 6: ada decided on their own proposal 2"]


def test_a_proposal_that_was_added_with_right_hashes(record: Record, tmp_path: Path) -> None:
    """Among people with keys it lacks its signature; a demonstration can only count it."""
    last = record.log.read()[-1]
    proposal = {"kind": "rule.submitted", "actor": "ada", "decides": None, "signature": ""}
    forged = recomputed(replace(last, seq=6, **proposal), last.hash)
    with unguarded(record.database) as connection:
        connection.execute(insert(schema.events), [vars(forged)])
    assert record.faults() == ["events: event 6: the signature is not that of ada"]
    assert audit(record.anchors).younger_events == 1

    record.tamper("DELETE FROM events")
    people.open_demo(record.log)
    anchors = Anchors(record.database, record.lake, tmp_path / "others", tmp_path / "o.pem")
    record.tamper("DELETE FROM anchors")
    anchors.take("run")
    (opened,) = record.log.read()
    forged = recomputed(replace(opened, seq=2, **proposal), opened.hash)
    with unguarded(record.database) as connection:
        connection.execute(insert(schema.events), [vars(forged)])
    found = audit(anchors)
    assert (found.demo, found.faults, found.younger_events) == (True, (), 1)


def test_two_decisions_of_one_person(record: Record) -> None:
    last = record.log.read()[-1]
    again = recomputed(replace(last, seq=6), last.hash)
    again = replace(again, signature=record.bob.sign(again.hash))
    with unguarded(record.database) as connection:
        connection.execute(insert(schema.events), [vars(again)])
    assert record.faults() == ["events: event 6: bob decided twice on proposal 4"]


def recomputed(event: Event, previous: str) -> Event:
    made = replace(event, previous=previous)
    return replace(made, hash=made.digest())


def rewrite(record: Record, events: list[Event]) -> None:
    with unguarded(record.database) as connection:
        connection.execute(text("DELETE FROM events WHERE decides IS NOT NULL"))
        connection.execute(text("DELETE FROM events"))
        connection.execute(insert(schema.events), [vars(e) for e in events])


# -- log of privacy -------------------------------------------------------------------------------


@pytest.fixture
def looked(record: Record) -> Record:
    """A record with three entries in its log of privacy, the last one anchored."""
    log = EventLog(record.database, table=schema.privacy_log)
    for customer in ("C1", "C2", "C3"):
        log.append(record.ada, "shown", customer, {"reason": "case 12"})
    record.anchors.take("privacy 3: shown")
    assert record.faults() == []
    return record


def entries(record: Record) -> list[Event]:
    return list(EventLog(record.database, table=schema.privacy_log).read())


def rewrite_privacy(record: Record, log: list[Event]) -> None:
    """Put another log in the place of the one that stands, its hashes right from end to end."""
    previous = ""
    made: list[Event] = []
    for seq, event in enumerate(log, start=1):
        made.append(recomputed(replace(event, seq=seq), previous))
        previous = made[-1].hash
    with unguarded(record.database) as connection:
        connection.execute(text("DELETE FROM privacy_log"))
        connection.execute(insert(schema.privacy_log), [vars(event) for event in made])


def test_a_changed_or_cut_log_of_privacy(looked: Record) -> None:
    looked.tamper("UPDATE privacy_log SET subject = 'C9' WHERE seq = 2")
    assert looked.faults() == ["privacy: event 2: its contents do not give its hash"]
    looked.tamper("UPDATE privacy_log SET subject = 'C2' WHERE seq = 2")
    assert looked.faults() == []
    for kept in (2, 0):
        looked.tamper(f"DELETE FROM privacy_log WHERE seq > {kept}")
        (fault,) = looked.faults()
        assert f"privacy: the log ends with event {kept}, but anchor 4 of" in fault
        assert "saw event 3: its tail was cut" in fault


def test_a_deleted_entry_of_the_log_of_privacy(looked: Record) -> None:
    looked.tamper("DELETE FROM privacy_log WHERE seq = 2")
    assert "privacy: event 3: does not follow the event before it" in looked.faults()


@pytest.mark.parametrize("how", ["changed", "deleted", "inserted"])
def test_a_log_of_privacy_whose_chain_was_made_anew(looked: Record, how: str) -> None:
    """Every hash is right again; only the anchor remembers another one."""
    log = entries(looked)
    rewrite_privacy(
        looked,
        {
            "changed": [replace(log[0], subject="C9"), *log[1:]],
            "deleted": [log[0], log[2]],
            "inserted": [log[0], replace(log[0], subject="C9"), *log[1:]],
        }[how],
    )
    found = [f for f in looked.faults() if f.startswith("privacy: ") and "anchor 4" in f]
    said = "its tail was cut" if how == "deleted" else "has another hash than anchor 4"
    assert len(found) == 1, looked.faults()
    assert said in found[0]


def test_an_anchor_from_before_privacy_was_anchored_holds_still(looked: Record) -> None:
    last = looked.anchors.read()[0][-1].anchor
    assert last is not None
    assert last.privacy_seq == 3
    key = people.key_from_file(looked.anchors.key)
    older = last.model_copy(update={"privacy_seq": None, "privacy_head": None}).sign(key)
    assert "privacy_" not in older.line
    read = Anchor.model_validate_json(older.line)
    assert read.is_signed()
    assert read.line == older.line


def test_what_older_databases_do_not_say_of_a_delivery_leaves_its_digest(record: Record) -> None:
    """A row that was anchored before deliveries had a source; and a source changed since."""
    row, came = record.register.history("deals", DAY)[0], delivery("batch-1")
    plain = {n: v for n, v in asdict(came).items() if n not in ("source", "contested", "agreed")}
    told = {"row": _plain(asdict(row)), "deliveries": [_plain(plain)]}
    assert row_digest(row, (came,)) == sha256(canonical(told).encode()).hexdigest()
    record.tamper("UPDATE deliveries SET source = 'other' WHERE batch = 'batch-1'")
    assert [f.partition(": ")[0] for f in record.faults()] == ["register"]


# -- guards of the database -----------------------------------------------------------------------


def test_a_dropped_trigger(record: Record) -> None:
    with record.database.connect() as connection:
        standing = triggers(connection)
    for name, table in standing:
        with record.database.begin() as connection:
            connection.execute(text(drop(name, table, connection)))
    assert sorted(record.faults()) == sorted(
        f"database: {table}: trigger {name} is missing" for name, table in standing
    )


@only_sqlite
def test_a_database_that_is_not_there(record: Record, tmp_path: Path) -> None:
    anchors = replace(record.anchors, database=connect(f"sqlite:///{tmp_path / 'other.sqlite'}"))
    assert audit(anchors).faults[0].said == "register: no such table"


# -- register -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE register SET booked = 4 WHERE table_name = 'deals' AND revision = 1",
        "UPDATE register SET known_at = '2026-01-06 11:00:00+00' WHERE posting = 'deals-1'",
        "UPDATE deliveries SET sha256 = 'another'",
        "DELETE FROM deliveries",
    ],
)
def test_a_changed_register_row(record: Record, statement: str) -> None:
    if record.database.dialect.name == "sqlite":
        statement = statement.replace("11:00:00+00", "11:00:00.000000")
    record.tamper(statement)
    assert record.faults() == [
        "register: deals for 2026-01-05 revision 1: its row, what it consumed or its delivery was "
        "changed"
    ]


def test_a_changed_input(record: Record) -> None:
    record.tamper("UPDATE consumed SET input_revision = 2")
    (fault,) = record.faults()
    assert fault.startswith("register: flows for 2026-01-05 revision 1: its row, what it consumed")


def test_a_deleted_register_row(record: Record) -> None:
    record.tamper("DELETE FROM register WHERE table_name = 'deals' AND revision = 2")
    assert record.faults() == [
        "register: deals for 2026-01-05 revision 2: was registered, and is gone"
    ]


# -- lake -----------------------------------------------------------------------------------------


def _overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@only_sqlite
@pytest.mark.parametrize(
    ("harm", "said"), [(_overwrite, "was changed"), (Path.unlink, "is missing")]
)
@pytest.mark.parametrize("what", ["data", "raw"])
def test_a_changed_or_missing_file(
    record: Record, harm: Callable[[Path], None], said: str, what: str
) -> None:
    file = record.data_file("deals-1") if what == "data" else next(record.lake.rglob("batch-1*"))
    harm(file)
    name = file.relative_to(record.lake)
    assert record.faults() == [f"lake: deals for 2026-01-05 revision 1: {name} {said}"]


@only_sqlite
def test_a_file_taken_out_of_the_delta_log(record: Record) -> None:
    file = record.data_file("deals-2").relative_to(record.lake)
    (record.lake / "deals" / "_delta_log" / f"{1:020}.json").unlink()
    assert record.faults() == [
        f"lake: deals for 2026-01-05 revision 2: the Delta log no longer names {file}"
    ]


@only_sqlite
def test_a_delta_log_that_cannot_be_read(record: Record) -> None:
    """Its first entry is gone: said once, and the other tables are compared."""
    log = record.lake / "deals" / "_delta_log"
    (log / f"{0:020}.json").unlink()
    (fault,) = record.faults()
    assert fault.startswith("lake: deals: its Delta log cannot be read (")
    assert fault.endswith(f"bring {log} back from a backup")
    _overwrite(record.data_file("flows-1"))
    assert len(record.faults()) == 2


@only_sqlite
def test_a_posting_that_had_lost_its_file_before_it_was_anchored(record: Record) -> None:
    record.commit("flows", 2)
    (record.lake / "flows" / "_delta_log" / f"{1:020}.json").unlink()
    record.anchors.take("run two")
    assert record.faults() == [
        "lake: flows for 2026-01-05 revision 2: had no data file when it was anchored"
    ]


@only_sqlite
def test_a_table_that_is_gone(record: Record) -> None:
    shutil.rmtree(record.lake / "flows")
    found = record.faults()
    assert len(found) == 2
    assert all(f.startswith("lake: flows for 2026-01-05 revision 1: ") for f in found)


@only_sqlite
def test_rows_slipped_into_a_posting(record: Record) -> None:
    register = record.register
    record.register = type("Nobody", (), {"commit": lambda *_: None})()  # type: ignore[assignment]
    record.commit("flows", 1)
    record.register = register
    (fault,) = record.faults()
    assert fault.startswith(
        "lake: flows for 2026-01-05 revision 1: flows/reporting_date=2026-01-05"
    )
    assert fault.endswith("was slipped into its posting")


# -- the anchor file ------------------------------------------------------------------------------


def test_a_cut_anchor_file(record: Record) -> None:
    record.write_lines(record.lines()[:-1])
    (fault,) = record.faults()
    assert "anchors: the file ends after 2 lines, but the control database knows 3" in fault


def test_no_anchor_file(record: Record) -> None:
    record.anchors.path.unlink()
    (fault,) = record.faults()
    assert "anchors: the file ends after 0 lines, but the control database knows 3" in fault


@only_sqlite
def test_a_cut_line_in_the_middle(record: Record) -> None:
    first, _, last = record.lines()
    record.write_lines([first, last])
    assert "anchors: line 2: does not follow the line before it" in record.faults()


@only_sqlite
def test_a_changed_line(record: Record) -> None:
    first, second, last = record.lines()
    record.write_lines([first, second.replace("run one", "run two"), last])
    assert record.faults() == [
        "anchors: line 2: its signature is not that of the platform's key",
        "anchors: line 2: is not the line whose hash the control database keeps",
        "anchors: line 3: does not follow the line before it",
    ]


@only_sqlite
def test_a_damaged_line(record: Record) -> None:
    first, second, last = record.lines()
    record.write_lines([first, second[:-9], last])
    assert "anchors: line 2: is not an anchor; the line was damaged or is not ours" in (
        record.faults()
    )


def test_all_lines_signed_anew_by_another_key(record: Record, tmp_path: Path) -> None:
    """Who writes file and database can make both fit; not with the key the auditor noted."""
    noted = audit(record.anchors).key
    record.anchors.key.unlink()
    record.anchors.path.unlink()
    record.tamper("DELETE FROM anchors")
    record.anchors.take("all anew")
    assert record.faults() == []
    (fault,) = record.faults(noted)
    assert fault.startswith("anchors: line 1: is signed by the key ")
    assert fault.endswith(f", not by {noted}")


@only_sqlite
def test_a_line_of_another_key(record: Record) -> None:
    record.anchors.key.unlink()
    record.anchors.take("by a new key")
    (fault,) = record.faults()
    assert "anchors: line 4: is signed by the key " in fault


def test_a_database_set_back_to_a_backup(record: Record) -> None:
    """No event is missing from the chain; only later rows and their anchors are."""
    record.commit("flows", 2)
    record.anchors.take("run two")
    record.anchors.take("run three")
    record.tamper("DELETE FROM anchors WHERE number > 3", "DELETE FROM register WHERE revision = 2")
    found = record.faults()
    assert "anchors: the file has 5 lines, but the control database knows 3" in found[0]
    assert "register: flows for 2026-01-05 revision 2: was registered, and is gone" in found


def test_decisions_without_any_anchor(record: Record) -> None:
    record.anchors.path.unlink()
    record.tamper("DELETE FROM anchors")
    assert record.faults() == ["anchors: there is no anchor, although each decision takes one"]


# -- taking anchors -------------------------------------------------------------------------------


@only_sqlite
def test_a_line_names_what_stands(record: Record) -> None:
    first, second, third = (json.loads(line) for line in record.lines())
    assert (first["reason"], second["reason"], third["reason"]) == ("event 3", "run one", "event 5")
    assert (first["seq"], second["seq"], third["seq"]) == (3, 3, 5)
    assert third["head"] == record.log.read()[-1].hash
    assert [(r["table"], r["revision"]) for r in second["rows"]] == [("deals", 1), ("flows", 1)]
    assert [(r["table"], r["revision"]) for r in third["rows"]] == [("deals", 2)]
    assert record.anchors.key.stat().st_mode & 0o777 == 0o600


@only_sqlite
def test_what_a_crash_leaves_is_taken_up(record: Record) -> None:
    """A line without its end is removed; a whole line that was not noted is noted."""
    whole = record.anchors.path.read_bytes()
    record.anchors.path.write_bytes(whole + b'{"number":4,"at"')
    record.anchors.take("after a crash")
    assert record.faults() == []
    record.tamper("DELETE FROM anchors WHERE number = 4")
    assert record.faults() == []
    record.anchors.take("after another crash")
    found = audit(record.anchors)
    assert (found.faults, found.anchors) == ((), 5)


@only_sqlite
def test_an_anchor_after_a_cut_does_not_hide_it(record: Record) -> None:
    record.write_lines(record.lines()[:-1])
    record.anchors.take("later")
    found = record.faults()
    assert "anchors: line 3: does not follow the line before it" in found
    assert "anchors: line 3: is not the line whose hash the control database keeps" in found


@only_sqlite
def test_an_old_clock_is_no_reason_to_fail(record: Record) -> None:
    early = replace(record.anchors, clock=lambda: record.log.read()[0].at)
    early.take("by an old clock")
    assert record.faults() == []


@only_sqlite
def test_a_folder_that_cannot_be_written_is_named(record: Record, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = replace(record.anchors, folder=tmp_path / "file")
    with pytest.raises(Exception, match="run nine stands, but could not be anchored"):
        blocked.take("run nine")


@only_sqlite
def test_the_key_of_the_platform_signs_no_events(record: Record) -> None:
    with pytest.raises(people.NotAllowed, match="nobody confirmed has this key"):
        people.identify(record.log.read(), None, record.anchors.key)

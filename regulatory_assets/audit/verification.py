"""Comparing what is there now with the chain of events, their signatures and the anchors.

Reads only; nothing is migrated or mended, and no engine is started.

An event that was written past the programs, with right hashes, is known by its missing signature.
In a demonstration nobody signs: one behind the last anchor is like one that somebody has made with
a name, and the next anchor covers both. It is counted among the younger ones and is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import inspect

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import impact_of
from regulatory_assets.audit.anchors import Anchor, Anchors, Line, chain_faults
from regulatory_assets.audit.covered import GONE, Covered, Files, row_digest, standing
from regulatory_assets.control import append_only, events, schema
from regulatory_assets.control.database import reading
from regulatory_assets.control.events import Event, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.ledger.lake import LakeError


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was. ``place``: database, events, privacy, anchors, register or
    lake."""

    place: str
    said: str


@dataclass(frozen=True)
class Audit:
    """What was compared, and what was found. ``younger`` rows have been registered, and
    ``younger_events`` added, since the last anchor; ``key`` is the platform's public key, which an
    auditor notes once."""

    faults: tuple[Fault, ...]
    events: int
    anchors: int
    rows: int
    files: int
    younger: int
    younger_events: int
    key: str
    demo: bool


def audit(
    anchors: Anchors, key: str | None = None, say: Callable[[str], None] = lambda _: None
) -> Audit:
    """Compare everything. ``key`` is the platform's public key as the auditor knows it."""
    say("guards of the control database")
    missing = _missing_tables(anchors)
    if missing:
        faults = tuple(Fault("database", f"{table}: no such table") for table in missing)
        return Audit(faults, 0, 0, 0, 0, 0, 0, key or "", demo=False)
    found = [Fault("database", said) for said in _guards(anchors)]
    lines, noted = anchors.read()
    taken = [line.anchor for line in lines if line.anchor]
    log = EventLog(anchors.database).read()
    say("events")
    found += [Fault("events", said) for said in _event_faults(log, taken)]
    say("log of privacy")
    seen = EventLog(anchors.database, table=schema.privacy_log).read()
    found += [Fault("privacy", said) for said in _privacy_faults(log, seen, taken)]
    say("anchors")
    found += [Fault("anchors", said) for said in _anchor_faults(lines, noted, log, taken, key)]
    rows = {(r.table, r.day, r.revision): r for anchor in taken for r in anchor.rows}
    say("register")
    checked = _Checked(anchors, list(rows.values()))
    found += [Fault("register", said) for said in checked.register_faults()]
    found += [Fault("lake", said) for said in checked.lake_faults(say)]
    heads = sum(Register(anchors.database).heads().values())
    return Audit(
        faults=tuple(found),
        events=len(log),
        anchors=len(lines),
        rows=len(rows),
        files=sum(len(r.files) for r in rows.values()),
        younger=max(0, heads - len(rows)),
        younger_events=sum(event.seq > max((a.seq for a in taken), default=0) for event in log),
        key=taken[-1].key if taken else "",
        demo=bool(log) and '"mode":"demo"' in log[0].payload,
    )


def _missing_tables(anchors: Anchors) -> list[str]:
    present = set(inspect(reading(anchors.database)).get_table_names())
    return [table.name for table in append_only.APPEND_ONLY if table.name not in present]


def _guards(anchors: Anchors) -> list[str]:
    with reading(anchors.database).connect() as connection:
        return append_only.faults(connection, complete=True)


# -- events and anchors ---------------------------------------------------------------------------


def _event_faults(log: Sequence[Event], taken: Sequence[Anchor]) -> Iterator[str]:
    yield from events.chain_faults(log)
    yield from _decided_alone(log)
    try:
        yield from people.signature_faults(log)
    except (ValueError, KeyError, TypeError) as error:
        yield f"the signatures cannot be checked: a registration cannot be read ({error})"
    yield from _unlike(log, [(anchor, anchor.seq, anchor.head) for anchor in taken])


def _unlike(log: Sequence[Event], heads: Iterable[tuple[Anchor, int, str]]) -> Iterator[str]:
    """Where a log is not the one whose last event and its hash the anchors saw."""
    by_number = {event.seq: event for event in log}
    last = max(by_number, default=0)
    wrong = [(a, seq) for a, seq, head in heads if seq and _head(by_number.get(seq)) != head]
    cut = [(a, seq) for a, seq in wrong if seq > last]
    if cut:
        anchor, seq = cut[-1]
        yield (
            f"the log ends with event {last}, but anchor {anchor.number} of {_when(anchor)} "
            f"saw event {seq}: its tail was cut"
        )
    other = [(a, seq) for a, seq in wrong if seq <= last]
    if other:
        anchor, seq = other[0]
        yield (
            f"event {seq} has another hash than anchor {anchor.number} of "
            f"{_when(anchor)} saw: it or one before it was changed and the chain recomputed"
        )


def _privacy_faults(
    log: Sequence[Event], seen: Sequence[Event], taken: Sequence[Anchor]
) -> Iterator[str]:
    yield from events.chain_faults(seen)
    yield from _unlike(seen, [(a, a.privacy_seq or 0, a.privacy_head or "") for a in taken])
    try:
        yield from people.signature_faults(log, seen)
    except (ValueError, KeyError, TypeError):
        return  # told of the event log already


def _when(anchor: Anchor) -> str:
    return anchor.at.isoformat(timespec="seconds")


def _head(event: Event | None) -> str:
    return event.hash if event else ""


def _decided_alone(log: Sequence[Event]) -> Iterator[str]:
    """Decisions that the database would have refused while its triggers stood."""
    actors = {event.seq: event.actor for event in log}
    decided: set[tuple[int, str, str]] = set()
    for event in log:
        if event.decides is None:
            continue
        if actors.get(event.decides) == event.actor:
            yield f"event {event.seq}: {event.actor} decided on their own proposal {event.decides}"
        if (mine := (event.decides, event.actor, _impact(event))) in decided:
            yield f"event {event.seq}: {event.actor} decided twice on proposal {event.decides}"
        decided.add(mine)


def _impact(event: Event) -> str:
    """The impact that a decision names; none where its contents cannot be read, which is told."""
    try:
        return impact_of(event)
    except (ValueError, AttributeError):
        return ""


def _anchor_faults(
    lines: Sequence[Line],
    noted: Sequence[str],
    log: Sequence[Event],
    taken: Sequence[Anchor],
    key: str | None,
) -> Iterator[str]:
    yield from chain_faults(lines, noted, key)
    if not lines and not noted and any(event.decides is not None for event in log):
        yield "there is no anchor, although each decision takes one"


# -- register and lake ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Checked:
    """The rows that the anchors cover, against register and lake."""

    anchors: Anchors
    rows: Sequence[Covered]

    def register_faults(self) -> Iterator[str]:
        places = sorted({(row.table, row.day) for row in self.rows})
        now = {
            (row.table, row.day, row.revision): row_digest(row, delivered)
            for row, delivered in standing(Register(self.anchors.database), places)
        }
        for row in self.rows:
            digest = now.get((row.table, row.day, row.revision))
            if digest is None:
                yield f"{row}: was registered, and is gone"
            elif digest != row.digest:
                yield f"{row}: its row, what it consumed or its delivery was changed"

    def lake_faults(self, say: Callable[[str], None]) -> Iterator[str]:
        files = Files(self.anchors.lake)
        register = Register(self.anchors.database)
        places = sorted({(row.table, row.day) for row in self.rows})
        expected = {(row.table, row.day, row.revision): row for row in self.rows}
        unread: set[str] = set()
        for row, _ in standing(register, places):
            covered = expected.get((row.table, row.day, row.revision))
            if covered is None or row.table in unread:
                continue
            kept = {name for name in covered.files if not name.startswith("raw/")}
            try:
                read = set(files.of_posting(row.table, row.posting)) if row.posting else set()
            except LakeError as error:
                unread.add(row.table)
                yield str(error)
                continue
            if row.rows and not kept:
                yield f"{covered}: had no data file when it was anchored"
            for name in sorted(kept - read):
                yield f"{covered}: the Delta log no longer names {name}"
            for name in sorted(read - kept):
                yield f"{covered}: {name} was slipped into its posting"
        for covered in self.rows:
            say(f"{covered.table} {covered.day}")
            for name, digest in covered.files.items():
                now = files.digest(name)
                if now == GONE:
                    yield f"{covered}: {name} is missing"
                elif now != digest:
                    yield f"{covered}: {name} was changed"

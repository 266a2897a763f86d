"""The anchor file: one signed line for every decision, run and close, outside the database.

A line names the last event and its hash, the same of the log of privacy, the rows registered since
the line before with their files (``covered``), and the hash of the line before. The control
database in turn keeps the hash of every line, so that the file cannot be cut without the database
telling, nor the database be set back without the file telling. One process writes at a time;
several machines share one folder.

A line is written first and noted in the database second. What a crash leaves between the two is
taken up by the next anchor: the beginning of a line is removed, a whole line is noted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BufferedRandom
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine, insert, select

from regulatory_assets.adjustments.people import (
    NotAllowed,
    key_from_file,
    key_from_text,
    new_key,
    public_text,
)
from regulatory_assets.adjustments.rule import canonical
from regulatory_assets.audit.covered import Covered, cover, seen
from regulatory_assets.control import schema
from regulatory_assets.control.database import reading
from regulatory_assets.control.events import EventLog
from regulatory_assets.control.register import Register

FILE = "anchors.jsonl"
_POSTING = re.compile("/posting=([^/]+)/")


class AnchorError(Exception):
    """An anchor that cannot be written or read; the message says why, what stands nevertheless, and
    what to do."""


class Anchor(BaseModel):
    """One line of the file. ``seq`` and ``head`` are number and hash of the last event (0 and
    empty before the first), ``privacy_seq`` and ``privacy_head`` those of the log of privacy, which
    older lines do not name; ``key`` is the platform's public key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: datetime
    reason: str
    seq: int
    head: str
    privacy_seq: int | None = None
    privacy_head: str | None = None
    rows: tuple[Covered, ...]
    key: str
    previous: str
    signature: str = ""

    @property
    def line(self) -> str:
        return canonical(self.model_dump(mode="json", exclude_none=True))

    def _signed(self) -> bytes:
        told = self.model_dump(mode="json", exclude={"signature"}, exclude_none=True)
        return canonical(told).encode()

    def sign(self, key: Ed25519PrivateKey) -> Anchor:
        return self.model_copy(update={"signature": key.sign(self._signed()).hex()})

    def is_signed(self) -> bool:
        """Whether the signature is that of the key that the line names."""
        try:
            key_from_text(self.key).verify(bytes.fromhex(self.signature), self._signed())
        except (InvalidSignature, ValueError, NotAllowed):
            return False
        return True


@dataclass(frozen=True)
class Line:
    """A line as it lies in the file, whatever it holds."""

    text: bytes

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    @cached_property
    def anchor(self) -> Anchor | None:
        """What it says; None where that cannot be read."""
        try:
            return Anchor.model_validate_json(self.text)
        except ValidationError:
            return None


@dataclass(frozen=True)
class Anchors:
    """Writes and reads the anchors of one control database and lake. ``key`` is the file of the
    platform's private key, which is made when it is first needed."""

    database: Engine
    lake: Path
    folder: Path
    key: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def take(self, reason: str) -> Anchor:
        """Anchor what stands now. Raises AnchorError where file or key cannot be used."""
        try:
            with self._alone() as file:
                return self._append(file, reason)
        except (OSError, NotAllowed) as error:
            raise AnchorError(
                f"{reason} stands, but could not be anchored in {self.path}: {error}. The next "
                "anchor covers it; see to it that folder and key can be read and written"
            ) from error

    def read(self) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """The lines of the file, and the hashes that the database keeps, of one moment."""
        try:
            with _content(self.path) as found:
                return _lines(found), self._noted()[0]
        except (FileNotFoundError, NotADirectoryError):
            return (), self._noted()[0]

    def postings(self) -> frozenset[str]:
        """The postings of which an anchor has seen files: those that were registered then."""
        return _postings(line.anchor for line in self.read()[0] if line.anchor)

    def behind(self, registered: datetime) -> bool:
        """Whether no anchor has been taken since a row was registered."""
        return self._noted()[1] < registered

    @contextmanager
    def _alone(self) -> Iterator[BufferedRandom]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _append(self, file: BufferedRandom, reason: str) -> Anchor:
        file.seek(0)
        found = file.read()
        whole = _whole_lines(found)
        if len(whole) < len(found):
            file.truncate(len(whole))
        lines = _lines(whole)
        private = self._private()
        public = public_text(private.public_key())
        noted, moment = self._noted()
        last = lines[-1] if lines else None
        written = last.anchor if last else None
        if last and written and _lacks_note(written, len(noted) + 1, public):
            moment = self._note(written, last.hash, moment)
            noted = (*noted, last.hash)
        events = EventLog(self.database).read()
        privacy = EventLog(self.database, table=schema.privacy_log).read()
        known = seen(row for line in lines if line.anchor for row in line.anchor.rows)
        anchor = Anchor(
            number=len(noted) + 1,
            at=self.clock(),
            reason=reason,
            seq=events[-1].seq if events else 0,
            head=events[-1].hash if events else "",
            privacy_seq=privacy[-1].seq if privacy else 0,
            privacy_head=privacy[-1].hash if privacy else "",
            rows=cover(Register(self.database), self.lake, known),
            key=public,
            previous=last.hash if last else "",
        ).sign(private)
        line = Line(anchor.line.encode())
        file.write(line.text + b"\n")
        file.flush()
        os.fsync(file.fileno())
        self._note(anchor, line.hash, moment)
        return anchor

    def _private(self) -> Ed25519PrivateKey:
        if not self.key.exists():
            self.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new_key(self.key)
        return key_from_file(self.key)

    def _noted(self) -> tuple[tuple[str, ...], datetime]:
        """The hashes in the database in order, and the moment of the last one."""
        table = schema.anchors
        with reading(self.database).connect() as connection:
            rows = connection.execute(select(table.c.hash, table.c.at).order_by(table.c.number))
            found = rows.all()
        last = found[-1].at if found else datetime.min.replace(tzinfo=UTC)
        return tuple(row.hash for row in found), last

    def _note(self, anchor: Anchor, digest: str, after: datetime) -> datetime:
        moment = max(anchor.at, after + timedelta(microseconds=1))
        row = {"number": anchor.number, "at": moment, "hash": digest}
        with self.database.begin() as connection:
            connection.execute(insert(schema.anchors), [row])
        return moment


@dataclass(frozen=True)
class Seen:
    """What the anchors in a file say of the record that they were taken of: how many events it had,
    and the postings that were registered."""

    events: int
    postings: frozenset[str]


def look(folder: Path) -> Seen:
    """What a folder's anchors have seen, without asking any database. Raises AnchorError where that
    cannot be read: nobody could say then whether an empty database was always empty."""
    path, why = folder / FILE, ""
    anchors: list[Anchor] = []
    try:
        with _content(path) as content:
            found = _whole_lines(content)
    except (FileNotFoundError, NotADirectoryError):  # there is no such file, so nothing was seen
        return Seen(0, frozenset())
    except OSError as error:
        found, why = b"", f"cannot be read ({error.strerror})"
    for place, line in enumerate(_lines(found), start=1):
        if line.anchor is None:
            why = f"line {place} is not an anchor"
            break
        anchors.append(line.anchor)
    if why:
        raise AnchorError(
            f"{path}: {why}, so nobody can say whether the control database, which registers "
            "nothing, has been lost. Make the file readable or bring it back from a backup, or "
            "correct REGULATORY_ASSETS_ANCHORS. To begin anew, take a new folder of state"
        )
    return Seen(max((a.seq for a in anchors), default=0), _postings(anchors))


def _postings(anchors: Iterable[Anchor]) -> frozenset[str]:
    files = (file for anchor in anchors for row in anchor.rows for file in row.files)
    return frozenset(found[1] for file in files if (found := _POSTING.search(file)))


def _lacks_note(anchor: Anchor, number: int, key: str) -> bool:
    """Whether a line is our own, and only its note in the database is lacking."""
    return (anchor.number, anchor.key) == (number, key) and anchor.is_signed()


@contextmanager
def _content(path: Path) -> Iterator[bytes]:
    """What a file holds while nobody adds to it."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file.read()


def _whole_lines(content: bytes) -> bytes:
    """Without the line that a crash has left unfinished."""
    return content[: content.rfind(b"\n") + 1]


def _lines(content: bytes) -> tuple[Line, ...]:
    return tuple(Line(text) for text in content.splitlines())


def chain_faults(lines: Sequence[Line], noted: Sequence[str], key: str | None) -> Iterator[str]:
    """What is wrong with the file by itself, and beside the hashes that the database keeps.

    ``key`` is the public key that all lines must name; that of the first line if not given.
    """
    previous = ""
    for place, line in enumerate(lines, start=1):
        anchor = line.anchor
        if anchor is None:
            yield f"line {place}: is not an anchor; the line was damaged or is not ours"
        else:
            key = key or anchor.key
            if anchor.number != place or anchor.previous != previous:
                yield f"line {place}: does not follow the line before it"
            if anchor.key != key:
                yield f"line {place}: is signed by the key {anchor.key}, not by {key}"
            elif not anchor.is_signed():
                yield f"line {place}: its signature is not that of the platform's key"
        if place <= len(noted) and noted[place - 1] != line.hash:
            yield f"line {place}: is not the line whose hash the control database keeps"
        previous = line.hash
    if len(lines) < len(noted):
        yield (
            f"the file ends after {len(lines)} lines, but the control database knows "
            f"{len(noted)}: it was cut; bring it back from a backup"
        )
    if len(lines) > len(noted) + 1:
        yield (
            f"the file has {len(lines)} lines, but the control database knows {len(noted)}: "
            "the database was set back or cut"
        )

"""Who may act, and how it is known that they did.

A person has one role and a key of their own; a private key never enters the control database,
which holds public keys and signatures. An administrator registers a person and another one
confirms, or rejects: what waits about a name is one registration, so that who confirms has seen it.
A control database is opened once, for people with keys or as a demonstration in which a
name is enough; a demonstration never becomes anything else.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from regulatory_assets.control.events import Actor, Event, EventLog, undecided_since

Role = Literal["author", "approver", "auditor", "administrator", "officer"]
ROLES: tuple[Role, ...] = ("author", "approver", "auditor", "administrator", "officer")
"""An officer is a data protection officer: they see and erase what the vault keeps of persons."""

OPENED, REGISTERED = "log.opened", "person.registered"
APPROVED, REJECTED = "approved", "rejected"
DEMO, SIGNED = "demo", "signed"
_FEWEST_ADMINISTRATORS = 2


class NotAllowed(Exception):
    """Somebody who may not do this, or who cannot be identified."""


@dataclass(frozen=True)
class Person:
    """A confirmed person, with the public key that their signatures are checked by."""

    name: str
    role: Role
    public_key: str


def mode(log: Sequence[Event]) -> str:
    """``demo`` or ``signed``; empty where the log has not been opened."""
    return str(log[0].document["mode"]) if log and log[0].kind == OPENED else ""


def stamp(log: Sequence[Event]) -> str:
    """What all that people read of a demonstration begins with; empty of any other log."""
    return "DEMO " if mode(log) == DEMO else ""


def open_demo(log: EventLog) -> None:
    """Open a new log as a demonstration. Raises NotAllowed where it was opened otherwise."""
    found = log.read()
    if not found:
        log.append(Actor("demo"), OPENED, "log", {"mode": DEMO}, check=_first)
    elif mode(found) != DEMO:
        raise NotAllowed("this control database is for people with keys, not for a demonstration")


def open_signed(log: EventLog, administrators: dict[str, str]) -> None:
    """Open a new log with its first administrators, by name and public key."""
    if len(administrators) < _FEWEST_ADMINISTRATORS:
        raise NotAllowed("a control database needs two administrators: one registers, one confirms")
    for name, key in administrators.items():
        _require_name(name)
        key_from_text(key)
    if len(set(administrators.values())) < len(administrators):
        raise NotAllowed("two administrators have one key; each makes their own with people key")
    people = [{"name": n, "public_key": k} for n, k in sorted(administrators.items())]
    payload = {"mode": SIGNED, "administrators": people}
    log.append(Actor("opening"), OPENED, "log", payload, check=_first)


def _first(log: tuple[Event, ...]) -> None:
    if log:
        raise NotAllowed("the event log is open already; how it was opened never changes")


def people(log: Sequence[Event]) -> dict[str, Person]:
    """Everybody who has been confirmed, by name."""
    found: dict[str, Person] = {}
    if mode(log) == SIGNED:
        for first in log[0].document["administrators"]:
            found[first["name"]] = Person(first["name"], "administrator", first["public_key"])
    registered = {e.seq: e.document for e in log if e.kind == REGISTERED}
    for event in log:
        if event.kind == APPROVED and event.decides in registered:
            given = registered[event.decides]
            found[given["name"]] = Person(given["name"], given["role"], given["public_key"])
    return found


def registration(log: Sequence[Event], name: str) -> Event | None:
    """The registration of a name that waits to be confirmed."""
    decided = {e.decides for e in log if e.kind in (APPROVED, REJECTED)}
    waiting = (e for e in log if e.kind == REGISTERED and e.subject == name)
    return next((e for e in waiting if e.seq not in decided), None)


def register(log: EventLog, actor: Actor, name: str, role: Role, public_key: str) -> Event:
    """Propose a person. They can act once another administrator has confirmed them."""
    if role not in ROLES:
        raise NotAllowed(f"no role {role}; roles: {', '.join(ROLES)}")
    _require_name(name)
    key_from_text(public_key)

    def check(events: tuple[Event, ...]) -> None:
        require(events, actor, "administrator")
        if name in people(events):
            raise NotAllowed(f"{name} is registered already; a person has one role and one key")
        if waiting := registration(events, name):
            raise NotAllowed(
                f"{name}: event {waiting.seq} by {waiting.actor} waits to be confirmed or rejected"
            )
        _require_own_key(events, public_key)

    payload = {"name": name, "role": role, "public_key": public_key}
    return log.append(actor, REGISTERED, name, payload, check=check)


def _require_name(name: str) -> None:
    """Refuse a name that others cannot tell from another one, or from none."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise NotAllowed(f"{name!r} is no name; write letters, without blanks around them")


def _require_own_key(log: Sequence[Event], public_key: str) -> None:
    if owner := next((p for p in people(log).values() if p.public_key == public_key), None):
        raise NotAllowed(f"the key is that of {owner.name}; each person has one of their own")


def confirm(log: EventLog, actor: Actor, name: str) -> Event:
    """Confirm a person whom another administrator has registered."""
    return _decide(log, actor, name, APPROVED, {})


def reject(log: EventLog, actor: Actor, name: str, reason: str) -> Event:
    """Reject the registration that another administrator has proposed."""
    return _decide(log, actor, name, REJECTED, {"reason": reason})


def _decide(log: EventLog, actor: Actor, name: str, kind: str, payload: dict[str, str]) -> Event:
    looked = log.read()
    require(looked, actor, "administrator")
    waiting = registration(looked, name)
    if waiting is None or name in people(looked):
        raise NotAllowed(f"nobody named {name} waits to be confirmed")
    if waiting.actor == actor.name:
        raise NotAllowed(f"{actor.name} has registered {name}; another administrator confirms")
    undecided = undecided_since(looked, waiting)

    def check(events: tuple[Event, ...]) -> None:
        undecided(events)
        if kind == APPROVED:  # of two registrations with one key the first confirmed has it
            _require_own_key(events, waiting.document["public_key"])

    return log.append(actor, kind, name, payload, waiting.seq, check=check)


def require(log: Sequence[Event], actor: Actor, role: Role) -> None:
    """Refuse an actor who does not hold the role. In a demonstration every name may act."""
    if mode(log) == DEMO:
        return
    person = people(log).get(actor.name)
    if person is None:
        raise NotAllowed(f"{actor.name} is not registered and confirmed")
    if person.role != role:
        raise NotAllowed(f"{actor.name} is {person.role}; this is for an {role}")


def require_decider(
    log: Sequence[Event], actor: Actor, proposal: Event, lapsed: Collection[int] = ()
) -> None:
    """Refuse who has proposed what is to be decided, who has decided on it already, and who is no
    approver; ``lapsed`` decisions count no longer. Told before anything is calculated for a
    decision that the log would not take."""
    if proposal.actor == actor.name:
        raise NotAllowed(f"{actor.name} has proposed this; somebody else decides")
    decided = (e for e in log if e.decides == proposal.seq and e.seq not in lapsed)
    if any(e.actor == actor.name for e in decided):
        raise NotAllowed(
            f"{actor.name} has decided on event {proposal.seq} already; nobody decides twice, so "
            "somebody else does"
        )
    require(log, actor, "approver")


def identify(log: Sequence[Event], name: str | None, key: Path | None) -> Actor:
    """Who acts: in a demonstration by name, else by the private key in a file."""
    if not log:
        raise NotAllowed("nobody can act yet; open the control database with people open")
    if mode(log) == DEMO:
        if not name or not name.strip():
            raise NotAllowed("say who acts: --as NAME")
        _require_name(name.strip())
        return Actor(name.strip())
    if key is None:
        raise NotAllowed("say who acts by your private key: --key FILE")
    private = key_from_file(key)
    public = public_text(private.public_key())
    for person in people(log).values():
        if person.public_key == public:
            if name not in (None, person.name):
                raise NotAllowed(f"the key is that of {person.name}, not of {name}")
            return Actor(person.name, lambda digest: private.sign(digest.encode()).hex())
    raise NotAllowed(f"{key}: nobody confirmed has this key")


def signature_faults(log: Sequence[Event], of: Sequence[Event] | None = None) -> list[str]:
    """Events whose signature is missing or not that of their actor at that time.

    ``of`` are the events of another log, by people whom the event log ``log`` knows.
    """
    if mode(log) != SIGNED:
        return []
    found = []
    if of is None:
        acting = [(event, people(log[:at])) for at, event in enumerate(log) if at]
    else:
        everybody = people(log)
        acting = [(event, everybody) for event in of]
    for event, known in acting:
        person = known.get(event.actor)
        if person is None:
            found.append(f"event {event.seq}: {event.actor} was not registered")
            continue
        try:
            signature = bytes.fromhex(event.signature)
            key_from_text(person.public_key).verify(signature, event.hash.encode())
        except (InvalidSignature, ValueError):
            found.append(f"event {event.seq}: the signature is not that of {event.actor}")
    return found


def new_key(path: Path) -> str:
    """Write a new private key to a file that only its owner reads; the public key as text."""
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return public_text(private.public_key())


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as 64 hexadecimal digits."""
    return key.public_bytes_raw().hex()


def key_from_file(path: Path) -> Ed25519PrivateKey:
    """The private key in a file. Raises NotAllowed where there is none."""
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise NotAllowed(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError):
        raise NotAllowed(f"{path}: holds no private key without a password") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise NotAllowed(f"{path}: is no Ed25519 key; make one with people key")
    return found


def key_from_text(text: str) -> Ed25519PublicKey:
    """A public key from its text. Raises NotAllowed where it is none."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        raise NotAllowed(f"{text!r} is no public key of 64 hexadecimal digits") from None

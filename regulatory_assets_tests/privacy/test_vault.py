"""What the vault keeps opens with its key alone; what is erased opens with nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Engine, insert, select, text

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.control import schema as control
from regulatory_assets.control.database import VERSION_TABLE, connect
from regulatory_assets.control.events import Actor, EventLog, EventRefused, chain_faults
from regulatory_assets.privacy.schema import METADATA, vault, vault_keys
from regulatory_assets.privacy.sealing import MasterKey, VaultError
from regulatory_assets.privacy.vault import Vault

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
OLGA = Actor("olga")
ANNA = {"name": "Anna Nováková", "birth_number": "855204/1234", "address": "Lipová 7, Brno"}
JAN = {"name": "Jan Dvořák"}
WHY = "request 4711"


class Place:
    """A vault of each kind beside a control database, and what lies in its files."""

    def __init__(self, database: Engine, url: str, key: Path) -> None:
        self.database, self.url, self.key = database, url, key
        people.open_demo(EventLog(database))

    def vault(self) -> Vault:
        return Vault(self.database, SecretStr(self.url), self.key)

    def rows(self, statement: Any, **values: Any) -> list[Any]:
        engine = connect(self.url)
        with engine.begin() as connection:
            found = connection.execute(statement, values or None)
            rows = list(found) if found.returns_rows else []
        engine.dispose()
        return rows

    def file_bytes(self) -> bytes:
        """The files in which the keys of customers lie."""
        engine = connect(self.url)
        if engine.dialect.name == "sqlite":
            engine.dispose()
            file = Path(str(engine.url.database))
            return b"".join(p.read_bytes() for p in file.parent.glob(f"{file.name}*"))
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("CHECKPOINT"))
            folder = connection.execute(text("SHOW data_directory")).scalar_one()
            name = text("SELECT pg_relation_filepath('vault_keys')")
            found = (Path(folder) / connection.execute(name).scalar_one()).read_bytes()
        engine.dispose()
        return found


@pytest.fixture
def place(
    control_engine: Engine, new_control_url: Callable[[], str], tmp_path: Path
) -> Iterator[Place]:
    return Place(control_engine, new_control_url(), tmp_path / "keys" / "vault.key")


def test_a_person_is_kept_shown_and_erased_for_good(place: Place) -> None:
    bank = place.vault()
    assert bank.keep("persons", MONDAY, [("C1", ANNA), ("C2", JAN)]) == 0
    assert bank.show(OLGA, "C1", WHY) == {"persons": ANNA}
    assert place.key.stat().st_mode & 0o777 == 0o600
    (sealed,) = place.rows(select(vault.c.sealed).where(vault.c.customer == "C1"))[0]
    (wrapped,) = place.rows(select(vault_keys.c.wrapped).where(vault_keys.c.customer == "C1"))[0]
    (other,) = place.rows(select(vault_keys.c.wrapped).where(vault_keys.c.customer == "C2"))[0]
    assert {wrapped in place.file_bytes(), other in place.file_bytes()} == {True}
    assert not any(value.encode() in sealed for value in ANNA.values())

    event = bank.erase(OLGA, "C1", WHY)

    assert (event.actor, event.kind, event.subject) == ("olga", "erased", "C1")
    assert (wrapped in place.file_bytes(), other in place.file_bytes()) == (False, True)
    assert [r.customer for r in place.rows(select(vault))] == ["C2"]
    assert [r.customer for r in place.rows(select(vault_keys))] == ["C2"]
    assert place.vault().show(OLGA, "C2", WHY) == {"persons": JAN}
    # The records come back from a backup that the keys are not in, and a new key is made.
    row = {"customer": "C1", "source_table": "persons", "reporting_date": MONDAY, "sealed": sealed}
    place.rows(insert(vault), **row)
    for moment in (bank, place.vault()):
        with pytest.raises(VaultError, match="C1 was erased"):
            moment.show(OLGA, "C1", WHY)
        with pytest.raises(VaultError, match="nothing is kept of C1"):
            moment._open("C1")
    _, again = bank._master.new_key("C1")
    place.rows(insert(vault_keys), customer="C1", wrapped=again)
    with pytest.raises(VaultError, match="does not open"):
        bank._open("C1")
    # The next delivery sweeps both away, and keeps nothing of who has been erased.
    assert bank.keep("persons", TUESDAY, [("C1", ANNA), ("C2", JAN)]) == 1
    assert [r.customer for r in place.rows(select(vault_keys))] == ["C2"]
    assert [(r.customer, r.reporting_date) for r in place.rows(select(vault))] == [("C2", TUESDAY)]
    assert bank.erase(OLGA, "C1", "once more") == event
    assert [(e.actor, e.kind, e.subject) for e in bank.log()] == [
        ("olga", "shown", "C1"),
        ("olga", "erased", "C1"),
        ("olga", "shown", "C2"),
    ]
    assert [e.kind for e in bank.log("C2")] == ["shown"]


def test_an_interrupted_erasure_is_finished_by_the_next_delivery(place: Place) -> None:
    place.vault().keep("persons", MONDAY, [("C1", ANNA)])
    log = EventLog(place.database, table=control.privacy_log)
    log.append(OLGA, "erased", "C1", {"reason": WHY})
    with pytest.raises(EventRefused, match="a person is erased once"):
        log.append(OLGA, "erased", "C1", {"reason": "twice"})
    with pytest.raises(VaultError, match="was erased"):
        place.vault().show(OLGA, "C1", WHY)
    place.vault().keep("persons", TUESDAY, [("C2", JAN)])
    assert [r.customer for r in place.rows(select(vault_keys))] == ["C2"]
    assert [r.customer for r in place.rows(select(vault))] == ["C2"]


def test_the_latest_day_stands(place: Place) -> None:
    bank, married = place.vault(), ANNA | {"name": "Anna Horáková"}
    bank.keep("persons", TUESDAY, [("C1", ANNA)])
    bank.keep("persons", MONDAY, [("C1", married), ("C2", JAN)])
    assert bank.show(OLGA, "C1", WHY) == {"persons": ANNA}
    bank.keep("persons", TUESDAY, [("C1", married)])
    bank.keep("contacts", MONDAY, [("C1", {"contact": "anna@example.org"})])
    kept = {"persons": married, "contacts": {"contact": "anna@example.org"}}
    assert bank.show(OLGA, "C1", WHY) == kept


def test_what_was_moved_or_changed_does_not_open(place: Place) -> None:
    bank = place.vault()
    bank.keep("persons", MONDAY, [("C1", ANNA), ("C2", JAN)])
    swapped = {r.customer: r.wrapped for r in place.rows(select(vault_keys))}
    (sealed,) = place.rows(select(vault.c.sealed).where(vault.c.customer == "C1"))[0]
    place.rows(vault.update().where(vault.c.customer == "C2").values(sealed=sealed))
    with pytest.raises(VaultError, match="C2 in persons does not open"):
        bank.show(OLGA, "C2", WHY)
    key = vault_keys.update().where(vault_keys.c.customer == "C2")
    flipped = swapped["C2"][:-1] + bytes([swapped["C2"][-1] ^ 1])
    for wrong in (swapped["C1"], b"", flipped):
        place.rows(key.values(wrapped=wrong))
        with pytest.raises(VaultError, match="the key of C2 was changed"):
            bank.show(OLGA, "C2", WHY)
    assert bank.erase(OLGA, "C2", WHY).subject == "C2"  # what does not open can be erased still
    assert [e.kind for e in bank.log()] == ["erased"]


def test_without_its_master_key_the_vault_is_shut(place: Place) -> None:
    place.vault().keep("persons", MONDAY, [("C1", ANNA)])
    key = place.key.read_text()
    assert key.strip() not in repr(place.vault()._master)
    place.key.chmod(0o640)
    with pytest.raises(VaultError, match=r"chmod 600"):
        place.vault().show(OLGA, "C1", WHY)
    place.key.unlink()
    for act in (
        lambda: place.vault().show(OLGA, "C1", WHY),
        lambda: place.vault().keep("persons", MONDAY, [("C2", JAN)]),
    ):
        with pytest.raises(VaultError, match=r"master key .* bring it\s+back"):
            act()
    assert not place.key.exists()  # a new one would open nothing of what is kept
    place.key.write_text("0" * 64)
    place.key.chmod(0o600)
    with pytest.raises(VaultError, match="is not the master key"):
        place.vault().show(OLGA, "C1", WHY)
    place.key.write_text("no key")
    with pytest.raises(VaultError, match="holds no key"):
        place.vault().show(OLGA, "C1", WHY)


class Crash(Exception):
    """The process ends here."""


def crash(*_: Any) -> None:
    raise Crash


def wrapped(place: Place) -> dict[str, bytes]:
    return {r.customer: bytes(r.wrapped) for r in place.rows(select(vault_keys))}


def test_a_new_master_key_opens_everything_and_the_old_one_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regulatory_assets.privacy.vault._CHUNK", 2)  # several pieces
    heard: list[str] = []
    bank = Vault(
        place.database, SecretStr(place.url), place.key, logged=lambda e: heard.append(e.kind)
    )
    with pytest.raises(VaultError, match="nothing is kept yet"):
        bank.rotate(OLGA, "yearly")
    persons = [(f"C{n}", {"name": f"Person {n}"}) for n in range(1, 6)]
    bank.keep("persons", MONDAY, persons)
    delivering = place.vault()  # another process, which has read the old key
    delivering.keep("persons", MONDAY, persons[:1])
    bank.erase(OLGA, "C5", WHY)
    old_key, old = place.key.read_text(), wrapped(place)

    event, count = bank.rotate(OLGA, "yearly")

    assert (event.kind, event.subject, count) == ("rotated", "master key", 4)
    assert heard == ["erased", "rotated"]
    assert place.key.read_text() != old_key
    assert place.key.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in place.key.parent.iterdir()] == [place.key.name]
    assert wrapped(place).keys() == old.keys()
    assert not any(of in place.file_bytes() for of in old.values())
    assert old_key.strip().encode() not in place.file_bytes()
    delivering.keep(
        "persons", TUESDAY, [("C6", JAN), *persons]
    )  # nothing is wrapped by the old one
    for moment in (bank, delivering, place.vault()):
        assert moment.show(OLGA, "C2", WHY) == {"persons": {"name": "Person 2"}}
        assert moment.show(OLGA, "C6", WHY) == {"persons": JAN}
        with pytest.raises(VaultError, match="C5 was erased"):
            moment.show(OLGA, "C5", WHY)
    assert "C5" not in wrapped(place)
    place.key.write_text(old_key)
    with pytest.raises(VaultError, match="is not the master key by which the vault's keys"):
        place.vault().show(OLGA, "C2", WHY)
    with pytest.raises(VaultError, match="is not the master key"):
        place.vault().keep("persons", TUESDAY, [("C7", JAN)])
    assert chain_faults(bank.log()) == []


def test_a_crash_leaves_all_keys_old_or_all_new_and_rotating_again_finishes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regulatory_assets.privacy.vault._CHUNK", 1)
    place.vault().keep("persons", MONDAY, [("C1", ANNA), ("C2", JAN)])
    old_key, old = place.key.read_text(), wrapped(place)
    wrap, calls = MasterKey.wrap, iter((False, True))
    with monkeypatch.context() as half_way:
        half_way.setattr(MasterKey, "wrap", lambda m, k: crash() if next(calls) else wrap(m, k))
        with pytest.raises(Crash):
            place.vault().rotate(OLGA, "yearly")
    assert wrapped(place) == old
    assert place.key.read_text() == old_key
    assert place.vault().show(OLGA, "C1", WHY) == {"persons": ANNA}

    with monkeypatch.context() as at_the_end:
        at_the_end.setattr(Vault, "_take_place", crash)
        with pytest.raises(Crash):
            place.vault().rotate(OLGA, "asked again")
    assert not set(wrapped(place).values()) & set(old.values())
    assert place.key.read_text() == old_key  # and yet all keys are new: whoever opens it finds so
    assert place.vault().show(OLGA, "C2", WHY) == {"persons": JAN}
    assert place.key.read_text() != old_key
    assert [e.kind for e in place.vault().log()].count("rotated") == 1
    with pytest.raises(NotAllowed, match="say why"):
        place.vault().rotate(OLGA, " ")


@pytest.mark.parametrize(
    "reason", ["Mrs nováková asked", "her number 855204 was wrong", " ", "moved from Brno"]
)
def test_a_reason_never_tells_who_it_is(place: Place, reason: str) -> None:
    bank = place.vault()
    bank.keep("persons", MONDAY, [("C1", ANNA)])
    for act in (bank.show, bank.erase):
        with pytest.raises(NotAllowed) as refused:
            act(OLGA, "C1", reason)
        assert not any(word in str(refused.value) for word in ("nov", "855204", "Brno"))
    assert bank.log() == ()
    with pytest.raises(VaultError, match="nothing is kept of C9"):
        bank.erase(OLGA, "C9", WHY)


def test_only_an_officer_sees_and_erases(
    control_engine: Engine, new_control_url: Callable[[], str], tmp_path: Path
) -> None:
    log = EventLog(control_engine)
    public = {n: people.new_key(tmp_path / n) for n in ("adam", "eva", "olga", "paul")}
    people.open_signed(log, {n: public[n] for n in ("adam", "eva")})

    def acting(name: str) -> Actor:
        return people.identify(log.read(), None, tmp_path / name)

    for name, role in (("olga", "officer"), ("paul", "approver")):
        people.register(log, acting("adam"), name, role, public[name])  # type: ignore[arg-type]
        people.confirm(log, acting("eva"), name)
    bank = Vault(control_engine, SecretStr(new_control_url()), tmp_path / "vault.key")
    bank.keep("persons", MONDAY, [("C1", ANNA)])
    for act in (bank.show, bank.erase):
        for other in ("paul", "adam"):
            with pytest.raises(NotAllowed, match="this is for an officer"):
                act(acting(other), "C1", WHY)
    with pytest.raises(NotAllowed, match="this is for an officer"):
        bank.rotate(acting("paul"), WHY)
    bank.show(acting("olga"), "C1", WHY)
    bank.erase(acting("olga"), "C1", WHY)
    seen = bank.log()
    assert [e.actor for e in seen] == ["olga", "olga"]
    assert chain_faults(seen) == []
    assert people.signature_faults(log.read(), seen) == []
    forged = [seen[0], replace(seen[1], actor="adam")]
    assert people.signature_faults(log.read(), forged) == [
        "event 2: the signature is not that of adam"
    ]


def test_the_vault_is_a_database_of_its_own(place: Place) -> None:
    place.vault().keep("persons", MONDAY, [("C1", ANNA)])
    engine = connect(place.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    same = place.database.url.render_as_string(hide_password=False)
    with pytest.raises(VaultError, match="a database of its own"):
        Vault(place.database, SecretStr(same), place.key).keep("persons", MONDAY, [("C1", ANNA)])

"""Nothing personal of a delivered file stays anywhere but in the vault, whatever file it is.

Every delivery here names the same persons in many ways, right and wrong; afterwards all that the
platform has written is searched for every part of their names, numbers and addresses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from regulatory_assets.adjustments import people
from regulatory_assets.bank.claims import raw_folder
from regulatory_assets.bank.conform import REJECTED_ROWS
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.ingest import ingest
from regulatory_assets.bank.mapping import SourceMapping, load
from regulatory_assets.bank.personal import NOT_KEPT
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.control.events import Actor
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets_tests.bank.desk import Desk

BIRTH_NUMBERS = ("855204/1234", "8552041234")
"""Whole, as delivered and written without its sign: six digits alone stand in some identifier or
hash of a large lake by chance."""
SECRETS = ("Novák", "Jiřina", *BIRTH_NUMBERS, "Lipová", "Dvořák", "Brno", "jirina@")
HEAD = "counterparty_id,name,address,birth_number,birth_date,contact\n"
WHY = "case 12"
OLGA = Actor("olga")


def places(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All that stands in the files of a folder, Parquet as its values."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path, path.read_bytes()
        if path.suffix == ".parquet":
            yield path, str(pq.read_table(path).to_pydict()).encode()


def told(folder: Path) -> list[tuple[str, str]]:
    """Every secret that can be found, and where."""
    return [(path.name, secret) for path, text in places(folder) for secret in SECRETS
            if secret.encode() in text]  # fmt: skip


@pytest.fixture
def sealed(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk beside which nothing personal lies after a test, nor in what was said meanwhile."""
    caplog.set_level(logging.DEBUG)
    if not desk.runtime.events.read():
        people.open_demo(desk.runtime.events)
    yield desk
    assert told(desk.folder / "var") == []
    out, err = capfd.readouterr()
    said = caplog.text + out + err
    assert [secret for secret in SECRETS if secret in said] == []


def kept(desk: Desk, customer: str) -> dict[str, str]:
    return desk.runtime.vault.show(OLGA, customer, WHY)["persons"]


def test_persons_go_to_the_vault_and_their_identifiers_to_the_ledger(sealed: Desk) -> None:
    sealed.deliver(
        "persons.csv",
        "note," + HEAD
        + "Mrs Novák,P1,Jiřina Novák,\"Lipová 7, Brno\",855204/1234,1985-02-04,jirina@example.org\n"
        + ",P2,Petr Dvořák,,,,\n"
        + ",P3,,Brno,,,\n"  # no name
        + ",P4,Dvořák,Brno 1, Lipová,x,y,z\n"  # a comma too many
        + ",Jiřina Novák,P5,Brno,855204/1234,,\n"  # name and identifier are swapped
        + ",855204/1234,Jiřina Novák,,,,\n"  # a birth number in place of an identifier
        + f",P6,{'Dvořák' * 2000},,,,\n"  # too long to be a name
        + ",P7,Jiřina,Brno,,,\n,P7,Jiřina,Lipová,,,\n"  # which of the two is meant is unknown
        + ',P8,"Dvořák,Brno,,,\n'  # an open quotation mark
        + ",,Dvořák,,,,\n",  # nobody's
    )  # fmt: skip
    (taken,) = sealed.take("persons")

    assert [r["counterparty_id"] for r in sealed.rows("persons")] == ["P1", "P2"]
    assert kept(sealed, "P1") == {
        "name": "Jiřina Novák",
        "address": "Lipová 7, Brno",
        "birth_number": "855204/1234",
        "birth_date": "1985-02-04",
        "contact": "jirina@example.org",
    }
    assert kept(sealed, "P2") == {"name": "Petr Dvořák"}
    reasons = {line: why for line, (why, _) in sealed.rejected().items()}
    texts = {text for _, text in sealed.rejected().values()}
    code = "counterparty_id: not a code; nothing of the line is kept"
    repeated = "key (counterparty_id) stands more than once in the file"
    assert reasons == {
        4: "name: missing",
        5: "8 fields, the header has 7",
        6: code,
        7: code,
        8: "name: longer than 10000 characters",
        9: repeated,
        10: repeated,
        11: "quotation marks or line ends inside fields",
        12: "counterparty_id: missing",
    }
    assert texts == {
        NOT_KEPT,
        ",P3,,(personal),,,",
        ",P7,(personal),(personal),,,",
        ",,(personal),,,,",
    }
    assert taken.delivery.accepted == 2
    assert taken.warnings == ("persons.csv: columns that nothing uses: note. They are not kept",)
    with pytest.raises(Exception, match="nothing is kept of P7"):
        kept(sealed, "P7")


def test_an_erased_person_leaves_every_ledger_as_it_was(sealed: Desk) -> None:
    line = "E1,Jiřina Novák,Lipová 7,855204/1234,,\n"
    sealed.deliver("persons.csv", HEAD + line + "E2,Petr Dvořák,,,,\n")
    sealed.take("persons")
    lake = sealed.runtime.settings.lake
    before = dict(places(lake))
    history = sealed.runner.register.history("persons", sealed.day)

    sealed.runtime.vault.erase(OLGA, "E1", WHY)

    assert dict(places(lake)) == before
    assert sealed.runner.register.history("persons", sealed.day) == history
    assert sealed.take("persons") == ()
    # Delivered again: the ledger says that the customer is there; the vault keeps nothing.
    sealed.next_day()
    sealed.deliver("persons.csv", HEAD + line + "E2,Petr Dvořák,Brno,,,\n")
    (again,) = sealed.take("persons")
    assert again.warnings == (
        "persons.csv: 1 persons are delivered again who have been erased; nothing personal of them "
        "was kept. Have their source erase them too",
    )
    assert [r["counterparty_id"] for r in sealed.rows("persons")] == ["E1", "E2"]
    with pytest.raises(Exception, match="E1 was erased; nothing is kept"):
        kept(sealed, "E1")
    assert kept(sealed, "E2") == {"name": "Petr Dvořák", "address": "Brno"}


def test_changes_of_persons_are_kept_and_deletions_need_no_name(sealed: Desk) -> None:
    sealed.deliver("persons.csv", HEAD + "D1,Jiřina Novák,,,,\nD2,Petr Dvořák,,,,\n")
    sealed.deliver(
        "persons.delta-001.csv",
        "_operation," + HEAD
        + "upsert,D1,Jiřina Dvořák,Brno,,,\ndelete,D2,,,,,\nupsert,D3,Novák,,,,\n"
        + "delete,D9,Novák,,,,\nJiřina Novák,D4,x,,,,\n",
    )  # fmt: skip
    sealed.take("persons")
    assert [r["counterparty_id"] for r in sealed.rows("persons")] == ["D1", "D3"]
    assert kept(sealed, "D1") == {"name": "Jiřina Dvořák", "address": "Brno"}
    assert kept(sealed, "D2") == {"name": "Petr Dvořák"}  # until an officer erases it
    assert kept(sealed, "D3") == {"name": "Novák"}
    assert set(sealed.rejected()) == {5, 6}


MAPPING = """\
source: crm
table: persons
files: crm_*.jsonl
delivery: full
format: json_lines
encoding: utf-8
key: [id]
columns:
  counterparty_id: {from: id, rules: [trim, upper]}
  name: full name
  birth_number: {from: number}
"""


def crm(text: str = MAPPING) -> SourceMapping:
    return load(Path("crm.yaml"), text, SOURCES)


def test_another_format_is_read_as_carefully(sealed: Desk) -> None:
    sealed.deliver(
        "crm_1.jsonl",
        '{"id": " j1 ", "full name": "Jiřina Novák", "number": 8552041234, "Brno": "Lipová"}\n'
        '{"id": "j2", "full name": {"first": "Petr", "last": "Dvořák"}}\n'
        '{"id": "j3", "full name": "Novák"\n'
        '{"id": {"Novák": 1}, "full name": "Novák"}\n',
    )
    (taken,) = sealed.take("persons", [crm()])
    assert kept(sealed, "J1") == {"name": "Jiřina Novák", "birth_number": "8552041234"}
    assert kept(sealed, "J2") == {"name": '{"first": "Petr", "last": "Dvořák"}'}
    assert {line: text for line, (_, text) in sealed.rejected().items()} == {
        3: NOT_KEPT,
        4: NOT_KEPT,
    }
    assert taken.warnings == ()


@pytest.mark.parametrize(
    "content",
    [
        "P1,Jiřina Novák,Lipová 7,855204/1234,,\nP2,Dvořák,,,,\n",  # no header
        HEAD.replace("name", "Novák,Novák", 1) + "P1,,,,,,\n",  # names as headers, twice
        HEAD + "P1,Jiřina Novák,,,,",  # cut off
        '"Jiřina\n' + HEAD,  # a header with an open quotation mark
        (HEAD + "P1,Jiřina Novák,,,,\n").encode("iso8859-2"),  # another encoding
        b"PK\x03\x04" + "Novák".encode() * 50 + b"\n",  # another format
        "",
        HEAD + ",Jiřina Novák,,,,\n",  # nothing valid
    ],
)  # fmt: skip
def test_a_refusal_quotes_nobody(sealed: Desk, content: str | bytes) -> None:
    sealed.deliver("persons.csv", content)
    with pytest.raises(DeliveryError) as refused:
        sealed.take("persons")
    said = f"{refused.value}{refused.value.__cause__}"
    assert not any(secret in said or secret[1:] in said for secret in SECRETS)
    assert re.search("deliver|missing|run again|header", said)
    assert sealed.rows("persons") == []
    kept_lines = raw_folder(sealed.runner.lake.root) / "persons"
    assert not [p for p in kept_lines.glob("*") if "Novák" in str(pq.read_table(p).to_pydict())]


def test_without_a_vault_nothing_personal_is_taken(desk: Desk) -> None:
    from regulatory_assets.bank.delivery import find_files

    desk.deliver("persons.csv", HEAD + "P1,Jiřina Novák,,,,\n")
    (file,) = find_files(desk.deliveries, desk.day, SOURCES)
    with pytest.raises(DeliveryError, match="there is no vault to keep it"):
        ingest(desk.runner, file)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("counterparty_id: {md5: [id, number]}", "number is personal"),
        ("counterparty_id: number", "number is personal"),
        ("counterparty_id: id\n  contact: {from: mail, rules: [lower]}", "no rule sees it"),
        ("counterparty_id: id\n  contact: {sha256: [mail]}", "no rule sees it"),
    ],
)
def test_a_mapping_makes_nothing_that_is_kept_from_what_is_personal(wrong: str, why: str) -> None:
    text = MAPPING.replace("counterparty_id: {from: id, rules: [trim, upper]}", wrong)
    key = "[id, number]" if "md5" in wrong else "[number]" if "number" in wrong else "[id]"
    with pytest.raises(ParameterError, match=why):
        crm(text.replace("[id]", key, 1))


def test_no_ledger_can_be_declared_to_hold_what_is_personal() -> None:
    text, number = ColumnType.STRING, ColumnType.INTEGER
    name = Column("name", text, "", classification="personal")
    key = Column("id", text, "")
    with pytest.raises(ValueError, match="no ledger holds the personal columns"):
        Table("t", "", (key, name), ("id",), "g")
    for wrong in (Column("name", text, ""), Column("n", number, "", classification="personal")):
        with pytest.raises(ValueError, match="goes to the vault"):
            Table("t", "", (key,), ("id",), "g", personal=(wrong,))
    with pytest.raises(ValueError, match="the customer alone as key"):
        Table("t", "", (key, Column("k", text, "")), ("id", "k"), "g", personal=(name,))
    fine = Table("t", "", (key,), ("id",), "g", personal=(name,))
    assert fine.delivered_names == ("id", "name")
    assert "name" not in fine.arrow_schema.names
    assert REJECTED_ROWS.personal == ()

"""``privacy`` as an officer calls it, after a delivery through Dagster that nothing leaks from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from regulatory_assets.cli import app
from regulatory_assets_tests.bank.test_personal import places
from regulatory_assets_tests.orchestration.homes import DAYS, ROOT, Home, new_home

EXAMPLE = ROOT / "docs" / "how-to" / "persons" / "persons.csv"
SECRETS = ("Musterfrau", "Beispielweg", "Exemple", "1600269123", "jean@", "Platzhalter")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with new_home(tmp_path / "home") as made:
        (made.deliveries / str(DAYS[0])).mkdir()
        shutil.copy(EXAMPLE, made.deliveries / str(DAYS[0]))
        (made.deliveries / str(DAYS[1])).mkdir()
        headless = EXAMPLE.read_text().partition("\n")[2]
        (made.deliveries / str(DAYS[1]) / "persons.csv").write_text(headless)
        yield made


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_person_through_dagster_and_out_again(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = ask("run", "--date", str(DAYS[0]), "--to", str(DAYS[1]), "--select", "persons", "--json")
    first, second = json.loads(ran.stdout)
    assert first["success"], first["failures"]
    assert [o["booked"] for o in first["outcomes"]] == [2]
    assert not second["success"]
    assert "missing counterparty_id, name" in second["failures"][0]
    said = ran.output + "".join(capfd.readouterr())
    assert [secret for secret in SECRETS if secret in said] == []
    shutil.rmtree(home.deliveries)  # what the bank's own files hold is not the platform's
    kept = [(path, secret) for path, text in places(home.folder) for secret in SECRETS
            if secret.encode() in text]  # fmt: skip
    assert kept == []

    assert ask("people", "open", "--demo").exit_code == 0
    officer = ("--reason", "case 12", "--as", "olga")
    shown = ask("privacy", "show", "C0000000022", "--json", *officer)
    assert json.loads(shown.stdout)["kept"]["persons"]["name"] == "Jean Exemple"
    assert "Beispielweg 3" in ask("privacy", "show", "C0000000021", *officer).stdout
    refused = ask("privacy", "erase", "C0000000022", "--reason", "Exemple asked", "--as", "olga")
    assert (refused.exit_code, "holds something personal" in refused.output) == (1, True)
    erased = ask("privacy", "erase", "C0000000022", *officer)
    assert erased.stdout.startswith("DEMO C0000000022 is erased: privacy log 3, olga,")
    for command in ("show", "erase"):
        unknown = ask("privacy", command, "C9", *officer)
        assert (unknown.exit_code, "nothing is kept of C9" in unknown.output) == (1, True)
    gone = ask("privacy", "show", "C0000000022", *officer)
    assert (gone.exit_code, "C0000000022 was erased" in gone.output) == (1, True)
    log = json.loads(ask("privacy", "log", "--json").stdout)
    assert [(e["actor"], e["kind"], e["customer"], e["reason"]) for e in log] == [
        ("olga", "shown", "C0000000022", "case 12"),
        ("olga", "shown", "C0000000021", "case 12"),
        ("olga", "erased", "C0000000022", "case 12"),
    ]
    assert "erased" in ask("privacy", "log", "C0000000022").stdout
    assert ask("audit", "verify").exit_code == 0

"""No table of the graph is declared to hold what tells who a natural person is."""

from __future__ import annotations

from regulatory_assets.runtime import production_graph


def test_no_ledger_holds_personal_data() -> None:
    tables = production_graph().tables.values()
    personal = [(t.name, c.name) for t in tables for c in t.columns
                if c.classification == "personal"]  # fmt: skip
    assert personal == []


def test_what_is_known_of_a_customer_stays_confidential_downstream() -> None:
    tables = production_graph().tables
    watched = {"counterparty_id", "account_id", "risk_band", "politically_exposed", "booking_date"}
    for name in ("customer_risk", "accounts", "account_transactions", "aml_customer_transactions",
                 "aml_customer_days", "branch_accounts"):  # fmt: skip
        found = {c.name: c.classification for c in tables[name].columns if c.name in watched}
        assert found
        assert set(found.values()) == {"confidential"}, name

"""Who customers are: personal data, which no ledger holds and the vault alone keeps."""

from __future__ import annotations

from regulatory_assets.bank.tables.columns import text
from regulatory_assets.ledger.table import Column, Table


def _personal(name: str, description: str, *, nullable: bool = True) -> Column:
    return text(name, description, nullable=nullable, classification="personal")


PERSONS = Table(
    name="persons",
    description="Customers who are natural persons. Who they are is kept in the vault alone.",
    key=("counterparty_id",),
    group="sources",
    optional=True,
    columns=(
        text("counterparty_id", "The customer's pseudonymous identifier, as in all other tables."),
    ),
    personal=(
        _personal("name", "Full name.", nullable=False),
        _personal("address", "Address of residence; empty if not known."),
        _personal("birth_number", "National identification number; empty if not known."),
        _personal("birth_date", "Date of birth; empty if not known."),
        _personal("contact", "Telephone number or e-mail address; empty if not known."),
    ),
)

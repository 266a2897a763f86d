"""Columns of source tables in one line each; what they mean stands in the tables."""

from __future__ import annotations

from regulatory_assets.bank.tables.core import MONEY_MAX
from regulatory_assets.ledger.table import Classification, Column, ColumnType

DEAL_CURRENCY = "deal currency"
OWN_CURRENCY = "currency of the row"


def text(
    name: str,
    description: str,
    *,
    nullable: bool = False,
    allowed: tuple[str, ...] = (),
    classification: Classification = "confidential",
) -> Column:
    """An identifier, a name or a code."""
    return Column(
        name,
        ColumnType.STRING,
        description,
        nullable=nullable,
        allowed=allowed,
        classification=classification,
    )


def day(
    name: str,
    description: str,
    *,
    nullable: bool = False,
    classification: Classification = "confidential",
) -> Column:
    return Column(
        name, ColumnType.DATE, description, nullable=nullable, classification=classification
    )


def flag(name: str, description: str, *, classification: Classification = "confidential") -> Column:
    return Column(name, ColumnType.BOOLEAN, description, classification=classification)


def whole(
    name: str,
    description: str,
    *,
    unit: str | None = None,
    nullable: bool = False,
    minimum: str = "0",
) -> Column:
    """A whole number, not negative if nothing else is said."""
    return Column(
        name,
        ColumnType.INTEGER,
        description,
        unit=unit,
        nullable=nullable,
        minimum=minimum,
        classification="confidential",
    )


def money(
    name: str,
    description: str,
    *,
    unit: str = OWN_CURRENCY,
    nullable: bool = False,
    signed: bool = False,
) -> Column:
    """An amount that a calculation can bear; not negative if it is not said to be signed."""
    return Column(
        name,
        ColumnType.MONEY,
        description,
        unit=unit,
        nullable=nullable,
        minimum=f"-{MONEY_MAX}" if signed else "0",
        maximum=MONEY_MAX,
        classification="confidential",
    )


def share(
    name: str,
    description: str,
    *,
    nullable: bool = False,
    maximum: str | None = "1",
    classification: Classification = "confidential",
) -> Column:
    """A fraction of one, or of what ``maximum`` says."""
    return Column(
        name,
        ColumnType.RATE,
        description,
        unit="fraction",
        nullable=nullable,
        minimum="0",
        maximum=maximum,
        classification=classification,
    )

"""Revisions and deliveries for the tests, and tests for one kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from regulatory_assets.control.register import Consumed, Delivery, Revision

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)

only_sqlite = pytest.mark.parametrize("control_kind", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize(
    "control_kind", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)

_REVISION = Revision(
    table="flows",
    day=DAY,
    revision=1,
    posting="",
    kind="delta",
    cause="delivery of deals",
    run_id="run-1",
    known_at=NOON,
    booked=3,
    reversed=2,
    code="c0de",
    parameters="9a7a",
    rules="",
    engine="sail-0.7.2",
    inputs=(),
)
_DELIVERY = Delivery(
    batch="batch-1",
    table="deals",
    day=DAY,
    mode="full",
    file_name="deals.csv",
    sha256="5a5a",
    delivered=10,
    accepted=8,
    rejected=2,
    arrived_at=NOON,
)


def revision(table: str = "flows", number: int = 1, **changes: Any) -> Revision:
    """A revision with a posting of its own, unless ``changes`` say otherwise."""
    own = {"table": table, "revision": number, "posting": f"{table}-{number}"}
    return replace(_REVISION, **(own | changes))


def delivery(batch: str = "batch-1", **changes: Any) -> Delivery:
    return replace(_DELIVERY, batch=batch, **changes)


def reads(table: str, number: int, day: date = DAY) -> Consumed:
    return Consumed(table, day, number)

"""The sensor of changed rules, and the data version of the rules of a day; nothing calculates.

The register holds under which rules each day was calculated, the log what has been decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    MaterializeResult,
    SensorResult,
    build_asset_context,
    build_sensor_context,
)
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.storage.tags import ROOT_RUN_ID_TAG
from dagster._core.utils import make_new_run_id

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import APPROVED, SUBMITTED, WITHDRAWAL, RuleBook
from regulatory_assets.control.events import Actor
from regulatory_assets.control.register import Revision
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.rules import changed_rules, rules_asset
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.orchestration.homes import DAYS, new_home

FIRST, SECOND = DAYS[:2]
RULE = {
    "id": "R-1", "stage": "deal", "purpose": "data_correction", "conditions": {"all": []},
    "operations": [{"op": "multiply", "field": "amount", "value": "0.5"}],
    "effective": "2026-01-01", "reason": "a test", "owner": "tests",
}  # fmt: skip


class Desk:
    """Two calculated days, what is decided of rules, and what the sensor then asks for."""

    def __init__(self) -> None:
        self.graph, self.bank = production_graph(), RuntimeResource()
        self.runtime = self.bank.runtime(self.graph)
        people.open_demo(self.runtime.events)
        self.keys: list[str] = []
        self.tags: dict[str, str] = {}
        for day in (FIRST, SECOND):
            self.calculate(day)

    def calculate(self, day: date) -> None:
        """Register a day as if it had been run with the rules in force."""
        register, book = self.runtime.register, RuleBook(self.runtime.events)
        for stage in self.graph.adjustments.values():
            revision = Revision(
                stage.name, day, len(register.history(stage.name, day)) + 1, None, "delta", "", "",
                datetime(2026, 1, 8, tzinfo=UTC), 0, 0, "", "", book.at(stage, day).hash, "", (),
            )  # fmt: skip
            register.commit([revision])

    def decide(self, kind: str, **payload: Any) -> int:
        """Propose and approve; the number of the proposal."""
        log = self.runtime.events
        event = log.append(Actor("anna"), kind, "R-1", payload)
        log.append(Actor("ben"), APPROVED, "R-1", {"needed": 1}, event.seq)
        return event.seq

    def look(self) -> dict[date, set[str]]:
        """The days that a look asks for, with their assets."""
        sensor = changed_rules(self.graph, Calendar())
        with build_sensor_context(resources={"bank": self.bank}) as context:
            found = sensor(context)
        requests = (found.run_requests or []) if isinstance(found, SensorResult) else []
        self.keys += [str(r.run_key) for r in requests]
        self.tags = dict(requests[-1].tags) if requests else {}
        return {
            date.fromisoformat(str(r.partition_key)): {
                key.to_user_string() for key in r.asset_selection or ()
            }
            for r in requests
        }

    def version(self, day: date) -> str:
        """The data version of the rules in force on a day."""
        made = rules_asset(self.graph, Calendar().partitions)
        with build_asset_context(partition_key=str(day), resources={"bank": self.bank}) as context:
            found: MaterializeResult[Any] = made(context)
        assert found.data_version is not None
        return found.data_version.value


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with new_home(tmp_path / "home"):
        yield Desk()


def test_exactly_what_is_behind_is_asked_for_also_after_a_change_and_its_undoing(
    desk: Desk,
) -> None:
    bare = desk.version(FIRST)
    assert desk.version(SECOND) == bare
    assert desk.look() == {}
    first = desk.decide(SUBMITTED, **RULE, expiry=str(FIRST))
    asked = desk.look()
    assert set(asked) == {FIRST}, "it expires before the second day"
    assert asked[FIRST] >= {"adjustment_rules", "deal_adjustments", "lcr_flows", "lcr"}
    assert not asked[FIRST] & {"deals", "reference_adjustments", "account_adjustments"}
    assert desk.version(FIRST) != bare
    assert desk.version(SECOND) == bare

    desk.decide(WITHDRAWAL, proposal=first)
    assert desk.look() == {}, "A, B, A while nobody looked: each day is as it was calculated"
    assert desk.version(FIRST) == bare
    second = desk.decide(SUBMITTED, **RULE | {"version": 2})
    assert set(desk.look()) == {FIRST, SECOND}
    halved = desk.version(FIRST)
    desk.calculate(FIRST)
    assert set(desk.look()) == {SECOND}
    desk.decide(WITHDRAWAL, proposal=second)
    assert set(desk.look()) == {FIRST}, "the second day was never calculated with it"
    desk.calculate(FIRST)
    assert desk.look() == {}
    assert desk.version(FIRST) == bare != halved


def test_a_run_is_asked_for_again_when_rules_are_what_they_had_been(desk: Desk) -> None:
    """A run key is taken once for ever: the same rules after others need another."""
    assert desk.look() == {}
    for number in (1, 2):
        proposal = desk.decide(SUBMITTED, **RULE | {"version": number})
        assert set(desk.look()) == {FIRST, SECOND}
        desk.calculate(FIRST)
        desk.calculate(SECOND)
        desk.decide(WITHDRAWAL, proposal=proposal)
        assert set(desk.look()) == {FIRST, SECOND}
        desk.calculate(FIRST)
        desk.calculate(SECOND)
    assert len(desk.keys) == len(set(desk.keys)) == 8


def test_a_requested_run_that_fails_is_tried_twice_more(desk: Desk, tmp_path: Path) -> None:
    """Of a run that failed a look asks with the same key again, which Dagster has had: so its own
    retries must hold, on the instance of the project's ``dagster.yaml``, and end."""
    desk.decide(SUBMITTED, **RULE)
    assert desk.look() == desk.look() != {}
    assert desk.keys[:2] == desk.keys[2:]
    with DagsterInstance.from_config(str(tmp_path / "home" / "dagster")) as instance:
        assert instance.run_retries_enabled

        def fails(run_id: str, of: str | None, tags: dict[str, str]) -> bool:
            failed = DagsterRun(
                "regulatory_day", run_id, tags=tags | ({ROOT_RUN_ID_TAG: of} if of else {}),
                status=DagsterRunStatus.FAILURE, root_run_id=of, parent_run_id=of,
            )  # fmt: skip
            instance.add_run(failed)
            reason = RunFailureReason.STEP_FAILURE
            return auto_reexecution_should_retry_run(instance, failed, reason)

        first, second, third, fourth = (make_new_run_id() for _ in range(4))
        assert fails(first, None, desk.tags)
        assert fails(second, first, desk.tags)
        assert not fails(third, first, desk.tags), "two more, then somebody has to look"
        assert not fails(fourth, None, {}), "a run that somebody started is theirs"

"""Running days through Dagster from this process, on the instance that the UI shows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.run import Outcome
from regulatory_assets.orchestration.instance import open_instance

if TYPE_CHECKING:
    from regulatory_assets.orchestration.settled import Settled

CAUSE = "command line"

_CHECK_FAILED = "DagsterAssetCheckFailedError"
"""A failed blocking check has told its own words already."""


@dataclass(frozen=True)
class DayResult:
    """What became of one reporting date; ``outcomes`` in the order in which the tables ran."""

    day: date
    run_id: str
    """Of the Dagster run; empty where nothing was to do, so that none was launched."""
    success: bool
    seconds: float
    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    injections: tuple[dict[str, Any], ...] = ()
    """What rules did that were new, changed or gone; see ``adjustments.injection``."""

    def as_document(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            **asdict(self),
            "outcomes": [{**asdict(o), "way": o.way.value} for o in self.outcomes],
        }


def run_days(
    days: Sequence[date],
    selection: Sequence[str] | None = None,
    folder: Path | None = None,
    on_event: Callable[[str], None] = lambda _: None,
    *,
    cause: str = CAUSE,
    instance: Any = None,
    var: Path | None = None,
    job_name: str | None = None,
) -> Iterator[DayResult]:
    """Run each day in one Dagster run and give its result as soon as it is there.

    ``selection`` names tables of the job. Where there is none, a whole day takes all tables but
    the optional ones that were not delivered, another job all. No run is launched for a whole day
    that has nothing to do.
    ``folder`` is where deliveries lie, ``on_event`` hears what has just happened. The instance is
    that of ``open_instance`` if none is given. Raises NotReady for a table that does not exist.
    """
    from regulatory_assets.definitions import build_definitions
    from regulatory_assets.orchestration.assets import delivered_assets
    from regulatory_assets.orchestration.calendar import Calendar
    from regulatory_assets.orchestration.jobs import WHOLE_DAY
    from regulatory_assets.orchestration.resources import RuntimeResource
    from regulatory_assets.orchestration.settled import settled
    from regulatory_assets.runtime import production_graph

    calendar, graph = Calendar(), production_graph()
    first = min((calendar.first_day, *days))
    definitions = build_definitions(
        graph,
        calendar.model_copy(update={"first_day": first}),
        var=var,
        delivery_folder=folder,
    )
    bank = RuntimeResource(
        var=None if var is None else str(var),
        delivery_folder=None if folder is None else str(folder),
    )
    job = definitions.resolve_job_def(job_name or WHOLE_DAY)
    known = {key.to_user_string(): key for key in job.asset_layer.executable_asset_keys}
    if unknown := [name for name in selection or () if name not in known]:
        raise NotReady(f"no asset {', '.join(unknown)}; assets: {', '.join(sorted(known))}")
    partitions = job.partitions_def
    if partitions and (later := [d for d in days if not partitions.has_partition_key(str(d))]):
        raise NotReady(f"{later[0]} is no reporting date yet; run it when the day has come")
    with nullcontext(instance) if instance else open_instance() as opened:
        for day in days:
            wanted = [known[name] for name in selection] if selection else None
            if wanted is None and job_name is None:
                start = time.monotonic()
                if found := settled(graph, bank, opened, day):
                    yield _as_it_stands(day, found, time.monotonic() - start)
                    continue
                # Where the folder cannot be read, the tables themselves say what is wrong.
                with suppress(DeliveryError, OSError):
                    wanted = delivered_assets(graph, bank, day)
            yield _run(job, day, wanted, opened, cause, on_event)


def _as_it_stands(day: date, found: Settled, seconds: float) -> DayResult:
    return DayResult(
        day=day,
        run_id="",
        success=True,
        seconds=seconds,
        outcomes=found.outcomes,
        failures=(),
        warnings=found.warnings,
    )


def _run(
    job: Any,
    day: date,
    wanted: Sequence[Any] | None,
    instance: Any,
    cause: str,
    on_event: Callable[[str], None],
) -> DayResult:
    from regulatory_assets.orchestration.tags import CAUSE_TAG

    run_id = str(uuid.uuid4())
    heard = _Listener(day, on_event)
    instance.add_event_listener(run_id, heard)
    start = time.monotonic()
    result = job.execute_in_process(
        instance=instance,
        partition_key=day.isoformat(),
        asset_selection=wanted,
        run_id=run_id,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={CAUSE_TAG: cause},
        raise_on_error=False,
    )
    return DayResult(
        day=day,
        run_id=run_id,
        success=result.success,
        seconds=time.monotonic() - start,
        outcomes=tuple(heard.outcomes),
        failures=tuple(heard.failures),
        warnings=tuple(heard.warnings),
        injections=tuple(heard.injections),
    )


class _Listener:
    """Turns Dagster's events into outcomes, failures and words, as they happen."""

    def __init__(self, day: date, say: Callable[[str], None]) -> None:
        self.day = day
        self.say = say
        self.outcomes: list[Outcome] = []
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self.injections: list[dict[str, Any]] = []

    def __call__(self, entry: Any) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_materialization:
            self._materialized(event.step_materialization_data.materialization)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._checked(event.asset_check_evaluation_data)
        elif event.is_step_failure:
            self._failed(event.step_failure_data, event.step_key)
        elif event.event_type_value == "STEP_START":
            self.say(f"{self.day} {event.step_key}")
        elif event.is_engine_event and event.engine_event_data.error is not None:
            # What comes after the last step, such as an anchor, cannot fail the run any more.
            self.warnings.append(event.engine_event_data.error.message.strip())
        elif event.is_run_failure and not self.failures:
            self.failures.append(event.message or "the run failed")

    def _materialized(self, materialization: Any) -> None:
        told = {name: m.value for name, m in materialization.metadata.items()}
        if "way" not in told:
            return
        table = materialization.asset_key.to_user_string()
        self.warnings += [f"{table}: {word}" for word in told.get("warnings", ())]
        self.injections += told.get("injections", ())
        self.outcomes.append(
            Outcome(
                table=table,
                day=self.day,
                way=Way(told["way"]),
                why=told["why"],
                revision=told["revision"],
                data_revision=told["data_revision"],
                booked=told["rows_booked"],
                reversed=told["rows_reversed"],
                seconds=float(told["seconds"]),
                recalled=told["looks_recalled"],
            )
        )

    def _checked(self, evaluation: Any) -> None:
        if evaluation.passed:
            return
        name = f"{evaluation.asset_key.to_user_string()}: check {evaluation.check_name} failed"
        said = f"{name}: {evaluation.description}"
        blocking = evaluation.severity.value == "ERROR"
        (self.failures if blocking else self.warnings).append(said)

    def _failed(self, data: Any, step: str) -> None:
        given = data.user_failure_data
        if given is not None:
            self.failures.append(f"{step}: {given.description}")
        elif data.error is not None and data.error.cls_name != _CHECK_FAILED:
            # What a step raised stands below what Dagster says of the step.
            raised = data.error.cause or data.error
            self.failures.append(f"{step}: {raised.message.strip()}")

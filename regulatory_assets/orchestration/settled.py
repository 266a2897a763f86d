"""Whether a whole day has nothing to do, so that a command need not launch a run to say so.

Asked are those who decide in a run: the register which files wait, the plan of each stage, and
Dagster whether each check has been evaluated for what stands. A check that warned is asked again,
since a decision of a person may have answered it, and so is one that was asked by other control
totals: a correction's folder need not hold those of the day. Control totals that came after their
files have one run, whose checks note that they agree. Where somebody has released parameters since,
a run tells Dagster so. A day that no anchor covers has a run too, at whose end one is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.impact import ratio_tables
from regulatory_assets.adjustments.releasing import last_released
from regulatory_assets.bank.control_totals import control_totals
from regulatory_assets.bank.delivery import CONTROL_TOTALS, find_files
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import Positions, Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.orchestration.checks import standing, told_unreleased
from regulatory_assets.orchestration.files import DayFiles
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.released import unreleased
from regulatory_assets.runtime import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """A day on which a run would change nothing: its tables as they stand, and what still warns."""

    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...]


def settled(
    graph: Graph, bank: RuntimeResource, instance: DagsterInstance, day: date
) -> Settled | None:
    """The day as it stands; None where a run has anything to do or to say."""
    try:
        return _settled(bank.runtime(graph), bank, instance, day)
    except Exception as error:  # whatever fails, a run fails by it as well, and says the remedy
        log.debug("%s is not settled: %s", day, error)
        return None


def _settled(
    runtime: Runtime, bank: RuntimeResource, instance: DagsterInstance, day: date
) -> Settled | None:
    waiting = _waiting(runtime, bank, day)
    if waiting - {CONTROL_TOTALS}:
        return None
    runner = runtime.runner("settled")
    positions = runner.positions(day)
    if waiting and _counts_what_is_not_there(bank.deliveries, positions):
        return None
    outcomes = tuple(_outcomes(runner, positions))
    if any(o.way is not Way.NOTHING for o in outcomes):
        return None
    if runtime.anchors.behind(_last_registered(positions)):
        return None
    if any(_told_otherwise(runtime, instance, version) for version in _reported(positions)):
        return None
    rules = RuleBook(runtime.events).snapshot()
    released, _ = last_released(rules.events)
    examination = Examination(positions, runner.reader, runner.register, rules, bank.deliveries)
    warnings: list[str] = []
    for check, last in standing(instance, examination, day):
        if last is None or examination.has_moved(check, last.evidence):
            return None
        if check.file and last.unreleased != tuple(unreleased(released, check.file)):
            return None
        if last.passed and last.evidence == examination.evidence(check):
            continue
        if waiting and check.counts:
            return None
        again = check.examine(examination, 0)
        if again.passed != last.passed or (check.blocking and not again.passed):
            return None
        if not again.passed:
            warnings.append(f"{check.table.name}: check {check.name} failed: {again.said}")
    return Settled(outcomes, tuple(warnings))


def _waiting(runtime: Runtime, bank: RuntimeResource, day: date) -> set[str]:
    """The names of the files that have something to take, of the control totals that came late, and
    of the databases that a run asks."""
    folder, sources = bank.deliveries, runtime.graph.sources
    found = DayFiles(folder / str(day), find_files(folder, day, sources))
    asked = {asking.told for asking in runtime.asks(day, folder)}
    return asked | {*found.waiting(runtime.arrivals, sources).values()}


def _counts_what_is_not_there(folder: Path, positions: Positions) -> bool:
    """Whether a control total counts rows of a table that has none: a run refuses it, and no check
    is asked of the table. Raises DeliveryError for totals that cannot be read."""
    totals = control_totals(folder, positions.day, positions.graph.sources)
    return any(t.rows and not positions.version(t.table).chain for t in totals)


def _reported(positions: Positions) -> Iterator[Version]:
    """The reports with a ratio that the day has."""
    versions = (positions.version(table.name) for table in ratio_tables(positions.graph))
    return (version for version in versions if version.chain)


def _told_otherwise(runtime: Runtime, instance: DagsterInstance, version: Version) -> bool:
    """Whether Dagster names other files beside a report's figures as not released than there are,
    since somebody has released some."""
    day = version.day.isoformat()
    wanted = AssetRecordsFilter(AssetKey(version.table.name), asset_partitions=[day])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        last = record.asset_materialization
        told = told_unreleased(last.metadata) if last else ()
        (now,) = runtime.marks(version, {"": lambda _: ()}).values()
        return told != now.unreleased
    return True


def _last_registered(positions: Positions) -> datetime:
    """When the last revision of the day was."""
    chains = (positions.version(name).chain for name in positions.graph.tables)
    return max(chain[-1].known_at for chain in chains if chain)


def _outcomes(runner: Runner, positions: Positions) -> Iterator[Outcome]:
    left_out = positions.left_out()
    for stage in runner.graph.stages:
        if stage.name not in left_out:
            plan = runner.plan(stage, positions.day, positions)
            at = plan.previous
            yield Outcome(
                stage.name, at.day, plan.way, plan.why, at.revision, at.data_revision, 0, 0, 0.0
            )

"""Putting the parts together from settings: graph, engine, lake, register, parameters, runner.

The one place that knows all of them. The command line, Dagster and the tests start here; what they
do with a runner does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine as Database

from regulatory_assets import reports
from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.closing import ClosedDays
from regulatory_assets.adjustments.currencies import Values, stated
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.releasing import (
    Marks,
    Releasing,
    Uses,
    last_released,
    marks,
    unreleased,
    used,
)
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.audit.anchors import FILE, Anchors, look
from regulatory_assets.bank.claims import raw_folder
from regulatory_assets.bank.conform import REJECTED_ROWS
from regulatory_assets.bank.delivery import find_files
from regulatory_assets.bank.fetching import Asking, askable
from regulatory_assets.bank.intake import Arrivals
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.control.database import (
    DatabaseURLError,
    LostDatabaseError,
    connect,
    file_to_make,
    migrate,
)
from regulatory_assets.control.events import Event, EventLog
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine, start
from regulatory_assets.ledger.graph import Graph, discover
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.table import Table
from regulatory_assets.privacy.vault import Vault
from regulatory_assets.quality import released as quality
from regulatory_assets.quality.checks import against_rows
from regulatory_assets.quality.expectations.suite import thresholds
from regulatory_assets.quality.ties import ties
from regulatory_assets.regulation.parameters import Parameters, ParameterSet
from regulatory_assets.settings import Databases, Settings


@dataclass(frozen=True)
class Rules:
    """Parameters whose first values also hold for days older than the regulation."""

    parameters: Parameters
    not_before: date

    def at(self, day: date, names: Iterable[str]) -> ParameterSet:
        return self.parameters.at(day, names, self.not_before)


def production_graph() -> Graph:
    """The source tables and every stage found below ``regulatory_assets.reports``."""
    return discover(reports, SOURCES, beside=(REJECTED_ROWS,))


@dataclass(frozen=True)
class Runtime:
    """What a process needs to plan, run and read; each part is made when first asked for."""

    settings: Settings
    graph: Graph

    @cached_property
    def engine(self) -> Engine:
        return start(self.settings)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake, self.engine.session)

    @cached_property
    def database(self) -> Database:
        """The control database, at its newest version."""
        database = connect(self.settings.database_url)
        migrate(database)
        return database

    @cached_property
    def register(self) -> Register:
        return Register(self.database)

    @property
    def arrivals(self) -> Arrivals:
        """What has arrived so far; no engine is started for it."""
        return Arrivals(self.register, raw_folder(self.settings.lake))

    def asks(self, day: date, folder: Path) -> tuple[Asking, ...]:
        """The sources whose database a run asks for a day; none on a closed day. Nothing is asked
        here. Raises DeliveryError."""
        sources = self.graph.sources
        known = askable(sources, day, Databases().databases)
        if not known or ClosedDays(self.events).held(day):
            return ()
        return self.arrivals.asks(known, find_files(folder, day, sources), day)

    @cached_property
    def events(self) -> EventLog:
        """The event log; each decision added to it is anchored."""
        return EventLog(self.database, decided=self._anchor_decision)

    @cached_property
    def anchors(self) -> Anchors:
        settings = self.settings
        return Anchors(
            self.database, settings.lake, settings.anchor_folder, settings.platform_key_file
        )

    def require_record(self) -> None:
        """Raise LostDatabaseError where no second record may be begun: the control database is
        empty or not there, and anchors have seen another. They are read only where it is; raises
        AnchorError where they cannot be. Nothing is made in the place of what was lost, nor in a
        folder that somebody names and that is not there."""
        settings = self.settings
        new = file_to_make(settings.database_url)
        if new is not None and settings.control_url is not None and not new.parent.is_dir():
            raise DatabaseURLError(
                f"the control database's folder {new.parent} is not there; make it, or correct "
                "REGULATORY_ASSETS_CONTROL_URL"
            )
        if new is None and self.register.heads():
            return
        folder = settings.anchor_folder
        seen = look(folder)
        if seen.postings or (seen.events and (new is not None or not self.events.read())):
            raise LostDatabaseError(
                f"the control database registers nothing, but {folder / FILE} has seen what "
                "was registered: bring the database back from a backup, or correct "
                "REGULATORY_ASSETS_CONTROL_URL. To begin anew, take a new folder of state"
            )

    def _anchor_decision(self, event: Event) -> None:
        self.anchors.take(f"event {event.seq}: {event.kind} {event.subject}")

    @cached_property
    def vault(self) -> Vault:
        """Where personal data is kept; nothing is opened before it is used."""
        settings = self.settings
        return Vault(
            self.database,
            settings.vault_database_url,
            settings.vault_key_file,
            logged=self._anchor_privacy,
        )

    def _anchor_privacy(self, event: Event) -> None:
        self.anchors.take(f"privacy {event.seq}: {event.kind}")

    @property
    def governance(self) -> Governance:
        """What people may do with rules."""
        return Governance(self.events, self.graph, self.parameters.at, self._stated, against_rows)

    def _stated(self, rule: Rule, table: Table, column: str) -> Values:
        return stated(self.runner("validate"), rule, table, column)

    @property
    def releasing(self) -> Releasing:
        """What people may do with the parameters and thresholds at hand. Raises ParameterError
        where these are none, before anybody releases them."""
        thresholds(self.graph.sources)
        ties()
        return Releasing(self.events, Parameters.default(), quality.contents())

    def marks(self, version: Version, uses: Mapping[str, Uses]) -> dict[str, Marks]:
        """What to tell of the parameters behind a reported version, by scope."""
        log = self.events.read()
        return marks(log, self.graph, self.register, self.parameters.at, version, uses)

    def unreleased(self, day: date) -> list[str]:
        """The files that a day was calculated with or is judged by, and no second person has
        released."""
        names = used(self.graph, self.register, day)
        released, _ = last_released(self.events.read())
        calculated = unreleased(released, self.parameters.at(day, names))
        return [*calculated, *quality.unreleased(released)]

    @cached_property
    def parameters(self) -> Rules:
        return Rules(Parameters.default(), self.settings.rules_not_before)

    def runner(self, run_id: str, recall: Recall | None = None) -> Runner:
        """A runner whose postings carry the given run id."""
        return Runner(
            self.graph,
            self.lake,
            self.register,
            self.parameters,
            self.engine.identity,
            run_id,
            RuleBook(self.events),
            ClosedDays(self.events),
            recall=recall,
        )


def open_runtime(settings: Settings | None = None) -> Runtime:
    """The production graph under the given settings, or those of the environment."""
    return Runtime(settings or Settings(), production_graph())

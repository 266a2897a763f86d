"""Recalculating a day from its deliveries, in a scratch place, and comparing every table.

The scratch place may use the other engine: two independent engines must agree before a figure is
attested. The lake under test is only read.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import SecretStr
from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.book import RuleBook, outdated
from regulatory_assets.bank.claims import raw_folder
from regulatory_assets.bank.ingest import take
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.control.register import Revision
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.deliver import post
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.table import Table
from regulatory_assets.runtime import Runtime

SHOWN = 10
"""How many differing rows are named for each table."""


@dataclass(frozen=True)
class Comparison:
    """One table: standing rows on both sides, and the rows that stand on one side only."""

    table: str
    revision: int
    rows: int
    differing: int
    examples: tuple[dict[str, object], ...]


def verify_day(
    runtime: Runtime, day: date, engine: str, progress: Callable[[str], None] = lambda _: None
) -> tuple[Comparison, ...]:
    """Recalculate a day on an engine and compare every table of the graph, bit for bit.

    An example row carries its key, and ``side``: ``ledger`` or ``recalculation``. Of a day of which
    nothing is registered nothing is compared.
    """
    if not any(runtime.register.latest(name, day) for name in runtime.graph.tables):
        return ()
    with tempfile.TemporaryDirectory(prefix="verify-", dir=runtime.settings.var) as folder:
        scratch = _scratch(runtime, Path(folder), engine)
        rules = RuleBook(runtime.events)
        _require_current(runtime, rules, day)
        runner = replace(scratch.runner(f"verify-{uuid.uuid4().hex}"), rules=rules)
        ledger = Reader(Lake(runtime.settings.lake, scratch.engine.session))
        for table in runtime.graph.sources:
            progress(f"delivering {table.name}")
            _replay(runtime, runner, table, day)
        for stage in runtime.graph.stages:
            last = runtime.register.latest(stage.name, day)
            if last is not None:
                progress(f"calculating {stage.name}")
                _bring_other_days(ledger, runtime, runner, last)
                runner.run_stage(stage, day, "verification")
        found = []
        for table in runtime.graph.tables.values():
            progress(f"comparing {table.name}")
            mine = Version.registered(runtime.register, table, day)
            theirs = Version.registered(scratch.register, table, day)
            if mine.chain:
                found.append(_compare(ledger, mine, runner.reader, theirs))
        return tuple(found)


def _require_current(runtime: Runtime, rules: RuleBook, day: date) -> None:
    adjusting = runtime.graph.adjustments.values()
    if behind := outdated(rules.snapshot(), adjusting, runtime.register).get(day):
        names = ", ".join(s.name for s in behind)
        raise NotReady(f"the rules of {day} have moved since {names} was calculated; run it first")


def _scratch(runtime: Runtime, folder: Path, engine: str) -> Runtime:
    settings = runtime.settings.model_copy(
        update={
            "var": folder,
            "engine": engine,
            "control_url": SecretStr(f"sqlite:///{folder / 'control.sqlite'}"),
            "cache_folder": runtime.settings.cache,
        }
    )
    return Runtime(settings, runtime.graph)


def _replay(runtime: Runtime, runner: Runner, table: Table, day: date) -> None:
    """Take every registered delivery of a table and day again, in order, from its kept lines."""
    folder = raw_folder(runtime.settings.lake)
    for delivery in runtime.register.deliveries(table.name, day):
        take(runner, raw_lines(folder, table, delivery.batch))


def _bring_other_days(ledger: Reader, runtime: Runtime, runner: Runner, last: Revision) -> None:
    """Copy what a result was made from on other days: they are verified on days of their own."""
    for consumed in last.inputs:
        if consumed.day != last.day:
            _bring(ledger, runtime, runner, consumed.table, consumed.day, consumed.revision)
            for name in runtime.graph.layers[consumed.table]:
                _bring(ledger, runtime, runner, name, consumed.day)


def _bring(
    ledger: Reader, runtime: Runtime, runner: Runner, name: str, day: date, upto: int | None = None
) -> None:
    table = runtime.graph.tables[name]
    history = runtime.register.history(name, day, upto)
    if history and not runner.register.history(name, day):
        post(runner, table, day, ledger.rows(Version(table, day, history)), "as registered")


def _compare(reader: Reader, mine: Version, other: Reader, theirs: Version) -> Comparison:
    table = mine.table
    content = table.content
    standing = reader.rows(mine).select(ENTRY, *content)
    recalculated = other.rows(theirs).select(ENTRY, *content)
    hashes = {
        "__key": frames.fingerprint(table.ledger_key),
        "__content": frames.fingerprint(content),
    }
    names = tuple(hashes)
    both = frames.union([standing, frames.negative(recalculated)]).withColumns(hashes)
    differing = frames.net(both.select(ENTRY, *names), names)
    count = differing.count()
    examples: list[dict[str, object]] = []
    if count:
        rows = frames.semi(both, differing, names).orderBy(*table.key).limit(SHOWN).collect()
        for row in rows:
            side = "ledger" if row[ENTRY] > 0 else "recalculation"
            examples.append({**{k: row[k] for k in table.key}, "side": side})
    rows_standing = standing.agg(F.count(F.lit(1))).collect()[0][0]
    return Comparison(table.name, mine.revision, rows_standing, count, tuple(examples))

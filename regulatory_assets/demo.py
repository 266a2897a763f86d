"""What ``make run`` and ``make run-real`` show: a bank through the graph, a correction, a rule.

Only the order of things and the words belong here; runs, figures and tables come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shutil import copyfile, rmtree

from regulatory_assets.adjustments.book import Proposals, RuleBook, outdated
from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.impact import Impact
from regulatory_assets.adjustments.people import open_demo
from regulatory_assets.adjustments.releasing import last_released, set_hash
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.bank.delivery import DeliveryError, delivery_days
from regulatory_assets.control.events import Actor
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.run import Runner
from regulatory_assets.orchestration.launch import DayResult, run_days
from regulatory_assets.orchestration.rules import reached
from regulatory_assets.runtime import Runtime

BERKA_DAY = date(1993, 12, 31)
BERKA_FILES = tuple(f"{name}.asc" for name in ("account", "disp", "district", "loan", "trans"))


@dataclass(frozen=True)
class Screen:
    """How a demonstration speaks: results, sentences, progress, and the figures of a day."""

    result: Callable[[DayResult], None]
    say: Callable[[str], None]
    progress: Callable[[str], None]
    figures: Callable[[date], None]
    impact: Callable[[Impact], None] = lambda _: None


def sample(data: Path, screen: Screen, runtime: Runtime) -> None:
    """Run every day of the sample bank, its corrections, then a rule from proposal to withdrawal,
    showing what each changed."""
    open_demo(runtime.events)
    days = delivery_days(data)
    if not days:
        raise DeliveryError(f"{data}: holds no day folders; the sample bank is missing")
    _release(screen, runtime)
    screen.say(f"The sample bank in {data.name}/, {len(days)} business days")
    if _run(days, data, screen):
        for day in days:
            screen.figures(day)
    corrections = data / "corrections"
    corrected = delivery_days(corrections)
    screen.say("A correction of one deal is delivered: only what it reaches is calculated again")
    _run(corrected, corrections, screen)
    for day in corrected:
        screen.figures(day)
    for file in sorted((data / "rules").glob("*.yaml")):
        for written in load(file):
            _rule(written.rule, data, screen, runtime)


AUTHOR, APPROVER = Actor("anna"), Actor("ben")


def _release(screen: Screen, runtime: Runtime) -> None:
    """Have the parameters released, as far as they have not been."""
    releasing = runtime.releasing
    if last_released(runtime.events.read())[0].set_hash == set_hash(releasing.at_hand):
        return
    event = releasing.propose(AUTHOR, "the sample bank's parameters")
    releasing.release(APPROVER)
    told = f"{AUTHOR.name} proposes parameter set {event.document['set']}"
    screen.say(f"DEMO {told}, {APPROVER.name} releases it")


def _rule(rule: Rule, data: Path, screen: Screen, runtime: Runtime) -> None:
    """Propose a rule, look at its impact, approve it, calculate; withdraw it and calculate."""
    governance, runner = runtime.governance, runtime.runner("demo")
    if Proposals(runtime.events.read()).of(rule.id):
        screen.say(f"DEMO {rule.id} was approved and withdrawn before: nothing to do")
        return
    governance.submit(AUTHOR, rule, data / "rules")
    screen.say(f"DEMO {AUTHOR.name} submits {rule.id}: {rule.reason}. Its impact, nothing posted:")
    _decide(rule, data, screen, runtime, runner)
    governance.withdraw(AUTHOR, rule.id)
    screen.say(f"DEMO {AUTHOR.name} withdraws {rule.id}: the figures return to the digit")
    _decide(rule, data, screen, runtime, runner)


def _decide(rule: Rule, data: Path, screen: Screen, runtime: Runtime, runner: Runner) -> None:
    governance = runtime.governance
    found = governance.impact(runner, rule.id, screen.progress)
    screen.impact(found)
    governance.approve(APPROVER, rule.id, found.hash, runner, screen.progress)
    screen.say(f"DEMO {APPROVER.name} approves impact {found.hash}")
    adjusting = runtime.graph.adjustments.values()
    behind = outdated(RuleBook(runtime.events).snapshot(), adjusting, runtime.register)
    for day, moved in behind.items():
        _run((day,), data, screen, reached(runtime.graph, moved, runner.positions(day)))
        screen.figures(day)


def real(bank: Path, beside: Path, var: Path, screen: Screen) -> None:
    """Run the real bank's last day of 1993: its files as they are, read by the mappings installed.

    ``beside`` holds what its files do not say.
    """
    folder = var / "berka"
    here = folder / BERKA_DAY.isoformat()
    if lacking := [name for name in BERKA_FILES if not (bank / name).is_file()]:
        raise DeliveryError(
            f"{bank}: {', '.join(lacking)} missing; put the PKDD'99 files there under these names"
        )
    rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    for file in (*(bank / name for name in BERKA_FILES), *sorted(beside.glob("*.csv"))):
        copyfile(file, here / file.name)
    screen.say(f"The bank in {bank.name}, {BERKA_DAY}, amounts in CZK; assumed: liquid_assets.csv")
    _run((BERKA_DAY,), folder, screen)
    screen.figures(BERKA_DAY)


def _run(
    days: Sequence[date], folder: Path, screen: Screen, selection: Sequence[str] | None = None
) -> bool:
    """Whether anything was computed. Raises NotReady where a day failed, after showing why."""
    worked = False
    for result in run_days(days, selection, folder, screen.progress):
        screen.result(result)
        if not result.success:
            raise NotReady(f"{result.day} failed; see above")
        worked = worked or any(o.way is not Way.NOTHING for o in result.outcomes)
    return worked

"""What ``make run`` and ``make run-real`` show: a bank taken through the graph, and a correction.

Only the order of things and the words belong here; runs, figures and tables come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from regulatory_assets.bank.delivery import DeliveryError, delivery_days
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.orchestration.launch import DayResult, run_days

BERKA_DAY = date(1993, 12, 31)


@dataclass(frozen=True)
class Screen:
    """How a demonstration speaks: results, sentences, progress, and the figures of a day."""

    result: Callable[[DayResult], None]
    say: Callable[[str], None]
    progress: Callable[[str], None]
    figures: Callable[[date], None]


def sample(data: Path, screen: Screen) -> None:
    """Run every day of the sample bank, then its corrections, showing what each changed."""
    days = delivery_days(data)
    if not days:
        raise DeliveryError(f"{data}: holds no day folders; the sample bank is missing")
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


def real(bank: Path, assumptions: Path, var: Path, screen: Screen) -> None:
    """Run the real bank's last day of 1993."""
    from regulatory_assets.bank.berka import deliver

    folder = var / "berka"
    screen.say(f"The bank in {bank.name}, {BERKA_DAY}, amounts in CZK")
    screen.progress("adding up the movements of the accounts")
    for line in deliver(bank, BERKA_DAY, folder, assumptions).lines():
        screen.say(line)
    _run((BERKA_DAY,), folder, screen)
    screen.figures(BERKA_DAY)


def _run(days: Sequence[date], folder: Path, screen: Screen) -> bool:
    """Whether anything was computed. Raises NotReady where a day failed, after showing why."""
    worked = False
    for result in run_days(days, None, folder, screen.progress):
        screen.result(result)
        if not result.success:
            raise NotReady(f"{result.day} failed; see above")
        worked = worked or any(o.way is not Way.NOTHING for o in result.outcomes)
    return worked

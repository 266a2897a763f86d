"""What ``make run`` and ``make run-real`` show: a bank taken through the graph, and a correction.

Only the order of things and the words belong here; runs, figures and tables come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from regulatory_assets.bank.delivery import DeliveryError, delivery_days
from regulatory_assets.orchestration.launch import DayResult, run_days

Show = Callable[[DayResult], None]
Say = Callable[[str], None]

BERKA_DAY = date(1993, 12, 31)


def sample(data: Path, show: Show, say: Say, step: Say) -> tuple[date, ...]:
    """Run every day of the sample bank, then its corrections. Returns the days."""
    days = delivery_days(data)
    if not days:
        raise DeliveryError(f"{data}: holds no day folders; the sample bank is missing")
    say(f"The sample bank in {data.name}/, {len(days)} business days")
    _run(days, data, show, step)
    corrections = data / "corrections"
    corrected = delivery_days(corrections)
    if corrected:
        say("A correction is delivered: only what it reaches is calculated again")
        _run(corrected, corrections, show, step)
    return days


def real(bank: Path, assumptions: Path, var: Path, show: Show, say: Say, step: Say) -> date:
    """Run the real bank's last day of 1993. Returns the day."""
    from regulatory_assets.bank.berka import deliver

    folder = var / "berka"
    say(f"The bank in {bank}, {BERKA_DAY}, amounts in CZK")
    step("adding up the movements of the accounts")
    report = deliver(bank, BERKA_DAY, folder, assumptions)
    for line in report.lines():
        say(line)
    _run((BERKA_DAY,), folder, show, step)
    return BERKA_DAY


def _run(days: Sequence[date], folder: Path, show: Show, step: Say) -> None:
    for result in run_days(days, None, folder, step):
        show(result)

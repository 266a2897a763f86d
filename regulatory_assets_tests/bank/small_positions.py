"""What no deal stands for, a second time: plain Python over delivered files, one loop per table.

It knows nothing of the package; rates are those of BCBS 238 as listed in ``basel-factors.md``,
choices those of ``conventions.md``.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from regulatory_assets_tests.bank.small_lcr import read

CREDIT = {"RETAIL": "0.05", "SMALL_BUSINESS": "0.05", "BANK": "0.40", "OTHER_FINANCIAL": "0.40",
          "OTHER_LEGAL_ENTITY": "1"}  # fmt: skip
LIQUIDITY = CREDIT | {"OTHER_FINANCIAL": "1"}
CONTINGENT = Decimal("0.05")


def flows(folder: Path) -> dict[str, tuple[Decimal, Decimal]]:
    """Weighted outflows and inflows of each table of flows, over all entities."""
    day = date.fromisoformat(folder.name)
    last = day + timedelta(days=30)
    rates = {r["currency"]: Decimal(r["rate"]) for r in read(folder / "fx_rates.csv")}
    none = Decimal(0)
    return {
        "lcr_facility_flows": (_facilities(folder, rates), none),
        "lcr_debt_flows": (_debt(folder, rates, last), none),
        "lcr_derivative_flows": _derivatives(folder, rates, day, last),
        "lcr_collateral_flows": (_collateral(folder, rates), none),
        "lcr_valuation_flows": (_swings(folder, rates, day), none),
    }


def _facilities(folder: Path, rates: dict[str, Decimal]) -> Decimal:
    sectors = {r["counterparty_id"]: r["sector"] for r in read(folder / "counterparties.csv")}
    found = Decimal(0)
    for line in read(folder / "facilities.csv"):
        rate, sector = rates[line["currency"]], sectors[line["counterparty_id"]]
        left = Decimal(line["undrawn"]) * rate
        if line["cancellable"] == "UNCONDITIONALLY":
            found += left * CONTINGENT
            continue
        backs = line["kind"] == "LIQUIDITY"
        debt = Decimal(line["backed_debt"]) * rate if line["backed_debt"] else left
        backed = min(left, debt) if backs else Decimal(0)
        found += backed * Decimal(LIQUIDITY.get(sector, "0.30"))
        found += (left - backed) * Decimal(CREDIT.get(sector, "0.10"))
    return found


def _debt(folder: Path, rates: dict[str, Decimal], last: date) -> Decimal:
    found = Decimal(0)
    for row in read(folder / "own_debt.csv"):
        called = row["call_date"] if row["call_expected"] == "true" else ""
        days = [date.fromisoformat(d) for d in (row["maturity_date"], row["put_date"], called) if d]
        if days and min(days) <= last:
            found += Decimal(row["outstanding"]) * rates[row["currency"]]
    return found


def _derivatives(
    folder: Path, rates: dict[str, Decimal], day: date, last: date
) -> tuple[Decimal, Decimal]:
    trades = {r["trade_id"]: r for r in read(folder / "derivatives.csv")}
    sets = {r["netting_set_id"]: r for r in read(folder / "netting_sets.csv")}
    net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for flow in read(folder / "derivative_flows.csv"):
        trade, due = trades[flow["trade_id"]], date.fromisoformat(flow["due_date"])
        paid, named = flow["direction"] == "PAID", sets.get(trade["netting_set_id"])
        asleep = trade["kind"].startswith("OPTION") and trade["in_the_money"] == "false"
        if due > last or (due <= day and not paid) or asleep:
            continue
        alone = named is None or named["master_agreement"] == "false"
        own = ("trade", flow["trade_id"]) if alone else ("set", trade["netting_set_id"])
        worth = Decimal(flow["amount"]) * rates[flow["currency"]]
        net[own] += worth if paid else -worth
    outflows = sum((n for n in net.values() if n > 0), Decimal(0))
    return outflows, -sum((n for n in net.values() if n < 0), Decimal(0))


def _collateral(folder: Path, rates: dict[str, Decimal]) -> Decimal:
    needs = ("downgrade_collateral", "uncalled_collateral", "excess_collateral")
    return sum(
        (
            Decimal(row[need]) * rates[row["currency"]]
            for row in read(folder / "netting_sets.csv")
            for need in needs
        ),
        Decimal(0),
    )


def _swings(folder: Path, rates: dict[str, Decimal], day: date) -> Decimal:
    """By entity the worst 30 days within 24 months; the sample's days are in no February's end."""
    moved: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in read(folder / "collateral_flows.csv"):
        net = Decimal(row["posted"]) - Decimal(row["received"])
        moved[row["entity_id"]][date.fromisoformat(row["flow_date"])] += (
            net * rates[row["currency"]]
        )
    found = Decimal(0)
    for of_day in moved.values():
        begin, worst = day.replace(year=day.year - 2) + timedelta(days=1), Decimal(0)
        while (end := begin + timedelta(days=29)) <= day:
            within = (amount for when, amount in of_day.items() if begin <= when <= end)
            worst = max(worst, abs(sum(within, Decimal(0))))
            begin += timedelta(days=1)
        found += worst
    return found

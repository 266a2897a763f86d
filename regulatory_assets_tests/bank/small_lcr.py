"""A second, independent LCR: plain Python over delivered files, one loop per deal.

It knows nothing of the package; rates are those of BCBS 238 as listed in ``basel-factors.md``,
choices those of ``conventions.md``.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

LIMIT = Decimal(100_000)
HAIRCUT_FACTORS = {"1": "1", "2A": "0.85", "RMBS": "0.75", "2B": "0.50"}
SECURED_RATES = {"1": "0", "2A": "0.15", "RMBS": "0.25", "2B": "0.50", "": "1"}
FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
Row = Mapping[str, str]


@dataclass
class Scope:
    """Sums of one scope of consolidation."""

    stock: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unwind: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    outflows: Decimal = Decimal(0)
    inflows: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        return self.outflows - min(self.inflows, self.outflows * Decimal("0.75"))

    @property
    def hqla(self) -> Decimal:
        first, second, third = (self.stock[b] for b in ("1", "2A", "2B"))
        one, two, three = (self.stock[b] + self.unwind[b] for b in ("1", "2A", "2B"))
        over_15 = max(three - (one + two) * 15 / 85, three - one * 15 / 60, Decimal(0))
        over_40 = max(two + three - over_15 - one * 2 / 3, Decimal(0))
        return first + second + third - over_15 - over_40

    @property
    def ratio(self) -> Decimal:
        return self.hqla / self.net


def text_of(path: Path) -> str:
    """What stands in a delivered file, be it there plain or compressed."""
    if path.exists():
        return path.read_text(encoding="utf-8")
    with gzip.open(path.with_name(path.name + ".gz"), "rt", encoding="utf-8") as stream:
        return stream.read()


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(text_of(path).splitlines()))


def level(security: Row) -> str:
    """'1', '2A', 'RMBS', '2B' or '' (not liquid), paragraphs 50, 52 and 54."""
    kind, quality = security["asset_class"], security["credit_quality"]
    weight = Decimal(security["risk_weight"] or "99")
    top, middle = quality == "AAA_TO_AA_MINUS", quality == "A_PLUS_TO_BBB_MINUS"
    own_business = security["financial_issuer"] == "false"
    if kind == "SOVEREIGN":
        return "1" if weight == 0 else "2A" if weight == Decimal("0.2") else "2B" if middle else ""
    if kind == "COVERED_BOND":
        return "2A" if top else ""
    if kind == "CORPORATE_BOND" and own_business:
        return "2A" if top else "2B" if middle else ""
    if kind == "RMBS":
        return "RMBS" if top else ""
    return "2B" if kind == "EQUITY" and own_business else ""


def scopes(folder: Path, keep: Callable[[Row], bool] = lambda row: True) -> dict[str, Scope]:
    """The scopes of a delivered day: each entity and the group of all of them."""
    day = date.fromisoformat(folder.name)
    window = day + timedelta(days=30)
    rates = {r["currency"]: Decimal(r["rate"]) for r in read(folder / "fx_rates.csv")}
    levels = {r["security_id"]: level(r) for r in read(folder / "securities.csv")}
    customers = {r["counterparty_id"]: r for r in read(folder / "counterparties.csv")}
    deals = [d for d in read(folder / "deals.csv") if keep(d)]
    balances, covered = insured_balances(deals, rates)
    found: dict[str, Scope] = defaultdict(Scope)
    for deal in deals:
        customer = customers.get(deal["counterparty_id"])
        partner = customer["partner_entity_id"] if customer else ""
        mine = [found[deal["entity_id"]]] + ([] if partner else [found["GROUP"]])
        euro = Decimal(deal["amount"]) * rates[deal["currency"]]
        due = date.fromisoformat(deal["maturity_date"]) if deal["maturity_date"] else None
        liability_due = due is None or due <= window
        asset_due = due is not None and day < due <= window and deal["days_past_due"] == "0"
        product, sector = deal["product_type"], customer["sector"] if customer else ""
        if product in ("CASH", "CENTRAL_BANK_RESERVE"):
            add(mine, "stock", "1", euro)
        elif product == "SECURITY":
            hold(mine, deal, levels, euro)
        elif product == "LOAN" and asset_due:
            rate = Decimal(1 if sector in (*FINANCIAL[:2], "CENTRAL_BANK") else "0.5")
            for scope in mine:
                scope.inflows += euro * rate
        elif product == "DEPOSIT":
            depositor = (deal["entity_id"], deal["counterparty_id"])
            run_off = deposit_outflow(
                deal, customer or {}, euro, rates, balances[depositor], covered[depositor],
                liability_due,
            )  # fmt: skip
            for scope in mine:
                scope.outflows += run_off
        elif product in ("REPO", "REVERSE_REPO"):
            pledged = Decimal(deal["collateral_value"]) * rates[deal["currency"]]
            secured(mine, deal, sector, levels, euro, pledged, liability_due, asset_due)
    return dict(found)


def insured_balances(
    deals: Iterable[Row], rates: Mapping[str, Decimal]
) -> tuple[dict[tuple[str, str], Decimal], dict[tuple[str, str], Decimal]]:
    """Per entity and depositor: all deposits, and those that the scheme covers."""
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    covered: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for deal in deals:
        if deal["product_type"] == "DEPOSIT":
            depositor = (deal["entity_id"], deal["counterparty_id"])
            euro = Decimal(deal["amount"]) * rates[deal["currency"]]
            balances[depositor] += euro
            if deal["insurable"] == "true":
                covered[depositor] += euro
    return balances, covered


def deposit_outflow(
    deal: Row,
    customer: Row,
    euro: Decimal,
    rates: Mapping[str, Decimal],
    balance: Decimal,
    covered: Decimal,
    due: bool,
) -> Decimal:
    insured = Decimal(0)
    if deal["insurable"] == "true" and covered:
        insured = euro * min(covered, LIMIT) / covered
    if customer["sector"] in ("RETAIL", "SMALL_BUSINESS"):
        if not due and deal["locked_in"] == "true":
            return Decimal(0)
        firm = "true" in (deal["transactional"], customer["relationship"])
        stable = insured if firm else Decimal(0)
        return stable * Decimal("0.05") + (euro - stable) * Decimal("0.10")
    if not due:
        return Decimal(0)
    used = Decimal(deal["operational_amount"] or "0") * rates[deal["currency"]]
    flow = min(used, insured) * Decimal("0.05") + max(used - insured, 0) * Decimal("0.25")
    wholly_insured = balance <= LIMIT and balance == covered
    other = Decimal("0.20") if wholly_insured else Decimal("0.40")
    return flow + (euro - used) * (Decimal(1) if customer["sector"] in FINANCIAL else other)


def hold(scopes_: list[Scope], deal: Row, levels: Mapping[str, str], euro: Decimal) -> None:
    kind = levels[deal["security_id"]]
    if deal["eligible"] == "true" and kind:
        add(scopes_, "stock", kind, euro * Decimal(HAIRCUT_FACTORS[kind]))


def add(scopes_: list[Scope], where: str, kind: str, amount: Decimal) -> None:
    for scope in scopes_:
        getattr(scope, where)["2B" if kind == "RMBS" else kind] += amount


def secured(
    scopes_: list[Scope],
    deal: Row,
    sector: str,
    levels: Mapping[str, str],
    euro: Decimal,
    pledged: Decimal,
    liability_due: bool,
    asset_due: bool,
) -> None:
    kind = levels[deal["security_id"]]
    rate = Decimal(SECURED_RATES[kind])
    liquid = deal["eligible"] == "true" and kind != ""
    worth = pledged * Decimal(HAIRCUT_FACTORS.get(kind, "0"))
    if deal["product_type"] == "REPO":
        if liability_due:
            for scope in scopes_:
                scope.outflows += euro * (Decimal(0) if sector == "CENTRAL_BANK" else rate)
            if liquid:
                add(scopes_, "unwind", "1", -euro)
                add(scopes_, "unwind", kind, worth)
        return
    if liquid:
        add(scopes_, "stock", kind, worth)
    if asset_due:
        for scope in scopes_:
            scope.inflows += euro * rate
        if liquid:
            add(scopes_, "unwind", "1", euro)
            add(scopes_, "unwind", kind, -worth)

"""An outline of the group's net stable funding ratio: plain Python over delivered files.

It knows nothing of the package; factors are those of BCBS 295 as listed in ``basel-factors.md``.
What is small in the invented bank is left out: encumbrance, derivatives and secured trades. Retail
deposits are all taken for less stable (paragraph 23), loans on homes for those of 65 % (41).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from regulatory_assets_tests.bank.small_lcr import Row, level, read

GROUP = "GROUP"
HALF_FUNDED = ("CORPORATE", "SOVEREIGN", "PSE", "MDB")
FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY", "CENTRAL_BANK")
LIQUID = {"1": "0.05", "2A": "0.15", "RMBS": "0.5", "2B": "0.5", "": "0.85"}
DEDUCTED = ("CET1_INTANGIBLES", "CET1_DEFERRED_TAX")


def ratio(folder: Path) -> Decimal:
    """Available by required stable funding of a day's deliveries."""
    day = date.fromisoformat(folder.name)
    rates = {r["currency"]: Decimal(r["rate"]) for r in read(folder / "fx_rates.csv")}
    parties = {p["counterparty_id"]: p for p in read(folder / "counterparties.csv")}
    securities = {s["security_id"]: s for s in read(folder / "securities.csv")}
    loans = {t["deal_id"]: t for t in read(folder / "loans.csv")}
    funds = [r for r in read(folder / "own_funds.csv") if r["scope"] == GROUP]
    capital = [r for r in funds if r["component"] not in DEDUCTED]
    available = sum((Decimal(r["amount"]) for r in capital), Decimal(0))
    required = sum((Decimal(r["amount"]) for r in funds if r not in capital), Decimal(0))
    for issue in read(folder / "own_debt.csv"):
        if issue["ranking"] in ("COVERED", "SENIOR") and _months(issue, day) >= 12:
            available += Decimal(issue["outstanding"]) * rates[issue["currency"]]
    for line in read(folder / "facilities.csv"):
        if line["direction"] == "GRANTED" and line["cancellable"] != "UNCONDITIONALLY":
            required += Decimal(line["undrawn"]) * rates[line["currency"]] * Decimal("0.05")
    for deal in read(folder / "deals.csv"):
        party = parties.get(deal["counterparty_id"])
        if (party and party["partner_entity_id"]) or deal["deal_id"].startswith("X"):
            continue
        amount = Decimal(deal["amount"]) * rates[deal["currency"]]
        sector, months = party["sector"] if party else "", _months(deal, day)
        if deal["product_type"] == "DEPOSIT":
            available += amount * _stable(sector, months)
        elif deal["product_type"] == "LOAN":
            required += amount * _needed(deal, loans.get(deal["deal_id"]), sector, months)
        elif deal["product_type"] == "SECURITY":
            required += amount * Decimal(LIQUID[level(securities[deal["security_id"]])])
    return available / required


def _months(row: Row, day: date) -> int:
    """Whole months to the maturity; none without one."""
    if not row["maturity_date"]:
        return 0
    due = date.fromisoformat(row["maturity_date"])
    return (due.year - day.year) * 12 + due.month - day.month - (due.day < day.day)


def _stable(sector: str, months: int) -> Decimal:
    """Paragraphs 21(c), 23, 24(a), 24(c), 24(d) and 25(a)."""
    if months >= 12:
        return Decimal(1)
    if sector in ("RETAIL", "SMALL_BUSINESS"):
        return Decimal("0.9")
    return Decimal("0.5") if sector in HALF_FUNDED or months >= 6 else Decimal(0)


def _needed(deal: Row, terms: Row | None, sector: str, months: int) -> Decimal:
    """Paragraphs 36, 39, 40, 41, 42 and 43."""
    if Decimal(deal["days_past_due"] or 0) > 90 or (terms and terms["defaulted"] == "true"):
        return Decimal(1)
    if sector in FINANCIAL and months < 6:
        return Decimal(0) if sector == "CENTRAL_BANK" else Decimal("0.15")
    if months < 12:
        return Decimal("0.5")
    if sector in FINANCIAL and sector != "CENTRAL_BANK":
        return Decimal(1)
    home = terms is not None and terms["collateral_type"] == "RESIDENTIAL"
    return Decimal("0.65") if home else Decimal("0.85")

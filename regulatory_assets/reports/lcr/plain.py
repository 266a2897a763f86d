"""The parts of a handful of deals in plain Python, one deal at a time, read from the parameters.

A second reading of what the stages compute on frames, for books that fit on a page: it says what a
worked example gives, and which entry of which parameter it looks at. It knows no engine, and the
stages do not use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from regulatory_assets.bank.tables.customers import RATING_SCALE, RATING_TERMS
from regulatory_assets.ledger.arithmetic import fraction
from regulatory_assets.regulation.parameters import BASEL, ParameterSet
from regulatory_assets.regulation.tables import Row, Rule

Deal = Mapping[str, Any]
Rows = Mapping[str, Sequence[Deal]]
Entry = tuple[Path, int]
"""An entry of a parameter, by file and line."""

PARAMETERS = (
    "lcr/asset_lines",
    "lcr/cap_excess",
    "lcr/caps",
    "lcr/deposit_insurance",
    "lcr/deposit_lines",
    "lcr/facility_lines",
    "lcr/inflow_lines",
    "lcr/lending_excess",
    "lcr/lending_lines",
    "lcr/liability_lines",
    "lcr/limited_transfer",
    "lcr/lines",
    "lcr/loan_lines",
    "lcr/mismatch_lines",
    "lcr/outflow_adjustment",
    "lcr/outflow_lines",
    "lcr/rating_bands",
    "lcr/ratings_counted",
    "lcr/risk_weight_bands",
    "lcr/secured_lines",
    "lcr/security_level",
    "lcr/significant_currency",
    "lcr/small_business",
    "lcr/window",
)
MEMO = ("collateral", "interest", "unwind_cash", "unwind_collateral")
"""Parts beside a deal's amount: what its collateral is to the stock and to the caps, and interest
to come."""

_ZERO, _UNIT = Decimal(0), Decimal("0.00000001")
_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
_INSTALMENTS = {"overdue": "OVERDUE", "due": "WITHIN", "interest": "WITHIN", "later": "BEYOND"}
_FAMILIES = ("asset", "facility", "inflow", "lending", "outflow", "secured")


@dataclass(frozen=True)
class Part:
    """One part of a deal as one line takes it, in reporting currency."""

    deal_id: str
    part: str
    entity_id: str
    line: str
    component: str
    amount: Decimal
    weighted: Decimal
    only_in: str | None = None
    """The scope that alone treats the deal so; None where all scopes of the entity agree."""
    due_day: int | None = None
    """The day of the window on which it is paid, of lines that are looked at by day."""


@dataclass
class Reading:
    """Parameters in force, and the entries that were looked at."""

    parameters: ParameterSet
    used: set[Entry] = field(default_factory=set)

    def row(self, name: str, key: str, regime: str) -> Row:
        row = self.parameters.rates(name).row(key, regime)
        self.used.add((row.path, row.line))
        return row

    def rule(self, name: str, regime: str, known: Mapping[str, str]) -> Rule:
        """The rule that decides, given at least the table's inputs."""
        table = self.parameters.decisions(name)
        rule = table.rule(regime, **{column: known[column] for column in table.inputs})
        self.used.add((rule.path, rule.line))
        return rule


def window(deal: Deal, day: date, reading: Reading, regime: str) -> str:
    """Where a deal's date lies (conventions 1, 4 and 6)."""
    due = deal["maturity_date"]
    inflows = reading.parameters.decisions("lcr/inflow_lines").inputs["product_type"]
    kind = deal["product_type"]
    is_asset = kind in ("LOAN", "REVERSE_REPO", "SECURITY") or kind in inflows
    if is_asset and (deal["days_past_due"] > 0 or (due is not None and due <= day)):
        return "OVERDUE"
    if due is None:
        return "OPEN"
    days = int(reading.row("lcr/window", "lcr", regime).values["days"])
    return "WITHIN" if due <= day + timedelta(days=days) else "BEYOND"


def parts(rows: Rows, day: date, reading: Reading) -> Iterator[Part]:
    """Every part of every deal of a small bank; parts without an amount fall away."""
    bank = Bank(rows, day, reading)
    for deal in bank.deals:
        yield from bank.parts(deal)


class Bank:
    """The tables of a small bank by their keys, and its depositors' insured amounts."""

    def __init__(self, rows: Rows, day: date, reading: Reading) -> None:
        self.day, self.reading = day, reading
        self.deals = rows["deals"]
        self.rates = {row["currency"]: row["rate"] for row in rows["fx_rates"]}
        self.regimes = {row["entity_id"]: row["regime"] for row in rows["entities"]}
        self.counterparties = {row["counterparty_id"]: row for row in rows["counterparties"]}
        self.securities = {row["security_id"]: row for row in rows["securities"]}
        self.scopes = {
            row["entity_id"]: [
                row["entity_id"],
                *(row["group_path"].split("/") if row["group_path"] else ()),
            ]
            for row in rows["entities"]
        }
        structure = rows.get("entity_structure", ())
        self.transferable = {row["entity_id"]: row["transferable"] for row in structure}
        self.parents = {row["entity_id"]: row["parent_entity_id"] for row in structure}
        members = rows.get("customer_groups", ())
        self.groups = {row["counterparty_id"]: row["group_id"] for row in members}
        self.instalments: dict[str, list[Deal]] = {}
        for flow in rows.get("cash_flows", ()):
            self.instalments.setdefault(flow["deal_id"], []).append(flow)
        self.ratings: dict[str, list[Deal]] = {}
        for row in rows.get("security_ratings", ()):
            self.ratings.setdefault(row["security_id"], []).append(row)
        self.issuers = {r["security_id"]: r["issuer_id"] for r in rows.get("security_terms", ())}
        self.balances: dict[tuple[str, str], Decimal] = {}
        self.insured: dict[str, Decimal] = {}
        self.all_insured: set[tuple[str, str]] = set()
        self._insure([d for d in rows["deals"] if d["product_type"] == "DEPOSIT"])
        deals = {d["deal_id"]: d for d in rows["deals"]}
        self.holdings = {row["deal_id"]: row for row in rows.get("holdings", ())}
        self.free = {i: self._unpledged(deals[i], row) for i, row in self.holdings.items()}
        for pool in rows.get("pledged_pools", ()):
            self._pledge(pool, [d for i, d in deals.items() if self._pool(i) == pool["pool_id"]])

    def held(self, deal: Deal, column: str = "amount") -> Decimal:
        amount = deal[column]
        return _ZERO if amount is None else _product(amount, self.rates[deal["currency"]])

    def _insure(self, deposits: Iterable[Deal]) -> None:
        """Spread the insured amount over eligible deposits; the largest takes the residue."""
        of: dict[tuple[str, str], list[Deal]] = {}
        for deal in deposits:
            of.setdefault((deal["entity_id"], deal["counterparty_id"]), []).append(deal)
        for depositor, own in of.items():
            regime = self.regimes[depositor[0]]
            insurance = self.reading.row("lcr/deposit_insurance", "default", regime)
            limit = insurance.values["limit"]
            held = {d["deal_id"]: self.held(d) for d in own if d["insurable"]}
            covered = sum(held.values(), _ZERO)
            self.balances[depositor] = sum((self.held(d) for d in own), _ZERO)
            if self.balances[depositor] == min(covered, limit):
                self.all_insured.add(depositor)
            if covered > limit:
                share = Fraction(limit) / Fraction(covered)
                spread = {i: _times(amount, share) for i, amount in held.items()}
                largest = min(held, key=lambda i: (-held[i], i))
                spread[largest] += limit - sum(spread.values(), _ZERO)
                held = spread
            self.insured.update(held)

    def _pool(self, deal_id: str) -> str | None:
        holding = self.holdings.get(deal_id)
        return holding["pool_id"] if holding else None

    def _unpledged(self, deal: Deal, holding: Deal) -> Decimal:
        """What of a holding is not pledged by itself; without units nothing is."""
        units = max(holding["quantity"] - holding["encumbered_quantity"], _ZERO)
        if not holding["quantity"]:
            return _ZERO
        return _times(self.held(deal), Fraction(units) / Fraction(holding["quantity"]))

    def _pledge(self, pool: Deal, deals: Iterable[Deal]) -> None:
        """Take what a pool needs from the least liquid first; they end when it has enough."""
        needed = _product(pool["used"], self.rates[pool["currency"]])
        for deal in sorted(deals, key=lambda deal: (self._liquidity(deal), deal["deal_id"])):
            taken = min(self.free[deal["deal_id"]], needed)
            self.free[deal["deal_id"]] -= taken
            needed -= taken

    def _liquidity(self, deal: Deal) -> Decimal:
        """What the haircut leaves of a holding; nothing of one that cannot be turned into money."""
        regime = self.regimes[deal["entity_id"]]
        level = self._level(deal, regime)
        if level == "none" or not self.holdings[deal["deal_id"]]["operational_ok"]:
            return _ZERO
        return self.reading.row("lcr/lines", f"unwind_{level}", regime).values["rate"]

    def parts(self, deal: Deal) -> Iterator[Part]:
        """The parts as all scopes of the entity see them, or as each does where they differ."""
        host = self.regimes[deal["entity_id"]]
        seen: dict[str, tuple[str, str]] = {}
        for scope in self.scopes[deal["entity_id"]]:
            sector = self._sector(deal, host, scope)
            retail = deal["product_type"] == "DEPOSIT" and sector in ("RETAIL", "SMALL_BUSINESS")
            seen[scope] = (host if retail else self.regime_of(scope)), sector
        if len(set(seen.values())) == 1:
            yield from self._parts(deal, *seen.popitem()[1], None)
            return
        for scope, (regime, sector) in seen.items():
            yield from self._parts(deal, regime, sector, scope)

    def regime_of(self, scope: str) -> str:
        """An entity's own; of a group that of its one member whose parent is outside (conv. 13)."""
        if scope in self.regimes:
            return str(self.regimes[scope])
        members = {entity for entity, scopes in self.scopes.items() if scope in scopes}
        heads = [e for e in members if e in self.parents and self.parents[e] not in members]
        return str(self.regimes[heads[0]]) if len(heads) == 1 else BASEL

    def lines_of(self, scope: str) -> list[Part]:
        """The parts that a scope reports: of deals of its entities with parties outside."""
        return [
            part
            for deal in self.deals
            if scope in self.scopes[deal["entity_id"]]
            and scope not in self.scopes.get(self.partner(deal), ())
            for part in self.parts(deal)
            if part.only_in in (None, scope)
        ]

    def rows_of(self, scope: str) -> Iterator[dict[str, Any]]:
        """The parts that a scope reports, with whose they are."""
        for part in self.lines_of(scope):
            yield {**vars(part), **self.of_entity(part.entity_id, scope)}

    def of_entity(self, entity: str, scope: str) -> dict[str, Any]:
        """Whose a row is, and whether the entity's liquid assets may leave it for a scope."""
        return {
            "entity_id": entity,
            "consolidation": "solo" if scope == entity else "group",
            "transferable": self.transferable.get(entity),
        }

    def partner(self, deal: Deal) -> str:
        """The entity of the group on the other side."""
        counterparty = self.counterparties.get(deal["counterparty_id"])
        return str(counterparty["partner_entity_id"]) if counterparty else ""

    def _parts(self, deal: Deal, regime: str, sector: str, only_in: str | None) -> Iterator[Part]:
        level = self._level(deal, regime)
        known = {
            "product_type": deal["product_type"],
            "sector": sector,
            "window": window(deal, self.day, self.reading, regime),
            "locked": _yes(deal["locked_in"]),
            "eligible": _yes(deal["eligible"]),
            "level": level,
        }
        for part, amount in self._amounts(deal, known, regime).items():
            if amount or part == "whole":
                when = known["window"]
                if part in _INSTALMENTS and not (part == "later" and when == "OPEN"):
                    when = _INSTALMENTS[part]
                asked = {**known, "window": when, **self._of_part(deal, part)}
                line = self._line(part, asked, regime)
                row = self.reading.row("lcr/lines", line, regime)
                weighted = _product(amount, row.values["rate"])
                component = row.texts["component"]
                entity = deal["entity_id"]
                paid = self._paid(deal, part) if self._by_day(line, regime) else None
                yield Part(
                    deal["deal_id"], part, entity, line, component, amount, weighted, only_in, paid
                )

    def _of_part(self, deal: Deal, part: str) -> dict[str, str]:
        """What a part of a holding is where its deal is not: free of any pledge, or pledged."""
        if part == "free":
            return {"eligible": _yes(self.holdings[deal["deal_id"]]["operational_ok"])}
        return {"eligible": "NO", "window": "OPEN"} if part == "pledged" else {}

    def _by_day(self, line: str, regime: str) -> bool:
        if (line,) not in self.reading.parameters.rates("lcr/mismatch_lines").rows(regime):
            return False
        self.reading.row("lcr/mismatch_lines", line, regime)
        return True

    def _paid(self, deal: Deal, part: str) -> int | None:
        """Days to the payment: of several, an inflow on the last, an outflow on the first."""
        owed = deal["product_type"] == "OWN_DEBT"
        if part in ("due", "interest"):
            window = int(self.reading.row("lcr/window", "lcr", BASEL).values["days"])
            days = [
                left
                for flow in self.instalments[deal["deal_id"]]
                if (left := self._left(flow)) <= window
                and (left > 0 or (owed and part == "interest" and flow["interest"] > 0))
            ]
            return max(min(days) if owed else max(days), 1)
        due = deal["maturity_date"]
        return 1 if part == "overdue" else None if due is None else max((due - self.day).days, 1)

    def _left(self, flow: Deal) -> int:
        """Days from the reporting date to the payment of an instalment."""
        return int(((flow["payment_date"] or flow["due_date"]) - self.day).days)

    def _sector(self, deal: Deal, regime: str, scope: str) -> str:
        """The delivered sector; a small business whose group reaches the limit is a corporate."""
        counterparty = self.counterparties.get(deal["counterparty_id"])
        if counterparty is None:
            return "NONE"
        sector = str(counterparty["sector"])
        if sector != "SMALL_BUSINESS" or deal["product_type"] != "DEPOSIT":
            return sector
        limit = self.reading.row("lcr/small_business", "lcr", regime).values["limit"]
        group = self.groups.get(deal["counterparty_id"])
        funding = sum(
            (
                balance
                for (entity, depositor), balance in self.balances.items()
                if scope in self.scopes[entity]
                and (
                    depositor == deal["counterparty_id"]
                    or (group is not None and self.groups.get(depositor) == group)
                )
            ),
            _ZERO,
        )
        return sector if funding < limit else "CORPORATE"

    def _level(self, deal: Deal, regime: str) -> str:
        security = self.securities.get(deal["security_id"])
        if security is None:
            return "none"
        weight, band = security["risk_weight"], "NONE"
        if weight is not None:
            bands = {
                self.reading.row("lcr/risk_weight_bands", name, regime).values["risk_weight"]: name
                for name in ("ZERO", "TWENTY")
            }
            band = bands.get(weight, "HIGHER")
        issuer = self.counterparties.get(self.issuers.get(deal["security_id"]), {})
        own = issuer.get("partner_entity_id") is not None
        known = {
            "asset_class": security["asset_class"],
            "risk_weight_band": band,
            "credit_quality": self._quality(security),
            "issuer": "OWN" if own else "FINANCIAL" if security["financial_issuer"] else "OTHER",
        }
        return self.reading.rule("lcr/security_level", regime, known).then["level"]

    def _quality(self, security: Deal) -> str:
        """The band of the rating that counts, long-term before short-term; else as delivered."""
        given = self.ratings.get(security["security_id"], ())
        by_term = [[r["rating"] for r in given if r["term"] == term] for term in RATING_TERMS]
        for ratings in by_term:
            if ratings:
                known = {"ratings": {1: "ONE", 2: "TWO"}.get(len(ratings), "MORE")}
                counts = self.reading.rule("lcr/ratings_counted", BASEL, known).then["counts"]
                rating = sorted(ratings, key=RATING_SCALE.index)[counts == "SECOND_BEST"]
                band = self.reading.rule("lcr/rating_bands", BASEL, {"rating": rating})
                return band.then["credit_quality"]
        return str(security["credit_quality"])

    def _amounts(self, deal: Deal, known: Mapping[str, str], regime: str) -> dict[str, Decimal]:
        """The parts a deal of this kind may have, with their amounts."""
        held, kind, when = self.held(deal), deal["product_type"], known["window"]
        if kind == "DEPOSIT":
            return self._deposit(deal, held, known["sector"])
        if kind == "SECURITY" and deal["deal_id"] in self.free:
            free = self.free[deal["deal_id"]]
            return {"free": free, "pledged": held - free}
        liquid = deal["eligible"] and known["level"] != "none"
        pledged = self.held(deal, "collateral_value")
        if kind in self.reading.parameters.decisions("lcr/facility_lines").inputs["product_type"]:
            posted = _ZERO
            if liquid:
                row = self.reading.row("lcr/lines", f"unwind_{known['level']}", regime)
                posted = min(held, _product(pledged, row.values["rate"]))
            return {"posted": posted, "undrawn": held - posted}
        flows = self.instalments.get(deal["deal_id"])
        if flows and (kind == "OWN_DEBT" or (kind == "LOAN" and when != "OVERDUE")):
            return self._repaid(deal, flows, held, regime)
        found = {"whole": held}
        if kind == "REPO" and liquid and when in ("WITHIN", "OPEN"):
            found |= {"unwind_cash": -held, "unwind_collateral": pledged}
        if kind == "REVERSE_REPO" and liquid and when in ("WITHIN", "BEYOND"):
            found["collateral"] = pledged
            if when == "WITHIN":
                found |= {"unwind_cash": held, "unwind_collateral": -pledged}
        return found

    def _repaid(
        self, deal: Deal, flows: Iterable[Deal], held: Decimal, regime: str
    ) -> dict[str, Decimal]:
        """Principal by window, the rest later; interest of the window (convention 5)."""
        days = int(self.reading.row("lcr/window", "lcr", regime).values["days"])
        sums = dict.fromkeys(("overdue", "due", "interest"), _ZERO)
        for flow in flows:
            left = self._left(flow)
            if left <= 0:
                sums["overdue"] += flow["principal"]
            elif left <= days:
                sums["due"] += flow["principal"]
            if 0 < left <= days or (left <= 0 and deal["product_type"] == "OWN_DEBT"):
                sums["interest"] += flow["interest"]
        rate = self.rates[deal["currency"]]
        found = {part: _product(amount, rate) for part, amount in sums.items()}
        return {**found, "later": held - found["overdue"] - found["due"]}

    def _deposit(self, deal: Deal, held: Decimal, sector: str) -> dict[str, Decimal]:
        depositor = self.counterparties.get(deal["counterparty_id"])
        insured = self.insured.get(deal["deal_id"], _ZERO)
        if sector in ("RETAIL", "SMALL_BUSINESS"):
            firm = deal["transactional"] or (depositor is not None and depositor["relationship"])
            stable = insured if firm else _ZERO
            return {"stable": stable, "less_stable": held - stable}
        operational = min(self.held(deal, "operational_amount"), held)
        rest = held - operational
        whole = (deal["entity_id"], deal["counterparty_id"]) in self.all_insured
        is_insured = whole and sector not in _FINANCIAL
        return {
            "operational_insured": min(operational, insured),
            "operational_uninsured": operational - min(operational, insured),
            "insured" if is_insured else "uninsured": rest,
        }

    def _line(self, part: str, known: Mapping[str, str], regime: str) -> str:
        if part == "unwind_cash":
            return "unwind_level1_cash"
        if part == "unwind_collateral":
            return f"unwind_{known['level']}"
        kind = "SECURITY" if part == "collateral" else known["product_type"]
        table = {"DEPOSIT": "lcr/deposit_lines", "LOAN": "lcr/loan_lines"}.get(kind)
        for family in _FAMILIES if table is None else ():
            name = f"lcr/{family}_lines"
            if kind in self.reading.parameters.decisions(name).inputs["product_type"]:
                table = name
        if table is None:
            raise ValueError(f"no parameter decides the line of {kind}")
        asked = {**known, "product_type": kind, "part": part}
        return self.reading.rule(table, regime, asked).then["line"]


def _yes(value: Any) -> str:
    return "YES" if value else "NO"


def _product(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(_UNIT, ROUND_HALF_UP)


def _times(amount: Decimal, share: Fraction) -> Decimal:
    return fraction(amount, share.numerator, share.denominator)

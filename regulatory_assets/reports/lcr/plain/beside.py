"""What a small bank has that no deal stands for: facilities, debt, derivatives, collateral."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from regulatory_assets.regulation.parameters import BASEL
from regulatory_assets.reports.lcr.plain.reading import ZERO, Deal, product
from regulatory_assets.reports.lcr.plain.tables import Tables

_NEEDS = {
    "downgrade": "DOWNGRADE_COLLATERAL",
    "excess": "EXCESS_COLLATERAL",
    "uncalled": "UNCALLED_COLLATERAL",
}


@dataclass(frozen=True)
class Position:
    """One part of what no deal stands for, in reporting currency, before a line takes it."""

    name: str
    part: str
    product_type: str
    entity_id: str
    currency: str
    amount: Decimal
    maturity_date: date | None = None
    counterparty_id: str | None = None
    sector: str | None = None
    line: str | None = None
    """The line of those that know it themselves."""


class Beside(Tables):
    """The tables of a small bank, and what in them is due or may be asked for."""

    def positions(self, name: str) -> Iterator[Position]:
        """Those of a facility, instrument, trade, netting set, or of an entity's collateral."""
        yield from self._facility(name)
        yield from self._debt(name)
        yield from self._payments(name)
        yield from self._needs(name)
        yield from self._posted(name)
        yield from self._valuation(name)

    def position_names(self) -> Iterator[str]:
        """What has positions, each once."""
        columns = {"facilities": "facility_id", "own_debt": "instrument_id",
                   "derivative_flows": "trade_id", "netting_sets": "netting_set_id",
                   "collateral_flows": "entity_id"}  # fmt: skip
        names = [row[c] for table, c in columns.items() for row in self.rows.get(table, ())]
        names += [row["counterparty_id"] for row in self.rows.get("netting_sets", ())]
        return iter(dict.fromkeys(names))

    def _facility(self, name: str) -> Iterator[Position]:
        for row in self.rows.get("facilities", ()):
            if row["facility_id"] != name or row["undrawn_deal_id"] is not None:
                continue
            rate = self.rates[row["currency"]]
            left = product(row["undrawn"], rate)
            debt = left if row["backed_debt"] is None else product(row["backed_debt"], rate)
            backed = min(left, debt) if row["kind"] in ("LIQUIDITY", "NOTE_ISSUANCE") else ZERO
            for part, amount in (("backed", backed), ("rest", left - backed)):
                if amount:
                    known = {**row, "part": part}
                    kind = self.reading.rule("lcr/facility_kinds", BASEL, known).then
                    yield Position(name, part, kind["product_type"], row["entity_id"],
                                   row["currency"], amount,
                                   counterparty_id=row["counterparty_id"])  # fmt: skip

    def _debt(self, name: str) -> Iterator[Position]:
        for row in self.rows.get("own_debt", ()):
            if row["instrument_id"] != name or row["deal_id"] is not None:
                continue
            days = [row["maturity_date"], row["put_date"]]
            days += [row["call_date"]] if row["call_expected"] else []
            first = min((day for day in days if day is not None), default=date.max)
            covered = row["ranking"] == "COVERED"
            retail = row["retail_only"] and not covered
            unsecured = "DEPOSIT" if retail else "OWN_DEBT"
            yield Position(
                name, "whole", "COVERED_DEBT" if covered else unsecured,
                row["entity_id"], row["currency"],
                product(row["outstanding"], self.rates[row["currency"]]), first,
                sector="RETAIL" if retail else None,
            )  # fmt: skip

    def _payments(self, name: str) -> Iterator[Position]:
        """The payments of a trade, on the side on which its set is over all currencies."""
        for row in self.rows.get("derivative_flows", ()):
            if row["trade_id"] != name or not self._counts(row):
                continue
            own, trade = self._set(name), self._trade(name)
            of_set = [r for r in self.rows["derivative_flows"] if self._counts(r)]
            of_set = [r for r in of_set if self._set(r["trade_id"]) == own]
            net = sum((self._worth(r) for r in of_set), ZERO)
            alike = [r for r in of_set if r["currency"] == row["currency"]]
            pays = net >= 0
            turned = pays != (sum((self._worth(r) for r in alike), ZERO) >= 0)
            side = "outflow" if pays else "inflow"
            worth, due = self._worth(row), row["due_date"]
            yield Position(
                name, str(row["flow"]), f"DERIVATIVE_{side.upper()}", trade["entity_id"],
                row["currency"], worth if pays else -worth, due if due > self.day else None,
                trade["counterparty_id"], line=f"derivative_{side}_offset" if turned else None,
            )  # fmt: skip

    def _trade(self, trade_id: str) -> Deal:
        return next(r for r in self.rows["derivatives"] if r["trade_id"] == trade_id)

    def _set(self, trade_id: str) -> tuple[str, str]:
        """What a trade is netted in: its set, where a master agreement stands behind it."""
        named = self._trade(trade_id)["netting_set_id"]
        sets = (r for r in self.rows.get("netting_sets", ()) if r["netting_set_id"] == named)
        agreed = any(r["master_agreement"] for r in sets)
        return ("set", named) if agreed else ("trade", trade_id)

    def _counts(self, flow: Deal) -> bool:
        trade = self._trade(flow["trade_id"])
        days = int(self.reading.row("lcr/window", "lcr", BASEL).values["days"])
        option = trade["kind"] in ("OPTION_BOUGHT", "OPTION_SOLD")
        overdue = flow["due_date"] <= self.day
        within = flow["due_date"] <= self.day + timedelta(days=days)
        return (
            within
            and not (overdue and flow["direction"] == "RECEIVED")
            and (not option or trade["in_the_money"])
        )

    def _worth(self, flow: Deal) -> Decimal:
        amount = product(flow["amount"], self.rates[flow["currency"]])
        return amount if flow["direction"] == "PAID" else -amount

    def _needs(self, name: str) -> Iterator[Position]:
        for row in self.rows.get("netting_sets", ()):
            if row["netting_set_id"] != name:
                continue
            for part, kind in _NEEDS.items():
                amount = product(row[f"{part}_collateral"], self.rates[row["currency"]])
                if amount:
                    yield Position(name, part, kind, row["entity_id"], row["currency"], amount,
                                   counterparty_id=row["counterparty_id"])  # fmt: skip

    def _posted(self, name: str) -> Iterator[Position]:
        """What each entity has posted to a counterparty beyond what it may use again of it."""
        sets = {r["netting_set_id"]: r for r in self.rows.get("netting_sets", ())}
        net: dict[str, Decimal] = {}
        for row in self.rows.get("margin_balances", ()):
            of_set = sets[row["netting_set_id"]]
            entity, amount = (
                of_set["entity_id"],
                product(row["amount"], self.rates[row["currency"]]),
            )
            held = {"entity_id": entity, "security_id": row["security_id"]}
            if of_set["counterparty_id"] != name or row["security_id"] is None:
                continue
            if self.level(held, self.regimes[entity]) == "level1":
                continue
            if row["direction"] == "POSTED":
                net[entity] = net.get(entity, ZERO) + amount
            elif row["reusable"] and not row["segregated"]:
                net[entity] = net.get(entity, ZERO) - amount
        for entity, amount in net.items():
            if amount > 0:
                yield Position(name, "whole", "VALUATION_COLLATERAL", entity,
                               self.reporting[entity], amount, counterparty_id=name)  # fmt: skip

    def _valuation(self, name: str) -> Iterator[Position]:
        """What moved in the worst of all periods that lie in the look-back."""
        own = [r for r in self.rows.get("collateral_flows", ()) if r["entity_id"] == name]
        if not own:
            return
        look = self.reading.row("lcr/market_valuation", "lcr", BASEL).values
        months, days = int(look["months"]), int(look["days"])
        year, month = self.day.year, self.day.month - months
        while month < 1:
            year, month = year - 1, month + 12
        next_month = date(year + month // 12, month % 12 + 1, 1)
        first = date(year, month, min(self.day.day, (next_month - timedelta(days=1)).day))
        largest, begin = ZERO, first + timedelta(days=1)
        while begin + timedelta(days=days - 1) <= self.day:
            end = begin + timedelta(days=days - 1)
            net = sum(
                (product(r["posted"] - r["received"], self.rates[r["currency"]])
                 for r in own if begin <= r["flow_date"] <= end), ZERO
            )  # fmt: skip
            largest, begin = max(largest, abs(net)), begin + timedelta(days=1)
        if largest:
            yield Position(name, "whole", "MARKET_VALUATION", name, self.reporting[name], largest)

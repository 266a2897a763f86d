"""The parts of each deal of a small bank, and the line that takes each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from regulatory_assets.regulation.parameters import BASEL
from regulatory_assets.reports.lcr.plain.beside import Beside, Position
from regulatory_assets.reports.lcr.plain.reading import (
    ZERO,
    Deal,
    Part,
    product,
    times,
    window,
    yes,
)

_FINANCIAL = ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
_OPEN = ("LOAN", "MARGIN_LOAN")
_LENT = (*_OPEN, "REVERSE_REPO")
_BORROWED = ("OWN_DEBT", "COVERED_DEBT", "NETWORK_DEPOSIT", "DEPOSIT", "REPO")
_DIVIDED = ("DEPOSIT", "REPO", "REVERSE_REPO")
_DATED = ("WITHIN", "BEYOND")
_ORDER = (
    "less_stable",
    "stable",
    "uninsured",
    "insured",
    "operational_uninsured",
    "operational_insured",
)
"""The parts of a deposit as they are repaid."""
_FAMILIES = ("asset", "facility", "inflow", "lending", "outflow", "secured", "swap")


class Parts(Beside):
    """A small bank, one deal at a time."""

    def parts_of(self, name: str) -> Iterator[Part]:
        """The parts of a deal, or of what no deal stands for."""
        for deal in self.deals:
            if deal["deal_id"] == name:
                yield from self.parts(deal)
        for position in self.positions(name):
            yield from self._taken(position)

    def _taken(self, position: Position) -> Iterator[Part]:
        """A position as all scopes of the entity see it, or as each does where they differ."""
        host = self.regimes[position.entity_id] if position.product_type == "DEPOSIT" else None
        of_scope = {s: host or self.regime_of(s) for s in self.scopes[position.entity_id]}
        if len(set(of_scope.values())) == 1:
            yield self._part_of(position, of_scope.popitem()[1], None)
            return
        for scope, regime in of_scope.items():
            yield self._part_of(position, regime, scope)

    def _part_of(self, position: Position, regime: str, only_in: str | None) -> Part:
        asked = {**vars(position), "days_past_due": 0}
        counterparty = self.counterparties.get(position.counterparty_id or "", {})
        known = {
            "product_type": position.product_type,
            "sector": position.sector or str(counterparty.get("sector", "NONE")),
            "window": window(asked, self.day, self.reading, regime),
            "locked": "YES",
            "scheme": "NO",
            "level": "none",
        }
        facilities = self.reading.parameters.decisions("lcr/facility_lines").inputs["product_type"]
        part = "undrawn" if position.product_type in facilities else position.part
        part = "less_stable" if position.product_type == "DEPOSIT" else part
        line = position.line or self._line(part, known, regime)
        row, due = self.reading.row("lcr/lines", line, regime), position.maturity_date
        paid = None if due is None else max((due - self.day).days, 1)
        return Part(
            position.name,
            position.part,
            position.entity_id,
            line,
            row.texts["component"],
            position.amount,
            product(position.amount, row.values["rate"]),
            only_in,
            position.currency,
            paid if self._by_day(line, regime) else None,
        )

    def parts(self, deal: Deal) -> Iterator[Part]:
        """The parts as all scopes of the entity see them, or as each does where they differ."""
        host = self.regimes[deal["entity_id"]]
        seen: dict[str, tuple[str, str]] = {}
        for scope in self.scopes[deal["entity_id"]]:
            sector = self._sector(deal, host, scope)
            retail = deal["product_type"] == "DEPOSIT" and sector in ("RETAIL", "SMALL_BUSINESS")
            seen[scope] = (host if retail else self.regime_of(scope)), sector
        if len(set(seen.values())) == 1:
            yield from self._shared(deal, *seen.popitem()[1], None)
            return
        for scope, (regime, sector) in seen.items():
            yield from self._shared(deal, regime, sector, scope)

    def _shared(self, deal: Deal, regime: str, sector: str, only_in: str | None) -> Iterator[Part]:
        """The parts of each share, with the level in their names where a trade is of several."""
        shares = self.shares(deal, regime)
        for share in shares:
            for part in self._parts(share, regime, sector, only_in):
                several = len(shares) > 1
                yield replace(part, part=f"{part.part}_{share['backed'][0]}") if several else part

    def regime_of(self, scope: str) -> str:
        """An entity's own; of a group that of its head, if somebody says who that is."""
        head = self.head_of(scope)
        return BASEL if head is None else str(self.regimes[head])

    def _parts(self, deal: Deal, regime: str, sector: str, only_in: str | None) -> Iterator[Part]:
        level = self.backing(deal, regime)
        deal = self._by_terms(deal, sector in ("RETAIL", "SMALL_BUSINESS"))
        known = {
            "product_type": deal["product_type"],
            "sector": sector,
            "window": window(deal, self.day, self.reading, regime),
            "locked": yes(deal["locked_in"]),
            "eligible": yes(deal["eligible"]),
            "level": level,
            "foreign": yes(self.is_foreign(deal)),
            "counterparty": self.whose(deal, sector),
            "stock": yes(self._in_stock(deal, level)),
            "scheme": yes(self.has_better_scheme(deal)),
        }
        if deal["product_type"] == "COLLATERAL_SWAP":
            known |= self._of_swap(deal, sector, regime)
        for part, piece, when, whole in self._pieces(deal, known, regime):
            if whole or (part == "whole" and piece is None):
                amount = self.of_share(deal, whole)
                asked = {**known, "window": when, **self._of_part(deal, part)}
                named = part if piece is None else piece if part == "whole" else f"{part}_{piece}"
                line = self._line(part, asked, regime)
                row = self.reading.row("lcr/lines", line, regime)
                weighted = product(amount, row.values["rate"])
                component = row.texts["component"]
                entity = deal["entity_id"]
                paid = self._paid(deal, piece or part) if self._by_day(line, regime) else None
                yield Part(
                    deal["deal_id"],
                    named,
                    entity,
                    line,
                    component,
                    amount,
                    weighted,
                    only_in,
                    deal["currency"],
                    paid,
                )

    def _by_terms(self, deal: Deal, retail: bool) -> Deal:
        """A deposit as its terms, if known, say when it can leave (paras 82-84, 86, 99), a loan as
        its borrower can choose (conventions 3 and 6)."""
        terms, loan = self.terms.get(deal["deal_id"]), self.loans.get(deal["deal_id"])
        if loan is not None:
            due, until = deal["maturity_date"], loan["extendable_until"]
            late = 1 if loan["defaulted"] else deal["days_past_due"]
            last = due if None in (due, until) else max(due, until)
            return {**deal, "maturity_date": last, "days_past_due": late}
        if terms is None or deal["product_type"] != "DEPOSIT":
            return deal
        due, notice = deal["maturity_date"], terms["notice_days"]
        right, given = terms["withdrawal_right"], terms["notice_given"]
        if notice is not None and (due is None or right or given is not None):
            after = (given or self.day) + timedelta(days=notice)
            due = after if due is None else min(due, after)
        if right and notice is None and not retail:
            due = None
        told = {
            "maturity_date": due,
            "locked_in": not right or notice is not None or terms["material_penalty"],
        }
        return {**deal, **told} | (
            {"operational_amount": None} if terms["correspondent_banking"] else {}
        )

    def _in_stock(self, deal: Deal, level: str) -> bool:
        """Whether some of a security held may be in the stock, in whatever level."""
        holding = self.holdings.get(deal["deal_id"])
        free = holding is None or self.free[deal["deal_id"]] > 0
        usable = deal["eligible"] if holding is None else holding["operational_ok"]
        liquid = level != "none" or self.is_foreign(deal)
        return bool(deal["product_type"] == "SECURITY" and liquid and usable and free)

    def _of_swap(self, deal: Deal, sector: str, regime: str) -> dict[str, str]:
        """What a swap has received (para 113)."""
        received = deal["backed"][0] if "backed" in deal else "unknown"
        reused = any(piece["reused_quantity"] for piece in self.received_of(deal))
        central = sector == "CENTRAL_BANK" and self.whose(deal, sector) == "DOMESTIC"
        return {
            "given": self.level(deal, regime),
            "received": received,
            "usable": yes(deal["eligible"] and received not in ("none", "unknown")),
            "reused": yes(reused),
            "counterparty": "CENTRAL_BANK" if central else "OTHER",
        }

    def _of_part(self, deal: Deal, part: str) -> dict[str, str]:
        """What a part is where its deal is not: a holding's free of any pledge, or pledged; Level 1
        up to the outflows, which collateral is not."""
        if part == "collateral":
            return {"foreign": "NO"}
        if part == "free":
            return {"eligible": yes(self.holdings[deal["deal_id"]]["operational_ok"])}
        return {"eligible": "NO", "window": "OPEN"} if part == "pledged" else {}

    def _by_day(self, line: str, regime: str) -> bool:
        if (line,) not in self.reading.parameters.rates("lcr/mismatch_lines").rows(regime):
            return False
        self.reading.row("lcr/mismatch_lines", line, regime)
        return True

    def _pieces(
        self, deal: Deal, known: Mapping[str, str], regime: str
    ) -> Iterator[tuple[str, str | None, str, Decimal]]:
        """Each part, or where instalments repay it its pieces, with its window and amount; and the
        interest of instalments."""
        kind, when, rate = deal["product_type"], known["window"], self.rates[deal["currency"]]
        flows = self.instalments.get(deal["deal_id"], [])
        if not (kind in _BORROWED or (kind in (*_LENT, "SECURITY") and when != "OVERDUE")):
            flows = []
        repaid = self._repaid(deal, regime) if flows else {}
        paid_in = "MINIMUM" if kind in _OPEN and when == "OPEN" else "WITHIN"
        yield "interest", None, paid_in, product(repaid.pop("interest", ZERO), rate)
        if not flows and paid_in == "MINIMUM" and (least := self._minimum(deal)):
            yield "whole", "due", paid_in, least
            yield "whole", "later", when, self.held(deal) - least
            return
        if kind == "SECURITY" or not any(flow["principal"] for flow in flows):
            amounts = self._amounts(deal, known, regime)
            yield from ((part, None, when, amount) for part, amount in amounts.items())
            return
        later = "BEYOND" if kind in _LENT and when != "OPEN" else when
        if kind in _DIVIDED:
            yield from self._divided(deal, known, regime, later)
            return
        left = self.held(deal)
        for piece, amount in repaid.items():
            paid = product(amount, rate)
            left -= paid
            yield "whole", piece, paid_in if piece == "due" else "OVERDUE", paid
        yield "whole", "later", later, left

    def _minimum(self, deal: Deal) -> Decimal:
        """What must be paid on an open loan in the window, of no more than is owed (para 152)."""
        least = (self.loans.get(deal["deal_id"]) or {}).get("minimum_payment") or ZERO
        return product(min(least, deal["amount"]), self.rates[deal["currency"]])

    def _divided(
        self, deal: Deal, known: Mapping[str, str], regime: str, later: str
    ) -> Iterator[tuple[str, str, str, Decimal]]:
        """What is repaid in the window of each part, and what later: of a deposit what runs off
        most leaves first, of collateral the share that the principal has in all that is to come."""
        repaid, owed = self._repaid(deal, regime), deal["product_type"] in _BORROWED
        total = sum((flow["principal"] for flow in self.instalments[deal["deal_id"]]), ZERO)
        principal = [repaid[piece] for piece in (("overdue", "due") if owed else ("due",))]
        rate, one = self.rates[deal["currency"]], Decimal(1)
        cash = sum((product(amount, rate) for amount in principal), ZERO)
        shares = [times(one, Fraction(amount) / Fraction(total)) for amount in principal if total]
        left = cash
        within = self._amounts(deal, {**known, "window": "WITHIN"}, regime)
        after = self._amounts(deal, {**known, "window": later}, regime)
        for part in sorted(within, key=lambda part: _ORDER.index(part) if part in _ORDER else 0):
            size = abs(within[part])
            if part in ("collateral", "unwind_collateral"):
                paid = min(size, product(size, sum(shares, ZERO)))
            elif part == "unwind_cash" and not owed:
                paid = min(size, product(cash, self.free_share(deal)))
            elif part in ("whole", "unwind_cash"):
                paid = min(size, cash)
            else:
                paid = min(size, left)
                left -= paid
            paid = paid if within[part] >= 0 else -paid
            yield part, "due", "WITHIN", paid
            if part in after:
                yield part, "later", later, within[part] - paid

    def _paid(self, deal: Deal, part: str | None) -> int | None:
        """Days to the payment: of several, an inflow on the last, an outflow on the first."""
        owed = deal["product_type"] in _BORROWED
        if part in ("due", "interest"):
            if deal["deal_id"] not in self.instalments:
                return None  # a minimum payment is due on no day that is told
            window = int(self.reading.row("lcr/window", "lcr", BASEL).values["days"])
            unpaid = "interest" if part == "interest" else "principal"
            merged = part == "interest" or deal["product_type"] in _DIVIDED
            days = [
                left
                for flow in self.instalments[deal["deal_id"]]
                if (left := self._left(flow)) <= window
                and (left > 0 or (owed and merged and flow[unpaid] > 0))
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
        limit = self.at_rate(self.reading.row("lcr/small_business", "lcr", regime))
        group = self.groups.get(deal["counterparty_id"])
        funding = sum(
            (
                amount
                for (entity, depositor), amount in self.funding.items()
                if scope in self.scopes[entity]
                and (
                    depositor == deal["counterparty_id"]
                    or (group is not None and self.groups.get(depositor) == group)
                )
            ),
            ZERO,
        )
        return sector if funding < limit else "CORPORATE"

    def _amounts(self, deal: Deal, known: Mapping[str, str], regime: str) -> dict[str, Decimal]:
        """The parts a deal of this kind may have, with their amounts."""
        held, kind, when = self.held(deal), deal["product_type"], known["window"]
        if kind == "DEPOSIT":
            return self._deposit(deal, held, known["sector"])
        if kind == "SECURITY" and deal["deal_id"] in self.free:
            free = self.free[deal["deal_id"]]
            return {"free": free, "pledged": held - free}
        liquid = deal["eligible"] and known["level"] not in ("none", "unknown")
        pledged = self.held(deal, "collateral_value")
        if kind in self.reading.parameters.decisions("lcr/facility_lines").inputs["product_type"]:
            posted = ZERO
            if liquid:
                row = self.reading.row("lcr/lines", f"unwind_{known['level']}", regime)
                posted = min(held, product(pledged, row.values["rate"]))
            return {"posted": posted, "undrawn": held - posted}
        found = {"whole": held}
        share = self.free_share(deal)
        if kind == "COLLATERAL_SWAP" and known["usable"] == "YES" and when in _DATED:
            found["collateral"] = taken = product(held, share)
            if liquid and when == "WITHIN":
                found |= {"unwind_received": -taken, "unwind_collateral": product(pledged, share)}
        if kind == "REPO" and liquid and when in ("WITHIN", "OPEN"):
            found |= {"unwind_cash": -held, "unwind_collateral": pledged}
        if kind == "REVERSE_REPO" and liquid and when in _DATED:
            found["collateral"] = taken = product(pledged, share)
            if when == "WITHIN":
                found |= {"unwind_cash": product(held, share), "unwind_collateral": -taken}
        return found

    def _repaid(self, deal: Deal, regime: str) -> dict[str, Decimal]:
        """Principal overdue and in the window, and interest, in deal currency (convention 5)."""
        days = int(self.reading.row("lcr/window", "lcr", regime).values["days"])
        sums = dict.fromkeys(("overdue", "due", "interest"), ZERO)
        for flow in self.instalments[deal["deal_id"]]:
            left = self._left(flow)
            if left <= 0:
                sums["overdue"] += flow["principal"]
            elif left <= days:
                sums["due"] += flow["principal"]
            if 0 < left <= days or (left <= 0 and deal["product_type"] in _BORROWED):
                sums["interest"] += flow["interest"]
        return sums

    def _deposit(self, deal: Deal, held: Decimal, sector: str) -> dict[str, Decimal]:
        depositor = self.counterparties.get(deal["counterparty_id"])
        insured = self.insured.get(deal["deal_id"], ZERO)
        if sector in ("RETAIL", "SMALL_BUSINESS"):
            firm = deal["transactional"] or (depositor is not None and depositor["relationship"])
            stable = insured if firm else ZERO
            return {"stable": stable, "less_stable": held - stable}
        operational = min(self.held(deal, "operational_amount"), held)
        rest = held - operational
        is_insured = deal["deal_id"] in self.all_insured and sector not in _FINANCIAL
        return {
            "operational_insured": min(operational, insured),
            "operational_uninsured": operational - min(operational, insured),
            "insured" if is_insured else "uninsured": rest,
        }

    def _line(self, part: str, known: Mapping[str, str], regime: str) -> str:
        if part == "unwind_cash":
            return "unwind_level1_cash"
        if part == "unwind_received":
            return f"unwind_{known['received']}"
        if part == "unwind_collateral":
            return f"unwind_{known['level']}"
        if part == "interest" and known["product_type"] in (*_BORROWED, "SECURITY"):
            return self.reading.rule("lcr/interest_lines", regime, known).then["line"]
        if "unknown" in (known["level"], known.get("received")) and part == "whole":
            return "unclassified"
        kind = "SECURITY" if part == "collateral" else known["product_type"]
        table = {"DEPOSIT": "lcr/deposit_lines", "LOAN": "lcr/loan_lines"}.get(kind)
        for family in _FAMILIES if table is None else ():
            name = f"lcr/{family}_lines"
            if kind in self.reading.parameters.decisions(name).inputs["product_type"]:
                table = name
        if table is None:
            raise ValueError(f"no parameter decides the line of {kind}")
        asked = {**known, "product_type": kind, "part": part}
        if part == "stable" and known["scheme"] == "YES":
            asked["part"] = "stable_additional"
        if part == "collateral" and "received" in known:
            asked["level"] = known["received"]
        return self.reading.rule(table, regime, asked).then["line"]

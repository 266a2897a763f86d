"""What a small bank has delivered beside its deals: tables by key, what is insured or free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from regulatory_assets.bank.tables.customers import RATING_SCALE, RATING_TERMS
from regulatory_assets.regulation.parameters import BASEL
from regulatory_assets.regulation.tables import Row
from regulatory_assets.reports.lcr.plain.reading import (
    ZERO,
    Deal,
    Earlier,
    Reading,
    Rows,
    product,
    times,
    yes,
)


class Tables:
    """The tables of a small bank by their keys, its depositors' insured amounts, free holdings."""

    def __init__(
        self, rows: Rows, day: date, reading: Reading, earlier: Earlier | None = None
    ) -> None:
        self.day, self.reading, self.rows = day, reading, rows
        self.deals = rows["deals"]
        self.rates = self._last_rates({**(earlier or {}), day: rows})
        self.regimes = {row["entity_id"]: row["regime"] for row in rows["entities"]}
        self.reporting = {r["entity_id"]: r["reporting_currency"] for r in rows["entities"]}
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
        self.adjustments = {r["entity_id"]: r.get("outflow_adjustment") for r in structure}
        self.parents = {row["entity_id"]: row["parent_entity_id"] for row in structure}
        members = rows.get("customer_groups", ())
        self.groups = {row["counterparty_id"]: row["group_id"] for row in members}
        self.instalments: dict[str, list[Deal]] = {}
        for flow in rows.get("cash_flows", ()):
            self.instalments.setdefault(flow["deal_id"], []).append(flow)
        self.loans = {row["deal_id"]: row for row in rows.get("loans", ())}
        self.ratings: dict[str, list[Deal]] = {}
        for row in rows.get("security_ratings", ()):
            self.ratings.setdefault(row["security_id"], []).append(row)
        self.of_security = {r["security_id"]: r for r in rows.get("security_terms", ())}
        self.countries = {row["entity_id"]: row["country"] for row in structure}
        told = rows.get("counterparty_details", ())
        self.abroad = {row["counterparty_id"]: row["country"] for row in told}
        self.received: dict[str | None, list[Deal]] = {}
        self.given: dict[str | None, list[Deal]] = {}
        legs = {(leg["trade_id"], leg["leg"]): leg for leg in rows.get("financing_legs", ())}
        for piece in rows.get("collateral_pieces", ()):
            leg = legs[piece["trade_id"], piece["leg"]]
            side = self.received if leg["direction"] == "RECEIVED" else self.given
            side.setdefault(leg["deal_id"], []).append(piece)
        self.funding: dict[tuple[str, str], Decimal] = {}
        self.insured: dict[str, Decimal] = {}
        self.all_insured: set[str] = set()
        self.terms = {row["deal_id"]: row for row in rows.get("deposit_terms", ())}
        self.schemes: dict[str, list[Deal]] = {}
        for row in rows.get("deposit_schemes", ()):
            self.schemes.setdefault(row["entity_id"], []).append(row)
        self.holders: dict[str, list[Deal]] = {}
        for row in sorted(rows.get("account_holders", ()), key=lambda r: r["counterparty_id"]):
            self.holders.setdefault(row["account_id"], []).append(row)
        for deal in rows["deals"]:
            if deal["product_type"] in ("DEPOSIT", "OWN_DEBT", "COVERED_DEBT", "REPO"):
                customer = deal["entity_id"], deal["counterparty_id"]
                self.funding[customer] = self.funding.get(customer, ZERO) + self.held(deal)
        self._insure([d for d in rows["deals"] if d["product_type"] == "DEPOSIT"])
        deals = {d["deal_id"]: d for d in rows["deals"]}
        self.holdings = {row["deal_id"]: row for row in rows.get("holdings", ())}
        self.free = {i: self._unpledged(deals[i], row) for i, row in self.holdings.items()}
        for pool in rows.get("pledged_pools", ()):
            self._pledge(pool, [d for i, d in deals.items() if self._pool(i) == pool["pool_id"]])

    def _last_rates(self, delivered: Earlier) -> Mapping[str, Decimal]:
        """The last rate of each currency that is not too old (convention 14); what has none is
        worth nothing, on a day that nobody may report."""
        most = self.reading.row("market/carried_rates", "fx_rates", BASEL).values["days"]
        found: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        for day in sorted(delivered):
            if (self.day - day).days <= most:
                found |= {r["currency"]: r["rate"] for r in delivered[day].get("fx_rates", ())}
        return found

    def held(self, deal: Deal, column: str = "amount") -> Decimal:
        amount = deal[column]
        return ZERO if amount is None else product(amount, self.rates[deal["currency"]])

    def at_rate(self, row: Row) -> Decimal:
        """A limit of the regulation at the day's rate; nothing where there is none."""
        return product(row.values["limit"], self.rates.get(row.texts["currency"], ZERO))

    def _insure(self, deposits: Sequence[Deal]) -> None:
        """Spread what a scheme pays to a depositor over its claims; the largest takes the residue.

        A claim is a holder's share of a deposit: all of it, but for joint accounts.
        """
        claims: dict[tuple[str, str], list[tuple[Deal, Decimal]]] = {}
        for deal in deposits:
            for holder, claim in self._claims(deal):
                claims.setdefault((deal["entity_id"], holder), []).append((deal, claim))
        short: set[str] = set()
        for (entity, _), own in claims.items():
            insured = self._paid_out(entity, own)
            if sum(insured.values(), ZERO) < sum((claim for _, claim in own), ZERO):
                short |= {deal["deal_id"] for deal, _ in own}
            for deal_id, amount in insured.items():
                self.insured[deal_id] = self.insured.get(deal_id, ZERO) + amount
        self.all_insured = {deal["deal_id"] for deal in deposits} - short

    def _claims(self, deal: Deal) -> Iterator[tuple[str, Decimal]]:
        """Who has how much of a deposit; rounded claims add up to it."""
        held, holders = self.held(deal), self.holders.get(deal["account_id"])
        if not holders:
            yield deal["counterparty_id"], held
            return
        shares = [row["share"] for row in holders]
        equal = Fraction(1, len(holders))
        alike = None in shares
        upto = Fraction(0)
        for row in holders:
            before = times(held, upto)
            upto += equal if alike else Fraction(row["share"])
            yield row["counterparty_id"], times(held, upto) - before

    def _paid_out(self, entity: str, own: Iterable[tuple[Deal, Decimal]]) -> dict[str, Decimal]:
        """What of each claim of one holder on an entity is insured, scheme by scheme."""
        of_scheme: dict[str | None, dict[str, Decimal]] = {}
        limits: dict[str | None, Decimal] = {}
        for deal, claim in own:
            found = self._scheme(deal)
            if found is not None:
                scheme, limits[scheme] = found
                of_scheme.setdefault(scheme, {})[deal["deal_id"]] = claim
        insured: dict[str, Decimal] = {}
        for scheme, held in of_scheme.items():
            covered, limit = sum(held.values(), ZERO), limits[scheme]
            if covered > limit:
                share = Fraction(limit) / Fraction(covered)
                spread = {i: times(amount, share) for i, amount in held.items()}
                largest = min(held, key=lambda i: (-held[i], i))
                spread[largest] += limit - sum(spread.values(), ZERO)
                held = spread
            insured |= held
        return insured

    def _scheme(self, deal: Deal) -> tuple[str | None, Decimal] | None:
        """The scheme that covers a deposit with what it pays to a depositor; None where none does.

        Without schemes the usual limit; without terms the entity's only scheme.
        """
        if not deal["insurable"]:
            return None
        schemes = {r["scheme_id"]: r for r in self.schemes.get(deal["entity_id"], ())}
        named = self.terms.get(deal["deal_id"])
        if named is None and not schemes:
            regime = self.regimes[deal["entity_id"]]
            insurance = self.reading.row("lcr/deposit_insurance", "default", regime)
            return None, self.at_rate(insurance)
        if named is None and len(schemes) == 1:
            (scheme,) = schemes.values()
        elif named is not None and named["scheme_id"] in schemes:
            scheme = schemes[named["scheme_id"]]
        else:
            return None
        if scheme["currency"] != deal["currency"] and not scheme["covers_foreign_currency"]:
            return None
        return scheme["scheme_id"], product(scheme["insured_limit"], self.rates[scheme["currency"]])

    def has_better_scheme(self, deal: Deal) -> bool:
        """Whether the scheme that covers a deposit meets the additional criteria (para 78)."""
        found = self._scheme(deal)
        schemes = self.schemes.get(deal["entity_id"], ())
        return found is not None and any(
            row["additional_criteria"] for row in schemes if row["scheme_id"] == found[0]
        )

    def free_share(self, deal: Deal) -> Decimal:
        """What of the securities received is free; all where nothing is told of them (para 31)."""
        if self.received.get(deal["deal_id"]) is None:
            return Decimal(1)
        pieces = self.received_of(deal)
        value, free = ZERO, ZERO
        for piece in pieces:
            value += piece["market_value"]
            left = max(piece["quantity"] - piece["reused_quantity"], ZERO)
            if piece["reusable"] and not piece["recallable"] and piece["quantity"]:
                free += times(piece["market_value"], Fraction(left) / Fraction(piece["quantity"]))
        return times(Decimal(1), Fraction(free) / Fraction(value)) if value else ZERO

    def received_of(self, deal: Deal) -> list[Deal]:
        """The pieces that a trade has received; of a share those of its level."""
        pieces = self.received.get(deal["deal_id"], [])
        if "backed" not in deal:
            return pieces
        level, regime = deal["backed"]
        return [q for q in pieces if self._level_of(q, deal, regime) == level]

    def _pool(self, deal_id: str) -> str | None:
        holding = self.holdings.get(deal_id)
        return holding["pool_id"] if holding else None

    def _unpledged(self, deal: Deal, holding: Deal) -> Decimal:
        """What of a holding is not pledged by itself; without units nothing is."""
        units = max(holding["quantity"] - holding["encumbered_quantity"], ZERO)
        if not holding["quantity"]:
            return ZERO
        return times(self.held(deal), Fraction(units) / Fraction(holding["quantity"]))

    def _pledge(self, pool: Deal, deals: Iterable[Deal]) -> None:
        """Take what a pool needs from the least liquid first; they end when it has enough."""
        needed = product(pool["used"], self.rates[pool["currency"]])
        for deal in sorted(deals, key=lambda deal: (self._liquidity(deal), deal["deal_id"])):
            taken = min(self.free[deal["deal_id"]], needed)
            self.free[deal["deal_id"]] -= taken
            needed -= taken

    def _liquidity(self, deal: Deal) -> Decimal:
        """What the haircut leaves of a holding; nothing of one that cannot be turned into money."""
        regime = self.regimes[deal["entity_id"]]
        level = self.level(deal, regime)
        if level == "none" or not self.holdings[deal["deal_id"]]["operational_ok"]:
            return ZERO
        return self.reading.row("lcr/lines", f"unwind_{level}", regime).values["rate"]

    def level(self, deal: Deal, regime: str) -> str:
        known = self.grade(deal, regime)
        return (
            self.reading.rule("lcr/security_level", regime, known).then["level"]
            if known
            else "none"
        )

    def shares(self, deal: Deal, regime: str) -> list[Deal]:
        """A secured trade once for each level of its pieces, of a swap those received: ``backed``
        by it, with the share that they have in the market value of all (paras 112-115, 145-146).
        The trade itself where none is told, or nobody can tell the shares."""
        both = (self.given, self.received)
        sides = {"REPO": both, "REVERSE_REPO": both, "COLLATERAL_SWAP": (self.received,)}
        worth: dict[str, Decimal] = {}
        for side in sides.get(deal["product_type"], ()):
            for piece in side.get(deal["deal_id"], ()):
                level = self._level_of(piece, deal, regime)
                worth[level] = worth.get(level, ZERO) + piece["market_value"]
        total = sum(worth.values(), ZERO)
        if len(worth) > 1:
            worth = {level: worth[level] for level in sorted(worth) if worth[level]}
        elif not total:
            return [{**deal, "backed": (level, regime)} for level in worth] or [deal]
        if not worth:
            return [{**deal, "backed": ("unknown", regime)}]
        found: list[Deal] = []
        upto = Fraction(0)
        for level, value in worth.items():
            before, upto = upto, upto + Fraction(value) / Fraction(total)
            found.append({**deal, "backed": (level, regime), "reach": (before, upto)})
        return found

    def of_share(self, deal: Deal, amount: Decimal) -> Decimal:
        """What of a deal's amount is a share's; rounded shares add up to it."""
        before, upto = deal.get("reach", (Fraction(0), Fraction(1)))
        return times(amount, upto) - times(amount, before)

    def backing(self, deal: Deal, regime: str) -> str:
        """The level of a trade's collateral, or of what a swap gives; of other deals that of their
        security."""
        if deal["product_type"] == "COLLATERAL_SWAP":
            return self.level(deal, regime) if self.gives_one_level(deal, regime) else "unknown"
        return deal["backed"][0] if "backed" in deal else self.level(deal, regime)

    def gives_one_level(self, deal: Deal, regime: str) -> bool:
        """Whether all pieces that a swap gives have the level of its security."""
        own, given = self.level(deal, regime), self.given.get(deal["deal_id"], ())
        return all(self._level_of(piece, deal, regime) == own for piece in given)

    def _level_of(self, piece: Deal, deal: Deal, regime: str) -> str:
        return self.level({**deal, "security_id": piece["security_id"]}, regime)

    def grade(self, deal: Deal, regime: str) -> dict[str, str]:
        """What decides the level of a deal's security; nothing where it has none."""
        security = self.securities.get(deal["security_id"])
        if security is None:
            return {}
        weight, band = security["risk_weight"], "NONE"
        if weight is not None:
            bands = {
                self.reading.row("lcr/risk_weight_bands", name, regime).values["risk_weight"]: name
                for name in ("ZERO", "TWENTY")
            }
            band = bands.get(weight, "HIGHER")
        terms = self.of_security.get(deal["security_id"], {})
        issuer = self.counterparties.get(terms.get("issuer_id"), {})
        own = issuer.get("partner_entity_id") is not None
        return {
            "asset_class": security["asset_class"],
            "risk_weight_band": band,
            "credit_quality": self._quality(security),
            "issuer": "OWN" if own else "FINANCIAL" if security["financial_issuer"] else "OTHER",
            "conditions": self._fell(terms) if self._qualifies(security, terms) else "UNMET",
            "domestic": yes(self._sovereign(deal) == "DOMESTIC"),
        }

    def _qualifies(self, security: Deal, terms: Deal) -> bool:
        """Whether its terms, if known, show what 54(a) or 54(c) ask beside the rating."""
        kind = security["asset_class"]
        if not terms or kind not in ("RMBS", "EQUITY"):
            return True
        if kind == "EQUITY":
            return bool(terms["main_index"])
        most = self.reading.row("lcr/mortgage_pools", "rmbs", BASEL).values["average_ltv"]
        lent = terms["average_ltv"]
        kept = terms["full_recourse"] and terms["risk_retention"]
        originator = self.counterparties.get(terms["originator_id"], {})
        own = originator.get("partner_entity_id") is not None
        return bool(kept and not own and lent is not None and lent <= most)

    def _fell(self, terms: Deal) -> str:
        """The smallest decline in stress that is not less than what its terms tell, if any."""
        told = [terms.get(name) or ZERO for name in ("price_decline", "haircut_increase")]
        for within in ("MET", "WITHIN_TWENTY", "WITHIN_FORTY"):
            row = self.reading.row("lcr/stress_declines", within, BASEL)
            if all(lost <= row.values["most"] for lost in told):
                return within
        return "UNMET"

    def is_foreign(self, deal: Deal) -> bool:
        """A sovereign of the entity's country or home in a currency foreign to it (50(e))."""
        return self._sovereign(deal) == "FOREIGN"

    def _sovereign(self, deal: Deal) -> str:
        """Of a sovereign above 0 %: in its own currency, a foreign one, or of another country."""
        security = self.securities.get(deal["security_id"], {})
        terms = self.of_security.get(deal["security_id"])
        if security.get("asset_class") != "SOVEREIGN" or terms is None:
            return "NONE"
        zero = self.reading.row("lcr/risk_weight_bands", "ZERO", BASEL).values["risk_weight"]
        issuer = self.counterparties.get(terms["issuer_id"], {})
        own = security["financial_issuer"] or issuer.get("partner_entity_id") is not None
        if own or security["risk_weight"] == zero:
            return "NONE"
        found = "NONE"
        for head in {deal["entity_id"], self.head_of(self.scopes[deal["entity_id"]][:2][-1])}:
            if head is not None and self.countries.get(head) == terms["country"]:
                if self._currency(terms["country"]) == terms["currency"]:
                    return "DOMESTIC"
                found = "FOREIGN"
        return found

    def whose(self, deal: Deal, sector: str) -> str:
        """Whether a counterparty is told to be of another country than the entity (para 115)."""
        theirs, own = (
            self.abroad.get(deal["counterparty_id"]),
            self.countries.get(deal["entity_id"]),
        )
        if theirs is None or own is None or theirs == own:
            return "DOMESTIC"
        currency = self._currency(own)
        shared = sector == "CENTRAL_BANK" and currency and currency == self._currency(theirs)
        return "DOMESTIC" if shared else "FOREIGN"

    def _currency(self, country: str) -> str | None:
        """The currency of a country, if it is known."""
        row = self.reading.parameters.rates("lcr/country_currencies").rows().get((country,))
        return row.texts["currency"] if row else None

    def head_of(self, scope: str) -> str | None:
        """The entity itself; of a group its one member whose parent is outside (convention 13)."""
        if scope in self.regimes:
            return scope
        members = {entity for entity, scopes in self.scopes.items() if scope in scopes}
        heads = [e for e in members if e in self.parents and self.parents[e] not in members]
        return heads[0] if len(heads) == 1 else None

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

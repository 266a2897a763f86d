"""Faults put into the calculation on purpose: the worked examples must notice each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from regulatory_assets.reports.lcr import calculation, coverage, currency
from regulatory_assets.reports.lcr.plain.bank import Bank
from regulatory_assets.reports.lcr.plain.beside import Beside
from regulatory_assets.reports.lcr.plain.reading import times
from regulatory_assets.reports.lcr.plain.tables import Tables

LINE, PIECES = Bank._line, Bank._pieces
SCHEME, SOVEREIGN, PROMOTED = Tables._scheme, Tables._sovereign, calculation._promoted
KEPT, POSITIONS = calculation._untransferable, Beside.positions
OF_PART, BY_TERMS, MINIMUM = Bank._of_part, Bank._by_terms, Bank._minimum
OF_SWAP, FREE_SHARE, SHARES = Bank._of_swap, Tables.free_share, Tables.shares


def _customer_alone(self: Tables, deal: Any) -> Iterator[tuple[str, Decimal]]:
    yield deal["counterparty_id"], self.held(deal)


def _each_all(self: Tables, deal: Any) -> Iterator[tuple[str, Decimal]]:
    for row in self.holders.get(deal["account_id"], ()) or [deal]:
        yield row["counterparty_id"], self.held(deal)


def _scheme_of(**wrong: Any) -> Callable[..., Any]:
    """Schemes with some columns as they are not."""

    def scheme(self: Tables, deal: Any) -> Any:
        schemes = self.schemes
        self.schemes = {e: [row | wrong for row in rows] for e, rows in schemes.items()}
        try:
            return SCHEME(self, deal)
        finally:
            self.schemes = schemes

    return scheme


def _without_terms(self: Tables, deal: Any) -> Any:
    terms = self.terms
    self.terms = {}
    try:
        return SCHEME(self, deal)
    finally:
        self.terms = terms


def _always(kind: str) -> Callable[..., str]:
    def sovereign(self: Tables, deal: Any) -> str:
        return "NONE" if SOVEREIGN(self, deal) == "NONE" else kind

    return sovereign


def _no_limit(lines: Any, *seen: Any) -> dict[str, Decimal]:
    """Every sovereign in a foreign currency is Level 1, whatever flows out."""
    boundless = {"line": "wholesale_other", "amount": Decimal(10**12), "weighted": Decimal(10**12)}
    places = {(row.get("entity_id"), row.get("currency")) for row in lines}
    added = [{**boundless, "entity_id": e, "currency": c} for e, c in places]
    return PROMOTED([*lines, *added], *seen)


def _taken_as(**wrong: str) -> Callable[..., dict[str, Decimal]]:
    def promoted(lines: Any, *seen: Any) -> dict[str, Decimal]:
        return PROMOTED([{**row, **wrong} for row in lines], *seen)

    return promoted


def _level_kept(lines: Any, *seen: Any) -> dict[str, Decimal]:
    """What is Level 1 stays in its other level too."""
    found = PROMOTED(lines, *seen)
    return {name: max(amount, Decimal(0)) for name, amount in found.items()}


def _unwound_whole(*seen: Any) -> dict[str, Decimal]:
    """Trades of an entity that keeps its liquidity are undone whatever counts of its stock."""
    return {name: amount for name, amount in KEPT(*seen).items() if "unwind" not in name}


def _least_liquid(levels: Any, amount: Decimal) -> dict[str, Decimal]:
    taken = {}
    for level in reversed(levels):
        taken[level] = min(max(levels[level], Decimal(0)), amount)
        amount -= taken[level]
    return taken


def _as_if_held(self: Bank, deal: Any, part: str) -> dict[str, str]:
    return {} if part == "collateral" else OF_PART(self, deal, part)


def _all_retail(self: Bank, deal: Any, retail: bool) -> Any:
    return BY_TERMS(self, deal, True)


def _at_once(self: Bank, deal: Any, known: Any, regime: str, later: str) -> Iterator[Any]:
    for part, amount in self._amounts(deal, known, regime).items():
        yield part, "later", later, amount


def _performs(self: Bank, deal: Any, retail: bool) -> Any:
    loans = self.loans
    self.loans = {i: row | {"defaulted": False} for i, row in loans.items()}
    try:
        return BY_TERMS(self, deal, retail)
    finally:
        self.loans = loans


def _without_interest(self: Bank, *seen: Any) -> Iterator[Any]:
    return (piece for piece in PIECES(self, *seen) if piece[0] != "interest")


def _interest_of_funding(self: Bank, part: str, known: Any, regime: str) -> str:
    """Interest to pay runs off as the trade does."""
    repo = part == "interest" and known["product_type"] == "REPO"
    return LINE(self, "whole" if repo else part, known, regime)


def _more_than_is_owed(self: Bank, deal: Any) -> Decimal:
    return MINIMUM(self, {**deal, "amount": Decimal(10**9)})


def _swap(**wrong: str) -> Callable[..., dict[str, str]]:
    return lambda *seen: OF_SWAP(*seen) | wrong


def _by_number(self: Tables, deal: Any, regime: str) -> list[Any]:
    """Every piece divides a trade as much as any other."""
    sides = self.given, self.received
    self.given, self.received = (
        {i: [q | {"market_value": Decimal(1)} for q in own] for i, own in side.items()}
        for side in sides
    )
    try:
        return SHARES(self, deal, regime)
    finally:
        self.given, self.received = sides


def _by_host(self: Tables, deal: Any, regime: str) -> list[Any]:
    """Every scope sees the levels that the entity does."""
    return SHARES(self, deal, str(self.regimes[deal["entity_id"]]))


def _each_whole(self: Tables, deal: Any, amount: Decimal) -> Decimal:
    return amount


def _alone(self: Tables, deal: Any, amount: Decimal) -> Decimal:
    """Each share is rounded by itself."""
    before, upto = deal.get("reach", (Fraction(0), Fraction(1)))
    return times(amount, upto - before)


def _free_of_all(self: Tables, deal: Any) -> Decimal:
    return FREE_SHARE(self, {n: v for n, v in deal.items() if n != "backed"})


def _of_one_kind(self: Bank, deal: Any, sector: str, regime: str) -> dict[str, str]:
    """Securities that differ in anything that decides a level are of several levels."""
    securities = ({**deal, **piece} for piece in self.received.get(deal["deal_id"], ()))
    kinds = {tuple(self.grade(security, regime).values()) for security in securities}
    unlike = {"received": "unknown", "usable": "NO"} if len(kinds) > 1 else {}
    return OF_SWAP(self, deal, sector, regime) | unlike


def _piece(**wrong: Any) -> Callable[..., Decimal]:
    """Trades with some columns of what they have received as they are not."""

    def share(self: Tables, deal: Any) -> Decimal:
        received = self.received
        self.received = {i: [q | wrong for q in own] for i, own in received.items()}
        try:
            return FREE_SHARE(self, deal)
        finally:
            self.received = received

    return share


def _beside(table: str, **wrong: Any) -> Callable[..., Any]:
    """Positions of tables beside deals with some columns as they are not."""

    def positions(self: Beside, name: str) -> Iterator[Any]:
        rows = self.rows
        self.rows = {**rows, table: [row | wrong for row in rows.get(table, ())]}
        try:
            yield from [*POSITIONS(self, name)]
        finally:
            self.rows = rows

    return positions


def _set_without_agreement(self: Beside, trade_id: str) -> tuple[str, str]:
    return "set", self._trade(trade_id)["netting_set_id"] or trade_id


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "joint accounts count for the customer alone": (Tables, "_claims", _customer_alone),
    "each holder has all of a joint account": (Tables, "_claims", _each_all),
    "all schemes insure foreign currency": (
        Tables,
        "_scheme",
        _scheme_of(covers_foreign_currency=True),
    ),
    "all schemes have one limit": (Tables, "_scheme", _scheme_of(insured_limit=Decimal(100_000))),
    "all schemes meet the additional criteria": (Tables, "has_better_scheme", lambda *_: True),
    "no scheme meets the additional criteria": (Tables, "has_better_scheme", lambda *_: False),
    "terms of deposits are not looked at": (Tables, "_scheme", _without_terms),
    "terms of securities are not looked at": (Tables, "_qualifies", lambda *_: True),
    "declines in stress are not looked at": (Tables, "_fell", lambda *_: "MET"),
    "no sovereign is domestic": (Tables, "_sovereign", _always("FOREIGN")),
    "every sovereign is domestic": (Tables, "_sovereign", _always("DOMESTIC")),
    "the home of the group is not looked at": (Tables, "head_of", lambda self, scope: None),
    "the currency of the report is the country's": (Tables, "_currency", lambda *_: "EUR"),
    "no cap on foreign sovereigns": (calculation, "_promoted", _no_limit),
    "outflows of all currencies": (calculation, "_promoted", _taken_as(currency="EUR")),
    "outflows of all entities": (calculation, "_promoted", _taken_as(entity_id="E")),
    "no foreign sovereign is Level 1": (calculation, "_promoted", lambda *_: {}),
    "net outflows of every bank count whole": (Bank, "kind_of", lambda *_: "FULL"),
    "terms do not say when deposits leave": (Bank, "_by_terms", lambda self, deal, retail: deal),
    "the price of withdrawal keeps wholesale": (Bank, "_by_terms", _all_retail),
    "trades are repaid at once": (Bank, "_divided", _at_once),
    "collateral is promoted": (Bank, "_of_part", _as_if_held),
    "every central bank and sovereign is domestic": (Tables, "whose", lambda *_: "DOMESTIC"),
    "limits have no currency": (Tables, "at_rate", lambda self, row: row.values["limit"]),
    "loans in default perform": (Bank, "_by_terms", _performs),
    "open loans pay nothing": (Bank, "_minimum", lambda *_: Decimal(0)),
    "open loans pay more than is owed": (Bank, "_minimum", _more_than_is_owed),
    "no swap is in the stock": (Bank, "_of_swap", _swap(usable="NO")),
    "re-use and recall are not looked at": (Tables, "free_share", lambda *_: Decimal(1)),
    "swaps with central banks run off": (Bank, "_of_swap", _swap(counterparty="OTHER")),
    "what swaps have received is Level 1": (Bank, "_of_swap", _swap(received="level1")),
    "what swaps have received is of one kind": (Bank, "_of_swap", _of_one_kind),
    "whether it may be used again is not looked at": (Tables, "free_share", _piece(reusable=True)),
    "whether it was is not": (Tables, "free_share", _piece(reused_quantity=Decimal(0))),
    "whether its owner can have it back is not": (Tables, "free_share", _piece(recallable=False)),
    "all that a swap gives is of one level": (Tables, "gives_one_level", lambda *_: True),
    "trades are of the level of their security": (Tables, "shares", lambda self, deal, _: [deal]),
    "trades are divided by the number of pieces": (Tables, "shares", _by_number),
    "trades are divided by the entity's own regime": (Tables, "shares", _by_host),
    "each level has the whole trade": (Tables, "of_share", _each_whole),
    "shares are rounded each by itself": (Tables, "of_share", _alone),
    "what is free is shared by all levels": (Tables, "free_share", _free_of_all),
    "coupons of the stock come in": (Bank, "_in_stock", lambda *_: False),
    "interest counts nowhere": (Bank, "_pieces", _without_interest),
    "interest runs off as the repo does": (Bank, "_line", _interest_of_funding),
    "multipliers of the caps are Basel's": (calculation, "_STATED", ("none", "none")),
    "trades are undone whole where they are kept": (
        calculation,
        "_untransferable",
        _unwound_whole,
    ),
    "all that is kept counts after unwinding": (calculation, "_share_of", lambda *_: Fraction(1)),
    "what is kept counts after unwinding nowhere": (
        calculation,
        "_share_of",
        lambda *_: Fraction(0),
    ),
    "the least liquid counts of what is kept": (calculation, "_first_of", _least_liquid),
    "every trade is netted by itself": (Beside, "_set", lambda self, trade: ("trade", trade)),
    "sets need no agreement": (Beside, "_set", _set_without_agreement),
    "options are always exercised": (
        Beside,
        "positions",
        _beside("derivatives", in_the_money=True),
    ),
    "all of a line backs debt": (Beside, "positions", _beside("facilities", backed_debt=None)),
    "what a deal carries counts again": (
        Beside,
        "positions",
        _beside("facilities", undrawn_deal_id=None),
    ),
    "every call is expected": (Beside, "positions", _beside("own_debt", call_expected=True)),
    "what a pool secures is unsecured": (
        Beside,
        "positions",
        _beside("own_debt", ranking="SENIOR"),
    ),
    "all that is received may be used again": (
        Beside,
        "positions",
        _beside("margin_balances", reusable=True, segregated=False),
    ),
    "no view turns payments round": (
        currency,
        "within_currency",
        lambda lines, *_: list(lines),
    ),
    "what is promoted counts twice": (calculation, "_promoted", _level_kept),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_case_notices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTANTS[name])
    assert any(coverage.failing())

"""How the sample bank sizes its liquid assets: like a treasury, from what its book needs.

The factors are rough and serve only this purpose: they make each entity's LCR come near its
target, whatever the size and the seed of the book. The figures that count are the reports'.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from regulatory_assets.bank.draw import Bools, Ints
from regulatory_assets.bank.kinds import ENTITIES
from regulatory_assets.bank.positions import (
    DEPOSIT,
    INSURED_CENTS,
    LOAN,
    REPO,
    REVERSE_REPO,
    SECTORS,
    Positions,
    table,
)

TARGETS = (14_900, 14_200, 13_800)
"""Aimed-at LCR of each entity, in 1/100 %."""

_WINDOW = 30
_SECURITIES_OF_NET = 45
"""Securities held, in % of the first day's net outflow."""

# Per cent, by sector and by variant of security.
_OUTFLOW = table(
    10
    if sector in ("RETAIL", "SMALL_BUSINESS")
    else 100
    if sector in ("BANK", "OTHER_FINANCIAL", "OTHER_LEGAL_ENTITY")
    else 40
    for sector in SECTORS
)
_INFLOW = table(100 if s in ("BANK", "OTHER_FINANCIAL", "CENTRAL_BANK") else 50 for s in SECTORS)
_STOCK = table((100, 85, 50, 0, 85, 85, 50, 0, 75, 0, 50, 0, 0))
_SECURED = table((0, 15, 50, 100, 15, 15, 50, 100, 25, 100, 50, 100, 100))


@dataclass(frozen=True)
class Treasury:
    """Sizes of each entity's liquid assets: a factor (1/10**6) for securities, the reserve."""

    security_factor: tuple[int, ...]
    reserve: tuple[int, ...]


@dataclass
class Needs:
    """Sums over the book by entity: weighted in 1/100 of a cent, securities in euro cents."""

    outflow: list[int] = field(default_factory=lambda: [0] * len(ENTITIES))
    inflow: list[int] = field(default_factory=lambda: [0] * len(ENTITIES))
    stock: list[int] = field(default_factory=lambda: [0] * len(ENTITIES))
    securities: list[int] = field(default_factory=lambda: [0] * len(ENTITIES))

    def add(self, positions: Positions, today: int, rates: Ints, firm: Bools) -> None:
        """Weigh some deals. ``rates`` are euro in 10**-6, ``firm`` says which deposits stay."""
        d = positions.deals
        euro = d.amount * rates[d.currency] // 10**6
        due = ~d.open & (d.maturity <= today + _WINDOW)
        comes = due & (d.maturity > today) & (d.past_due == 0)
        sector, customer = np.maximum(positions.sector, 0), positions.sector >= 0
        backed = euro * _SECURED[positions.variant]

        retail = customer & (sector <= SECTORS.index("SMALL_BUSINESS"))
        rate = np.where(customer, _OUTFLOW[sector], 100)
        stable = np.where(retail & d.insurable & firm, np.minimum(euro, INSURED_CENTS), 0)
        used = np.maximum(d.operational, 0) * rates[d.currency] // 10**6
        leaves = (d.product == DEPOSIT) & (d.open | due | (retail & ~d.locked))
        outflow = np.where(leaves, euro * rate - stable * 5 - used * (rate - 25), 0)
        returned = (d.product == REPO) & (d.open | due)
        returned &= positions.sector != SECTORS.index("CENTRAL_BANK")
        outflow += np.where(returned, backed, 0)

        lent = euro * np.where(customer, _INFLOW[sector], 100)
        inflow = np.where((d.product == LOAN) & comes, lent, 0)
        inflow += np.where((d.product == REVERSE_REPO) & comes, backed, 0)

        securities = np.where(positions.at.is_security, euro, 0)
        stock = np.where(d.eligible, securities * _STOCK[positions.variant], 0)
        for entity in range(len(ENTITIES)):
            mine = d.entity == entity
            self.outflow[entity] += int(outflow[mine].sum())
            self.inflow[entity] += int(inflow[mine].sum())
            self.stock[entity] += int(stock[mine].sum())
            self.securities[entity] += int(securities[mine].sum())

    @property
    def net(self) -> tuple[int, ...]:
        """Net outflow in euro cents."""
        pairs = zip(self.outflow, self.inflow, strict=True)
        return tuple((out - min(into, out * 3 // 4)) // 100 for out, into in pairs)

    def security_factor(self) -> tuple[int, ...]:
        """What makes the securities held the wanted share of the net outflow."""
        pairs = zip(self.net, self.securities, strict=True)
        return tuple(net * _SECURITIES_OF_NET * 10**4 // max(1, held) for net, held in pairs)

    def reserve(self, factor: tuple[int, ...], cash: int, targets: list[int]) -> tuple[int, ...]:
        """The central bank reserve that brings each entity to its target."""
        return tuple(
            max(net * target // 10_000 - stock * f // 10**8 - cash, net // 20)
            for net, target, stock, f in zip(self.net, targets, self.stock, factor, strict=True)
        )

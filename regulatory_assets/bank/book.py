"""The sample bank's book: each deal as a pure function of seed, day and place in the book.

The book has a fixed number of places. A place is taken by one deal for 333 business days, then by
another with a new id, so that about 0.3 % of the deals end and begin each day; the amount of a
deal changes every 145 business days, maturing deals are rolled. Every deal of any day can be made
alone, so nothing is kept in memory and corrections need not read the book.

Only the liquid assets know of the other deals: all places are weighed once per day, and the
``treasury`` sizes the central bank reserve so that each entity's LCR comes near its target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import gcd

import numpy as np

from regulatory_assets.bank.draw import Bools, Draw, Ints
from regulatory_assets.bank.kinds import (
    CURRENCIES,
    ENTITIES,
    INTRAGROUP_SIDES,
    KINDS,
    OPEN,
    RATES,
    SECTOR_POOLS,
    SECURITY_VARIANTS,
    UNITS_PER_EURO,
    Kind,
)
from regulatory_assets.bank.positions import (
    DEPOSIT,
    INSURED_CENTS,
    KIND,
    LOAN,
    PRODUCTS,
    REPO,
    REVERSE_REPO,
    SECTORS,
    Deals,
    Places,
    Positions,
    day_number,
    table,
)
from regulatory_assets.bank.treasury import TARGETS, Needs, Treasury

CHUNK = 200_000
MINIMUM_DEALS = 800
"""With fewer, the least numbers of the other kinds leave none to the first."""

_OCCUPANCY = 333
_AMOUNT_PERIOD = 145
_OVERDUE_PERIOD, _OVERDUE_DAYS = 15_000, 90
_SHARES = 100_000
_BROKER = ENTITIES.index("BROKER_DE")

Progress = Callable[[int, int], None]
Rates = Callable[[str, date], Decimal]
"""Euro for one unit of a currency on a day."""


def _padded(rows: Iterator[tuple[int, ...]]) -> Ints:
    """A table of rows of unequal length, filled with zeros."""
    kept = list(rows)
    width = max(len(r) for r in kept)
    return np.array([(*row, *[0] * (width - len(row))) for row in kept], dtype=np.int64)


_PRODUCT = table(PRODUCTS.index(k.product) for k in KINDS)
_SECTOR = _padded(tuple(SECTORS.index(s) for s in k.sectors) for k in KINDS)
_SECTOR_COUNT = table(max(1, len(k.sectors)) for k in KINDS)
_HAS_CUSTOMER = np.array([bool(k.sectors) for k in KINDS])
_HAS_ACCOUNT = np.array([k.account is not None for k in KINDS])
_TENOR = _padded(k.tenors for k in KINDS)
_TENOR_COUNT = table(len(k.tenors) for k in KINDS)
_SIGMA = table(k.sigma for k in KINDS)
_CURRENCY_UP_TO = np.cumsum(_padded(k.currencies for k in KINDS), axis=1)
_TRANSACTIONAL = table(k.transactional for k in KINDS)
_INSURABLE = table(k.insurable for k in KINDS)
_LOCKED = table(k.locked for k in KINDS)
_OPERATIONAL = table(k.operational for k in KINDS)
_ELIGIBLE = table(k.eligible for k in KINDS)
_SECURED = np.array([k.secured for k in KINDS])
_INTRAGROUP = np.array([k.intragroup for k in KINDS])
_LASTS = np.array([k.share == 0 for k in KINDS])
_UNITS = table(UNITS_PER_EURO)
_VARIANT_WEIGHT = table(v.weight for v in SECURITY_VARIANTS)


class Book:
    """The deals of one sample bank: ``deals`` places, made from ``seed``."""

    def __init__(self, deals: int, first_day: date, seed: int, rates: Rates | None = None) -> None:
        if deals < MINIMUM_DEALS:
            raise ValueError(f"a sample bank needs at least {MINIMUM_DEALS} deals, not {deals}")
        self.deals, self.first_day, self.rates = deals, first_day, rates
        self.draw = Draw(seed)
        self._counts = _counts(deals)
        self._starts = np.concatenate([[0], np.cumsum(self._counts)])
        self._medians = table(
            _median(k, deals, n) for k, n in zip(KINDS, self._counts, strict=True)
        )
        self._stride = _coprime(deals * 618 // 1000, deals)
        pools = [max(least, deals * share // 1000) for _, share, least in SECTOR_POOLS]
        self.pool = table(pools)
        self.pool_start = np.concatenate([[0], np.cumsum(self.pool)]) + len(ENTITIES)
        self.securities = len(SECURITY_VARIANTS) * min(400, max(3, deals // 20_000))
        self._treasuries: dict[date, Treasury] = {}

    @property
    def counterparties(self) -> int:
        """Number of counterparties; the first ones are the group's own entities."""
        return int(self.pool_start[-1])

    def business_days(self, day: date) -> int:
        """Business days from the first day to ``day``."""
        return int(np.busday_count(self.first_day, day))

    def rate(self, day: date, currency: int) -> int:
        """Euro for one unit, in units of 10**-8: as given, else around the levels of ``RATES``."""
        if currency == 0:
            return RATES[0]
        if self.rates is not None:
            return int(self.rates(CURRENCIES[currency], day).scaleb(8))
        when = np.array([day.toordinal()])
        moved = self.draw.below(41, f"rate/{CURRENCIES[currency]}", when)
        return RATES[currency] * (10_000 - 20 + int(moved[0])) // 10_000

    def relationship(self, day: date, counterparty: Ints) -> Bools:
        """Whether the customer has an established relationship; it changes now and then."""
        phase = self.draw.below(5_000, "relationship phase", counterparty)
        changes = (self.business_days(day) + phase) // 5_000
        return self.draw.chance(650, "relationship", counterparty, changes)

    def at_home(self, counterparty: Ints) -> Bools:
        """Whether the customer banks with the group's first entity, else with the second."""
        return self.draw.chance(600, "home", counterparty)

    def begun(self, at: Places) -> Ints:
        """The day on which the deal at a place began."""
        first, phase = day_number(self.first_day), self.draw.below(_OCCUPANCY, "occupancy", at.key)
        elapsed = at.occupant * _OCCUPANCY - phase
        start = np.array(self.first_day, dtype="datetime64[D]")
        since: Ints = np.busday_offset(start, elapsed, roll="forward").astype(np.int64)
        before = first - 1 - self.draw.below(9_000, "begun", at.key)
        return np.where(at.occupant > 0, since, before)

    def position(self, day: date, places: Ints, progress: Progress | None = None) -> Deals:
        """The deals that hold these places of the book on a day, liquid assets included."""
        return self.settled(day, places, progress).deals

    def settled(self, day: date, places: Ints, progress: Progress | None = None) -> Positions:
        """The same, with what they were made from."""
        book, treasury = self.before_treasury(day, places), self.treasury(day, progress)
        deals, kind = book.deals, book.at.kind
        factor = table(treasury.security_factor)[deals.entity]
        reserve = table(treasury.reserve)[deals.entity]
        amount = np.where(book.at.is_security, deals.amount * factor // 10**6, deals.amount)
        amount = np.where(kind == KIND["central bank reserve"], reserve, amount)
        return replace(book, deals=replace(deals, amount=amount))

    def is_retail_deposit(self, day: date, places: Ints) -> Bools:
        """Whether a place holds a retail customer's deposit in euro."""
        book = self.before_treasury(day, places)
        retail = book.sector == SECTORS.index("RETAIL")
        found: Bools = retail & (book.deals.product == DEPOSIT) & (book.deals.currency == 0)
        return found

    def treasury(self, day: date, progress: Progress | None = None) -> Treasury:
        """The sizes of the liquid assets on a day, from one pass over the book."""
        if day not in self._treasuries:
            needs = self._needs(day, progress)
            if day == self.first_day:
                factor = needs.security_factor()
            else:
                factor = self.treasury(self.first_day, progress).security_factor
            cash, targets = int(self._medians[KIND["cash"]]), []
            for entity, target in enumerate(TARGETS):
                when = np.array([day.toordinal() * 10 + entity])
                targets.append(target - 300 + int(self.draw.below(601, "target", when)[0]))
            self._treasuries[day] = Treasury(factor, needs.reserve(factor, cash, targets))
        return self._treasuries[day]

    def _needs(self, day: date, progress: Progress | None) -> Needs:
        needs, done = Needs(), 0
        rates = table(self.rate(day, c) // 100 for c in range(len(CURRENCIES)))
        for places in self.chunks():
            book = self.before_treasury(day, places)
            firm = book.deals.transactional | self.relationship(day, book.deals.counterparty)
            needs.add(book, day_number(day), rates, firm)
            done += len(places)
            if progress is not None:
                progress(done, self.deals)
        return needs

    def chunks(self) -> Iterator[Ints]:
        """All places, in pieces of bounded size."""
        for start in range(0, self.deals, CHUNK):
            yield np.arange(start, min(start + CHUNK, self.deals), dtype=np.int64)

    def places_of(self, names: Iterable[str]) -> Iterator[Ints]:
        """The places of some kinds of deals, kind by kind, in pieces of bounded size."""
        back = pow(self._stride, -1, self.deals)
        for name in names:
            start, end = self._starts[KIND[name]], self._starts[KIND[name] + 1]
            for first in range(start, end, CHUNK):
                index = np.arange(first, min(first + CHUNK, end), dtype=np.int64)
                yield index * back % self.deals

    def before_treasury(self, day: date, numbers: Ints) -> Positions:
        """The deals of places of the book, the liquid assets not yet sized."""
        today, elapsed = day_number(day), self.business_days(day)
        at = self._places(numbers, elapsed)
        sector = _SECTOR[at.kind, at.rank % _SECTOR_COUNT[at.kind]]
        entity, counterparty = self._parties(at, sector)
        currency = self._currency(at)
        variant = np.where(_INTRAGROUP[at.kind], 0, at.rank % len(SECURITY_VARIANTS))
        amount = self._amount(at, elapsed, entity, currency, variant)
        maturity, is_open, past_due = self._maturity(at, today)

        piece = self._below(self.securities // len(SECURITY_VARIANTS), "security", at)
        secured = _SECURED[at.kind]
        security = np.where(secured, variant + piece * len(SECURITY_VARIANTS), -1)
        pledged = amount * (1000 + self._below(81, "collateral", at)) // 1000
        used = amount * (200 + self._below(601, "operational share", at)) // 1000
        deals = Deals(
            number=at.occupant * self.deals + numbers + 1,
            entity=entity,
            counterparty=counterparty,
            has_account=_HAS_ACCOUNT[at.kind],
            product=_PRODUCT[at.kind],
            currency=currency,
            amount=amount,
            maturity=maturity,
            open=is_open,
            security=security,
            collateral=np.where(secured & ~at.is_security, pledged, -1),
            operational=np.where(self._chance(_OPERATIONAL, "operational", at), used, -1),
            transactional=self._chance(_TRANSACTIONAL, "transactional", at),
            insurable=self._chance(_INSURABLE, "insurable", at),
            locked=self._chance(_LOCKED, "locked", at),
            eligible=self._chance(_ELIGIBLE, "eligible", at),
            past_due=past_due,
        )
        return Positions(deals, at, np.where(_HAS_CUSTOMER[at.kind], sector, -1), variant)

    def _places(self, numbers: Ints, elapsed: int) -> Places:
        """What stands at places of the book: kinds are strewn over it, not one after the other."""
        index = numbers * self._stride % self.deals
        kind = np.searchsorted(self._starts, index, side="right") - 1
        rank = index - self._starts[kind]
        # Both sides of an intragroup deal draw with the same key, so that they agree.
        mirrored = self.deals + rank + 10 * np.isin(_PRODUCT[kind], (REPO, REVERSE_REPO))
        key = np.where(_INTRAGROUP[kind], mirrored, index)
        lived = elapsed + self.draw.below(_OCCUPANCY, "occupancy", key)
        return Places(kind, rank, key, np.where(_LASTS[kind], 0, lived // _OCCUPANCY))

    def _below(self, limit: int, field: str, at: Places) -> Ints:
        """A draw that stays as long as the deal does."""
        return self.draw.below(limit, field, at.key, at.occupant)

    def _chance(self, per_mille: Ints, field: str, at: Places) -> Bools:
        """A property of the place, by the chances of its kind."""
        return self.draw.chance(per_mille[at.kind], field, at.key)

    def _parties(self, at: Places, sector: Ints) -> tuple[Ints, Ints]:
        """Who books the deal, and with whom: customers stay with their bank, all three trade."""
        customer = self.draw.below(self.pool[sector], "customer", at.key, at.occupant)
        counterparty = np.where(_HAS_CUSTOMER[at.kind], self.pool_start[sector] + customer, -1)
        at_home = self.at_home(counterparty)
        abroad = self.draw.chance(30, "abroad", at.key)
        secured = _SECURED[at.kind]
        turn = np.where(secured, at.rank // len(SECURITY_VARIANTS), at.rank) % len(ENTITIES)
        trades = secured | ~_HAS_CUSTOMER[at.kind] | (at.kind == KIND["financial deposit"])
        entity = np.where(trades, turn, np.where(at_home ^ abroad, 0, 1))

        side = np.array(INTRAGROUP_SIDES)[at.rank % len(INTRAGROUP_SIDES)]
        borrows = np.isin(_PRODUCT[at.kind], (DEPOSIT, REPO))
        own = np.where(borrows, side[:, 1], side[:, 0])
        other = np.where(borrows, side[:, 0], side[:, 1])
        inside = _INTRAGROUP[at.kind]
        return np.where(inside, own, entity), np.where(inside, other, counterparty)

    def _currency(self, at: Places) -> Ints:
        drawn = self.draw.below(1000, "currency", at.key)
        passed: Ints = (drawn[:, None] >= _CURRENCY_UP_TO[at.kind]).sum(axis=1)
        return passed

    def _amount(
        self, at: Places, elapsed: int, entity: Ints, currency: Ints, variant: Ints
    ) -> Ints:
        """Cents: a size that stays with the place, and up to 10 % that moves now and then."""
        product = _PRODUCT[at.kind]
        size = self.draw.log_normal(self._medians[at.kind], _SIGMA[at.kind], "size", at.key)
        phase = self.draw.below(_AMOUNT_PERIOD, "amount phase", at.key)
        revision = (elapsed + phase) // _AMOUNT_PERIOD
        moved = 900 + self.draw.below(201, "amount", at.key, at.occupant, revision)
        amount = size * moved // 1000 * _UNITS[currency]
        amount = np.where(at.kind == KIND["cash"], self._medians[at.kind], amount)
        at_limit = (product == DEPOSIT) & self.draw.chance(2, "at the limit", at.key)
        amount = np.where(at_limit & _HAS_CUSTOMER[at.kind], INSURED_CENTS, amount)
        amount = np.where(at.is_security, amount * _VARIANT_WEIGHT[variant], amount)
        market = np.isin(product, (REPO, REVERSE_REPO)) & ~_INTRAGROUP[at.kind]
        return np.where(market & (entity == _BROKER), amount * 3 // 10, amount)

    def _maturity(self, at: Places, today: int) -> tuple[Ints, Bools, Ints]:
        """Maturity, whether there is none, and days past due.

        Deals are rolled at maturity, except some loans that are not repaid and some term deposits
        that nobody collects.
        """
        tenor = _TENOR[at.kind, at.rank // _SECTOR_COUNT[at.kind] % _TENOR_COUNT[at.kind]]
        days = np.maximum(np.abs(tenor), 1)
        left = (self.draw.below(days, "maturity", at.key) - today) % days
        maturity = today + np.where((tenor < 0) | (left == 0), days, left)

        loan = (_PRODUCT[at.kind] == LOAN) & ~_INTRAGROUP[at.kind]
        phase = self.draw.below(_OVERDUE_PERIOD, "overdue", at.key)
        days_late = (today + phase) % _OVERDUE_PERIOD
        late = loan & (days_late > 0) & (days_late <= _OVERDUE_DAYS)
        unpaid = late & self.draw.chance(500, "unpaid", at.key)
        forgotten = self.draw.chance(20, "uncollected", at.key)
        uncollected = (at.kind == KIND["term deposit"]) & forgotten
        since = day_number(self.first_day) - 1 - self.draw.below(20, "uncollected since", at.key)
        maturity = np.where(uncollected, since, maturity)
        maturity = np.where(unpaid, today - days_late, maturity)
        return maturity, (tenor == OPEN) & ~unpaid, np.where(late, days_late, 0)


def _counts(deals: int) -> Ints:
    """Deals of each kind; the first kind takes what the others leave."""
    counts = [max(k.minimum, deals * k.share // _SHARES) for k in KINDS]
    counts[0] += deals - sum(counts)
    return table(counts)


def _median(kind: Kind, deals: int, count: int) -> int:
    """Median size in cents; where the minimum raises the count, the size shrinks."""
    if kind.share == 0:
        return kind.median * deals * 100
    return min(kind.median * 100, kind.median * 100 * deals * kind.share // (_SHARES * count))


def _coprime(wanted: int, modulus: int) -> int:
    """The first number from ``wanted`` on without a common factor with ``modulus``."""
    while gcd(wanted, modulus) != 1:
        wanted += 1
    return wanted

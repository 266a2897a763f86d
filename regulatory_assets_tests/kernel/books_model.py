"""Every table of the toy graph from scratch, in plain Python; nothing here comes from the kernel.

A row is a tuple in the order of a table's content: layer, sign, rule, business columns. A state is
a Counter of rows, so that a row standing twice is seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

Row = tuple[object, ...]
State = Counter[Row]

_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
_UNIT = Decimal("0.00000001")
_BASE = ("base", 1, None)


def exact(value: Decimal) -> Decimal:
    """The value with eight decimals, half away from zero."""
    return value.quantize(_UNIT, context=_WIDE)


def _times(amount: Decimal, rate: Decimal) -> Decimal:
    return exact(_WIDE.multiply(amount, rate))


@dataclass(frozen=True)
class Deal:
    customer: str | None
    currency: str | None
    amount: Decimal
    due: date | None
    active: bool


@dataclass
class Sources:
    """What has been delivered for one day; keys as in the source tables."""

    deals: dict[tuple[str, str], Deal] = field(default_factory=dict)
    customers: dict[tuple[str, str | None], tuple[str | None, str | None]] = field(
        default_factory=dict
    )
    rates: dict[tuple[str, str | None], Decimal] = field(default_factory=dict)

    def copy(self) -> Sources:
        return Sources(dict(self.deals), dict(self.customers), dict(self.rates))

    def rows(self, table: str) -> list[Row]:
        """Business columns of a source table."""
        if table == "deals":
            return [
                (*key, d.customer, d.currency, exact(d.amount), d.due, d.active)
                for key, d in self.deals.items()
            ]
        if table == "customers":
            return [(*key, *value) for key, value in self.customers.items()]
        return [(*key, exact(rate)) for key, rate in self.rates.items()]

    def state(self, table: str) -> State:
        return Counter((*_BASE, *row) for row in self.rows(table))


@dataclass(frozen=True)
class Settings:
    """What besides rows a result depends on: parameters, and versions of the code."""

    limit: Decimal
    factor: int
    code: tuple[tuple[str, int], ...]

    def version(self, stage: str) -> int:
        return dict(self.code)[stage]


def source(table: str, state: State) -> Sources:
    """The inverse of :meth:`Sources.state`."""
    found = Sources()
    for row in state.elements():
        business = row[3:]
        if table == "deals":
            book, deal, customer, currency, amount, due, active = business
            found.deals[book, deal] = Deal(customer, currency, amount, due, active)  # type: ignore[index,arg-type]
        elif table == "customers":
            found.customers[business[0], business[1]] = (business[2], business[3])  # type: ignore[index,assignment]
        else:
            found.rates[business[0], business[1]] = business[2]  # type: ignore[index,assignment]
    return found


READS = {
    "held": ("deals", "rates", "customers"),
    "flows": ("deals", "rates", "customers", "held"),
    "adjusted": ("flows",),
    "noted": ("customers",),
    "lines": ("adjusted", "noted"),
    "report": ("lines",),
}
"""The stages in order, each with what it reads."""


def stage(name: str, inputs: Mapping[str, State], settings: Settings) -> State:
    """One stage's table from its inputs."""
    if name in ("held", "flows"):
        given = Sources(
            source("deals", inputs["deals"]).deals,
            source("customers", inputs["customers"]).customers,
            source("rates", inputs["rates"]).rates,
        )
        if name == "held":
            return _held(given, settings)
        return _flows(given, inputs["held"], settings)
    if name == "adjusted":
        return _adjusted(inputs["flows"])
    if name == "noted":
        return _noted(inputs["customers"])
    if name == "lines":
        return _lines(inputs["adjusted"], inputs["noted"])
    return _report(inputs["lines"], settings)


def calculate(given: Sources, settings: Settings) -> dict[str, State]:
    """Every table of a day, sources among them."""
    tables = {name: given.state(name) for name in ("deals", "customers", "rates")}
    for name, reads in READS.items():
        tables[name] = stage(name, {r: tables[r] for r in reads}, settings)
    return tables


def trend(lines_of_days: Iterable[State]) -> State:
    """The stage that reads several days."""
    sums: dict[object, Decimal] = defaultdict(Decimal)
    days: Counter[object] = Counter()
    for lines in lines_of_days:
        for row in lines.elements():
            amount = row[6]
            assert isinstance(amount, Decimal)
            sums[row[3]] += amount
        days.update({row[3] for row in lines})
    return Counter((*_BASE, book, exact(amount), days[book]) for book, amount in sums.items())


def _held(given: Sources, settings: Settings) -> State:
    groups: dict[tuple[str, str | None], list[Deal]] = defaultdict(list)
    for (book, _), deal in given.deals.items():
        if deal.active:
            groups[book, deal.customer].append(deal)
    rows = []
    for (book, customer), deals in groups.items():
        worths = [
            _times(d.amount, given.rates[book, d.currency])
            for d in deals
            if (book, d.currency) in given.rates
        ]
        sum_ = exact(sum(worths, Decimal(0)))
        _, partner = given.customers.get((book, customer), (None, None))
        related, _ = given.customers.get((book, partner), (None, None))
        capped = exact(min(sum_, settings.limit))
        rows.append((*_BASE, book, customer, sum_, capped, related))
    return Counter(rows)


def _flows(given: Sources, held: State, settings: Settings) -> State:
    holdings = {(row[3], row[4]): (row[5], row[6]) for row in held}
    rows: list[Row] = []
    for (book, deal_id), deal in given.deals.items():
        if not deal.active:
            continue
        rate = given.rates.get((book, deal.currency))
        kind, partner = given.customers.get((book, deal.customer), (None, None))
        partner_kind, _ = given.customers.get((book, partner), (None, None))
        sum_, capped = holdings.get((book, deal.customer), (None, None))
        whole = None if rate is None else _times(deal.amount, rate)
        over: Decimal | None = Decimal(0)
        if isinstance(sum_, Decimal) and isinstance(capped, Decimal) and sum_ > capped:
            over = sum_ - capped if settings.version("flows") < 2 else capped - sum_
        of_partner = capped if partner_kind == "R" else Decimal(0)
        for part, amount in (("whole", whole), ("over", over), ("partner", of_partner)):
            if amount is None:
                rows.append((*_BASE, book, deal_id, part, deal.customer, kind, deal.due, None))
            elif isinstance(amount, Decimal) and amount != 0:
                value = exact(amount)
                rows.append((*_BASE, book, deal_id, part, deal.customer, kind, deal.due, value))
    return Counter(rows)


def _adjusted(flows: State) -> State:
    rows: list[Row] = []
    for row in flows.elements():
        rows.append(row)
        kind, amount = row[7], row[9]
        if kind in ("R", "X"):
            rows.append(("adjustment", -1, "r1", *row[3:]))
        if kind == "R":
            doubled = exact(amount * 2) if isinstance(amount, Decimal) else None
            rows.append(("adjustment", 1, "r1", *row[3:9], doubled))
    return Counter(rows)


def _noted(customers: State) -> State:
    rows = customers.elements()
    return Counter((*row[:5], row[5], "noted", exact(Decimal(1))) for row in rows)


def _lines(adjusted: State, noted: State) -> State:
    sums: dict[Row, list[Decimal | int]] = defaultdict(lambda: [Decimal(0), 0, 0])
    of_deals = [(*row[:4], row[7], row[5], row[9]) for row in adjusted.elements()]
    of_customers = [(*row[:4], *row[5:]) for row in noted.elements()]
    for layer, sign, rule, book, kind, part, amount in (*of_deals, *of_customers):
        group = sums[layer, rule, book, kind, part]
        assert isinstance(sign, int)
        if isinstance(amount, Decimal):
            group[0] += amount * sign
        group[1] += 1
        group[2] += sign
    return Counter(
        (layer, 1, rule, book, kind, part, exact(Decimal(group[0])), group[1], group[2])
        for (layer, rule, book, kind, part), group in sums.items()
    )


def _report(lines: State, settings: Settings) -> State:
    books: dict[object, dict[object, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in lines.elements():
        amount = row[6]
        assert isinstance(amount, Decimal)
        books[row[3]][row[5]] += amount
    rows: list[Row] = []
    for book, sums in books.items():
        whole = sums.get("whole")
        for part, amount in sums.items():
            capped = None if whole is None else exact(min(amount, whole * settings.factor))
            if settings.version("report") >= 2:
                capped = None
            rows.append((*_BASE, book, part, exact(amount), capped))
    return Counter(rows)


def difference(expected: State, found: Iterable[Row]) -> str:
    """What is missing and what is too much, in words; empty if the multisets are equal."""
    actual = Counter(found)
    missing, extra = expected - actual, actual - expected
    if not missing and not extra:
        return ""
    return f"missing {sorted(map(repr, missing.elements()))[:4]}, " + (
        f"too much {sorted(map(repr, extra.elements()))[:4]}"
    )

"""A toy graph in the shape of the real one, over many small independent books in the same tables.

The book stands in every key, so one round trip to the engine tests as many histories as there are
books. What the graph computes is written a second time, without the kernel, in ``books_model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import (
    Lookup,
    ReportRow,
    aggregate_stage,
    group_stage,
    report_stage,
    row_stage,
)
from regulatory_assets.ledger.table import ADJUSTMENT, Column, ColumnType, Table

_STRING, _MONEY, _RATE = ColumnType.STRING, ColumnType.MONEY, ColumnType.RATE
_LONG, _DATE, _BOOLEAN = ColumnType.LONG, ColumnType.DATE, ColumnType.BOOLEAN


def _column(name: str, kind: ColumnType, *, nullable: bool = False) -> Column:
    return Column(name, kind, name, nullable=nullable)


_BOOK = _column("book", _STRING)
_ID = _column("id", _STRING)
_PART = _column("part", _STRING)
_CUSTOMER = _column("customer", _STRING, nullable=True)
_KIND = _column("kind", _STRING, nullable=True)

DEALS = Table(
    "deals",
    "Deals; customer and currency may be unknown.",
    (
        _BOOK,
        _ID,
        _CUSTOMER,
        _column("currency", _STRING, nullable=True),
        _column("amount", _MONEY),
        _column("due", _DATE, nullable=True),
        _column("active", _BOOLEAN),
    ),
    ("book", "id"),
    "books",
)
CUSTOMERS = Table(
    "customers",
    "Customers, each with a partner who may be a customer as well; one may have no id.",
    (_BOOK, _CUSTOMER, _KIND, _column("partner", _STRING, nullable=True)),
    ("book", "customer"),
    "books",
)
RATES = Table(
    "rates",
    "Rates; a row without currency is the rate of deals without currency.",
    (_BOOK, _column("currency", _STRING, nullable=True), _column("rate", _RATE)),
    ("book", "currency"),
    "books",
)
HELD = Table(
    "held",
    "What a customer holds in all.",
    (
        _BOOK,
        _CUSTOMER,
        _column("total", _MONEY),
        _column("capped", _MONEY),
        _column("related", _STRING, nullable=True),
    ),
    ("book", "customer"),
    "books",
)
_FLOW_COLUMNS = (
    _BOOK,
    _ID,
    _PART,
    _CUSTOMER,
    _KIND,
    _column("due", _DATE, nullable=True),
    _column("amount", _MONEY, nullable=True),
)
FLOWS = Table("flows", "Parts of deals.", _FLOW_COLUMNS, ("book", "id", "part"), "books")
ADJUSTED = Table(
    "adjusted", "Parts with contra rows.", _FLOW_COLUMNS, ("book", "id", "part"), "books"
)
NOTED = Table(
    "noted",
    "What is known of customers without deals.",
    (_BOOK, _CUSTOMER, _KIND, _PART, _column("amount", _MONEY)),
    ("book", "customer"),
    "books",
)
LINES = Table(
    "lines",
    "Sums by kind and part.",
    (_BOOK, _KIND, _PART, _column("amount", _MONEY), _column("n_rows", _LONG), _column("n", _LONG)),
    ("book", "kind", "part"),
    "books",
    bounded=True,
)
REPORT = Table(
    "report",
    "Sums by part, capped by the whole.",
    (_BOOK, _PART, _column("amount", _MONEY), _column("capped", _MONEY, nullable=True)),
    ("book", "part"),
    "books",
    bounded=True,
)

TREND = Table(
    "trend",
    "Sums of a book over the days up to now.",
    (_BOOK, _column("amount", _MONEY), _column("days", _LONG)),
    ("book",),
    "books",
    bounded=True,
)

KEYED = Table("keyed", "Ids.", (_column("code", _STRING),), ("code",), "books")
"""A table that is nothing but a key; only some tests read it."""

DAYS = (date(2026, 1, 5), date(2026, 1, 6))
SOURCES = (DEALS, CUSTOMERS, RATES)

CODE: dict[str, int] = {"flows": 0, "report": 0}
"""The version of a stage's code: even versions compute one thing, odd ones the same thing in other
words (so the fingerprint moves and the figures do not), from 2 on another thing."""

_RATE_OF_DEAL = Lookup(RATES, ("book", "currency"), ("rate",))
_PARTNER_KIND = Lookup(CUSTOMERS, ("book", "partner"), ("kind",), prefix="partner_")


def _worth() -> Any:
    return product(F.col("amount"), F.col("rate"))


@group_stage(
    reads=DEALS,
    writes=HELD,
    by=("book", "customer"),
    lookups=(
        _RATE_OF_DEAL,
        Lookup(CUSTOMERS, ("book", "customer"), ("partner",)),
        _PARTNER_KIND,
    ),
    parameters=("limit",),
    only=lambda: F.col("active"),
)
def held(deals: DataFrame, p: Any) -> DataFrame:
    """Not linear: capped per customer. A customer with no active deal has no row."""
    limit = F.lit(p["limit"]).cast(_MONEY.value)
    return (
        deals.groupBy("book", "customer")
        .agg(total(_worth()).alias("total"), F.max("partner_kind").alias("related"))
        .withColumn("capped", F.least(F.col("total"), limit))
    )


@row_stage(
    reads=DEALS,
    writes=FLOWS,
    lookups=(
        _RATE_OF_DEAL,
        Lookup(CUSTOMERS, ("book", "customer"), ("kind", "partner")),
        _PARTNER_KIND,
        Lookup(HELD, ("book", "customer"), ("total", "capped")),
    ),
)
def flows(deals: DataFrame, _: Any) -> DataFrame:
    """Explodes, filters, and looks up what it looked up and what a group stage computed."""
    nothing = F.lit(0).cast(_MONEY.value)
    over = (F.col("total") - F.col("capped")).cast(_MONEY.value)
    if CODE["flows"] >= 2:
        over = -over
    part = F.col("part")
    amount = (
        F.when(part == "whole", _worth())
        .when(part == "over", F.when(F.col("total") > F.col("capped"), over).otherwise(nothing))
        .otherwise(F.when(F.col("partner_kind") == "R", F.col("capped")).otherwise(nothing))
    )
    return (
        deals.where(F.col("active"))
        .withColumn("part", F.explode(F.array(*(F.lit(p) for p in ("whole", "over", "partner")))))
        .withColumn("amount", amount)
        .where(F.col("amount").isNull() | (F.col("amount") != nothing))
    )


@row_stage(reads=FLOWS, writes=ADJUSTED)
def adjusted(rows: DataFrame, _: Any) -> DataFrame:
    """Emits signs: kind R is taken back and booked anew doubled, kind X is taken back."""

    def variants(*names: str) -> Any:
        return F.array(*(F.lit(n) for n in names))

    variant, doubled = F.col("variant"), (F.col("amount") + F.col("amount")).cast(_MONEY.value)
    return (
        rows.withColumn(
            "variant",
            F.explode(
                F.when(F.col("kind") == "R", variants("base", "contra", "rebook"))
                .when(F.col("kind") == "X", variants("base", "contra"))
                .otherwise(variants("base"))
            ),
        )
        .withColumn("layer", F.when(variant == "base", F.col("layer")).otherwise(ADJUSTMENT))
        .withColumn("rule_id", F.when(variant == "base", F.col("rule_id")).otherwise("r1"))
        .withColumn("sign", F.when(variant == "contra", -F.col("sign")).otherwise(F.col("sign")))
        .withColumn("amount", F.when(variant == "rebook", doubled).otherwise(F.col("amount")))
    )


@row_stage(reads=CUSTOMERS, writes=NOTED)
def noted(customers: DataFrame, _: Any) -> DataFrame:
    """A row of its own for each customer, where sums are of deals else."""
    one = F.lit(1).cast(_MONEY.value)
    return customers.withColumns({"part": F.lit("noted"), "amount": one})


lines = aggregate_stage(
    reads=ADJUSTED, writes=LINES, by=("book", "kind", "part"), sums=("amount",), also=(NOTED,)
)


@report_stage(reads=LINES, writes=REPORT, by=("book",), parameters=("factor",))
def report(rows: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Parts of a book, all layers together, none above the whole times a factor."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["part"]] = sums.get(row["part"], Decimal(0)) + row["amount"]
    most = sums.get("whole")
    for part, amount in sums.items():
        capped = None if most is None else min(amount, most * p["factor"])
        if CODE["report"] >= 2:
            capped = None
        yield {"book": rows[0]["book"], "part": part, "amount": amount, "capped": capped}


@report_stage(
    reads=LINES, writes=TREND, by=("book",), days=lambda day, _: [d for d in DAYS if d <= day]
)
def trend(rows: Sequence[ReportRow], _: Any) -> Iterable[ReportRow]:
    """Reads the lines of several days."""
    amount = sum((row["amount"] for row in rows), Decimal(0))
    days = len({row["reporting_date"] for row in rows})
    yield {"book": rows[0]["book"], "amount": amount, "days": days}


GRAPH = Graph(SOURCES, (held, flows, adjusted, noted, lines, report, trend))


@dataclass(frozen=True)
class Values:
    """Parameter values of a day. No toy stage cites any, so none are compared."""

    day: date
    values: dict[str, Any]
    text: str

    @property
    def hash(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def moved_since(self, before: str) -> None:
        """Nothing is known of what has moved."""


@dataclass
class Parameters:
    """A parameter source whose values and hash a test changes; the hash may move alone."""

    limit: Decimal = Decimal(100)
    factor: int = 2
    edition: int = 0

    def at(self, day: date, names: Iterable[str]) -> Values:
        known: dict[str, Any] = {"limit": self.limit, "factor": self.factor}
        values = {name: known[name] for name in names}
        edition = self.edition if values else 0
        return Values(day, values, repr((sorted(values.items()), edition)))

"""The toy graph of the kernel's tests with rules acting on it, and what must come out.

The tables and functions are those of ``kernel.books``; between them stand adjustment stages. What
rules make of rows is written a second time in plain Python: the tables before any rule, and after
all of them, each from the sources.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import (
    APPROVED,
    SUBMITTED,
    WITHDRAWAL,
    Proposals,
    RuleBook,
    acts_at,
)
from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.rule import Operation, Rule, Test
from regulatory_assets.control.events import Actor, EventLog
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.stages import (
    Lookup,
    ReportRow,
    Stage,
    adjustment_stage,
    aggregate_stage,
    report_stage,
)
from regulatory_assets_tests.kernel import books, books_model
from regulatory_assets_tests.kernel.books_model import Row, Sources, State, exact

LINES = replace(books.LINES, additive=("amount", "n_rows", "n"))

reference = adjustment_stage(reads=books.CUSTOMERS, name="reference_adjustments")
market = adjustment_stage(reads=books.RATES, name="market_adjustments")
deal = adjustment_stage(
    reads=books.DEALS,
    name="deal_adjustments",
    lookups=(Lookup(books.CUSTOMERS, ("book", "customer"), ("kind",)),),
    inserts="id",
)
flow = adjustment_stage(
    reads=books.FLOWS,
    name="flow_adjustments",
    lookups=(Lookup(books.DEALS, ("book", "id"), ("currency",)),),
)
line = adjustment_stage(reads=LINES, name="line_adjustments", fixed=("n_rows", "n"))
lines = aggregate_stage(
    reads=books.FLOWS, writes=LINES, by=("book", "kind", "part"), sums=("amount",)
)


@report_stage(reads=LINES, writes=books.REPORT, by=("book",), parameters=("factor",))
def report(rows: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The report of ``books``, whose function sums whatever rows it is given."""
    function: Any = books.report.function
    return function(rows, p)  # type: ignore[no-any-return]


GRAPH = Graph(
    books.SOURCES,
    (reference, market, deal, books.held, books.flows, flow, lines, line, report),
)
ADJUSTING = {s.name: s for s in GRAPH.adjustments.values()}
TABLES = ("deals", "customers", "rates", "held", "flows", "lines", "report")


@dataclass
class Book:
    """The rules in force, which a test changes; every set that was ever asked for is kept."""

    rules: dict[str, Rule] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    def put(self, rule: Rule) -> None:
        check(rule, ADJUSTING[f"{rule.stage}_adjustments"])
        self.rules[rule.id] = rule

    def drop(self, identity: str) -> None:
        del self.rules[identity]

    def of(self, name: str, day: date) -> tuple[Rule, ...]:
        found = (r for r in self.rules.values() if f"{r.stage}_adjustments" == name)
        return tuple(sorted((r for r in found if r.in_force(day)), key=lambda r: r.order))

    def at(self, stage: Stage, day: date) -> CompiledRules:
        found = (r for r in self.rules.values() if acts_at(r, stage) and r.in_force(day))
        rules = tuple(sorted(found, key=lambda r: r.order))
        made = CompiledRules(stage, rules, lambda h: self.kept[h])
        self.kept[made.hash] = made.members
        return made


class Logged(Book):
    """The rules as events of a log, all of one second: the kernel asks the log, the model what was
    last decided."""

    def __init__(self, database: Engine) -> None:
        super().__init__()
        moment = datetime(2026, 1, 8, 12, tzinfo=UTC)
        self.log = EventLog(database, clock=lambda: moment)
        people.open_demo(self.log)

    def put(self, rule: Rule) -> None:
        super().put(rule)
        self._decide(SUBMITTED, rule.id, rule.document())

    def drop(self, identity: str) -> None:
        super().drop(identity)
        standing = Proposals(self.log.read()).standing(identity)
        assert standing is not None
        self._decide(WITHDRAWAL, identity, {"proposal": standing.proposal.event.seq})

    def _decide(self, kind: str, identity: str, payload: dict[str, Any]) -> None:
        event = self.log.append(Actor("anna"), kind, identity, payload)
        self.log.append(Actor("ben"), APPROVED, identity, {"needed": 1}, event.seq)

    def at(self, stage: Stage, day: date) -> CompiledRules:
        return RuleBook(self.log).at(stage, day)


# -- the model ------------------------------------------------------------------------------------


def _meets(condition: Any, row: dict[str, Any]) -> bool:
    if isinstance(condition, Test):
        value, wanted = row[condition.field], condition.value
        if condition.op == "is null":
            return value is None
        if value is None:
            return False
        if isinstance(value, Decimal):
            wanted = (
                tuple(Decimal(str(w)) for w in wanted)
                if isinstance(wanted, tuple)
                else Decimal(str(wanted))
            )
        compared: dict[str, Callable[[], bool]] = {
            "=": lambda: bool(value == wanted),
            "!=": lambda: bool(value != wanted),
            ">": lambda: bool(value > wanted),
            "<=": lambda: bool(value <= wanted),
            "in": lambda: value in wanted,
        }
        return compared[condition.op]()
    if hasattr(condition, "all"):
        return all(_meets(c, row) for c in condition.all)
    if hasattr(condition, "any"):
        return any(_meets(c, row) for c in condition.any)
    return not _meets(condition.not_, row)


def _operated(operation: Operation, now: Any, original: Any) -> Any:
    start = original if operation.basis == "original" else now
    given: Any = operation.value
    if operation.op == "set":
        counted = isinstance(original, Decimal) or operation.field == "amount"  # which may be none
        return exact(Decimal(str(given))) if counted else given
    if start is None:
        return None
    amount = Decimal(str(given))
    match operation.op:
        case "multiply":
            return books_model._times(start, amount)
        case "add":
            return exact(start + amount)
        case "cap":
            return min(start, exact(amount))
    return max(start, exact(amount))


def apply(rules: Sequence[Rule], rows: list[dict[str, Any]], looked: Any) -> list[dict[str, Any]]:
    """Rows after rules, in order; ``looked(row)`` gives what conditions may see beside the row."""
    found = []
    for row in rows:
        seen, now, alive = {**row, **looked(row)}, dict(row), True
        for rule in rules:
            if rule.inserts:
                continue
            if not alive or not _meets(rule.conditions, seen):
                continue
            for operation in rule.operations:
                if operation.op == "exclude":
                    alive = False
                elif operation.op == "scale":
                    now["amount"] = books_model._times(now["amount"], Decimal(str(operation.value)))
                else:
                    name = operation.field or ""
                    now[name] = _operated(operation, now[name], row[name])
        if alive:
            found.append(now)
    return found


def inserted(rules: Iterable[Rule], delivered: Sources) -> list[dict[str, Any]]:
    """The deals that rules add, but for those whose own has been delivered."""
    return [
        {
            "book": values["book"],
            "id": f"MAN-{rule.id}-{place + 1}",
            "customer": values.get("customer"),
            "currency": values.get("currency"),
            "amount": exact(Decimal(str(values["amount"]))),
            "due": None,
            "active": values["active"],
        }
        for rule in rules
        if rule.inserts
        for place, operation in enumerate(rule.operations)
        if (values := operation.values or {})
        if (values["book"], operation.expected_source_id) not in delivered.deals
    ]


def _dicts(table: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    names = LINES.column_names if table == "lines" else GRAPH.tables[table].column_names
    return [dict(zip(names, row[-len(names) :], strict=True)) for row in rows]


def _state(rows: Iterable[dict[str, Any]]) -> State:
    return Counter(("base", 1, None, *row.values()) for row in rows)


def scenario(
    given: Sources, settings: books_model.Settings, book: Book | None, day: date
) -> dict[str, State]:
    """Every table as its followers read it: before any rule where there is no book, or after."""

    def ruled(name: str, state: State, looked: Any = lambda row: {}) -> State:
        rules = book.of(name, day) if book else ()
        table = ADJUSTING[name].reads.name
        return _state(apply(rules, _dicts(table, state.elements()), looked)) if rules else state

    tables = {
        "customers": ruled("reference_adjustments", given.state("customers")),
        "rates": ruled("market_adjustments", given.state("rates")),
    }
    kinds = {(r[3], r[4]): r[5] for r in tables["customers"]}
    tables["deals"] = ruled(
        "deal_adjustments",
        given.state("deals"),
        lambda row: {"kind": kinds.get((row["book"], row["customer"]))},
    )
    made = inserted(book.of("deal_adjustments", day), given) if book else []
    tables["deals"] += _state(made)
    tables["held"] = books_model.stage("held", tables, settings)
    flows = books_model.stage("flows", tables, settings)
    currencies = {(r[3], r[4]): r[6] for r in tables["deals"]}
    tables["flows"] = ruled(
        "flow_adjustments",
        flows,
        lambda row: {"currency": currencies.get((row["book"], row["id"]))},
    )
    tables["lines"] = ruled("line_adjustments", books_model._lines(tables["flows"], State()))
    tables["report"] = books_model._report(tables["lines"], settings)
    return tables


def layer_sums(name: str, rows: Iterable[Row], layer: str) -> dict[tuple[object, object], Decimal]:
    """Signed amounts of one layer of lines or flows, by book and part; what adds up to nothing is
    left out."""
    place = GRAPH.tables[name].content.index("amount")
    sums: dict[tuple[object, object], Decimal] = defaultdict(Decimal)
    for row in rows:
        sign, amount = row[1], row[place]
        if row[0] == layer and amount is not None:
            assert isinstance(sign, int)
            assert isinstance(amount, Decimal)
            sums[row[3], row[5]] += amount * sign
    return {key: amount for key, amount in sums.items() if amount}

"""Rules and data change at random; every table is what it must be, before and after the rules."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.events import chain_faults
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import Crossover, NotReady, Way
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import StageKind
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.kernel import books, books_model
from regulatory_assets_tests.kernel.books_model import Deal, Sources, difference
from regulatory_assets_tests.kernel.world import Interrupted, frame, rows_of

DAY = books.DAYS[0]
BOOKS = tuple(f"b{n}" for n in range(4))
KINDS = ("r", "R", "X", None)


class Play:
    """One lake under random events, and the sources that stand behind it."""

    def __init__(
        self,
        engine: Engine,
        root: Path,
        seed: int,
        url: str | None = None,
        graph: Graph = ruled.GRAPH,
    ) -> None:
        """On a control database of its own; with a ``url`` rules are events of that one."""
        root.mkdir(parents=True, exist_ok=True)
        database = connect(url or f"sqlite:///{root / 'control.sqlite'}")
        migrate(database)
        self.engine, self.random = engine, Random(seed)
        self.book = ruled.Logged(database) if url else ruled.Book()
        self.parameters = books.Parameters()
        self.register = Interrupted(database)
        self.lake = Lake(root / "lake", engine.session)
        self.reader = Reader(self.lake)
        self.runner = Runner(
            graph, self.lake, self.register, self.parameters, engine.identity, "play",
            self.book,
        )  # fmt: skip
        self.given = Sources()
        for name in BOOKS:
            for customer in ("c0", "c1", "c2", None):
                self.given.customers[name, customer] = self._customer()
            for currency in ("EUR", "USD", None):
                self.given.rates[name, currency] = Decimal(self.random.choice(("1", "0.9", "1.25")))
            for number in range(6):
                self.given.deals[name, f"d{number}"] = self._deal()

    def _customer(self) -> tuple[str | None, str | None]:
        return self.random.choice(KINDS), self.random.choice(("c0", "c1", "c2", None))

    def _deal(self) -> Deal:
        random = self.random
        return Deal(
            random.choice(("c0", "c1", "c2", None)),
            random.choice(("EUR", "USD", None, "JPY")),
            Decimal(random.randrange(-50_00, 90_00)) / 100,
            random.choice((None, date(2026, 1, 20), date(2026, 3, 1))),
            random.random() < 0.85,
        )

    # -- events ---------------------------------------------------------------------------------

    def data(self) -> None:
        name, random = self.random.choice(BOOKS), self.random
        for _ in range(random.randrange(1, 4)):
            match random.randrange(5):
                case 0 | 1:
                    self.given.deals[name, f"d{random.randrange(7)}"] = self._deal()
                case 2:
                    self.given.deals.pop((name, f"d{random.randrange(7)}"), None)
                case 3:
                    self.given.customers[name, f"c{random.randrange(3)}"] = self._customer()
                case 4:
                    currency = random.choice(("EUR", "USD", None))
                    self.given.rates[name, currency] = Decimal(random.choice(("1", "0.8", "1.5")))

    def rule(self, stage: str) -> None:
        """A new rule, another version of one, or one less."""
        same = [r for r in self.book.rules.values() if r.stage == stage]
        if same and self.random.random() < 0.35:
            self.book.drop(self.random.choice(same).id)
            return
        identity = f"{stage}-{self.random.randrange(3)}"
        self.book.put(self._rule(identity, stage))

    def _rule(self, identity: str, stage: str) -> Rule:
        random = self.random
        amount = str(random.choice((-20, 5, 40)))
        money = [
            {"op": "multiply", "field": "amount", "value": random.choice(("0.5", "1.1", "-1"))},
            {"op": "add", "field": "amount", "value": amount, "currency": "EUR"},
            {"op": "cap", "field": "amount", "value": "30", "currency": "EUR", "basis": "original"},
            {"op": "floor", "field": "amount", "value": "10", "currency": "EUR"},
            {"op": "set", "field": "amount", "value": "7.5", "currency": "EUR"},
        ]
        in_book = {"field": "book", "op": "in", "value": random.sample(BOOKS, 2)}
        exclude = {"op": "exclude"}
        match stage:
            case "reference":
                tests = [{"field": "kind", "op": "=", "value": random.choice(("r", "R"))}]
                operations = [
                    {"op": "set", "field": "kind", "value": random.choice(("R", "X"))},
                    {"op": "set", "field": "partner", "value": random.choice(("c0", "c1"))},
                ]
            case "market":
                tests = [{"field": "currency", "op": "=", "value": random.choice(("EUR", "USD"))}]
                operations = [
                    {"op": "multiply", "field": "rate", "value": random.choice(("2", "0.5"))}
                ]
            case "deal":
                tests = [
                    {"field": "kind", "op": "!=", "value": "R"},
                    {"field": "amount", "op": ">", "value": str(random.randrange(60))},
                    {"field": "currency", "op": "is null"},
                ]
                moved = {"op": "set", "field": "customer", "value": random.choice(("c0", "c2"))}
                operations = [*money, moved]
            case "flow":
                tests = [
                    {"field": "currency", "op": "=", "value": "USD"},
                    {"field": "part", "op": "in", "value": ["whole", "over"]},
                ]
                operations = [
                    *money,
                    {"op": "set", "field": "kind", "value": random.choice(("r", "K"))},
                ]
            case _:
                tests = [{"field": "part", "op": "=", "value": random.choice(("whole", "over"))}]
                operations = [*money, {"op": "scale", "value": "0.25"}]
        chosen = random.sample(operations, random.randrange(1, min(3, len(operations) + 1)))
        if random.random() < 0.15:
            chosen = [exclude]
        if random.random() < 0.2:
            tests = [{"not": tests[0]}]
        conditions = {"all": [in_book, random.choice(tests)]}
        if stage == "deal" and random.random() < 0.3:
            chosen, conditions = [self._insertion() for _ in range(2)], {"all": []}
        document = {
            "id": identity, "stage": stage, "purpose": "data_correction",
            "conditions": conditions, "operations": chosen,
            "priority": random.choice((1, 2, 3)), "effective": "2026-01-01",
            "reason": "a test", "owner": "tests",
        }  # fmt: skip
        return parse(document)

    def _insertion(self) -> dict[str, Any]:
        """A deal of a rule's own, for one that is delivered, may be, or never will be."""
        random, deal = self.random, self._deal()
        values = {
            "book": random.choice(BOOKS), "customer": deal.customer, "currency": deal.currency,
            "amount": str(deal.amount), "active": deal.active,
        }  # fmt: skip
        expected = random.choice(("d5", "d6", "d9"))
        return {"op": "insert", "values": values, "expected_source_id": expected}

    # -- what must hold -------------------------------------------------------------------------

    def deliver(self) -> None:
        for table in self.runner.graph.sources:
            content = frame(self.engine, table, self.given.rows(table.name))
            deliver(self.runner, table, DAY, content, "full", "test")

    def run(self) -> None:
        self.runner.run_day(DAY, "test")
        assert all(o.way is Way.NOTHING for o in self.runner.run_day(DAY, "again"))

    def check(self) -> None:
        code = tuple(sorted(books.CODE.items()))
        settings = books_model.Settings(self.parameters.limit, self.parameters.factor, code)
        before = ruled.scenario(self.given, settings, None, DAY)
        after = ruled.scenario(self.given, settings, self.book, DAY)
        positions = self.runner.positions(DAY)
        wrong = []
        for name in (n for n in ruled.TABLES if n in self.runner.graph.tables):
            table = self.runner.graph.tables[name]
            version = positions.read(table)
            for which, expected, read in (
                ("before", before[name], self.reader.base(version)),
                ("after", after[name], self.reader.net(version)),
            ):
                found = rows_of(read.toArrow(), table)
                if said := difference(
                    Counter(_plain(name, expected.elements())), _plain(name, found)
                ):
                    wrong.append(f"{name} {which} rules: {said}")
            if name in ("flows", "lines"):
                own = rows_of(self.reader.rows(version).toArrow(), table)
                wrong += _not_additive(name, before[name], after[name], own)
        assert not wrong, "\n".join([*wrong, *(str(r.document()) for r in self._rules())])

    def _rules(self) -> list[Rule]:
        return sorted(self.book.rules.values(), key=lambda r: (r.stage, r.order))

    def check_full(self) -> None:
        """Each table's own rows, layers and rules included, equal a full calculation's."""
        positions = self.runner.positions(DAY)
        for stage in self.runner.graph.stages:
            plan = self.runner.plan(stage, DAY, positions)
            values = self.parameters.at(DAY, ("factor", "limit"))
            with self.lake.scratch() as store:
                made = Calculation(
                    stage, dict(plan.moves), plan.previous, values, self.reader, store, (),
                    plan.rules,
                )  # fmt: skip
                ruled_stage = stage.kind is StageKind.ADJUSTMENT
                rows = [] if ruled_stage and not plan.rules.hash else made.full().toArrow()
                expected = Counter(rows_of(rows, stage.writes) if rows else [])
            found = rows_of(self.reader.rows(plan.previous).toArrow(), stage.writes)
            assert not (said := difference(expected, found)), f"{stage.name}: {said}"


def _plain(name: str, rows: Iterable[books_model.Row]) -> list[books_model.Row]:
    """Lines without the number of ledger rows, which says how they came about."""
    return [(*row[:-2], row[-1]) if name == "lines" else row for row in rows]


def _not_additive(
    name: str, before: books_model.State, after: books_model.State, rows: list[books_model.Row]
) -> list[str]:
    """Adjusted less base is the sum of the adjustment layer (I7), by the rows themselves."""
    base, net = (ruled.layer_sums(name, of.elements(), "base") for of in (before, after))
    expected = {k: net.get(k, Decimal(0)) - base.get(k, Decimal(0)) for k in {*base, *net}}
    found = ruled.layer_sums(name, rows, "adjustment")
    return [
        f"{name} {key}: rules add {found.get(key, 0)}, adjusted less base is {moved}"
        for key in {*expected, *found}
        if found.get(key, Decimal(0)) != (moved := expected.get(key, Decimal(0)))
    ]


@pytest.mark.parametrize(
    ("seed", "crossover"), [(4, Crossover()), (5, Crossover(Decimal("0.2"), rows=0))]
)
def test_random_histories(
    sail: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    crossover: Crossover,
) -> None:
    """Each stage always follows what has moved, as if all tables were large; or it is recalculated
    where much has."""
    monkeypatch.setattr(Reader, "many", -1 if seed == 4 else Reader.many)
    history(sail, tmp_path, seed, crossover=crossover)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 40))
def test_many_random_histories(sail: Engine, tmp_path: Path, seed: int) -> None:
    history(sail, tmp_path, seed)


@pytest.mark.postgres
def test_a_history_of_events_on_postgres(sail: Engine, postgres_url: str, tmp_path: Path) -> None:
    """Twenty rules on one row and one at each stage, all approved in one second; then one is
    withdrawn and data arrive late while the day is calculated; at last all are withdrawn."""
    play = Play(sail, tmp_path, 6, postgres_url)
    play.given.deals["b0", "d1"] = Deal("c0", "EUR", Decimal(40), None, active=True)
    play.deliver()
    row = {"all": [{"field": n, "op": "=", "value": v} for n, v in (("book", "b0"), ("id", "d1"))]}
    operations = (
        {"op": "add", "field": "amount", "value": "3.5", "currency": "EUR"},
        {"op": "multiply", "field": "amount", "value": "1.1"},
        {"op": "floor", "field": "amount", "value": "50", "currency": "EUR"},
    )
    for place in range(20):
        document = {
            "id": f"one-{place:02}", "stage": "deal", "purpose": "data_correction",
            "conditions": row, "operations": [operations[place % 3]], "priority": place,
            "effective": "2026-01-01", "reason": "a test", "owner": "tests",
        }  # fmt: skip
        play.book.put(parse(document))
    for stage in ("reference", "market", "deal", "flow", "line"):
        play.rule(stage)
    play.run()
    play.check()

    def meanwhile() -> None:
        play.book.drop("one-03")
        play.data()
        play.deliver()

    play.book.drop("one-07")
    play.register.before = [lambda: None, meanwhile]
    with suppress(NotReady):  # what was calculated so far is of an earlier delivery
        play.runner.run_day(DAY, "overtaken")
    assert not play.register.before
    play.run()
    play.check()
    play.check_full()
    for identity in sorted(play.book.rules):
        play.book.drop(identity)
    play.run()
    play.check()
    assert isinstance(play.book, ruled.Logged)
    assert chain_faults(play.book.log.read()) == []


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(40, 44))
def test_random_histories_on_postgres(
    sail: Engine, postgres_url: str, tmp_path: Path, seed: int
) -> None:
    history(sail, tmp_path, seed, url=postgres_url)


@pytest.mark.spark
def test_a_brief_history_on_spark(spark: Engine, tmp_path: Path) -> None:
    """A rule on deals that looks up their customers, from the first calculation on; then rule and
    data change at once. One stage and one rule: each takes long here."""
    graph = Graph((books.CUSTOMERS, books.DEALS), (ruled.deal,))
    play = Play(spark, tmp_path, 4, graph=graph)
    play.deliver()
    for factor, bound in (("0.5", "cap"), ("1.1", "floor")):
        document = {
            "id": "R", "stage": "deal", "purpose": "data_correction",
            "conditions": {"not": {"field": "kind", "op": "=", "value": "R"}},
            "operations": [
                {"op": "multiply", "field": "amount", "value": factor},
                {"op": bound, "field": "amount", "value": "20", "currency": "EUR"},
            ],
            "effective": "2026-01-01", "reason": "a test", "owner": "tests",
        }  # fmt: skip
        play.book.put(parse(document))
        (outcome,) = play.runner.run_day(DAY, "test")
        assert outcome.rows
        if bound == "cap":
            play.data()
            play.deliver()
    play.check()


@pytest.mark.long
@pytest.mark.spark
def test_a_random_history_on_spark(spark: Engine, tmp_path: Path) -> None:
    history(spark, tmp_path, 4, steps=3)


def history(
    engine: Engine,
    tmp_path: Path,
    seed: int,
    steps: int = 6,
    url: str | None = None,
    crossover: Crossover = Crossover(),  # noqa: B008 (a value)
) -> None:
    """Rules, data or both change step by step; at the end all equals a full calculation."""
    play = Play(engine, tmp_path, seed, url)
    play.runner = replace(play.runner, crossover=crossover)
    play.deliver()
    play.run()
    play.check()
    stages = ("reference", "market", "deal", "flow", "line")
    for _ in range(steps):
        kind = play.random.randrange(3)
        if kind != 0:
            for _ in range(play.random.randrange(1, 3)):
                play.rule(play.random.choice(stages))
        if kind != 1:
            play.data()
            play.deliver()
        play.run()
        play.check()
    play.check_full()
    shutil.rmtree(tmp_path / "lake")

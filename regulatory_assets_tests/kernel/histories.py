"""Histories of a lake as data: what happens in each step, for each book and around the delivery.

A step is one operation for each book, delivered together, and one event that befalls all of them.
``play`` carries a history out on a world and checks after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from regulatory_assets_tests.kernel import books
from regulatory_assets_tests.kernel.books_model import Deal, Sources
from regulatory_assets_tests.kernel.world import DAYS, CrashError, World

CUSTOMERS: tuple[str | None, ...] = ("c1", "c2", None, "", "C1")
CURRENCIES: tuple[str | None, ...] = ("EUR", "USD", None)
KINDS: tuple[str | None, ...] = ("R", "X", None, "", "r")
AMOUNTS = tuple(
    Decimal(text)
    for text in ("10", "0", "-7.5", "0.00000001", "33.33333333", "99999999999.99999999", "150")
)
PRICES = tuple(Decimal(text) for text in ("1", "0.5", "1.23456789", "0", "0.00000001"))
"""Half of the last decimal of an amount, so that products have to be rounded."""

OPERATIONS = (
    "nothing",
    "insert",
    "amount",
    "push",
    "delete",
    "move",
    "currency",
    "active",
    "due",
    "kind",
    "partner",
    "vanish",
    "return",
    "rate",
    "no rate",
)
EVENTS = (
    "none",
    "compaction",
    "crash in run",
    "crash in delivery",
    "lost race in run",
    "lost race in delivery",
    "delivery during run",
    "same code",
    "other code",
    "parameter",
    "same parameter",
    "some stages",
    "there and back",
    "late file",
)


@dataclass(frozen=True)
class Operation:
    """What happens to one book; the numbers choose among what there is."""

    kind: str
    deal: int = 0
    customer: int = 0
    value: int = 0


@dataclass(frozen=True)
class Step:
    """One operation for each book, and what happens around it."""

    operations: tuple[Operation, ...]
    event: str = "none"
    mode: str = "delta"
    day: int = 0
    choice: int = 0


@dataclass(frozen=True)
class History:
    """Books as they are first delivered, then the steps."""

    first: tuple[tuple[Operation, ...], ...]
    steps: tuple[Step, ...]
    seed: int = field(default=0)


def _any(number: int) -> st.SearchStrategy[int]:
    return st.integers(0, number - 1)


operations = st.builds(
    Operation, st.sampled_from(OPERATIONS), _any(4), _any(len(CUSTOMERS)), _any(len(AMOUNTS))
)


def histories(number_of_books: int, most_steps: int) -> st.SearchStrategy[History]:
    """Histories over so many books; each step is drawn anew for each of them."""
    each = st.tuples(*[operations] * number_of_books)
    steps = st.builds(
        Step,
        each,
        st.sampled_from(EVENTS),
        st.sampled_from(("delta", "full")),
        st.sampled_from((0, 0, 0, 1)),
        _any(60),
    )
    first = st.tuples(*[st.lists(operations, max_size=3).map(tuple)] * number_of_books)
    many = st.lists(steps, min_size=most_steps, max_size=most_steps).map(tuple)
    return st.builds(History, first, many, _any(1 << 16))


def drawn(seed: int, number_of_books: int, events: tuple[str, ...]) -> History:
    """A history with these events; unlike Hypothesis' first ones, its books all differ."""
    random = Random(seed)

    def operation() -> Operation:
        places = (random.randrange(4), random.randrange(len(CUSTOMERS)))
        return Operation(random.choice(OPERATIONS), *places, random.randrange(len(AMOUNTS)))

    def step(event: str) -> Step:
        each = tuple(operation() for _ in range(number_of_books))
        return Step(each, event, random.choice(("delta", "full")), 0, random.randrange(60))

    first = tuple((operation(), operation()) for _ in range(number_of_books))
    return History(first, tuple(step(event) for event in events), seed)


def opened(book: str) -> Sources:
    """A book as it starts: three deals, two customers who are partners, two rates."""
    found = Sources()
    for place, (customer, currency, amount) in enumerate(
        (("c1", "EUR", "60"), ("c2", None, "12.5"), (None, "USD", "80"))
    ):
        found.deals[book, f"d{place}"] = Deal(customer, currency, Decimal(amount), None, True)
    found.customers = {(book, "c1"): ("R", "c2"), (book, "c2"): ("X", "c1")}
    found.rates = {(book, "EUR"): Decimal(1), (book, None): Decimal("1.5")}
    return found


def apply(given: Sources, book: str, operation: Operation, day: date) -> None:
    """Carry an operation out on what is about to be delivered."""
    deal_key = (book, f"d{operation.deal}")
    customer = CUSTOMERS[operation.customer % len(CUSTOMERS)]
    amount = AMOUNTS[operation.value % len(AMOUNTS)]
    currency = CURRENCIES[operation.value % len(CURRENCIES)]
    deal = given.deals.get(deal_key)
    kind, partner = given.customers.get((book, customer), (None, None))
    match operation.kind:
        case "insert":
            given.deals[deal_key] = Deal(customer, currency, amount, None, True)
        case "delete":
            given.deals.pop(deal_key, None)
        case "vanish":
            given.customers.pop((book, customer), None)
        case "return":
            given.customers.setdefault((book, customer), ("R", "c1"))
        case "kind":
            kind = KINDS[operation.value % len(KINDS)]
            given.customers[book, customer] = (kind, partner)
        case "partner":
            partner = CUSTOMERS[operation.value % len(CUSTOMERS)]
            given.customers[book, customer] = (kind, partner)
        case "rate":
            which = CURRENCIES[operation.customer % len(CURRENCIES)]
            given.rates[book, which] = PRICES[operation.value % len(PRICES)]
        case "no rate":
            given.rates.pop((book, currency), None)
        case _ if deal is None:
            return
        case "amount":
            given.deals[deal_key] = replace(deal, amount=amount)
        case "push":
            given.deals[deal_key] = replace(deal, amount=Decimal(500), active=True)
        case "move":
            given.deals[deal_key] = replace(deal, customer=customer)
        case "currency":
            given.deals[deal_key] = replace(deal, currency=currency)
        case "active":
            given.deals[deal_key] = replace(deal, active=not deal.active)
        case "due":
            due = None if operation.value == 0 else day + timedelta(days=operation.value)
            given.deals[deal_key] = replace(deal, due=due)


def play(world: World, history: History) -> None:
    """Carry a history out; raises AssertionError where something is not as it must be."""
    random = Random(history.seed)
    names = [f"b{place}" for place in range(len(history.first))]
    for day in DAYS[:1] if world.brief else DAYS:
        given = Sources()
        for book, operations_ in zip(names, history.first, strict=True):
            start = opened(book)
            for operation in operations_:
                apply(start, book, operation, day)
            given.deals |= start.deals
            given.customers |= start.customers
            given.rates |= start.rates
        for table in ("rates", "deals", "customers"):
            world.deliver(table, day, given, "full")
        if day == DAYS[0]:
            world.run(day)
    for step in history.steps:
        if world.brief:
            step = replace(step, day=0)
        _take(world, step, names)
        world.check(DAYS[step.day], random)


def _take(world: World, step: Step, names: list[str]) -> None:
    day = DAYS[step.day]
    before = world.current[day].copy()
    after = before.copy()
    for book, operation in zip(names, step.operations, strict=True):
        apply(after, book, operation, day)
    touched = [t for t in ("deals", "customers", "rates") if before.rows(t) != after.rows(t)]

    def deliver(new: Sources = after) -> None:
        for table in touched:
            world.deliver(table, day, new, step.mode)

    action = _ACTIONS.get(step.event)
    if action is None:
        deliver()
    else:
        action(_Scene(world, step, day, before, after, touched, deliver))


@dataclass(frozen=True)
class _Scene:
    world: World
    step: Step
    day: date
    before: Sources
    after: Sources
    touched: list[str]
    deliver: Callable[..., None]

    @property
    def stage(self) -> str:
        stages = self.world.graph.stages
        return stages[self.step.choice % len(stages)].name


def _compaction(scene: _Scene) -> None:
    """Of two tables: one before the delivery reaches the stages, one after."""
    tables = sorted(scene.world.graph.tables)
    scene.world.compact(tables[scene.step.choice % len(tables)], scene.day)
    scene.deliver()
    scene.world.compact(tables[scene.step.choice // 7 % len(tables)], scene.day)


def _crash_in_run(scene: _Scene) -> None:
    scene.deliver()

    def crash() -> None:
        raise CrashError

    nothing: Callable[[], None] = lambda: None  # noqa: E731
    scene.world.register.before = [nothing] * (scene.step.choice % 5) + [crash]
    _expect_crash(scene.world, lambda: scene.world.run(scene.day))


def _crash_in_delivery(scene: _Scene) -> None:
    def crash() -> None:
        raise CrashError

    scene.world.register.before = [crash]
    _expect_crash(scene.world, scene.deliver)
    scene.deliver()


def _expect_crash(world: World, act: Callable[[], object]) -> None:
    try:
        act()
    except CrashError:
        pass
    finally:
        world.register.before = []


def _lost_race_in_run(scene: _Scene) -> None:
    """Another runner brings the day, or one stage of it, up to date between write and commit."""
    scene.deliver()
    other = scene.world.another("other")

    def overtake() -> None:
        if scene.step.choice % 2:
            other.run_day(scene.day, "overtaking")
        else:
            first = next(
                s
                for s in scene.world.graph.stages
                if other.plan(s, scene.day).way.value != "nothing"
            )
            other.run_stage(first, scene.day, "overtaking")

    nothing: Callable[[], None] = lambda: None  # noqa: E731
    scene.world.register.before = [nothing] * (scene.step.choice // 2 % 5) + [overtake]
    scene.world.run(scene.day)
    scene.world.register.before = []


def _lost_race_in_delivery(scene: _Scene) -> None:
    """Another runner delivers the same table first; both deliveries are whole tables."""
    world, other = scene.world, scene.world.another("other")
    middle = scene.before.copy()
    apply(middle, "b0", Operation("push"), scene.day)
    apply(middle, "b0", Operation("rate", value=2), scene.day)
    for table in scene.touched:

        def overtake(name: str = table) -> None:
            world.deliver(name, scene.day, middle, "full", other)

        world.register.before = [overtake]
        world.deliver(table, scene.day, scene.after, "full")
        world.register.before = []


def _delivery_during_run(scene: _Scene) -> None:
    """A source moves while the stages run: they finish on what they began with."""
    other = scene.world.another("other")
    later = scene.after.copy()
    apply(later, "b0", Operation("push", deal=1), scene.day)
    apply(later, "b0", Operation("rate", value=scene.step.choice), scene.day)

    def arrive() -> None:
        scene.world.deliver("deals", scene.day, later, "full", other)
        scene.world.deliver("rates", scene.day, later, "full", other)

    scene.deliver()
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    scene.world.register.before = [nothing] * (scene.step.choice % 4) + [arrive]
    scene.world.run(scene.day)
    scene.world.register.before = []


def _same_code(scene: _Scene) -> None:
    scene.deliver()
    name = ("flows", "report")[scene.step.choice % 2]
    books.CODE[name] ^= 1


def _other_code(scene: _Scene) -> None:
    name = ("flows", "report")[scene.step.choice % 2]
    books.CODE[name] ^= 2
    scene.deliver()


def _parameter(scene: _Scene) -> None:
    scene.world.parameters.limit = Decimal(40 + 30 * (scene.step.choice % 4))
    scene.world.parameters.factor = scene.step.choice % 3
    scene.deliver()


def _same_parameter(scene: _Scene) -> None:
    scene.world.parameters.edition += 1
    scene.deliver()


def _some_stages(scene: _Scene) -> None:
    """Run a few stages, deliver again, run others."""
    stages = [s.name for s in scene.world.graph.stages]
    some = [s for place, s in enumerate(stages) if scene.step.choice >> place & 1]
    scene.deliver()
    scene.world.run(scene.day, some)
    later = scene.after.copy()
    apply(later, "b0", Operation("push", deal=1), scene.day)
    scene.world.deliver("deals", scene.day, later, "delta")
    scene.world.run(scene.day, [s for s in stages if s not in some])


def _there_and_back(scene: _Scene) -> None:
    """A -> B -> A before anything downstream runs: no row moves there."""
    world = scene.world
    world.run(scene.day)
    scene.deliver()
    if scene.step.choice % 3 == 0:
        world.run(scene.day, ["held"])
    scene.deliver(scene.before)
    if scene.step.choice % 3:
        posted = [o for o in world.run(scene.day) if o.rows]
        assert not posted, f"nothing changed, and yet rows were posted: {posted}"


def _late_file(scene: _Scene) -> None:
    """All tables arrive once more, whole, after the day was done."""
    scene.deliver()
    scene.world.run(scene.day)
    for table in ("deals", "customers", "rates"):
        outcome = scene.world.deliver(table, scene.day, scene.after, "full")
        assert outcome.rows == 0, f"a repeated delivery posted rows: {outcome}"


_ACTIONS: dict[str, Callable[[_Scene], None]] = {
    "compaction": _compaction,
    "crash in run": _crash_in_run,
    "crash in delivery": _crash_in_delivery,
    "lost race in run": _lost_race_in_run,
    "lost race in delivery": _lost_race_in_delivery,
    "delivery during run": _delivery_during_run,
    "same code": _same_code,
    "other code": _other_code,
    "parameter": _parameter,
    "same parameter": _same_parameter,
    "some stages": _some_stages,
    "there and back": _there_and_back,
    "late file": _late_file,
}

"""Mutants: each breaks one rule of how adjustments spread, and the checks must notice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments import compiler
from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import adjusted, joining
from regulatory_assets.ledger import run as run_module
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.rules import Insertion
from regulatory_assets_tests.adjustments.test_scenarios import Play
from regulatory_assets_tests.kernel.books_model import Deal

Patch = pytest.MonkeyPatch


def only_the_new_form(patch: Patch) -> None:
    """A changed rule reaches what it hits now, not what it had hit before."""
    rows = Reader.rows

    def mutant(self: Reader, version: Any, among: Any = None, *how: Any, **more: Any) -> Any:
        found = rows(self, version, among, *how, **more)
        ruled = version.table.name.endswith("_adjustments") and among is None
        return found.where(F.lit(False)) if ruled else found

    patch.setattr(Reader, "rows", mutant)


def conditions_on_adjusted_values(patch: Patch) -> None:
    """A rule's conditions see what the rules before it have made of the row."""
    apply = compiler._Chain._apply

    def mutant(self: Any, frame: Any, at: int, rule: Any) -> Any:
        asked = {f"__hit_{at}": compiler.holds(rule.conditions, self.known)}
        return apply(self, frame.withColumns(asked), at, rule)

    patch.setattr(compiler._Chain, "_apply", mutant)


def forgotten_lookup(patch: Patch) -> None:
    """What a condition looks up moves, and nobody asks the rules again."""
    patch.setattr(adjusted, "_needed", _first_time(adjusted._needed))


def _first_time(needed: Any) -> Any:
    """The places are known where rows are joined, and forgotten where changes are followed."""

    def mutant(calculation: Any) -> Any:
        caller = inspect.stack()[1].function
        return [] if caller == "change_by_rules" else needed(calculation)

    return mutant


def contra_of_the_base_row(patch: Patch) -> None:
    """Each rule takes back the row before any rule, not what the rules before have left."""
    value = compiler._Chain._value

    def mutant(self: Any, step: Any, column: str) -> Any:
        return F.when(step % 2 == 0, F.col(f"__0_{column}")).otherwise(value(self, step, column))

    patch.setattr(compiler._Chain, "_value", mutant)


def lookups_before_rules(patch: Patch) -> None:
    """Rules on what a stage looks up do not reach its rows."""
    patch.setattr(joining.Joining, "lookups_layered", property(lambda self: False))


def moves_before_rules(patch: Patch) -> None:
    """What a stage looks up counts as moved only where it moved before any rule."""
    moved = joining.Joining._moved_keys
    patch.setattr(joining.Joining, "_moved_keys", lambda self, lookup, net: moved(self, lookup))


def base_follows_the_rules(patch: Patch) -> None:
    """The result before any rule is made from rows after all of them."""
    patch.setattr(Reader, "base", Reader.net)


def what_moved_is_taken_for_rules(patch: Patch) -> None:
    """A delivery to a table on which rules act leaves the results before any rule as they are."""
    patch.setattr(joining.Joining, "moved_before_rules", property(lambda self: False))


def every_posting_is_by_rules(patch: Patch) -> None:
    """The rows before rules are not told from the others where postings are counted."""
    check = run_module.check_posting
    patch.setattr(run_module, "check_posting", lambda *a: replace(check(*a), base=0))


def lost_rules(patch: Patch) -> None:
    """A changed rule leaves the hash of its set as it is."""
    patch.setattr(CompiledRules, "hash", property(lambda self: "the same" if self.rules else ""))


def excluded_rows_go_on(patch: Patch) -> None:
    """After an exclusion later rules still act."""
    apply = compiler._Chain._apply

    def mutant(self: Any, frame: Any, at: int, rule: Any) -> Any:
        return apply(self, frame, at, rule).withColumn("__alive", F.lit(True))

    patch.setattr(compiler._Chain, "_apply", mutant)


def insertions_never_give_way(patch: Patch) -> None:
    """A deal that a rule adds stands beside the delivered one."""
    patch.setattr(compiler, "Insertion", lambda rule, row, _: Insertion(rule, row, "never"))


def insertions_only_when_rules_change(patch: Patch) -> None:
    """A delivery says nothing to the deals that rules add."""
    keys = adjusted._keys

    def mutant(calculation: Any, wanted: Any) -> Any:
        found = keys(calculation, wanted)
        asked = inspect.stack()[1].function == "change_by_rules"
        return found.where(F.lit(False)) if asked else found

    patch.setattr(adjusted, "_keys", mutant)


# -- the histories --------------------------------------------------------------------------------


def put(
    play: Play, identity: str, stage: str, conditions: Any, *operations: Any, **more: Any
) -> None:
    document = {
        "id": identity, "stage": stage, "purpose": "data_correction", "conditions": conditions,
        "operations": operations, "effective": "2026-01-01", "reason": "a test", "owner": "tests",
    }  # fmt: skip
    play.book.put(parse(document | more))


EVERY = {"field": "book", "op": "in", "value": ["b0", "b1", "b2", "b3"]}
HALVE = {"op": "multiply", "field": "amount", "value": "0.5"}
MORE = {"op": "add", "field": "amount", "value": "10", "currency": "EUR"}


def run(play: Play) -> None:
    play.run()
    play.check()


def moved_condition(play: Play) -> None:
    put(play, "A", "deal", {"field": "id", "op": "=", "value": "d1"}, MORE)
    run(play)
    put(play, "A", "deal", {"field": "id", "op": "=", "value": "d2"}, MORE)
    run(play)


def chain(play: Play) -> None:
    put(play, "A", "deal", {"field": "amount", "op": ">", "value": "20"}, HALVE, priority=1)
    put(play, "B", "deal", {"field": "amount", "op": ">", "value": "20"}, MORE, priority=2)
    run(play)


def excluded(play: Play) -> None:
    put(play, "A", "deal", {"field": "id", "op": "=", "value": "d1"}, {"op": "exclude"}, priority=1)
    put(play, "B", "deal", EVERY, MORE, priority=2)
    run(play)


def looked_up(play: Play) -> None:
    put(play, "A", "deal", {"field": "kind", "op": "=", "value": "R"}, HALVE)
    run(play)
    for (book, customer), (kind, partner) in list(play.given.customers.items()):
        other = "R" if kind != "R" else "r"
        play.given.customers[book, customer] = (other, partner)
    play.deliver()
    run(play)


def rate(play: Play) -> None:
    put(play, "A", "market", {"field": "currency", "op": "=", "value": "EUR"},
        {"op": "multiply", "field": "rate", "value": "3"})  # fmt: skip
    run(play)


def other_amount(play: Play) -> None:
    put(play, "A", "deal", EVERY, HALVE)
    run(play)
    put(play, "A", "deal", EVERY, {**HALVE, "value": "0.25"})
    run(play)


def delivered_beside_a_rule(play: Play) -> None:
    put(play, "A", "deal", EVERY, HALVE)
    run(play)
    for place, deal in list(play.given.deals.items()):
        play.given.deals[place] = replace(deal, amount=deal.amount + 100)
    play.deliver()
    run(play)


def inserted(play: Play) -> None:
    """Two deals that no source has yet; one comes, goes again, and the rule is taken back."""
    values = {"book": "b0", "customer": "c0", "currency": "EUR", "amount": "12.5", "active": True}
    made = [{"op": "insert", "values": values, "expected_source_id": f"new-{n}"} for n in (1, 2)]
    put(play, "A", "deal", {"all": []}, *made)
    put(play, "B", "deal", EVERY, HALVE, priority=200)
    run(play)
    play.given.deals["b0", "new-1"] = Deal("c0", "EUR", Decimal(13), None, active=True)
    play.deliver()
    run(play)
    play.check_full()
    del play.given.deals["b0", "new-1"]
    play.deliver()
    run(play)
    del play.book.rules["A"]
    run(play)
    play.check_full()


MUTANTS: tuple[tuple[Callable[[Patch], None], Callable[[Play], None]], ...] = (
    (only_the_new_form, moved_condition),
    (conditions_on_adjusted_values, chain),
    (forgotten_lookup, looked_up),
    (contra_of_the_base_row, chain),
    (lookups_before_rules, rate),
    (moves_before_rules, moved_condition),
    (base_follows_the_rules, rate),
    (what_moved_is_taken_for_rules, delivered_beside_a_rule),
    (every_posting_is_by_rules, delivered_beside_a_rule),
    (lost_rules, other_amount),
    (excluded_rows_go_on, excluded),
    (insertions_never_give_way, inserted),
    (insertions_only_when_rules_change, inserted),
)


def begin(engine: Engine, root: Path) -> Play:
    """Customers without partners, so that a moved kind reaches the rules alone."""
    play = Play(engine, root, 3)
    for place, (kind, _) in list(play.given.customers.items()):
        play.given.customers[place] = (kind, None)
    for place, deal in list(play.given.deals.items()):
        play.given.deals[place] = replace(deal, currency="EUR", active=True)
    play.deliver()
    return play


@pytest.mark.parametrize("act", dict.fromkeys(a for _, a in MUTANTS), ids=lambda a: a.__name__)
def test_the_rules_hold(sail: Engine, tmp_path: Path, act: Callable[[Play], None]) -> None:
    act(begin(sail, tmp_path))


@pytest.mark.parametrize(("mutant", "act"), MUTANTS, ids=[m.__name__ for m, _ in MUTANTS])
def test_mutant_is_caught(
    sail: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[Patch], None],
    act: Callable[[Play], None],
) -> None:
    play = begin(sail, tmp_path)
    with monkeypatch.context() as patch:
        mutant(patch)
        with pytest.raises((AssertionError, Exception)) as caught:
            act(play)
    assert type(caught.value).__name__ in ("AssertionError", "PostingRefused")

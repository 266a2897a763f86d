"""Mutants: each breaks one rule of the kernel, and the checks must notice.

For each there is a short history that passes on the kernel as it is and fails under the mutant, so
that a check which has gone blind is found here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import change, frames, plan
from regulatory_assets.ledger import run as run_module
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.joining import Joining, Move
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.postcheck import Counts
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.recall import Recall
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import StageKind
from regulatory_assets_tests.kernel.histories import History, Operation, Step, play
from regulatory_assets_tests.kernel.world import DAYS, World, toy_code

Patch = pytest.MonkeyPatch


def history(*steps: Step | Operation) -> Callable[[World], None]:
    made = tuple(s if isinstance(s, Step) else Step((s, Operation("nothing"))) for s in steps)
    return lambda world: play(world, History(((), ()), made))


def begin(world: World) -> None:
    play(world, History(((),), ()))
    world.check(DAYS[0], Random(0))


# -- the mutants --------------------------------------------------------------------------------


def wrong_lookup_key(patch: Patch) -> None:
    """What a moved lookup row hits is looked for by the last column of its key alone, and that
    under the name of the first."""
    find = Reader.find

    def mutant(self: Reader, version: Version, among: Any, on: Any, store: Any) -> Any:
        named = among.select(F.col(on[-1]).alias(on[0]))
        return find(self, version, named, on[:1], store)

    patch.setattr(Reader, "find", mutant)


def new_lookups_in_change_term(patch: Patch) -> None:
    """What has changed of the driving table, and what is taken back, meets the new lookups."""

    def mutant(self: Calculation, rows: Any, early: Any) -> Any:
        return self.join(rows, early)

    patch.setattr(Calculation, "_as_it_was", mutant)


def hit_twice(patch: Patch) -> None:
    """A row that two moved lookups hit is calculated for each."""

    def mutant(self: Calculation, found: Any) -> Any:
        return self._rows(found)

    patch.setattr(Calculation, "_each_once", mutant)


def hit_by_one(patch: Patch) -> None:
    """Of several moved lookups the first is followed."""
    each_once = Calculation._each_once
    patch.setattr(Calculation, "_each_once", lambda self, found: each_once(self, found[:1]))


def supplied_not_followed(patch: Patch) -> None:
    """A moved lookup is not followed where another one supplies its key."""
    places = vars(Joining)["_moved_places"].fget

    def mutant(self: Calculation) -> list[int]:
        return [place for place in places(self) if not self.supplying(place)]

    patch.setattr(Calculation, "_moved_places", property(mutant))


def no_cancelling(patch: Patch) -> None:
    """Equal pairs of booking and reversal stay in a posting."""
    patch.setattr(change.frames, "net", lambda frame, content: frame.select(ENTRY, *content))


def dropped_reversal(patch: Patch) -> None:
    """A stage's reversals are not written."""
    changed = Calculation.change
    patch.setattr(Calculation, "change", lambda self: changed(self).where(F.col(ENTRY) > 0))


def superseding_full_run(patch: Patch) -> None:
    """A full recalculation posts its whole result beside what stands."""
    patch.setattr(Runner, "difference", lambda self, new, previous: new)


def replacing_full_run(patch: Patch) -> None:
    """A full recalculation takes the place of what was posted before, as a snapshot."""
    patch.setattr(Runner, "difference", lambda self, new, previous: new)
    commit = Register.commit

    def mutant(self: Register, revisions: Any, delivery: Any = None) -> Any:
        swapped = [
            replace(r, kind="snapshot") if r.inputs and r.revision > 1 and not r.reversed else r
            for r in revisions
        ]
        return commit(self, swapped, delivery)

    patch.setattr(Register, "commit", mutant)


def net_count(patch: Patch) -> None:
    """A group exists while its rows do not cancel, instead of while it has rows."""

    def mutant(self: Calculation, sums: Any) -> Any:
        return (
            sums.where(F.col("n") != 0)
            .withColumns({ENTRY: F.lit(1), "sign": F.lit(1)})
            .select(ENTRY, *self.stage.writes.content)
        )

    patch.setattr(Calculation, "_aggregate_rows", mutant)


def first_table_alone(patch: Patch) -> None:
    """An aggregate of several tables follows the first of them."""
    patch.setattr(Calculation, "drives", property(lambda self: (self.driving,)))


def plain_equality(patch: Patch) -> None:
    """Keys are compared with =, to which null is equal to nothing."""

    def mutant(left: Any, right: Any, right_columns: Any) -> Any:
        names = [f"__{i}_{c}" for i, c in enumerate(right_columns)]
        renamed = right.withColumnsRenamed(dict(zip(right_columns, names, strict=True)))
        pairs = zip(left, names, strict=True)
        return renamed, reduce(lambda a, b: a & b, (F.col(x) == F.col(y) for x, y in pairs))

    patch.setattr(frames, "_matching", mutant)


def cutoff_without_bookkeeping(patch: Patch) -> None:
    """A stage whose inputs moved without effect registers nothing."""
    carry_out = Runner._carry_out

    def mutant(self: Runner, planned: Any, *with_what: Any) -> Any:
        if planned.way is Way.EMPTY:
            planned = replace(planned, way=Way.NOTHING)
        return carry_out(self, planned, *with_what)

    patch.setattr(Runner, "_carry_out", mutant)


def lost_trigger(patch: Patch) -> None:
    """A lookup that moved is not noticed."""
    tables = Move.changed_tables.fget  # type: ignore[attr-defined]
    patch.setattr(
        Move,
        "changed_tables",
        property(lambda move: tuple(name for name in tables(move) if name != "customers")),
    )


def inconsistent_cut(patch: Patch) -> None:
    """A stage is calculated from inputs that saw different revisions of an ancestor."""
    patch.setattr(plan, "_consistent_cut", lambda positions, inputs, stage: None)


def lost_fingerprint(patch: Patch) -> None:
    """Changed code is not noticed."""
    patch.setattr(run_module, "code_fingerprint", lambda stage, engine: "always the same")


def group_not_reached_by_lookup(patch: Patch) -> None:
    """A group stage is recomputed only where its driving table moved."""
    lookup_keys = Calculation._moved_keys

    def mutant(self: Calculation, lookup: Any, **how: Any) -> Any:
        found = lookup_keys(self, lookup, **how)
        return found.where(F.lit(False)) if self.stage.kind is StageKind.GROUP else found

    patch.setattr(Calculation, "_moved_keys", mutant)


def _recalled(patch: Patch, revisions: Callable[[Any], Any]) -> None:
    """Every table counts as large, and what a run has found is answered with changed postings."""
    patch.setattr(Reader, "many", -1)
    entries = Recall.entries

    def mutant(self: Recall, part: Version, keys: Any, on: Any, look: Any) -> Any:
        return entries(self, part, keys, on, lambda of, among: look(revisions(of), among))

    patch.setattr(Recall, "entries", mutant)


def recall_without_what_followed(patch: Patch) -> None:
    """What a run has found answers for a later revision as it is."""
    _recalled(patch, lambda of: [r for r in of if r.revision == 1])


def recall_of_known_keys_alone(patch: Patch) -> None:
    """Keys that a run has not yet looked for are taken to have no rows."""
    _recalled(patch, lambda of: [r for r in of if r.revision > 1])


# -- the histories ------------------------------------------------------------------------------


def cut_history(world: World) -> None:
    """Deals move, and the stage that also reads what another made of them is run alone."""
    begin(world)
    later = world.current[DAYS[0]].copy()
    later.deals["b0", "d0"] = replace(
        later.deals["b0", "d0"], amount=later.deals["b0", "d1"].amount
    )
    world.deliver("deals", DAYS[0], later, "delta")
    world.run(DAYS[0], ["flows"])
    world.check(DAYS[0], Random(1))


def empty_history(world: World) -> None:
    """A delivery that changes nothing: the stages take note of it, or the cut is torn."""
    begin(world)
    world.deliver("rates", DAYS[0], world.current[DAYS[0]], "full")
    world.run(DAYS[0], ["held"])
    assert {
        c.revision for c in world.register.history("held", DAYS[0])[-1].inputs if c.table == "rates"
    } == {2}, "a revision of an input was not taken note of"
    world.check(DAYS[0], Random(1))


_NOTHING, _PUSH, _MOVE = Operation("nothing"), Operation("push"), Operation("move", customer=2)
_RATE, _KIND = Operation("rate", customer=0, value=1), Operation("kind", value=1)


def _moved(
    world: World,
    deals: bool = False,
    rates: bool = False,
    customers: bool = False,
    book: str = "b0",
) -> None:
    """Deal d0, the rate that it uses, and the kind of its customer move in one step."""
    later = world.current[DAYS[0]].copy()
    if deals:
        amount = later.deals[book, "d2"].amount
        later.deals[book, "d0"] = replace(later.deals[book, "d0"], amount=amount)
    if rates:
        later.rates[book, "EUR"] = later.rates[book, None]
    if customers:
        later.customers[book, "c1"] = ("r", "c2")
    for table in ("deals", "rates", "customers"):
        world.deliver(table, DAYS[0], later, "delta")
    world.check(DAYS[0], Random(1))


def driving_and_lookup(world: World) -> None:
    begin(world)
    _moved(world, deals=True, rates=True)


def two_lookups(world: World) -> None:
    begin(world)
    _moved(world, rates=True, customers=True)


def driving_and_two_lookups(world: World) -> None:
    begin(world)
    _moved(world, deals=True, rates=True, customers=True)


one_book_of_two = history(_RATE)
"""The other book has a row under the same currency, and must not be hit."""

null_keys = history(Operation("amount", deal=2, value=4), Operation("rate", customer=2, value=1))
pushed = history(_PUSH)
new_kind = history(_KIND)
new_code = history(Step((_PUSH, _PUSH)), Step((_NOTHING, _MOVE), "other code"))

MUTANTS: tuple[tuple[Callable[[Patch], None], Callable[[World], None]], ...] = (
    (wrong_lookup_key, one_book_of_two),
    (new_lookups_in_change_term, driving_and_lookup),
    (hit_twice, two_lookups),
    (hit_by_one, two_lookups),
    (supplied_not_followed, new_kind),
    (no_cancelling, driving_and_lookup),
    (dropped_reversal, pushed),
    (superseding_full_run, new_code),
    (replacing_full_run, new_code),
    (net_count, begin),
    (first_table_alone, new_kind),
    (plain_equality, null_keys),
    (cutoff_without_bookkeeping, empty_history),
    (lost_trigger, new_kind),
    (inconsistent_cut, cut_history),
    (lost_fingerprint, new_code),
    (group_not_reached_by_lookup, one_book_of_two),
    (recall_without_what_followed, driving_and_two_lookups),
    (recall_of_known_keys_alone, new_kind),
)
"""A mutant, and the history that shows it."""

HISTORIES = dict.fromkeys(act for _, act in MUTANTS)


def _blind_postcheck(patch: Patch) -> None:
    """The kernel refuses some wrong postings by itself; here the checks alone must notice."""

    def counted(reader: Reader, previous: Version, posting: str) -> Counts:
        written = reader.lake.scan(previous.table, previous.day, [posting]).select(ENTRY)
        entries = written.toArrow().column(ENTRY).to_pylist()
        booked = sum(e > 0 for e in entries)
        return Counts(booked, len(entries) - booked, base=len(entries))

    patch.setattr(run_module, "check_posting", counted)


@pytest.mark.parametrize("act", HISTORIES)
def test_kernel_passes(
    sail: Engine, tmp_path: Path, template: Path, act: Callable[[World], None]
) -> None:
    with toy_code():
        act(World.fresh(sail, tmp_path, template))


@pytest.mark.parametrize(("mutant", "act"), MUTANTS, ids=[m.__name__ for m, _ in MUTANTS])
def test_mutant_is_caught(
    sail: Engine,
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[Patch], None],
    act: Callable[[World], None],
) -> None:
    with toy_code(), monkeypatch.context() as patch:
        mutant(patch)
        _blind_postcheck(patch)
        world = World.fresh(sail, tmp_path, template)
        with pytest.raises(AssertionError):
            act(world)

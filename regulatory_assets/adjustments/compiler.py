"""What a rule makes of rows: its conditions and operations over the columns of a stage.

Rules are applied in their total order when their adjustment stage runs. Conditions see the row as
it comes into the stage, with what the stage looks up; a row that a rule adds no other rule of the
stage sees. Whether a rule fits the stage is asked before (``fitting``). Nothing here knows who
approved a rule, or any revision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial, reduce
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.fitting import (
    LINE,
    RATE,
    comparisons,
    conditional,
    convert,
    currency_of,
    fields,
    inserted,
)
from regulatory_assets.adjustments.rule import (
    AllOf,
    AnyOf,
    Condition,
    Not,
    Operation,
    Rule,
    approved_number,
    canonical,
)
from regulatory_assets.ledger.arithmetic import product, whole_sum
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.rules import Allocation, Insertion
from regulatory_assets.ledger.stages import COUNTS, RECLASSIFIED, Stage
from regulatory_assets.ledger.table import ADJUSTMENT, ColumnType
from regulatory_assets.ledger.table import Column as TableColumn

_held = partial(convert, read=approved_number)
"""A value as its column holds it; how it is written was asked when the rule was proposed."""


# -- conditions as columns ------------------------------------------------------------------------


def _literal(column: TableColumn, value: object) -> Column:
    return F.lit(_held(column, value)).cast(column.type.value)


def holds(condition: Condition, known: dict[str, TableColumn]) -> Column:
    """Whether a condition holds for a row: true or false, never null."""
    return F.coalesce(_filter(condition, known), F.lit(False))


def _filter(condition: Condition, known: dict[str, TableColumn]) -> Column:
    """True where a condition holds, else false or null, which a filter takes alike: Sail evaluates
    a coalesced one twice for every row."""
    match condition:
        case AllOf():
            return _reduced([_filter(c, known) for c in condition.all], True)
        case AnyOf():
            return _reduced([_filter(c, known) for c in condition.any], False)
        case Not():
            return ~holds(condition.not_, known)
    column = known[condition.field]
    field, value = F.col(condition.field), condition.value
    match condition.op:
        case "is null":
            return field.isNull()
        case "like":
            return field.like(str(value))
        case "in" | "not in" | "between":
            assert isinstance(value, tuple)
            literals = [_literal(column, v) for v in value]
            if condition.op == "between":
                return (field >= literals[0]) & (field <= literals[1])
            among = field.isin(*literals)
            return among if condition.op == "in" else ~among
    literal = _literal(column, value)
    compared: dict[str, Callable[[Column, Column], Column]] = {
        "=": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    return compared[condition.op](field, literal)


def _reduced(conditions: Sequence[Column], every: bool) -> Column:
    if not conditions:
        return F.lit(every)
    return reduce((lambda a, b: a & b) if every else (lambda a, b: a | b), conditions)


# -- the rules in force at a stage ----------------------------------------------------------------


@dataclass(frozen=True)
class CompiledRules:
    """Rules of one stage in their total order; a ``RuleSet`` for the kernel.

    ``earlier`` finds the members of an earlier set by its hash: each rule's id with its digest.
    """

    stage: Stage
    rules: tuple[Rule, ...]
    earlier: Callable[[str], dict[str, str]]

    @cached_property
    def hash(self) -> str:
        if not self.rules:
            return ""
        members = [(r.id, r.digest) for r in self.rules]
        return hashlib.sha256(canonical(members).encode()).hexdigest()[:16]

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(r.id for r in self.rules)

    @property
    def members(self) -> dict[str, str]:
        return {r.id: r.digest for r in self.rules}

    @cached_property
    def needs(self) -> frozenset[str]:
        tests = [
            test
            for rule in self.rules
            for condition in (rule.conditions, *(o.where for o in rule.operations if o.where))
            for test, _ in comparisons(condition, "")
        ]
        currencies = [
            currency_of(operation.field, self.stage)
            for rule in self._changing
            for operation in rule.operations
            if operation.currency is not None and operation.field is not None
        ]
        return frozenset((*(test.field for test in tests), *(c for c in currencies if c)))

    @property
    def _changing(self) -> tuple[Rule, ...]:
        return tuple(r for r in self.rules if not r.inserts)

    @cached_property
    def insertions(self) -> tuple[Insertion, ...]:
        return tuple(
            Insertion(rule.id, _row(self.stage, rule, at), operation.expected_source_id)
            for rule in self.rules
            for at, operation in enumerate(rule.operations, start=1)
            if operation.op == "insert"
        )

    @cached_property
    def allocations(self) -> tuple[Allocation, ...]:
        return tuple(
            _allocation(self.stage, rule, at)
            for rule in self.rules
            for at, operation in enumerate(rule.operations)
            if operation.op == "allocate" and self.stage.spreads is not None
        )

    def differing(self, before: str) -> frozenset[str]:
        then, now = self.earlier(before) if before else {}, self.members
        return frozenset(i for i in {*then, *now} if then.get(i) != now.get(i))

    def hits(self, only: Collection[str] | None = None) -> Column | None:
        known = conditional(self.stage)
        wanted = [r for r in self._changing if only is None or r.id in only]
        return _reduced([_filter(r.conditions, known) for r in wanted], False) if wanted else None

    def apply(self, rows: DataFrame, stage: Stage, parameters: Any) -> DataFrame:
        """One pair for each row and rule that changes it; an exclusion takes back and ends."""
        return _Chain(stage, parameters, self._changing).pairs(rows)


def _row(stage: Stage, rule: Rule, at: int) -> dict[str, Any]:
    """The row that a rule adds by its first, second... operation, as its table holds it."""
    given: dict[str, Any] = dict(rule.operations[at - 1].values or {})
    if stage.inserts is not None:
        given[stage.inserts] = f"MAN-{rule.id}-{at}"
    else:
        given |= dict.fromkeys(COUNTS, 1)
    return {
        c.name: None if given.get(c.name) is None else _held(c, given[c.name])
        for c in stage.reads.columns
    }


def _allocation(stage: Stage, rule: Rule, at: int) -> Allocation:
    """What the operation at a place spreads: over the rows that meet its condition, or without one
    over those of the very line that was added."""
    operation, given = rule.operations[at], inserted(rule, at).values or {}
    leaves, members, known = stage.spreads, stage.reads, conditional(stage)
    assert leaves is not None
    leaf = {
        c: None if given.get(c) is None else _held(leaves.reads.column(c), given[c])
        for c in leaves.reads.key
    }
    if operation.where is not None:
        among = holds(operation.where, known)
    else:
        same = [c for c in leaf if c in members.column_names]
        among = _reduced(
            [F.col(c).eqNullSafe(F.lit(leaf[c]).cast(members.type_of(c).value)) for c in same], True
        )
    field = operation.field or ""
    amount: Decimal = _held(leaves.reads.column(field), given[field])
    return Allocation(rule.id, at + 1, field, amount, among, leaf)


class _Chain:
    """The rules of a stage, one after the other, over rows that each has been asked about.

    The row's own columns hold what the rules so far have made of it. What stood before and after
    each rule is kept beside, and read out at the end, in one pass.
    """

    def __init__(self, stage: Stage, parameters: Any, rules: Sequence[Rule]) -> None:
        self.stage = stage
        self.parameters = parameters
        self.rules = rules
        self.known = conditional(stage)
        derivation = stage.derivation
        self.derived = derivation.columns if derivation else ()
        self.moving = tuple(
            c
            for c in stage.reads.column_names
            if c in {f for r in rules for o in r.operations for f in fields(o, stage)}
            or (c in self.derived and any(o.op != "exclude" for r in rules for o in r.operations))
        )

    def pairs(self, rows: DataFrame) -> DataFrame:
        asked: dict[str, Column] = {"__alive": F.lit(True)}
        for at, rule in enumerate(self.rules):
            asked[f"__hit_{at}"] = holds(rule.conditions, self.known)
            for of, operation in enumerate(rule.operations):
                if operation.where is not None:
                    asked[f"__where_{at}_{of}"] = holds(operation.where, self.known)
        asked |= {f"__0_{c}": F.col(c) for c in self.moving}
        frame = rows.withColumns(asked)
        for at, rule in enumerate(self.rules):
            frame = self._apply(frame, at, rule)
        steps = [
            F.when(F.col(f"__booked_{at}"), F.array(F.lit(2 * at), F.lit(2 * at + 1)))
            .when(F.col(f"__taken_{at}"), F.array(F.lit(2 * at)))
            .otherwise(F.array().cast("array<int>"))
            for at in range(len(self.rules))
        ]
        exploded = frame.withColumn("__step", F.explode(F.concat(*steps)))
        step = F.col("__step")
        values = {c: self._value(step, c) for c in self.moving}
        ids = _chosen(step, [(2 * at, F.lit(r.id)) for at, r in enumerate(self.rules)], 2)
        return exploded.select(
            F.lit(1).alias(ENTRY),
            F.lit(ADJUSTMENT).alias("layer"),
            F.when(step % 2 == 0, F.lit(-1)).otherwise(F.lit(1)).alias("sign"),
            ids.alias("rule_id"),
            *(values.get(c, F.col(c)).alias(c) for c in self.stage.reads.column_names),
        )

    def _value(self, step: Column, column: str) -> Column:
        """Step 2n is what stood before rule n, step 2n + 1 what stands after it."""
        steps = [
            (number, F.col(f"__{number - number // 2}_{column}"))
            for number in range(2 * len(self.rules))
        ]
        return _chosen(step, steps, 1)

    def _apply(self, frame: DataFrame, at: int, rule: Rule) -> DataFrame:
        hit = F.col(f"__hit_{at}") & F.col("__alive")
        excluded: Column = F.lit(False)
        reclassified: Column = F.lit(False)
        for of, operation in enumerate(rule.operations):
            here = hit
            if operation.where is not None:
                here = here & F.col(f"__where_{at}_{of}")
            here = self._in_currency(here, operation)
            if operation.op == "exclude":
                excluded = excluded | here
            elif operation.op == "reclassify":
                reclassified = reclassified | here
                new = F.when(here, F.lit(str(operation.value))).otherwise(F.col(LINE))
                frame = frame.withColumn(LINE, new)
            else:
                place = f"{rule.id} operations.{of}"
                changed = {
                    field: self._changed(field, operation, place)
                    for field in fields(operation, self.stage)
                }
                frame = frame.withColumns(
                    {f: F.when(here, new).otherwise(F.col(f)) for f, new in changed.items()}
                )
        frame = self._derive(frame, hit, reclassified)
        frame = frame.withColumns(
            {f"__{at + 1}_{c}": F.col(c) for c in self.moving}
            | {f"__taken_{at}": excluded, "__alive": F.col("__alive") & ~excluded}
        )
        same = _reduced(
            [F.col(f"__{at}_{c}").eqNullSafe(F.col(f"__{at + 1}_{c}")) for c in self.moving], True
        )
        return frame.withColumn(f"__booked_{at}", hit & ~F.col(f"__taken_{at}") & ~same)

    def _in_currency(self, here: Column, operation: Operation) -> Column:
        if operation.currency is None or operation.field is None:
            return here
        name = currency_of(operation.field, self.stage)
        return here if name is None else here & F.col(name).eqNullSafe(operation.currency)

    def _changed(self, field: str, operation: Operation, place: str) -> Column:
        column = self.stage.reads.column(field)
        now = F.col(f"__0_{field}" if operation.basis == "original" else field)
        kind = column.type.value
        if operation.op == "set" and operation.value is None:
            return F.lit(None).cast(kind)
        if operation.op in ("multiply", "scale"):
            rate = _literal(RATE, operation.value)
            return product(now, rate).cast(kind)
        value = _literal(column, operation.value)
        match operation.op:
            case "set":
                return value
            case "add" if column.type in (ColumnType.INTEGER, ColumnType.LONG):
                said = f"{place}: {field} with {operation.value} added"
                return whole_sum(now, value, column.type, said)
            case "add":
                return (now + value).cast(kind)
            case "cap":
                return F.when(now > value, value).otherwise(now)
        return F.when(now < value, value).otherwise(now)

    def _derive(self, frame: DataFrame, hit: Column, reclassified: Column) -> DataFrame:
        derivation = self.stage.derivation
        if derivation is None:
            return frame
        columns = (*derivation.columns, *derivation.reclassifies)
        kept = {f"__kept_{c}": F.col(c) for c in columns}
        marked = frame.withColumns(kept | {RECLASSIFIED: reclassified, "__hit": hit})
        derived: DataFrame = derivation.function(marked, self.parameters)
        restored = {
            c: F.when(F.col("__hit"), F.col(c)).otherwise(F.col(f"__kept_{c}")) for c in columns
        }
        return derived.withColumns(restored).drop(*kept, RECLASSIFIED, "__hit")


def _chosen(step: Column, values: Iterable[tuple[int, Column]], width: int) -> Column:
    """The value of the step a row stands for; ``width`` steps share one."""
    found: Any = F
    for first, value in values:
        found = found.when((step >= first) & (step < first + width), value)
    chosen: Column = found
    return chosen

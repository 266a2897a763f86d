"""What a rule makes of rows: its conditions and operations over the columns of a stage.

Rules are checked against the stage's table when they are submitted, and applied in their total
order when its adjustment stage runs. Conditions see the row as it comes into the stage, with what
the stage looks up. Nothing here knows who approved a rule, or any revision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, reduce
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.reach import DEAL_CURRENCY, money_columns
from regulatory_assets.adjustments.rule import (
    AllOf,
    AnyOf,
    Condition,
    Not,
    Operation,
    Rule,
    RuleError,
    Test,
    canonical,
    number,
)
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.stages import RECLASSIFIED, Stage
from regulatory_assets.ledger.table import (
    ADJUSTMENT,
    SCALE,
    ColumnType,
)
from regulatory_assets.ledger.table import (
    Column as TableColumn,
)

_NUMBERS = (ColumnType.MONEY, ColumnType.RATE, ColumnType.INTEGER, ColumnType.LONG)
LINE = "line"


# -- what a rule may name -------------------------------------------------------------------------


def conditional(stage: Stage) -> dict[str, TableColumn]:
    """The columns that conditions at a stage may name: the table's and those it looks up."""
    found = {c.name: c for c in stage.reads.columns}
    for lookup in stage.lookups:
        found |= {lookup.prefix + name: lookup.table.column(name) for name in lookup.take}
    return found


def settable(stage: Stage) -> dict[str, TableColumn]:
    """The columns that operations at a stage may change."""
    derived = stage.derivation.columns if stage.derivation else ()
    kept = {*stage.reads.key, *derived, *stage.fixed}
    return {c.name: c for c in stage.reads.columns if c.name not in kept}


def check(rule: Rule, stage: Stage) -> None:
    """Refuse a rule whose fields, types or operations do not fit the stage.

    Raises RuleError naming the place in the rule and the remedy.
    """
    for test, place in _tests(rule.conditions, "conditions"):
        _check_test(rule, test, place, stage)
    for at, operation in enumerate(rule.operations):
        place = f"operations.{at}"
        _check_operation(rule, operation, place, stage)
        if operation.where is not None:
            for test, inner in _tests(operation.where, f"{place}.where"):
                _check_test(rule, test, inner, stage)
    if rule.limits is not None and rule.limits.amounts is not None:
        _check_limits(rule, rule.limits.amounts, stage)


def _tests(condition: Condition, place: str) -> Iterator[tuple[Test, str]]:
    match condition:
        case Test():
            yield condition, place
        case AllOf():
            for at, each in enumerate(condition.all):
                yield from _tests(each, f"{place}.all.{at}")
        case AnyOf():
            for at, each in enumerate(condition.any):
                yield from _tests(each, f"{place}.any.{at}")
        case Not():
            yield from _tests(condition.not_, f"{place}.not")


def _refuse(rule: Rule, place: str, why: str) -> RuleError:
    return RuleError(f"{rule.id} {place}: {why}")


def _check_test(rule: Rule, test: Test, place: str, stage: Stage) -> None:
    known = conditional(stage)
    column = known.get(test.field)
    if column is None:
        raise _refuse(
            rule, place, f"{rule.stage} has no field {test.field}; use one of {', '.join(known)}"
        )
    if test.op == "like" and column.type is not ColumnType.STRING:
        raise _refuse(rule, place, f"like is for text, {test.field} is {column.type.value}")
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    for value in () if test.op == "is null" else values:
        if test.op != "like":
            _typed(rule, place, column, value)


def _check_operation(rule: Rule, operation: Operation, place: str, stage: Stage) -> None:
    if operation.op == "exclude":
        return
    if operation.op == "scale":
        if not stage.reads.additive:
            raise _refuse(rule, place, f"nothing adds up at {rule.stage}; use multiply on a field")
        _typed(rule, place, _RATE, operation.value)
        return
    if operation.op == "reclassify":
        brings = stage.derivation.reclassifies if stage.derivation else ()
        if not brings:
            raise _refuse(rule, place, f"rows of {rule.stage} have no line to move to")
        _typed(rule, place, stage.reads.column(LINE), operation.value)
        return
    known = settable(stage)
    field = operation.field or ""
    column = known.get(field)
    if column is None:
        kept = field in stage.reads.column_names
        why = "is a key, derived or fixed and cannot be set" if kept else "is not known here"
        raise _refuse(rule, place, f"{field} {why}; fields to set: {', '.join(known)}")
    if operation.op == "multiply" and column.type not in (ColumnType.MONEY, ColumnType.RATE):
        raise _refuse(rule, place, f"multiply is for money and rates, {field} is neither")
    if operation.op != "set" and column.type not in _NUMBERS:
        raise _refuse(rule, place, f"{operation.op} is for numbers, {field} is {column.type.value}")
    if operation.op == "set" and operation.value is None:
        if not column.nullable:
            raise _refuse(rule, place, f"{field} cannot be empty; give a value")
        return
    wanted = _RATE if operation.op == "multiply" else column
    _typed(rule, place, wanted, operation.value)
    if column.type is ColumnType.MONEY and operation.op != "multiply" and not operation.currency:
        raise _refuse(rule, place, f"{field} is money; name the currency of {operation.value}")


def _check_limits(rule: Rule, amounts: Mapping[str, Any], stage: Stage) -> None:
    money = money_columns(stage.reads)
    if not money:
        raise _refuse(rule, "limits.amounts", f"there is no money at {rule.stage}; limit the rows")
    if DEAL_CURRENCY not in money.values() and len(amounts) > 1:
        raise _refuse(
            rule,
            "limits.amounts",
            f"all money at {rule.stage} is in the reporting currency; name that one alone",
        )
    for currency, amount in amounts.items():
        column = TableColumn(currency, ColumnType.MONEY, "A limit.")
        if _typed(rule, "limits.amounts", column, amount) < 0:
            raise _refuse(rule, "limits.amounts", f"{currency}: {amount} is less than zero")


_RATE = TableColumn("value", ColumnType.RATE, "A factor.")


def _typed(rule: Rule, place: str, column: TableColumn, value: object) -> Any:
    """The value as its column holds it. Raises RuleError where it is of another kind."""
    try:
        return _convert(column, value)
    except ValueError as error:
        raise _refuse(rule, place, f"{column.name}: {error}") from None


def _convert(column: TableColumn, value: object) -> Any:
    kind = column.type
    match kind:
        case ColumnType.MONEY | ColumnType.RATE:
            found = number(value)
            whole = 15 if kind is ColumnType.MONEY else 4
            if found.adjusted() >= whole:
                raise ValueError(f"{value} has more than {whole} digits before the point")
            if found != found.quantize(Decimal(1).scaleb(-SCALE), ROUND_HALF_UP):
                raise ValueError(f"{value} has more than {SCALE} decimals")
            return found
        case ColumnType.INTEGER | ColumnType.LONG:
            found = number(value)
            if found != found.to_integral_value() or abs(found) >= 2**31:
                raise ValueError(f"{value} is not a whole number of at most 2147483647")
            return int(found)
        case ColumnType.BOOLEAN:
            if not isinstance(value, bool):
                raise ValueError(f"{value!r} is neither true nor false")  # noqa: TRY004
            return value
        case ColumnType.DATE:
            if isinstance(value, date):
                return value
            return date.fromisoformat(str(value))
        case ColumnType.STRING:
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is not text; put it in quotes")  # noqa: TRY004
            if column.allowed and value not in column.allowed:
                raise ValueError(f"{value!r} is none of {', '.join(column.allowed)}")
            return value


# -- conditions as columns ------------------------------------------------------------------------


def _literal(column: TableColumn, value: object) -> Column:
    return F.lit(_convert(column, value)).cast(column.type.value)


def holds(condition: Condition, known: dict[str, TableColumn]) -> Column:
    """Whether a condition holds for a row: true or false, never null."""
    return F.coalesce(_holds(condition, known), F.lit(False))


def _holds(condition: Condition, known: dict[str, TableColumn]) -> Column:
    match condition:
        case AllOf():
            return _reduced([holds(c, known) for c in condition.all], True)
        case AnyOf():
            return _reduced([holds(c, known) for c in condition.any], False)
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
            for test, _ in _tests(condition, "")
        ]
        return frozenset(test.field for test in tests)

    def differing(self, before: str) -> frozenset[str]:
        then, now = self.earlier(before) if before else {}, self.members
        return frozenset(i for i in {*then, *now} if then.get(i) != now.get(i))

    def hits(self, only: Collection[str] | None = None) -> Column:
        known = conditional(self.stage)
        wanted = [r for r in self.rules if only is None or r.id in only]
        return _reduced([holds(r.conditions, known) for r in wanted], False)

    def apply(self, rows: DataFrame, stage: Stage, parameters: Any) -> DataFrame:
        """One pair for each row and rule that changes it; an exclusion takes back and ends."""
        return _Chain(stage, parameters, self.rules).pairs(rows)


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
            if c in {f for r in rules for o in r.operations for f in self._fields(o)}
            or (c in self.derived and any(o.op != "exclude" for r in rules for o in r.operations))
        )

    def _fields(self, operation: Operation) -> tuple[str, ...]:
        match operation.op:
            case "exclude":
                return ()
            case "scale":
                sums = self.stage.reads.additive
                return tuple(c for c in sums if c in settable(self.stage))
            case "reclassify":
                assert self.stage.derivation
                return (LINE, *self.stage.derivation.reclassifies)
        return (operation.field or "",)

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
                excluded = here
            elif operation.op == "reclassify":
                reclassified = here
                new = F.when(here, F.lit(str(operation.value))).otherwise(F.col(LINE))
                frame = frame.withColumn(LINE, new)
            else:
                frame = frame.withColumns(
                    {
                        field: F.when(here, self._changed(field, operation)).otherwise(F.col(field))
                        for field in self._fields(operation)
                    }
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
        table = self.stage.reads
        if operation.currency is None or operation.field is None:
            return here
        if table.column(operation.field).unit != DEAL_CURRENCY:
            return here
        return here & (F.col("currency") == operation.currency)

    def _changed(self, field: str, operation: Operation) -> Column:
        column = self.stage.reads.column(field)
        now = F.col(f"__0_{field}" if operation.basis == "original" else field)
        kind = column.type.value
        if operation.op == "set" and operation.value is None:
            return F.lit(None).cast(kind)
        if operation.op in ("multiply", "scale"):
            rate = _literal(_RATE, operation.value)
            return product(now, rate).cast(kind)
        value = _literal(column, operation.value)
        match operation.op:
            case "set":
                return value
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

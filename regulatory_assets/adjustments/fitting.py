"""Whether a rule fits the stage at which it is to act: its fields, values and operations.

Asked when a rule is validated and submitted. Which currencies it may name stands in ``currencies``,
what it then makes of rows in ``compiler``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from typing import Any

from regulatory_assets.adjustments.reach import CURRENCIES, money_columns, named_currencies
from regulatory_assets.adjustments.refusals import Mistake, RuleError
from regulatory_assets.adjustments.rule import (
    SUFFIX,
    AllOf,
    AnyOf,
    Condition,
    Not,
    Operation,
    Rule,
    Test,
    number,
)
from regulatory_assets.adjustments.wording import given
from regulatory_assets.ledger.stages import COUNTS, Stage, measures
from regulatory_assets.ledger.table import DATE_PATTERN, SCALE, Column, ColumnType

_NUMBERS = (ColumnType.MONEY, ColumnType.RATE, ColumnType.INTEGER, ColumnType.LONG)
LINE = "line"
_PATTERN = r"([^\\]|\\[%_\\])*"
"""Other patterns are not the same to both engines: Sail matches by them, Apache Spark fails."""
_FEW = 3
"""Up to so many other stages are named that have what one lacks."""


def conditional(stage: Stage) -> dict[str, Column]:
    """The columns that conditions at a stage may name: the table's and those it looks up."""
    found = {c.name: c for c in stage.reads.columns}
    for lookup in stage.lookups:
        found |= {lookup.prefix + name: lookup.table.column(name) for name in lookup.take}
    return found


def settable(stage: Stage) -> dict[str, Column]:
    """The columns that operations at a stage may change."""
    derived = stage.derivation.columns if stage.derivation else ()
    kept = {*stage.reads.key, *derived, *stage.fixed}
    return {c.name: c for c in stage.reads.columns if c.name not in kept}


def fields(operation: Operation, stage: Stage) -> tuple[str, ...]:
    """The columns that an operation changes itself, without those that follow from them."""
    match operation.op:
        case "exclude" | "insert" | "allocate":
            return ()
        case "scale":
            return tuple(c for c in stage.reads.additive if c in settable(stage))
        case "reclassify":
            return (LINE, *(stage.derivation.reclassifies if stage.derivation else ()))
    return (operation.field or "",)


def currency_of(field: str, stage: Stage) -> str | None:
    """The column, of a row or looked up for it, that names the currency of a money field; nothing
    where the stage knows none, and all its money is in one."""
    name = CURRENCIES.get(stage.reads.column(field).unit or "")
    return name if name in conditional(stage) else None


def check(
    rule: Rule, stage: Stage, spreading: Stage | None = None, others: Collection[Stage] = ()
) -> None:
    """Refuse a rule whose fields, types or operations do not fit the stage; ``spreading`` is the
    one that spreads what rules add there, if there is one. ``others`` may have what it lacks.

    Raises RuleError naming the place in the rule and the remedy.
    """
    for test, place in comparisons(rule.conditions, "conditions"):
        _check_test(rule, test, place, stage, others)
    for at, operation in enumerate(rule.operations):
        place = f"operations.{at}"
        if operation.op == "allocate":
            _check_allocate(rule, at, place, spreading)
        else:
            _check_operation(rule, operation, place, stage, others)
        _check_currency(rule, operation, place, stage)
        if operation.where is not None:
            seen = spreading if spreading and operation.op == "allocate" else stage
            for test, inner in comparisons(operation.where, f"{place}.where"):
                _check_test(rule, test, inner, seen, others)
    if stage.leaves:
        _check_leaves(rule, stage)
    if rule.limits is not None and rule.limits.amounts is not None:
        _check_limits(rule, rule.limits.amounts, stage)


def check_names(rule: Rule, stage: Stage, keys: Callable[[str], Collection[str]]) -> None:
    """Refuse a rule that writes a name which the parameter of its column does not know; ``keys``
    gives those of a parameter.

    Raises RuleError naming the place in the rule and the remedy.
    """
    for column, parameter in stage.named:
        for at, operation in enumerate(rule.operations):
            value: Any = (operation.values or {}).get(column)
            if operation.op == "reclassify" and column == LINE:
                value = operation.value
            known = () if value is None else keys(parameter)
            if value is not None and value not in known:
                close = ", ".join(get_close_matches(str(value), known))
                shown = f"`parameters show {parameter} --date {rule.effective}` lists them"
                meant = f"did you mean {close}?" if close else shown
                why = f"{column}: {value} is not in {parameter} on {rule.effective}; {meant}"
                raise refuse(rule, f"operations.{at}", why)


def comparisons(condition: Condition, place: str) -> Iterator[tuple[Test, str]]:
    """Every comparison of a condition, with its place in the rule."""
    match condition:
        case Test():
            yield condition, place
        case AllOf():
            for at, each in enumerate(condition.all):
                yield from comparisons(each, f"{place}.all.{at}")
        case AnyOf():
            for at, each in enumerate(condition.any):
                yield from comparisons(each, f"{place}.any.{at}")
        case Not():
            yield from comparisons(condition.not_, f"{place}.not")


def refuse(rule: Rule, place: str, why: str) -> RuleError:
    """The refusal of a place in a rule."""
    return RuleError(Mistake(f"{rule.id} {place}: {why}", place))


def _elsewhere(field: str, others: Collection[Stage]) -> str:
    """In words at which other stages rows have a field; of one that many have nothing."""
    having = [s.name.removesuffix(SUFFIX) for s in others if field in s.reads.column_names]
    return (
        f", or act at {' or '.join(having)}, where rows have it" if 0 < len(having) <= _FEW else ""
    )


def _check_test(
    rule: Rule, test: Test, place: str, stage: Stage, others: Collection[Stage]
) -> None:
    known = conditional(stage)
    column = known.get(test.field)
    if column is None:
        of = stage.reads.name if stage.spreads else rule.stage
        of_it = f"{', '.join(known)}{_elsewhere(test.field, others)}"
        raise refuse(rule, place, f"{of} has no field {test.field}; use one of {of_it}")
    if test.op == "like":
        _check_pattern(rule, test, place, column)
    if test.op in ("is null", "like"):
        return
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    typed = [_typed(rule, place, column, value) for value in values]
    if test.op == "between" and typed[0] > typed[1]:
        told = f"{test.field}: no value lies between {values[0]} and {values[1]}"
        raise refuse(rule, place, f"{told}; write the smaller first")


def _check_pattern(rule: Rule, test: Test, place: str, column: Column) -> None:
    """Refuse a pattern of what is no text, and one that the engines read each in its own way."""
    if column.type is not ColumnType.STRING:
        raise refuse(rule, place, f"like is for text, {test.field} is {column.type.value}")
    pattern = _typed(rule, place, replace(column, allowed=()), test.value)
    if not re.fullmatch(_PATTERN, pattern, re.DOTALL):
        said = f"{given(pattern)} has a \\ before other than %, _ or \\; for itself write it twice"
        raise refuse(rule, place, f"{test.field}: {said}")


def _check_operation(
    rule: Rule, operation: Operation, place: str, stage: Stage, others: Collection[Stage]
) -> None:
    if operation.op == "exclude":
        return
    if operation.op == "insert":
        _check_insert(rule, operation, place, stage)
        return
    if operation.op == "scale":
        if not stage.reads.additive:
            raise refuse(rule, place, f"nothing adds up at {rule.stage}; use multiply on a field")
        _typed(rule, place, RATE, operation.value)
        return
    if operation.op == "reclassify":
        brings = stage.derivation.reclassifies if stage.derivation else ()
        if not brings:
            raise refuse(rule, place, f"rows of {rule.stage} have no line to move to")
        _typed(rule, place, stage.reads.column(LINE), operation.value)
        return
    known = settable(stage)
    field = operation.field or ""
    column = known.get(field)
    if column is None:
        kept = field in stage.reads.column_names
        why = "is a key, derived or fixed and cannot be set" if kept else "is not known here"
        of_it = f"{', '.join(known)}{'' if kept else _elsewhere(field, others)}"
        raise refuse(rule, place, f"{field} {why}; fields to set: {of_it}")
    if operation.op == "multiply" and column.type not in (ColumnType.MONEY, ColumnType.RATE):
        raise refuse(rule, place, f"multiply is for money and rates, {field} is neither")
    if operation.op != "set" and column.type not in _NUMBERS:
        raise refuse(rule, place, f"{operation.op} is for numbers, {field} is {column.type.value}")
    if operation.op == "set" and operation.value is None:
        if not column.nullable:
            raise refuse(rule, place, f"{field} cannot be empty; give a value")
        return
    wanted = RATE if operation.op == "multiply" else column
    _typed(rule, place, wanted, operation.value)
    if operation.op in ("set", "cap", "floor"):
        _bounded(rule, place, column, operation.value)


def _check_insert(rule: Rule, operation: Operation, place: str, stage: Stage) -> None:
    """Refuse a row that its table would not take."""
    if stage.inserts is None and not stage.leaves:
        raise refuse(
            rule,
            place,
            f"no row is added at {rule.stage}; insert a deal at deal, a facility at facility, an "
            "instrument at debt, a line at line",
        )
    if stage.inserts is not None and operation.expected_source_id is None:
        raise refuse(rule, place, "insert needs its expected_source_id: under what it will come")
    if stage.leaves and operation.expected_source_id is not None:
        raise refuse(rule, place, "nobody delivers what is added here; no expected_source_id")
    values = operation.values or {}
    own = COUNTS if stage.leaves else (stage.inserts,)
    known = {c.name: c for c in stage.reads.columns if c.name not in own}
    if unknown := [name for name in values if name not in known]:
        raise refuse(
            rule, place, f"{', '.join(unknown)}: the values of a row are {', '.join(known)}"
        )
    needed = [c.name for c in known.values() if not c.nullable and values.get(c.name) is None]
    if needed:
        raise refuse(rule, place, f"{', '.join(needed)}: needed for a complete row; give a value")
    for name, value in values.items():
        if value is not None:
            _typed(rule, f"{place}.values", known[name], value)
            _bounded(rule, f"{place}.values", known[name], value)


def _check_currency(rule: Rule, operation: Operation, place: str, stage: Stage) -> None:
    """Refuse money without its currency, and a currency of what is no money."""
    currency, field = operation.currency, operation.field
    if operation.op == "insert":
        own = None if stage.leaves else (operation.values or {}).get("currency")
        if stage.leaves and currency is None:
            raise refuse(rule, place, "a line's money is in the reporting currency; name it")
        if own is not None and currency not in (None, own):
            raise refuse(rule, place, f"currency {currency}: the row's own is {own}; leave it out")
        return
    money = field is not None and stage.reads.type_of(field) is ColumnType.MONEY
    if operation.op == "allocate" or not money:
        if currency is not None:
            what = f"{operation.op} of {field}" if field else operation.op
            raise refuse(rule, place, f"currency {currency}: {what} takes no money; leave it out")
    elif currency is None and operation.op != "multiply" and operation.value is not None:
        raise refuse(rule, place, f"{field} is money; name the currency of {operation.value}")


def inserted(rule: Rule, at: int) -> Operation:
    """The insert whose row the operation at a place spreads: the last before it."""
    return next(o for o in reversed(rule.operations[:at]) if o.op == "insert")


def _check_allocate(rule: Rule, at: int, place: str, spreading: Stage | None) -> None:
    """Refuse to spread what is not there, or what no member has."""
    if spreading is None:
        raise refuse(rule, place, f"nothing is allocated at {rule.stage}; a line is, at line")
    operation, known = rule.operations[at], measures(spreading)
    field = operation.field or ""
    if field not in known:
        raise refuse(rule, place, f"{field} is not spread; fields to spread: {', '.join(known)}")
    amount = (inserted(rule, at).values or {}).get(field)
    if amount is None or not number(amount):
        raise refuse(rule, place, f"the line before it adds no {field}, so nothing is to spread")
    for other in reversed(rule.operations[:at]):
        if other.op == "insert":
            return
        if other.field == field:
            raise refuse(rule, place, f"spreads {field} of the same line again; leave one out")


def _check_leaves(rule: Rule, stage: Stage) -> None:
    """Refuse a rule that adds one key twice: of a rule a key has one row."""
    keys = [
        tuple((o.values or {}).get(k) for k in stage.reads.key)
        for o in rule.operations
        if o.op == "insert"
    ]
    for at, key in enumerate(keys):
        if key in keys[:at]:
            raise refuse(rule, f"operations.{at}", "adds the same line again; add the two up")


def _bounded(rule: Rule, place: str, column: Column, value: object) -> None:
    least, most = column.minimum, column.maximum
    if least is not None and number(value) < Decimal(least):
        raise refuse(rule, place, f"{column.name}: {value} is less than {least}")
    if most is not None and number(value) > Decimal(most):
        raise refuse(rule, place, f"{column.name}: {value} is more than {most}")


def _check_limits(rule: Rule, amounts: Mapping[str, Any], stage: Stage) -> None:
    money = money_columns(stage.reads)
    if not money:
        raise refuse(rule, "limits.amounts", f"there is no money at {rule.stage}; limit the rows")
    if len(named_currencies(stage.reads)) < len(money) and len(amounts) > 1:
        raise refuse(
            rule,
            "limits.amounts",
            f"all money at {rule.stage} is in the reporting currency; name that one alone",
        )
    for currency, amount in amounts.items():
        column = Column(currency, ColumnType.MONEY, "A limit.")
        if _typed(rule, "limits.amounts", column, amount) < 0:
            raise refuse(rule, "limits.amounts", f"{currency}: {amount} is less than zero")


RATE = Column("value", ColumnType.RATE, "A factor.")


def _typed(rule: Rule, place: str, column: Column, value: object) -> Any:
    """The value as its column holds it. Raises RuleError where it is of another kind."""
    try:
        return convert(column, value)
    except ValueError as error:
        raise refuse(rule, place, f"{column.name}: {error}") from None


def convert(column: Column, value: object, read: Callable[[object], Decimal] = number) -> Any:
    """The value as the column holds it, numbers as they are ``read``. Raises ValueError where it is
    of another kind."""
    kind = column.type
    match kind:
        case ColumnType.MONEY | ColumnType.RATE:
            found = read(value)
            whole = 15 if kind is ColumnType.MONEY else 4
            if found.adjusted() >= whole:
                raise ValueError(f"{value} has more than {whole} digits before the point")
            if found != found.quantize(Decimal(1).scaleb(-SCALE), ROUND_HALF_UP):
                raise ValueError(f"{value} has more than {SCALE} decimals")
            return found
        case ColumnType.INTEGER | ColumnType.LONG:
            found = read(value)
            if found != found.to_integral_value() or abs(found) >= 2**31:
                raise ValueError(f"{value} is not a whole number of at most 2147483647")
            return int(found)
        case ColumnType.BOOLEAN:
            if not isinstance(value, bool):
                raise ValueError(f"{given(value)} is neither true nor false")  # noqa: TRY004
            return value
        case ColumnType.DATE:
            with suppress(ValueError):
                if re.fullmatch(DATE_PATTERN, str(value)):
                    return date.fromisoformat(str(value))
            raise ValueError(f"{given(value)} is no date; write it as 2026-01-31")
        case ColumnType.STRING:
            if not isinstance(value, str):
                raise ValueError(f"{given(value)} is not text; put it in quotes")  # noqa: TRY004
            if column.allowed and value not in column.allowed:
                raise ValueError(f"{given(value)} is none of {', '.join(column.allowed)}")
            return value

"""Parameter tables as engine columns: the same answers as ``tables``, for ten million rows.

Only column expressions are built, so no session is needed. Where the Python API refuses (a null or
unknown input, key or regime) a column is null, never a default: such a row is for the exceptions.
Rows that get the same answer share one branch, which keeps the expressions small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import TypeVar

from pyspark.sql.column import Column
from pyspark.sql.connect import functions as F

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.tables import (
    BASEL,
    DecisionTable,
    Key,
    RateTable,
    Rule,
    plain,
)

_Content = TypeVar("_Content")


def decide(
    table: DecisionTable,
    inputs: Mapping[str, Column],
    output: str,
    regime: Column | None = None,
) -> Column:
    """One output of a decision table; null where an input is null or not in its enumeration."""
    table.check_output(output)
    if set(inputs) != set(table.inputs):
        raise ValueError(f"{table.name} needs exactly the inputs {', '.join(table.inputs)}")
    known = _all(inputs[name].isin(*values) for name, values in table.inputs.items())

    def decisions(rules: Sequence[Rule]) -> Column:
        grouped: dict[str, list[Column]] = {}
        for rule in rules:
            grouped.setdefault(rule.then[output], []).append(_applies(rule, table, inputs))
        return _cases((_any(hits), F.lit(code)) for code, hits in grouped.items())

    return F.when(known, _by_regime(table.by_regime, decisions, regime))


def value(
    table: RateTable,
    key: Column | Sequence[Column],
    name: str,
    regime: Column | None = None,
) -> Column:
    """A number of a rate table, typed as its file says; null where the key is unknown."""
    table.check_column(name, table.types)
    kind = table.types[name]
    numbers = {
        regime_name: {key_: row.values[name] for key_, row in rows.items()}
        for regime_name, rows in table.by_regime.items()
    }
    return _look_up(numbers, key, lambda number: _number(number, kind), regime)


def text(
    table: RateTable,
    key: Column | Sequence[Column],
    name: str,
    regime: Column | None = None,
) -> Column:
    """A text of a rate table; null where the key is unknown."""
    table.check_column(name, table.texts)
    texts = {
        regime_name: {key_: row.texts[name] for key_, row in rows.items()}
        for regime_name, rows in table.by_regime.items()
    }
    return _look_up(texts, key, F.lit, regime)


def _look_up(
    by_regime: Mapping[str, Mapping[Key, _Content]],
    key: Column | Sequence[Column],
    literal: Callable[[_Content], Column],
    regime: Column | None,
) -> Column:
    """The content of a key, one branch for all keys that share it."""
    columns = [key] if isinstance(key, Column) else list(key)

    def branches(rows: Mapping[Key, _Content]) -> Column:
        keys_of: dict[_Content, list[Key]] = {}
        for row_key, content in rows.items():
            keys_of.setdefault(content, []).append(row_key)
        return _cases((_is_one_of(columns, keys), literal(c)) for c, keys in keys_of.items())

    return _by_regime(by_regime, branches, regime)


def _is_one_of(columns: Sequence[Column], keys: Sequence[Key]) -> Column:
    """True where the columns hold one of the keys: one ``isin`` per prefix of the key."""
    if any(len(key) != len(columns) for key in keys):
        raise ValueError(f"the key has {len(keys[0])} columns, {len(columns)} were given")
    *prefix, last = columns
    lasts: dict[Key, list[str]] = {}
    for key in keys:
        lasts.setdefault(key[:-1], []).append(key[-1])
    return _any(
        _all([*(c == part for c, part in zip(prefix, front, strict=True)), last.isin(*ends)])
        for front, ends in lasts.items()
    )


def _applies(rule: Rule, table: DecisionTable, inputs: Mapping[str, Column]) -> Column:
    conditions = [
        inputs[name].isin(*values)
        for name, values in rule.when.items()
        if set(values) != set(table.inputs[name])
    ]
    return _all(conditions) if conditions else F.lit(True)


def _by_regime(
    by_regime: Mapping[str, _Content],
    build: Callable[[_Content], Column],
    regime: Column | None,
) -> Column:
    """The Basel content, or that of the row's regime: one branch for regimes that agree."""
    if regime is None:
        return build(by_regime[BASEL])
    agreeing: list[tuple[_Content, list[str]]] = []
    for name, content in by_regime.items():
        for other, names in agreeing:
            if other == content:
                names.append(name)
                break
        else:
            agreeing.append((content, [name]))
    return _cases((regime.isin(*names), build(content)) for content, names in agreeing)


def _cases(branches: Iterable[tuple[Column, Column]]) -> Column:
    """A chain of conditions without an ``otherwise``: null where none holds."""
    (condition, result), *others = branches
    chain = F.when(condition, result)
    for condition, result in others:
        chain = chain.when(condition, result)
    return chain


def _number(number: Decimal, kind: ColumnType) -> Column:
    return F.lit(plain(number)).cast(kind.value)


def _all(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left & right, conditions)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions)

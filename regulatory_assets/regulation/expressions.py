"""Parameter tables as engine columns: the same answers as ``tables``, for ten million rows.

Only column expressions are built, so no session is needed. Where the Python API refuses (a null or
unknown input, key or regime) a column is null, never a default: such a row is for the exceptions.
Keys with one answer share one branch, and a decision table becomes a tree that asks each input at
most once per path, the regime only where regimes differ: half the time of testing rule after rule,
and of planning, which is most of what a small change costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property, reduce
from itertools import product
from typing import TypeVar

from pyspark.sql.column import Column
from pyspark.sql.connect import functions as F

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.tables import (
    BASEL,
    DecisionTable,
    Key,
    RateTable,
    Row,
    plain,
)

_Content = TypeVar("_Content")
_Alike = tuple[str, ...]
"""Values of an input that are asked for as one, such as regimes that share their rules."""
_Asked = tuple[tuple[str, tuple[_Alike, ...]], ...]

_REGIME = "a row's regime"
"""The input by which regimes are told apart, where they differ; no table has one of this name."""


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
    asked: dict[str, tuple[_Alike, ...]] = {
        name: tuple((each,) for each in values) for name, values in table.inputs.items()
    }
    regimes: list[str | None] = [None]
    known = _all(inputs[name].isin(*values) for name, values in table.inputs.items())
    if regime is not None:
        known = regime.isin(*table.regimes) & known
        sharing: dict[int, _Alike] = {}
        for name in table.regimes:
            rules = id(table.deciding(name))
            sharing[rules] = (*sharing.get(rules, ()), name)
        regimes = [first for first, *_ in sharing.values()]
        asked, inputs = {_REGIME: tuple(sharing.values()), **asked}, {_REGIME: regime, **inputs}
    combinations = list(product(*table.inputs.values()))
    codes = [rows[c].then[output] for rows in map(table.deciding, regimes) for c in combinations]
    answers = list(dict.fromkeys(codes))
    letters = {code: chr(number) for number, code in enumerate(answers)}
    tree = _tree(tuple(asked.items()), "".join(letters[code] for code in codes))
    return F.when(known, _asking(tree, inputs, answers))


def value(
    table: RateTable,
    key: Column | Sequence[Column],
    name: str,
    regime: Column | None = None,
) -> Column:
    """A number of a rate table, typed as its file says; null where the key is unknown."""
    table.check_column(name, table.types)
    kind = table.types[name]
    return _look_up(
        table, lambda row: row.values[name], key, lambda number: _number(number, kind), regime
    )


def text(
    table: RateTable,
    key: Column | Sequence[Column],
    name: str,
    regime: Column | None = None,
) -> Column:
    """A text of a rate table; null where the key is unknown."""
    table.check_column(name, table.texts)
    return _look_up(table, lambda row: row.texts[name], key, F.lit, regime)


def _look_up(
    table: RateTable,
    said: Callable[[Row], _Content],
    key: Column | Sequence[Column],
    literal: Callable[[_Content], Column],
    regime: Column | None,
) -> Column:
    """The content of a key: one branch for all keys that share it, in the same regimes."""
    columns = [key] if isinstance(key, Column) else list(key)
    by_regime = {
        name: {asked: said(row) for asked, row in rows.items()}
        for name, rows in ({BASEL: table.rows()} if regime is None else table.by_regime).items()
    }
    regimes = tuple(by_regime)
    keys_of: dict[tuple[_Content | None, ...], list[Key]] = {}
    for asked in dict.fromkeys(key for name in regimes for key in by_regime[name]):
        contents = tuple(by_regime[name].get(asked) for name in regimes)
        keys_of.setdefault(contents, []).append(asked)

    def answer(contents: tuple[_Content | None, ...]) -> Column:
        names_of: dict[_Content, list[str]] = {}
        for name, content in zip(regimes, contents, strict=True):
            if content is not None:
                names_of.setdefault(content, []).append(name)
        if regime is None or (None not in contents and len(names_of) == 1):
            return literal(next(iter(names_of)))
        return _cases((regime.isin(*names), literal(c)) for c, names in names_of.items())

    found = _cases((_is_one_of(columns, keys), answer(c)) for c, keys in keys_of.items())
    return found if regime is None else F.when(regime.isin(*regimes), found)


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


@dataclass(frozen=True)
class _Question:
    """An input, and for each group of its values an answer or what to ask next."""

    name: str
    branches: tuple[tuple[_Alike, _Question | str], ...]

    @cached_property
    def conditions(self) -> int:
        further = (next_.conditions for _, next_ in self.branches if isinstance(next_, _Question))
        return len(self.branches) + sum(further)


@cache
def _tree(asked: _Asked, codes: str) -> _Question | str:
    """The decisions as nested questions, as few of them as are found.

    ``codes`` has a letter for each combination's answer, the last input's values following each
    other fastest: pieces of one text are taken and compared sooner than those of a list. Only the
    questions that leave fewest answers open are tried.
    """
    if codes == codes[0] * len(codes):
        return codes[0]
    splits: list[tuple[int, int, dict[str, _Alike]]] = []
    stride = len(codes)
    for position, (_, values) in enumerate(asked):
        block, stride = stride, stride // len(values)
        alike: dict[str, _Alike] = {}
        for number, here in enumerate(values):
            starts = range(number * stride, len(codes), block)
            left = "".join([codes[start : start + stride] for start in starts])
            alike[left] = (*alike.get(left, ()), *here)
        if len(alike) > 1:
            splits.append((sum(len(set(left)) for left in alike), position, alike))
    found = []
    for _, position, alike in sorted(splits, key=lambda split: split[:2])[:_TRIED]:
        others = asked[:position] + asked[position + 1 :]
        branches = ((same, _tree(others, left)) for left, same in alike.items())
        found.append(_Question(asked[position][0], tuple(branches)))
    return min(found, key=lambda question: question.conditions)


_TRIED = 2
"""With two, every table of the reports has as few conditions as with all, in a fraction of the
time; with one, some have more."""


def _asking(tree: _Question | str, inputs: Mapping[str, Column], answers: Sequence[str]) -> Column:
    """The answers of a tree for known inputs: what most values lead to is left unasked."""
    if isinstance(tree, str):
        return F.lit(answers[ord(tree)])
    *asked, (_, most) = sorted(tree.branches, key=lambda branch: len(branch[0]))
    column = inputs[tree.name]
    further = ((column.isin(*values), _asking(rest, inputs, answers)) for values, rest in asked)
    return _cases(further).otherwise(_asking(most, inputs, answers))


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

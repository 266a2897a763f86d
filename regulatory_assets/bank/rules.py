"""What a mapping may do to a delivered value, each rule once: how it is written, how it computes.

A value is text until the end; a rule takes it to new text, or says what is wrong. Nothing is
guessed: a code that is not listed, or a date in another shape, rejects the line. A new rule is a
new entry of ``RULES`` (a step) or of ``ORIGINS`` (where a value comes from).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression

from regulatory_assets.bank.formula import Formula, FormulaError
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.document import Node

Columns = Mapping[str, Expression]
"""The delivered columns by name."""

_MONEY = ColumnType.MONEY.value
_PARTS = {"yyyy": "[0-9]{4}", "MM": "[0-9]{2}", "dd": "[0-9]{2}"}


@dataclass(frozen=True)
class Mapped:
    """A value, and what is wrong with it (null where nothing is)."""

    value: Expression
    wrong: Expression

    @staticmethod
    def fine(value: Expression) -> Mapped:
        return Mapped(value, F.lit(None).cast("string"))


@dataclass(frozen=True)
class Origin:
    """Where a value comes from, and the delivered columns that it needs."""

    uses: tuple[str, ...]
    value: Callable[[Columns], Mapped]


Step = Callable[[Expression], Mapped]


# -- where a value comes from ------------------------------------------------------------------


def delivered(name: str) -> Origin:
    """A delivered column as it is."""
    return Origin((name,), lambda columns: Mapped.fine(columns[name]))


def _constant(node: Node) -> Origin:
    text = node.text()
    return Origin((), lambda columns: Mapped.fine(F.lit(text)))


def _coalesce(node: Node) -> Origin:
    """The first of several columns that is not empty."""
    names = node.codes()
    return Origin(
        names, lambda columns: Mapped.fine(F.coalesce(*(columns[name] for name in names)))
    )


def _checksum(function: Callable[[Expression], Expression], node: Node) -> Origin:
    """A hash of columns, joined by a character that no file holds; empty ones count."""
    names = node.codes()

    def value(columns: Columns) -> Mapped:
        parts = [F.coalesce(columns[name], F.lit("")) for name in names]
        return Mapped.fine(function(F.concat_ws("\x1f", *parts)))

    return Origin(names, value)


def _expression(node: Node) -> Origin:
    try:
        formula = Formula.parse(node.text())
    except FormulaError as error:
        raise node.error(str(error).rstrip("."), "Mend the expression") from error

    def value(columns: Columns) -> Mapped:
        result = formula.value(columns)
        given = F.lit(True)
        for name in formula.uses:
            given = given & columns[name].isNotNull()
        return Mapped(result, F.when(given & result.isNull(), "the expression has no value"))

    return Origin(formula.uses, value)


ORIGINS: dict[str, Callable[[Node], Origin]] = {
    "from": lambda node: delivered(node.text()),
    "constant": _constant,
    "coalesce": _coalesce,
    "expression": _expression,
    "md5": partial(_checksum, F.md5),
    "sha256": partial(_checksum, lambda text: F.sha2(text, 256)),
}


# -- steps -------------------------------------------------------------------------------------


def _text(function: Callable[[Expression], Expression]) -> Step:
    """A text function; what it leaves empty is empty."""
    return lambda value: Mapped.fine(F.nullif(function(value), F.lit("")))


def _default(node: Node) -> Step:
    text = node.text()
    return lambda value: Mapped.fine(F.coalesce(value, F.lit(text)))


def _codes(node: Node) -> Step:
    pairs = {code: to.text() for code, to in node.pairs().items()}
    if not pairs:
        raise node.error("no code is listed", "List codes, delivered: ours")

    def step(value: Expression) -> Mapped:
        chain = None
        for code, to in pairs.items():
            chain = (F if chain is None else chain).when(value == code, F.lit(to))
        return Mapped(
            chain, F.when(~value.isin(*pairs), F.lit(f"not one of the codes {', '.join(pairs)}"))
        )

    return step


@dataclass(frozen=True)
class DateShape:
    """A date written with yyyy, MM and dd, each once, and anything between them."""

    text: str

    @staticmethod
    def read(node: Node) -> DateShape:
        text = node.text()
        rest = text
        for part in _PARTS:
            if text.count(part) != 1:
                raise node.error(f"{text} is not a date format", "Write yyyy, MM and dd, each once")
            rest = rest.replace(part, "")
        if re.search("[A-Za-z0-9]", rest):
            raise node.error(
                f"{text} holds more than yyyy, MM, dd and signs between them",
                "Two-digit years and names of months are not supported",
            )
        return DateShape(text)

    @property
    def pattern(self) -> str:
        """A regular expression of the whole date."""
        return "".join(
            _PARTS.get(piece, re.escape(piece))
            for piece in re.split(f"({'|'.join(_PARTS)})", self.text)
        )

    def iso(self, take: Callable[[int, int], Expression]) -> Expression:
        """The date as YYYY-MM-DD, of pieces cut out by their place (from 1) and length."""
        pieces = [take(self.text.index(part) + 1, len(part)) for part in _PARTS]
        return F.concat_ws("-", *pieces)


def _date(node: Node) -> Step:
    shape = DateShape.read(node)

    def step(value: Expression) -> Mapped:
        iso = shape.iso(partial(F.substring, value))
        fits = value.rlike(f"^{shape.pattern}\\z")
        return Mapped(F.when(fits, iso), F.when(~fits, F.lit(f"not a date {shape.text}")))

    return step


def _number(node: Node) -> Step:
    fields = node.fields(("decimal",), ("thousands",))
    point = fields["decimal"].code((".", ","), "decimal sign")
    marks = {"comma": ",", "point": ".", "blank": " "}
    group = ""
    if "thousands" in fields:
        group = marks[fields["thousands"].code(tuple(marks), "thousands sign")]
        if group == point:
            raise fields["thousands"].error("both signs are the same", "Use two different ones")
    whole = f"[0-9]{{1,3}}({re.escape(group)}[0-9]{{3}})+|[0-9]+" if group else "[0-9]+"
    pattern = f"^-?({whole})({re.escape(point)}[0-9]+)?\\z"

    def step(value: Expression) -> Mapped:
        fits = value.rlike(pattern)
        plain = F.replace(value, F.lit(group), F.lit("")) if group else value
        plain = F.replace(plain, F.lit(point), F.lit(".")) if point != "." else plain
        shown = f"1{group}234{point}56"
        return Mapped(F.when(fits, plain), F.when(~fits, F.lit(f"not a number like {shown}")))

    return step


def _range(node: Node) -> Step:
    fields = node.fields((), ("at_least", "at_most"))
    if not fields:
        raise node.error("no bound is given", "Write at_least, at_most, or both")
    bounds = {name: format(bound.decimal(ColumnType.MONEY), "f") for name, bound in fields.items()}

    def step(value: Expression) -> Mapped:
        number = value.try_cast(_MONEY)
        wrong = F.when(value.isNotNull() & number.isNull(), "not a number")
        if "at_least" in bounds:
            low = bounds["at_least"]
            wrong = wrong.when(number < F.lit(low).cast(_MONEY), F.lit(f"below {low}"))
        if "at_most" in bounds:
            high = bounds["at_most"]
            wrong = wrong.when(number > F.lit(high).cast(_MONEY), F.lit(f"above {high}"))
        return Mapped(value, wrong)

    return step


RULES: dict[str, Callable[[Node], Step]] = {
    "codes": _codes,
    "date": _date,
    "default": _default,
    "number": _number,
    "range": _range,
}
PLAIN_RULES: dict[str, Step] = {
    "trim": _text(F.trim),
    "upper": _text(F.upper),
    "lower": _text(F.lower),
}


def read_steps(node: Node) -> tuple[Step, ...]:
    """A list of rules: ``trim``, or ``name: what it needs``."""
    steps: list[Step] = []
    for item in node.items():
        if item.kind == "map":
            pairs = item.pairs()
            if len(pairs) != 1:
                raise item.error("a rule is one key", "Write each rule as an item of its own")
            ((name, given),) = pairs.items()
            if name not in RULES:
                raise given.error(f"the rule {name} is unknown", f"Use one of {_known()}")
            steps.append(RULES[name](given))
        else:
            steps.append(PLAIN_RULES[item.code(PLAIN_RULES, "the rule")])
    return tuple(steps)


def _known() -> str:
    return ", ".join((*PLAIN_RULES, *(f"{name}: ..." for name in RULES)))


def carry_out(origin: Origin, steps: Sequence[Step], columns: Columns) -> Mapped:
    """The value after every step; what is wrong first stands."""
    mapped = origin.value(columns)
    for step in steps:
        after = step(mapped.value)
        mapped = Mapped(after.value, F.coalesce(mapped.wrong, after.wrong))
    return mapped

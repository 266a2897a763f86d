"""What a rule says: a document in YAML or JSON, as a typed, immutable value.

Whether its fields exist, and what it makes of a row, stands in ``compiler``; who proposed and
approved it, in ``governance``.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.wording import given, told
from regulatory_assets.ledger.table import DATE_PATTERN, NUMBER_PATTERN, WHOLE_PATTERN

SUFFIX = "_adjustments"
"""Ends the name of a stage at which rules act; they name it by what stands before."""

Comparison = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "between", "like", "is null"]
Action = Literal[
    "set",
    "multiply",
    "add",
    "cap",
    "floor",
    "scale",
    "reclassify",
    "exclude",
    "insert",
    "allocate",
]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _plain(value: Any) -> Any:
    """Numbers must arrive as text or whole: a binary fraction is not what was written."""
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 (pydantic reports ValueErrors)
            f"write {value} in quotes; as a bare number it loses digits"
        )
    return value


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _whole(value: Any) -> Any:
    if isinstance(value, bool | str) and not re.fullmatch(WHOLE_PATTERN, str(value)):
        raise ValueError(f"{given(value)} is not a whole number")
    return value


def _small(value: int) -> int:
    if value >= 2**31:
        raise ValueError(f"{value} is more than {2**31 - 1}")
    return value


def _dated(value: Any) -> Any:
    """A bare number is no date, though seconds since 1970 could be meant by it."""
    if not isinstance(value, str | date) or not re.fullmatch(DATE_PATTERN, str(value)):
        raise ValueError(f"{given(value)} is no date; write it as 2026-01-31")
    return value


Text = Annotated[str, Field(min_length=1), AfterValidator(_written)]
Day = Annotated[date, BeforeValidator(_dated)]
Count = Annotated[int, Field(ge=0), BeforeValidator(_whole), AfterValidator(_small)]
Number = Annotated[int, Field(ge=1), BeforeValidator(_whole), AfterValidator(_small)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Value = Annotated[
    str | int | bool | date | None,
    BeforeValidator(_plain),
    Field(description="Text, a date, true or false, or a number as text or whole."),
]
_NUMBER: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": f"^{NUMBER_PATTERN}$"}, {"type": "integer"}]
}
"""The form of a number for editors; that it is one is asked with its field (``fitting``)."""
Amount = Annotated[Value, WithJsonSchema(_NUMBER)]


class Test(_Document):
    """One comparison of a field with a value, a list of values or a range."""

    field: Text
    op: Comparison
    value: Value | tuple[Value, ...] = None

    @model_validator(mode="after")
    def _fits(self) -> Test:
        count = len(self.value) if isinstance(self.value, tuple) else 1
        if self.op in ("in", "not in") and not (isinstance(self.value, tuple) and count):
            raise ValueError(f"{self.op} needs a list of values")
        if self.op == "between" and not (isinstance(self.value, tuple) and count == 2):
            raise ValueError("between needs a list of two values, both included")
        if self.op == "is null":
            if self.value is not None:
                raise ValueError("is null takes no value; for the contrary write not: around it")
        elif self.op not in ("in", "not in", "between") and (
            self.value is None or isinstance(self.value, tuple)
        ):
            raise ValueError(f"{self.op} needs one value; for an empty field use is null")
        return self


class AllOf(_Document):
    """Every condition holds."""

    all: tuple[Condition, ...]


class AnyOf(_Document):
    """At least one condition holds."""

    any: Annotated[tuple[Condition, ...], Field(min_length=1)]


class Not(_Document):
    """The condition does not hold; also where it cannot be decided for want of a value."""

    not_: Condition = Field(alias="not")


def _kind(condition: Any) -> str:
    """Which form a condition has: by the word that it begins with, so that a mistake is told of
    that one form."""
    match condition:
        case AllOf() | {"all": _}:
            return "all"
        case AnyOf() | {"any": _}:
            return "any"
        case Not() | {"not": _}:
            return "not"
    return "test"


Condition = Annotated[
    Annotated[Test, Tag("test")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(_kind),
]

_DEEPEST = 20
"""How deep conditions may be nested; nobody reads more, and an engine has its own end."""


def _depth(condition: Condition) -> int:
    match condition:
        case AllOf():
            return 1 + max(map(_depth, condition.all), default=0)
        case AnyOf():
            return 1 + max(map(_depth, condition.any))
        case Not():
            return 1 + _depth(condition.not_)
    return 1


class Operation(_Document):
    """What becomes of a row that the rule hits.

    ``basis`` running sees what earlier rules of the stage have made of the field, original the
    stage's input. ``where`` narrows the rows for this operation alone. ``currency`` is that of a
    money value: an amount in a deal's own currency, or in that in which a row's scope reports, is
    only changed in rows of that currency.
    ``insert`` adds a row of its own with all ``values``: a deal, left out on each day on which
    ``expected_source_id`` has been delivered, or a line that no deal is behind. ``allocate``
    spreads the amount ``field`` of the line inserted before it, for analysis, over the parts of
    deals that the line is made of, or over those that meet ``where``.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"op": {"enum": ["multiply", "add", "cap", "floor", "scale"]}}},
            "then": {"properties": {"value": _NUMBER}},
        }
    )

    op: Action
    field: str | None = None
    value: Value = None
    currency: Currency | None = None
    basis: Literal["running", "original"] = "running"
    where: Condition | None = None
    values: dict[str, Value] | None = None
    expected_source_id: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> Operation:
        if self.op != "insert" and (self.values, self.expected_source_id) != (None, None):
            raise ValueError("only insert takes values and expected_source_id")
        if self.op == "insert":
            if not self.values:
                raise ValueError("insert needs the values of the row")
            if (self.field, self.value, self.where) != (None, None, None):
                raise ValueError("insert takes values and expected_source_id alone")
        elif self.op == "allocate":
            if self.field is None or self.value is not None:
                raise ValueError("allocate takes the field that it spreads, and no value")
        elif self.op == "exclude":
            if self.field is not None or self.value is not None:
                raise ValueError("exclude takes neither field nor value")
        elif self.op == "scale":
            if self.field is not None or self.value is None:
                raise ValueError("scale takes a value and no field: it scales all that adds up")
        elif self.op == "reclassify":
            if self.field is not None or self.value is None:
                raise ValueError("reclassify takes the new line as its value and no field")
        elif self.field is None:
            raise ValueError(f"{self.op} needs a field")
        elif self.op != "set" and self.value is None:
            raise ValueError(f"{self.op} needs a value")
        return self


class Evidence(_Document):
    """A file that supports the rule, named from the folder of the rule's own file, and its SHA-256.
    The file is read when the rule is validated or submitted, and must be the one stated."""

    file: Text
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Overlay(_Document):
    """An expert's correction of named reports, at a stage that reaches no others."""

    overlay: Annotated[tuple[Text, ...], Field(min_length=1)]


class ThisOnly(_Document):
    """Of a trade the rule means to change this leg alone, for the reason given."""

    this_only: Text


class Limits(_Document):
    """What the rule may change on one day at most: rows, and by currency the sum of the differences
    it makes to each money column, whatever their sign. A currency that is not named has limit zero.
    Beyond it the rule is not approved, and a day on which it reaches further fails a check."""

    rows: Count | None = None
    amounts: Annotated[dict[Currency, Amount], Field(min_length=1)] | None = None


class Rule(_Document):
    """A governed rule. ``expiry`` is the last day it holds; without one it holds until ended.

    ``linked_legs`` says what a rule on deals means to do where it changes one leg of a repo or
    another secured trade: both legs, without which it is not approved, or this one, for a reason.
    Where nothing is said people are warned.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Number = 1
    stage: Text
    purpose: Literal["data_correction", "methodology"] | Overlay
    conditions: Condition
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]
    priority: Count = 100
    effective: Day
    expiry: Day | None = None
    reason: Text
    owner: Text
    evidence: Evidence | None = None
    limits: Limits | None = None
    linked_legs: Literal["both"] | ThisOnly | None = None
    claimed_approval: Any = None
    """An approval that the document itself asserts: kept, never an approval."""

    @field_validator("expiry")
    @classmethod
    def _not_before_effective(cls, expiry: date | None, known: ValidationInfo) -> date | None:
        effective = known.data.get("effective")  # of a rule whose effective is refused, nothing
        if expiry and effective and expiry < effective:
            raise ValueError(f"{expiry} is before it takes effect on {effective}")
        return expiry

    @model_validator(mode="after")
    def _readable(self) -> Rule:
        where = (o.where for o in self.operations if o.where is not None)
        if max(map(_depth, (self.conditions, *where))) > _DEEPEST:
            raise ValueError(f"conditions are nested more than {_DEEPEST} deep; write them flatter")
        return self

    @model_validator(mode="after")
    def _inserts_alone(self) -> Rule:
        if self.inserts and any(o.op not in ("insert", "allocate") for o in self.operations):
            raise ValueError("insert stands in a rule of its own, with what allocates it")
        if self.allocates and self.operations[0].op != "insert":
            raise ValueError("allocate spreads what the insert before it adds; write that first")
        if self.inserts and self.conditions != AllOf(all=()):
            raise ValueError("insert adds rows whatever there is; write conditions: {all: []}")
        return self

    @property
    def inserts(self) -> bool:
        """Whether the rule adds rows of its own instead of changing some."""
        return any(o.op == "insert" for o in self.operations)

    @property
    def allocates(self) -> bool:
        """Whether the rule spreads what it adds, for analysis."""
        return any(o.op == "allocate" for o in self.operations)

    def in_force(self, day: date) -> bool:
        """Whether a reporting date lies in the rule's own window."""
        return self.effective <= day and (self.expiry is None or day <= self.expiry)

    def document(self) -> dict[str, Any]:
        """The rule as plain values, as it is kept."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def digest(self) -> str:
        """The hash of its contents."""
        return hashlib.sha256(canonical(self.document()).encode()).hexdigest()

    @property
    def order(self) -> tuple[int, str]:
        """Rules of a stage apply in this order."""
        return (self.priority, self.id)


def canonical(value: Any) -> str:
    """One JSON text for one value, whatever the order it was written in."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def number(text: object) -> Decimal:
    """A decimal as written. Raises ValueError for anything else."""
    if not isinstance(text, str | int) or not re.fullmatch(NUMBER_PATTERN, str(text)):
        raise ValueError(f"{given(text)} is not a number; write it as 1000 or '-0.25'")
    return Decimal(text)


def approved_number(text: object) -> Decimal:
    """A decimal as a rule has it that people have approved: also in a form that is taken no longer
    (1e3), since what was approved holds. Raises ValueError for anything else."""
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        return number(text)
    return found if found.is_finite() and not isinstance(text, bool) else number(text)


def parse(document: Any) -> Rule:
    """A rule from plain values. Raises RuleError with every mistake and its place."""
    if not isinstance(document, dict):
        raise RuleError("a rule is a mapping of names to values")
    try:
        rule = Rule.model_validate(document)
        _ = rule.digest
    except ValidationError as error:
        raise RuleError(*told(error)) from None
    except UnicodeEncodeError as error:
        half = given(error.object[error.start])
        raise RuleError(f"{half} is half a character; write it whole") from None
    return rule

"""What the kernel asks of governed rules; who wrote, approved or ended them it does not know.

The rules in force for an adjustment stage and a day form a set, known by the hash of its contents.
How conditions and operations are written and compiled does not belong here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.stages import Stage


@dataclass(frozen=True)
class Insertion:
    """A row that a rule adds: the values of its table's columns. It gives way to a delivered row
    with its key but for the column that names it, where that holds ``expected``; with nothing
    expected to none."""

    rule_id: str
    row: Mapping[str, Any]
    expected: str | None


@dataclass(frozen=True)
class Allocation:
    """An amount that a rule has added, to be spread for analysis over rows of another table.

    ``operation`` counts the operations of the rule from 1; ``measure`` is the column in proportion
    to which ``amount`` is spread, ``members`` whether a row shares in it, ``leaf`` the key to which
    it was added.
    """

    rule_id: str
    operation: int
    measure: str
    amount: Decimal
    members: Column
    leaf: Mapping[str, Any]


class RuleSet(Protocol):
    """The rules in force at one stage on one day, in their total order."""

    @property
    def hash(self) -> str:
        """Changes exactly when a rule does; empty where no rule is in force."""
        ...

    @property
    def order(self) -> tuple[str, ...]:
        """The ids of the rules, in their total order."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """The columns that conditions and operations look at."""
        ...

    @property
    def insertions(self) -> tuple[Insertion, ...]:
        """The rows that rules add; few, each written out in a rule."""
        ...

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """What rules spread over the rows of the stage's table; few, each written in a rule."""
        ...

    def hits(self, only: Collection[str] | None = None) -> Column | None:
        """A filter: true for a row that meets the conditions of any rule, or of any of those named,
        else false or null. Nothing where none of them looks at rows."""
        ...

    def differing(self, before: str) -> frozenset[str]:
        """Ids of the rules by which this set differs from an earlier one, given by its hash."""
        ...

    def apply(self, rows: DataFrame, stage: Stage, parameters: Any) -> DataFrame:
        """For each row a rule changes, the row taken back and the row booked anew.

        ``rows`` hold the columns of the stage's table, each row once, and those of its lookups.
        The result has the ledger's own columns and the table's; a rule's pair carries its id.
        """
        ...


class RuleSource(Protocol):
    """Where rules come from."""

    def at(self, stage: Stage, day: date) -> RuleSet:
        """The rules in force at an adjustment stage on a reporting date."""
        ...


class NoRules:
    """No rules: the source of a graph without any, and the set of a stage that follows none."""

    hash = ""
    order: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    insertions: tuple[Insertion, ...] = ()
    allocations: tuple[Allocation, ...] = ()

    def at(self, stage: Stage, day: date) -> NoRules:
        return self

    def differing(self, before: str) -> frozenset[str]:
        return frozenset()

    def hits(self, only: Collection[str] | None = None) -> Column | None:
        raise LookupError("there are no rules")

    def apply(self, rows: DataFrame, stage: Stage, parameters: Any) -> DataFrame:
        raise LookupError("there are no rules")

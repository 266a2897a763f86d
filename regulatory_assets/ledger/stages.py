"""How a calculation is declared: row, aggregate, group, report, adjustment, allocation stages.

A stage is a pure function and one declaration. What belongs here: the declaration and its
plausibility. What does not: reading, change propagation and posting (``change``, ``run``), which
are the same for every stage.

The frame a row or group function receives holds the columns of the table it reads, the columns
taken from its lookups, and the ledger's own columns. A row function adds columns and may filter or
explode rows; the runner selects what the written table needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, Protocol

from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import LEDGER_COLUMNS, ColumnType, Table
from regulatory_assets.ledger.table import Column as TableColumn

Entry = tuple[str, ...]
"""A row of a table of parameters: its regime, then its key."""

MovedValues = Mapping[str, Collection[Entry]]
"""The entries whose values differ from those of an earlier time, by parameter."""


class ParameterSet(Protocol):
    """Parameter values in force on a day; ``hash`` changes exactly when a value does.

    It is the SHA-256 of ``text``, which says them all. ``moved_since`` compares with an earlier
    text: the entries whose values differ, by parameter; None where anything else does.
    """

    @property
    def hash(self) -> str: ...

    @property
    def text(self) -> str: ...

    def __getitem__(self, name: str) -> Any: ...

    def moved_since(self, before: str) -> MovedValues | None: ...


RowFunction = Callable[[DataFrame, Any], DataFrame]
ReportRow = Mapping[str, Any]
ReportFunction = Callable[[Sequence[ReportRow], Any], Iterable[ReportRow]]


DaysFunction = Callable[[date, Any], Iterable[date]]
"""The days of the driving table that a reporting date's result is made from, itself among them, by
the parameters in force on it."""


Condition = Callable[[], Column]
"""A condition on the columns of a driving row."""


class StageKind(Enum):
    """How a stage's result depends on the rows it reads."""

    ROW = "row"
    AGGREGATE = "aggregate"
    GROUP = "group"
    REPORT = "report"
    ADJUSTMENT = "adjustment"
    ALLOCATION = "allocation"


@dataclass(frozen=True)
class Lookup:
    """A table joined to the driving rows, each driving row meeting at most one of its rows.

    ``by`` names the driving columns that hold the lookup's key, in the key's order; ``take`` the
    columns wanted, each arriving as ``prefix`` + name, null where the key is not found. That is a
    fault in the data unless ``optional``.
    """

    table: Table
    by: tuple[str, ...]
    take: tuple[str, ...]
    prefix: str = ""
    optional: bool = False

    def __post_init__(self) -> None:
        if len(self.by) != len(self.table.key):
            raise ValueError(
                f"lookup {self.table.name}: its key is {self.table.key}, got columns for {self.by}"
            )
        for name in self.take:
            self.table.column(name)

    @property
    def seen(self) -> tuple[str, ...]:
        """The columns of the table that matter: its key and what is taken."""
        key = self.table.key
        return (*key, *(c for c in self.take if c not in key))


RECLASSIFIED = "reclassified"
"""For a derivation: whether the rule has moved the row to another line."""


@dataclass(frozen=True)
class Cited:
    """A table of parameters of which the written rows tell who uses an entry.

    ``by`` are the written columns that name it: its regime, then its key; none where no row names
    any. ``beside`` is a condition on the written rows that use one of some entries without naming
    it so; None where no row does. Of every driving row, or group, whose result an entry decides, at
    least one row must be found by the two, whatever values have been in force: another value
    reaches no others.
    """

    parameter: str
    by: tuple[str, ...] = ()
    beside: Callable[[Collection[Entry]], Column | None] = lambda entries: None

    def uses(self, entries: Collection[Entry]) -> bool:
        """Whether a row may use one of some entries."""
        return bool(self.by) or self.beside(entries) is not None


@dataclass(frozen=True)
class Derivation:
    """Columns that follow from others and are computed anew after each rule.

    ``function`` gets the rows with ``reclassified`` and the columns ``needs`` of the lookups, and
    sets ``columns``; it may also set ``reclassifies``, those that a new line brings with it.
    """

    columns: tuple[str, ...]
    function: RowFunction
    needs: tuple[str, ...] = ()
    reclassifies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One calculation: it reads one driving table and lookups, and writes one table. An aggregate
    may add up ``also`` others."""

    kind: StageKind
    reads: Table
    writes: Table
    function: RowFunction | ReportFunction | None = None
    lookups: tuple[Lookup, ...] = ()
    parameters: tuple[str, ...] = ()
    cites: tuple[Cited, ...] = ()
    by: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    days: DaysFunction | None = None
    only: Condition | None = None
    derivation: Derivation | None = None
    fixed: tuple[str, ...] = ()
    inserts: str | None = None
    leaves: bool = False
    spreads: Stage | None = None
    named: tuple[tuple[str, str], ...] = ()
    also: tuple[Table, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    @property
    def name(self) -> str:
        """A stage is named after the table it writes."""
        return self.writes.name

    @property
    def inputs(self) -> tuple[Table, ...]:
        """The driving tables, then each lookup table once, then what is spread."""
        spread = () if self.spreads is None else (self.spreads.writes,)
        lookups = (lookup.table for lookup in self.lookups)
        return tuple(dict.fromkeys((*self.drives, *lookups, *spread)))

    @property
    def drives(self) -> tuple[Table, ...]:
        """The driving table, and those that an aggregate adds up with it."""
        return (self.reads, *self.also)

    @property
    def needs(self) -> tuple[Table, ...]:
        """What must be there for it: its driving table, and those in which it must find every
        key."""
        return (self.reads, *(k.table for k in self.lookups if not k.optional))

    @property
    def summed(self) -> tuple[str, ...]:
        """What an aggregate looks at of the entries that it adds up."""
        return (*LEDGER_COLUMNS, *self.by, *self.sums)

    @property
    def ruled(self) -> bool:
        """Whether its result follows from the rules in force."""
        return self.kind in (StageKind.ADJUSTMENT, StageKind.ALLOCATION)


def row_stage(
    *,
    reads: Table,
    writes: Table,
    lookups: tuple[Lookup, ...] = (),
    parameters: tuple[str, ...] = (),
    cites: tuple[Cited, ...] = (),
) -> Callable[[RowFunction], Stage]:
    """One row in, zero or more out; the key of the written table contains the key of the read.

    A changed value of a parameter that is among ``cites`` is followed to the rows that use it.
    """

    def declare(function: RowFunction) -> Stage:
        return Stage(StageKind.ROW, reads, writes, function, lookups, parameters, cites)

    return declare


def aggregate_stage(
    *,
    reads: Table,
    writes: Table,
    by: tuple[str, ...],
    sums: tuple[str, ...],
    also: tuple[Table, ...] = (),
) -> Stage:
    """Sums by group. The written table holds ``by``, ``sums``, ``n_rows`` and ``n``.

    ``n_rows`` counts the ledger rows of the group (the group's row exists while it is positive),
    ``n`` counts them by sign (a contra and its rebooking cancel). ``also`` are tables with the same
    columns whose rows are added up with those of ``reads``; a day may lack any of them.
    """
    return Stage(StageKind.AGGREGATE, reads, writes, by=by, sums=sums, also=also)


def group_stage(
    *,
    reads: Table,
    writes: Table,
    by: tuple[str, ...],
    lookups: tuple[Lookup, ...] = (),
    parameters: tuple[str, ...] = (),
    cites: tuple[Cited, ...] = (),
    only: Condition | None = None,
) -> Callable[[RowFunction], Stage]:
    """Recomputed whole for each group that a change reaches; the written key contains ``by``.

    ``by`` and the key of a lookup go from coarse to fine, see ``Table.most_selective``.
    With ``only`` the other driving rows are as if they were not there: they make no group, and a
    change of theirs reaches none. A changed value of a parameter that is among ``cites`` is
    followed to the groups that use it.
    """

    def declare(function: RowFunction) -> Stage:
        return Stage(
            StageKind.GROUP, reads, writes, function, lookups, parameters, cites, by, only=only
        )

    return declare


def report_stage(
    *,
    reads: Table,
    writes: Table,
    by: tuple[str, ...] = (),
    lookups: tuple[Lookup, ...] = (),
    parameters: tuple[str, ...] = (),
    days: DaysFunction | None = None,
) -> Callable[[ReportFunction], Stage]:
    """A group stage over a bounded table whose function gets one group's rows as Python values.

    For the few figures whose formula reads best as the regulation writes it (caps, ratios). Without
    ``by`` the whole table is one group. With ``days`` it reads the driving table on several
    reporting dates, those of them that have rows; each row then carries its ``reporting_date``.
    Lookups are read on the stage's own date.
    """

    def declare(function: ReportFunction) -> Stage:
        return Stage(
            StageKind.REPORT, reads, writes, function, lookups, parameters, by=by, days=days
        )

    return declare


def adjustment_stage(
    *,
    reads: Table,
    name: str,
    lookups: tuple[Lookup, ...] = (),
    derivation: Derivation | None = None,
    fixed: tuple[str, ...] = (),
    parameters: tuple[str, ...] = (),
    inserts: str | None = None,
    leaves: bool = False,
    named: Mapping[str, str] | None = None,
) -> Stage:
    """Where governed rules act on a table: for each row a rule changes, a contra and a rebooking.

    It opts a table in: whoever reads the table from then on reads these rows with it. ``lookups``
    bring columns that conditions may name. A rule sets neither the key, nor what is derived, nor
    the columns named in ``fixed``. ``inserts`` is the key column by which rows are named that
    rules may add until their source delivers them. With ``leaves`` rules may add sums that no row
    is behind and nobody delivers; each counts as one row. Without either they add none. ``named``
    says of a column which parameter has its values as keys: a rule writes no other.
    """
    writes = replace(
        reads,
        name=name,
        description=f"What governed rules change in {reads.name}: contra and rebooked rows.",
        group="adjustments",
    )
    return Stage(
        StageKind.ADJUSTMENT,
        reads,
        writes,
        derivation.function if derivation else None,
        lookups,
        parameters,
        derivation=derivation,
        fixed=fixed,
        inserts=inserts,
        leaves=leaves,
        named=tuple((named or {}).items()),
    )


def allocation_stage(
    *, spreads: Stage, reads: Table, name: str, lookups: tuple[Lookup, ...] = ()
) -> Stage:
    """Where what rules add at another stage is spread over the rows of a table, for analysis.

    ``spreads`` is an adjustment stage with leaves; the rules at it say what of a leaf is spread
    over which rows of ``reads``, after all rules, ``lookups`` bringing columns that they may name.
    A row is the share of one of these; no stage reads it, so it moves no figure.
    """
    writes = Table(
        name=name,
        description=f"What rules have added in {spreads.reads.name}, spread over {reads.name} for "
        "analysis; no figure rests on it.",
        key=(*reads.key, "operation"),
        selective=reads.most_selective(reads.key),
        group=reads.group,
        columns=(
            *(reads.column(k) for k in reads.key),
            TableColumn("operation", ColumnType.INTEGER, "Place of the rule's operation, from 1."),
            TableColumn("measure", ColumnType.STRING, "Column in proportion to which."),
            TableColumn("base", ColumnType.MONEY, "The member's own amount in it."),
            TableColumn("share", ColumnType.MONEY, "Its share in what the rule has added."),
        ),
    )
    return Stage(StageKind.ALLOCATION, reads, writes, lookups=lookups, spreads=spreads)


LEDGER_ROWS = "n_rows"
COUNTS = (LEDGER_ROWS, "n")


def _check(stage: Stage) -> None:
    """Refuse a declaration that could not keep keys unique or sums exact."""
    read, written = stage.reads, stage.writes

    def refuse(why: str) -> None:
        raise ValueError(f"stage {written.name}: {why}")

    available = set(read.column_names)
    for lookup in stage.lookups:
        if unknown := [c for c in lookup.by if c not in available]:
            refuse(f"lookup {lookup.table.name} is joined by {unknown}, unknown at its place")
        taken = {lookup.prefix + name for name in lookup.take}
        if clash := taken & available:
            refuse(f"lookup {lookup.table.name} brings {sorted(clash)} again; give it a prefix")
        available |= taken
    for cited in stage.cites:
        if unknown := [c for c in cited.by if c not in written.column_names]:
            refuse(f"{cited.parameter} is named by {unknown}, which it does not write")
        if cited.parameter not in stage.parameters:
            refuse(f"{cited.parameter} is named, but is no parameter of the stage")
    if stage.kind is StageKind.ROW:
        if lost := [k for k in read.key if k not in written.key]:
            refuse(f"its key lacks {lost} of the table it reads, so keys could stand twice")
        return
    if stage.kind is StageKind.ADJUSTMENT:
        derived = stage.derivation.columns if stage.derivation else ()
        columns = (*derived, *stage.fixed, *(column for column, _ in stage.named))
        if unknown := [c for c in columns if c not in read.column_names]:
            refuse(f"derived, fixed or named columns {unknown} are not columns of {read.name}")
        if stage.inserts is not None and (stage.inserts not in read.key or stage.derivation):
            refuse("rows are added by a column of the key, and where nothing is derived")
        if stage.leaves and (
            stage.inserts or stage.derivation or not {*COUNTS} <= {*read.additive}
        ):
            refuse("leaves are added to sums with their counts, and where nothing is derived")
        return
    if stage.kind is StageKind.ALLOCATION:
        if stage.spreads is None or not stage.spreads.leaves or not measures(stage):
            refuse("it spreads the leaves of an adjustment stage, by money that both tables have")
        return
    if unknown := [c for c in stage.by if c not in read.column_names]:
        refuse(f"group columns {unknown} are not columns of {read.name}")
    if lost := [c for c in stage.by if c not in written.key]:
        refuse(f"its key lacks the group columns {lost}")
    if stage.kind is not StageKind.REPORT and not stage.by:
        refuse("only a report stage may take its whole table as one group")
    if stage.kind is StageKind.REPORT and not read.bounded:
        refuse(f"a report stage reads a bounded table, {read.name} grows with the book")
    if stage.also and stage.kind is not StageKind.AGGREGATE:
        refuse("only an aggregate adds up several tables")
    if stage.kind is StageKind.AGGREGATE:
        _check_aggregate(stage, refuse)


def measures(stage: Stage) -> tuple[str, ...]:
    """The amounts that an allocation stage can spread: those of the leaves that members have."""
    leaves, members = stage.spreads.reads if stage.spreads else None, stage.reads
    return tuple(c for c in members.money if leaves and c in leaves.money)


def _check_aggregate(stage: Stage, refuse: Callable[[str], None]) -> None:
    written = stage.writes
    if written.column_names != (*stage.by, *stage.sums, *COUNTS):
        refuse(f"the written columns must be {(*stage.by, *stage.sums, *COUNTS)}")
    if written.key != stage.by:
        refuse("the written key must be the group columns")
    for read in stage.drives:
        for name in (*stage.by, *stage.sums):
            if name not in read.column_names or read.type_of(name) is not written.type_of(name):
                refuse(f"{name} of {read.name} must be a column of the same type")
    for name in stage.sums:
        if written.type_of(name) is not ColumnType.MONEY:
            refuse(f"{name} is summed and must be money in both tables")
    if any(written.type_of(name) is not ColumnType.LONG for name in COUNTS):
        refuse(f"{COUNTS} must be long")

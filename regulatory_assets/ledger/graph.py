"""The graph of tables and stages: order, ancestors, discovery.

A stage enters by standing in a module below a reports package; no list is edited. What a stage
computes, and how Dagster shows it, does not belong here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import ModuleType

from regulatory_assets.ledger.stages import Stage, StageKind
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class Graph:
    """Source tables, the stages that calculate the others, and tables that deliveries fill beside
    their own (rejected lines)."""

    sources: tuple[Table, ...]
    declared: tuple[Stage, ...]
    beside: tuple[Table, ...] = ()

    def __post_init__(self) -> None:
        names = [t.name for t in self.sources] + [s.name for s in self.declared]
        adjusted = [s.reads.name for s in self.declared if s.kind is StageKind.ADJUSTMENT]
        if twice := {n for n in adjusted if adjusted.count(n) > 1}:
            raise ValueError(f"tables adjusted by more than one stage: {sorted(twice)}")
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"tables written by more than one stage or source: {sorted(twice)}")
        for stage in self.declared:
            for table in stage.inputs:
                if table.name not in names:
                    raise ValueError(f"stage {stage.name} reads {table.name}, which nobody writes")
        try:
            _ = self.stages
        except CycleError as cycle:
            raise ValueError(f"stages read each other in a circle: {cycle.args[1]}") from None

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, each after all that it reads; ties in the order of names."""
        by_name = {s.name: s for s in self.declared}
        sorter = TopologicalSorter(
            {
                name: sorted(t.name for t in self.inputs(by_name[name]) if t.name in by_name)
                for name in sorted(by_name)
            }
        )
        return tuple(by_name[name] for name in sorter.static_order())

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Every table by name, sources first."""
        written = [s.writes for s in self.stages]
        return {table.name: table for table in (*self.sources, *self.beside, *written)}

    def stage(self, name: str) -> Stage:
        for candidate in self.declared:
            if candidate.name == name:
                return candidate
        names = ", ".join(s.name for s in self.stages)
        raise KeyError(f"no stage writes {name}; stages: {names}")

    def ancestors(self, stage: Stage) -> tuple[str, ...]:
        """Every table the stage depends on, directly or through others."""
        writers = {s.name: s for s in self.declared}
        found: dict[str, None] = {}
        waiting = [t.name for t in self.inputs(stage)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                if name in writers:
                    waiting.extend(t.name for t in self.inputs(writers[name]))
        return tuple(found)

    def without(self, absent: Collection[str]) -> frozenset[str]:
        """Source tables that are not there, and what cannot be calculated then: the stages that
        are driven by one of these, or must find every key in it. An optional lookup finds nothing.
        """
        gone = set(absent)
        for stage in self.stages:
            if gone & {table.name for table in stage.needs}:
                gone.add(stage.name)
        return frozenset(gone)

    @cached_property
    def adjustments(self) -> dict[str, Stage]:
        """The adjustment stage of each table that has one."""
        return {s.reads.name: s for s in self.declared if s.kind is StageKind.ADJUSTMENT}

    def spreading(self, stage: Stage) -> Stage | None:
        """The stage that spreads what rules add at an adjustment stage, if there is one."""
        return next((s for s in self.declared if s.spreads is stage), None)

    def inputs(self, stage: Stage) -> tuple[Table, ...]:
        """What a stage reads: its tables, each with what adjusts it; the stage itself apart."""
        found: dict[Table, None] = {}
        for table in stage.inputs:
            found[table] = None
            adjusting = self.adjustments.get(table.name)
            if adjusting is not None and adjusting is not stage:
                found[adjusting.writes] = None
        return tuple(found)

    @cached_property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The adjustment tables from which each table may have rows of the adjustment layer."""
        adjusting = {s.name for s in self.adjustments.values()}
        return {
            **{table.name: () for table in (*self.sources, *self.beside)},
            **{s.name: tuple(n for n in self.ancestors(s) if n in adjusting) for s in self.stages},
        }

    def readers(self, name: str) -> tuple[Stage, ...]:
        """The stages that read a table directly."""
        return tuple(s for s in self.stages if name in {t.name for t in self.inputs(s)})


def discover(package: ModuleType, sources: Iterable[Table], beside: Iterable[Table] = ()) -> Graph:
    """The graph of every stage found in the modules below a package."""
    stages: dict[str, Stage] = {}
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Stage):
                known = stages.setdefault(value.name, value)
                if known is not value:
                    raise ValueError(f"two stages write {value.name}; one is in {module.name}")
    return Graph(tuple(sources), tuple(stages.values()), tuple(beside))

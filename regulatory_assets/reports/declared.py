"""Whether there is all that stages declare of parameters: files, and values on the same days.

What a file may say is checked where it is loaded (``regulation``); here files are held against
their readers.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from regulatory_assets.ledger.stages import Stage
from regulatory_assets.regulation.parameters import BASEL, ParameterError, Parameters, RateTable
from regulatory_assets.regulation.tables import Row, Rule


def check_declared(parameters: Parameters, stages: Iterable[Stage]) -> None:
    """Refuses that a stage declares what no file has, or what has no values on a day on which
    others that it declares have some.

    Reports of which there is no file at all are not asked for. Raises ParameterError with the place
    of the stage, if it is a function, or of the first entry of what has no values.
    """
    reports = {_report(name) for name in parameters.names}
    for stage in stages:
        declared = [name for name in stage.parameters if _report(name) in reports]
        for name in declared:
            if name not in parameters.names:
                code = getattr(stage.function, "__code__", None)
                raise ParameterError(
                    f"the stage {stage.name} reads {name}, of which there is no file",
                    f"Add the file of {name}, or leave it out of what the stage declares",
                    code and Path(code.co_filename),
                    code and code.co_firstlineno,
                )
        for day in sorted({start for name in declared for start, _ in parameters.history(name)}):
            there = [name for name in declared if parameters.is_in_force(name, day)]
            lacking = [name for name in declared if name not in there]
            if there and lacking:
                entry = _first_entry(parameters, lacking[0])
                raise ParameterError(
                    f"{lacking[0]} has no values on {day}; the stage {stage.name} reads it, and "
                    f"{there[0]}, which has some",
                    "Let both be in force on the same days",
                    entry.path,
                    entry.line,
                )


def _report(parameter: str) -> str:
    return parameter.partition("/")[0]


def _first_entry(parameters: Parameters, name: str) -> Row | Rule:
    table = next(table for _, table in parameters.history(name) if table is not None)
    if isinstance(table, RateTable):
        return next(iter(table.rows(BASEL).values()))
    return table.rules(BASEL)[0]

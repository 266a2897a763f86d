"""Decision tables as rows to join, where many of them are asked in one place.

Each question is one text of a table's name and its inputs' values, and one look finds its answer.
Nested conditions (``expressions.decide``) cost an engine time to plan by their number times their
depth, and every row all questions on its way; for a single table they are simpler. As there, what
is null or in no enumeration has no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyspark.sql.column import Column
from pyspark.sql.connect import functions as F

from regulatory_assets.regulation.tables import DecisionTable

_BETWEEN = "\x1f"
"""A sign that stands in no name and no value."""


def question(table: DecisionTable, inputs: Mapping[str, Column]) -> Column:
    """What a row asks a table; null where an input is null."""
    if set(inputs) != set(table.inputs):
        raise ValueError(f"{table.name} needs exactly the inputs {', '.join(table.inputs)}")
    between = F.lit(_BETWEEN)
    asked = [part for name in table.inputs for part in (between, inputs[name])]
    return F.concat(F.lit(table.name), *asked)


def answers(table: DecisionTable, output: str, regime: str) -> Iterator[tuple[str, str]]:
    """Every question that a table has an answer to, and the answer."""
    table.check_output(output)
    for values, rule in table.deciding(regime).items():
        yield _BETWEEN.join((table.name, *values)), rule.then[output]

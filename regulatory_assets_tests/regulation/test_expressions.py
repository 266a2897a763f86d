"""Tables as columns give what the tables give, over every combination, and null for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.connect import functions as F

from regulatory_assets.engine import start
from regulatory_assets.regulation.answers import answers, question
from regulatory_assets.regulation.expressions import decide, text, value
from regulatory_assets.regulation.parameters import (
    DecisionTable,
    ParameterError,
    Parameters,
    RateTable,
)
from regulatory_assets.settings import Settings

from .broken import GOOD

DAY = date(2026, 1, 31)
OUTSIDE = "NOT_A_CODE"
TABLES = {
    name: table
    for loaded in (Parameters.default(), Parameters.load([GOOD]))
    for name in loaded.names
    for table in [loaded.at(DAY, [name])[name]]
}
DECISIONS = sorted(name for name, table in TABLES.items() if isinstance(table, DecisionTable))
RATES = sorted(name for name, table in TABLES.items() if isinstance(table, RateTable))


@pytest.fixture(scope="module")
def session() -> SparkSession:
    return start(Settings(engine="sail")).session


def _frame(session: SparkSession, rows: list[tuple[Any, ...]], columns: list[str]) -> DataFrame:
    return session.createDataFrame(rows, ", ".join(f"`{c}` string" for c in columns))


@pytest.mark.parametrize("name", DECISIONS)
def test_every_combination_is_decided_as_in_python(session: SparkSession, name: str) -> None:
    table = TABLES[name]
    assert isinstance(table, DecisionTable)
    columns = [*table.inputs, "regime"]
    asked: list[dict[str, str | None]] = [
        {**combination, "regime": regime}
        for regime in table.regimes
        for combination in table.combinations()
    ]
    first = next(iter(table.combinations()))
    undecided = [
        {**first, "regime": "basel", changed: to} for changed in columns for to in (None, OUTSIDE)
    ]
    frame = _frame(session, [tuple(a[c] for c in columns) for a in asked + undecided], columns)
    inputs = {column: F.col(column) for column in table.inputs}
    for_all = replace(table, overlaid=False)
    decided = frame.select(
        *columns,
        *(decide(table, inputs, out, F.col("regime")).alias(f"out_{out}") for out in table.outputs),
        *(decide(for_all, inputs, out).alias(f"basel_{out}") for out in table.outputs),
        question(table, inputs).alias("asked"),
    ).collect()
    known = {
        (regime, out): dict(answers(table, out, regime))
        for regime in table.regimes
        for out in table.outputs
    }
    assert len(decided) == len(asked) + len(undecided)
    for row in decided:
        key = {column: row[column] for column in table.inputs}
        for output in table.outputs:
            assert row[f"out_{output}"] == _expected(table, row["regime"], key, output)
            assert row[f"basel_{output}"] == _expected(table, "basel", key, output)
            joined = known.get((row["regime"], output), {}).get(row["asked"])
            assert joined == _expected(table, row["regime"], key, output)


def _expected(
    table: DecisionTable, regime: str | None, key: dict[str, str], output: str
) -> str | None:
    try:
        return table.decide(str(regime), **key)[output]
    except ParameterError:
        return None


@pytest.mark.parametrize("name", RATES)
def test_every_value_is_looked_up_as_in_python(session: SparkSession, name: str) -> None:
    table = TABLES[name]
    assert isinstance(table, RateTable)
    columns = [*table.key_columns, "regime"]
    known = [(*key, regime) for regime in table.regimes for key in table.rows(regime)]
    key = known[0][:-1]
    unknown = [(*key, None), (*key, OUTSIDE)]
    for position in range(len(key)):
        for to in (None, OUTSIDE):
            unknown.append((*key[:position], to, *key[position + 1 :], "basel"))
    keys = [F.col(column) for column in table.key_columns]
    found = _frame(session, [*known, *unknown], columns).select(
        *columns,
        *(value(table, keys, v, F.col("regime")).alias(f"of_{v}") for v in table.types),
        *(text(table, keys, t, F.col("regime")).alias(f"of_{t}") for t in table.texts),
    )
    types = dict(found.dtypes)
    for column, kind in table.types.items():
        assert types[f"of_{column}"] == kind.value
    rows = {tuple(row[c] for c in columns): row for row in found.collect()}
    assert len(rows) == len(known) + len(unknown)
    for asked, row in rows.items():
        content = table.rows(asked[-1]).get(asked[:-1]) if asked in known else None
        for column in table.types:
            assert row[f"of_{column}"] == (content and content.values[column])
        for column in table.texts:
            assert row[f"of_{column}"] == (content and content.texts[column])


def test_one_key_column_may_be_given_alone(session: SparkSession) -> None:
    table = TABLES["test/run_off"]
    assert isinstance(table, RateTable)
    frame = _frame(session, [("stable",), ("brokered",), (None,)], ["line"])
    rates = frame.select(
        value(table, F.col("line"), "rate", F.lit("basel")).alias("rate")
    ).collect()
    assert [row["rate"] for row in rates] == [Decimal("0.03"), None, None]


def test_wrong_questions_are_refused_before_anything_runs() -> None:
    decisions, rates = TABLES["test/kind"], TABLES["test/weights"]
    overlaid = TABLES["test/run_off"]
    assert isinstance(overlaid, RateTable)
    assert isinstance(decisions, DecisionTable)
    assert isinstance(rates, RateTable)
    inputs = {"sector": F.col("sector"), "insured": F.col("insured")}
    with pytest.raises(ParameterError, match="has no output colour"):
        decide(decisions, inputs, "colour")
    with pytest.raises(ValueError, match="needs exactly the inputs sector, insured"):
        decide(decisions, {"sector": F.col("sector")}, "line")
    with pytest.raises(ParameterError, match="test/kind is asked for no regime"):
        decide(decisions, inputs, "line")
    with pytest.raises(ParameterError, match="test/run_off is asked for no regime"):
        value(overlaid, F.col("line"), "rate")
    with pytest.raises(ValueError, match="exactly the inputs"):
        question(decisions, {"sector": F.col("sector")})
    with pytest.raises(ParameterError, match="no output colour"):
        list(answers(decisions, "colour", "basel"))
    with pytest.raises(ParameterError, match="has no column rate"):
        value(rates, [F.col("class"), F.col("band")], "rate")
    with pytest.raises(ValueError, match="the key has 2 columns, 1 were given"):
        value(rates, F.col("class"), "weight")


@pytest.mark.parametrize("name", DECISIONS)
def test_expressions_stay_small(name: str) -> None:
    """They grow with the rules, not with the combinations, and not with regimes that agree."""
    table = TABLES[name]
    assert isinstance(table, DecisionTable)
    inputs = {column: F.col(column) for column in table.inputs}
    for_all = replace(table, overlaid=False)
    for output in table.outputs:
        conditions = str(decide(for_all, inputs, output)).count("in(") - len(table.inputs)
        answers = {rule.then[output] for rule in for_all.rules()}
        assert conditions <= 3 * len(for_all.rules())
        assert (conditions > 0) == (len(answers) > 1)
        with_regime = str(decide(table, inputs, output, F.col("regime"))).count("in(")
        if len(table.regimes) == 1:
            assert with_regime == conditions + len(table.inputs) + 1

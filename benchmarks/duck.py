"""The same calculation in DuckDB, as someone who knows DuckDB would write it by hand.

Full: read the files, check every rule, write every table into one database file. Correction: one
transaction on that file that touches only the changed deals, their depositors and the deals of
those depositors, and adds the difference to the lines. No history, no lineage.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks import calculation
from benchmarks.calculation import DUCKDB, LINE_KEY
from benchmarks.checks import typed_lines
from benchmarks.data import TABLES, Files
from benchmarks.steps import Steps
from regulatory_assets.ledger.table import ColumnType, Table
from regulatory_assets.reports.lcr.tables import LCR, LCR_LINES, LCR_SCOPE_LINES


class Database:
    """A database file and the stopwatch of its statements."""

    def __init__(self, state: Path, steps: Steps) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(str(state / "bank.duckdb"))
        self.connection.execute("SELECT 1").fetchall()
        self.steps = steps

    def run(self, step: str, *statements: str) -> None:
        start = time.perf_counter()
        for statement in statements:
            self.connection.execute(statement)
        self.steps.add(step, time.perf_counter() - start)


def full(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    base = Database(state, steps)

    def work() -> None:
        create_rejected_rows(base)
        for table in TABLES:
            load(base, table, str(files.csv(table.name)), table.name, delta=False)
        base.run("calculate levels", f"CREATE TABLE levels AS {calculation.LEVELS}")
        base.run("calculate factors", f"CREATE TABLE factors AS {calculation.factors()}")
        for name, query in (
            ("depositors", calculation.depositors(DUCKDB)),
            ("large", calculation.large(DUCKDB)),
            ("lcr_flows", calculation.flows(DUCKDB)),
            ("lcr_lines", calculation.lines()),
            ("lcr_scope_lines", calculation.scope_lines(DUCKDB)),
        ):
            base.run(f"calculate {name}", f"CREATE TABLE {name} AS {query}")
        _ratio(base)
        base.run("checkpoint", "CHECKPOINT")
        base.connection.close()

    return work


def correction(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    base = Database(state, steps)
    same = "{0}.entity_id = a.entity_id AND {0}.counterparty_id IS NOT DISTINCT FROM"
    same += " a.counterparty_id"
    deals = next(t for t in TABLES if t.name == "deals")

    def work() -> None:
        base.run("begin", "BEGIN")
        load(base, deals, str(files.delta), "delta", delta=True)
        base.run(
            "reach depositors",
            """CREATE TEMP TABLE reached AS
               SELECT DISTINCT entity_id, counterparty_id FROM (
                   SELECT entity_id, counterparty_id FROM deals
                   WHERE deal_id IN (SELECT deal_id FROM delta) AND product_type = 'DEPOSIT'
                   UNION ALL SELECT entity_id, counterparty_id FROM delta
                   WHERE _operation = 'upsert' AND product_type = 'DEPOSIT')""",
        )
        columns = ", ".join(deals.column_names)
        base.run(
            "change deals",
            "DELETE FROM deals WHERE deal_id IN (SELECT deal_id FROM delta)",
            f"INSERT INTO deals SELECT {columns} FROM delta WHERE _operation = 'upsert'",
        )
        base.run(
            "reach deals",
            f"""CREATE TEMP TABLE touched AS SELECT * FROM deals d
                WHERE deal_id IN (SELECT deal_id FROM delta) OR (product_type = 'DEPOSIT'
                      AND EXISTS (SELECT 1 FROM reached a WHERE {same.format("d")}))""",
            """CREATE TEMP TABLE stale AS SELECT deal_id FROM touched
               UNION SELECT deal_id FROM delta""",
        )
        base.run(
            "change depositors",
            f"""DELETE FROM depositors d
                WHERE EXISTS (SELECT 1 FROM reached a WHERE {same.format("d")})""",
            # Every deposit of a reached depositor is among the touched deals.
            "CREATE TEMP TABLE theirs AS SELECT * FROM touched WHERE product_type = 'DEPOSIT'",
            f"INSERT INTO depositors {calculation.depositors(DUCKDB, 'theirs')}",
        )
        base.run(
            "change large",
            f"CREATE TEMP TABLE now AS {calculation.large(DUCKDB)}",
            f"""CREATE TEMP TABLE resized AS SELECT * FROM deals d
                WHERE product_type = 'DEPOSIT' AND deal_id NOT IN (SELECT deal_id FROM stale)
                      AND EXISTS (SELECT 1 FROM (
                          (SELECT * FROM now EXCEPT SELECT * FROM large) UNION ALL
                          (SELECT * FROM large EXCEPT SELECT * FROM now)) a
                          WHERE {same.format("d")})""",
            "INSERT INTO touched SELECT * FROM resized",
            "INSERT INTO stale SELECT deal_id FROM resized",
            "DELETE FROM large",
            "INSERT INTO large SELECT * FROM now",
        )
        base.run(
            "change lcr_flows",
            """CREATE TEMP TABLE before AS SELECT * FROM lcr_flows
               WHERE deal_id IN (SELECT deal_id FROM stale)""",
            "DELETE FROM lcr_flows WHERE deal_id IN (SELECT deal_id FROM stale)",
            f"CREATE TEMP TABLE after AS {calculation.flows(DUCKDB, 'touched')}",
            "INSERT INTO lcr_flows SELECT * FROM after",
        )
        summed = ", ".join(
            f"CAST(sum({c}) AS {kind}) AS {c}"
            for c, kind in (
                ("amount", calculation.MONEY),
                ("weighted", calculation.MONEY),
                ("n_rows", "BIGINT"),
                ("n", "BIGINT"),
            )
        )
        base.run(
            "change lcr_lines",
            f"""CREATE TEMP TABLE sums AS SELECT {LINE_KEY}, {summed} FROM (
                    SELECT * FROM lcr_lines UNION ALL {calculation.lines("after")}
                    UNION ALL SELECT {LINE_KEY}, -amount, -weighted, -n_rows, -n
                    FROM ({calculation.lines("before")}))
                GROUP BY {LINE_KEY} HAVING sum(n_rows) > 0""",
            "DELETE FROM lcr_lines",
            "INSERT INTO lcr_lines SELECT * FROM sums",
        )
        base.run(
            "change lcr_scope_lines",
            "DELETE FROM lcr_scope_lines",
            f"INSERT INTO lcr_scope_lines {calculation.scope_lines(DUCKDB)}",
        )
        base.run("drop lcr", "DROP TABLE lcr")
        _ratio(base)
        base.run("drop delta", "DROP TABLE delta")
        base.run("commit", "COMMIT")
        base.connection.close()

    return work


def create_rejected_rows(base: Database) -> None:
    base.connection.execute(
        "CREATE TABLE rejected_rows (source_table VARCHAR, reasons VARCHAR, raw_text VARCHAR)"
    )


def load(base: Database, table: Table, file: str, target: str, delta: bool) -> None:
    """Every line once: typed, with the reasons to reject it; then the rejected are moved out."""
    columns = (("_operation",) if delta else ()) + table.column_names
    names = ", ".join(f"'{c}': 'VARCHAR'" for c in columns)
    lines = f"read_csv('{file}', header=true, columns={{{names}}}, auto_detect=false, delim=',')"
    key = ", ".join(table.key)
    base.run(
        f"load {table.name}",
        f"""CREATE TABLE {target} AS
            {
            typed_lines(
                lines, table, "TRY_CAST({0} AS {1})", "regexp_full_match({0}, '{1}')", delta
            )
        }""",
        f"""INSERT INTO rejected_rows SELECT '{table.name}', reasons, raw_text FROM {target}
            WHERE reasons IS NOT NULL""",
        f"DELETE FROM {target} WHERE reasons IS NOT NULL",
        f"ALTER TABLE {target} DROP COLUMN reasons",
        f"ALTER TABLE {target} DROP COLUMN raw_text",
    )
    base.run(
        f"repeated keys {table.name}",
        f"""CREATE TEMP TABLE twice_{target} AS SELECT {key} FROM {target} GROUP BY {key}
            HAVING count(*) > 1""",
        f"""INSERT INTO rejected_rows SELECT '{table.name}', 'key stands more than once', {key}
            FROM {target} WHERE ({key}) IN (SELECT {key} FROM twice_{target})""",
        f"DELETE FROM {target} WHERE ({key}) IN (SELECT {key} FROM twice_{target})",
    )


def _ratio(base: Database) -> None:
    start = time.perf_counter()
    totals = base.connection.execute(calculation.components())
    names = [column[0] for column in totals.description]
    rows = [calculation.ratio(dict(zip(names, row, strict=True))) for row in totals.fetchall()]
    columns = ", ".join(
        f"{c.name} {'VARCHAR' if c.type is ColumnType.STRING else calculation.MONEY}"
        for c in LCR.columns
    )
    base.connection.execute(f"CREATE TABLE lcr ({columns})")
    marks = ", ".join("?" for _ in LCR.columns)
    base.connection.executemany(
        f"INSERT INTO lcr VALUES ({marks})",
        [[row[name] for name in LCR.column_names] for row in rows],
    )
    base.steps.add("calculate lcr", time.perf_counter() - start)


def results(state: Path) -> dict[str, pa.Table]:
    """The tables that all tasks must agree on."""
    with duckdb.connect(str(state / "bank.duckdb")) as connection:
        return {
            t.name: connection.sql(
                f"SELECT {', '.join(t.column_names)} FROM {t.name}"
            ).to_arrow_table()
            for t in (LCR_LINES, LCR_SCOPE_LINES, LCR)
        }

"""The rules of a delivered line as SQL, the same rules as ``bank.conform`` checks."""

from __future__ import annotations

from regulatory_assets.ledger.table import Column, ColumnType, Table

_PATTERNS = {
    ColumnType.DATE: "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    ColumnType.INTEGER: "-?[0-9]{1,9}",
    ColumnType.LONG: "-?[0-9]{1,18}",
    ColumnType.MONEY: r"-?[0-9]{1,20}(\.[0-9]{1,8})?",
    ColumnType.RATE: r"-?[0-9]{1,4}(\.[0-9]{1,8})?",
}
TEXT_LIMIT = 10_000
_TYPES = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.DATE: "DATE",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.LONG: "BIGINT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.MONEY: "DECIMAL(28,8)",
    ColumnType.RATE: "DECIMAL(12,8)",
}


def typed_lines(lines: str, table: Table, cast: str, match: str, delta: bool) -> str:
    """A query of typed columns, with ``reasons`` and ``raw_text`` where a line is wrong.

    ``cast`` gives null where a text has not the type, ``match`` tests a whole text by a pattern.
    """
    text = [*(["_operation"] if delta else []), *table.column_names]
    raw = "concat_ws(',', " + ", ".join(f"coalesce({c}, '')" for c in text) + ")"
    wrong = [_wrong(c, cast, match, c.name in table.key, delta) for c in table.columns]
    if delta:
        wrong.insert(
            0,
            "CASE WHEN coalesce(_operation, '') NOT IN ('upsert', 'delete')"
            " THEN '_operation: not one of upsert, delete' END",
        )
    typed = [
        f"{cast.format(c.name, _TYPES[c.type])} AS {c.name}"
        if c.type is not ColumnType.STRING
        else c.name
        for c in table.columns
    ]
    operation = ["_operation"] if delta else []
    return f"""
        SELECT {", ".join([*operation, *typed])}, reasons,
               CASE WHEN reasons IS NOT NULL THEN {raw} END AS raw_text
        FROM (SELECT *, nullif(concat_ws('; ', {", ".join(wrong)}), '') AS reasons FROM {lines})"""


def _wrong(column: Column, cast: str, match: str, of_key: bool, delta: bool) -> str:
    name = column.name
    typed = cast.format(name, _TYPES[column.type])
    rules: list[tuple[str, str]] = []
    if not column.nullable:
        rules.append((f"{name} IS NULL", "missing"))
    if column.type is ColumnType.STRING:
        rules.append((f"length({name}) > {TEXT_LIMIT}", "too long"))
        if of_key:
            rules.append((f"trim({name}) = ''", "missing"))
    if column.type is ColumnType.BOOLEAN:
        rules.append((f"{name} NOT IN ('true', 'false')", "not true or false"))
    if column.type in _PATTERNS:
        rules.append((f"NOT {match.format(name, _PATTERNS[column.type])}", "not of its type"))
    if column.type is ColumnType.DATE:
        rules.append((f"{name} IS NOT NULL AND {typed} IS NULL", "no such day"))
    if column.allowed:
        codes = ", ".join(f"'{c}'" for c in column.allowed)
        rules.append((f"{name} NOT IN ({codes})", "unknown code"))
    if column.minimum is not None:
        rules.append((f"{typed} < {column.minimum}", f"below {column.minimum}"))
    if column.maximum is not None:
        rules.append((f"{typed} > {column.maximum}", f"above {column.maximum}"))
    if not rules:
        return "NULL"
    cases = " ".join(f"WHEN {rule} THEN '{name}: {why}'" for rule, why in rules)
    found = f"CASE {cases} END"
    spared = delta and not of_key
    return f"CASE WHEN _operation <> 'delete' THEN {found} END" if spared else found

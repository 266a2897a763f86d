"""What all kinds of cases are written with: names, amounts and results."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.document import Node

NOT_DEFINED = "not defined"
"""How a result that does not exist is written; it is None in Python."""

Result = Mapping[str, Decimal | None]


def amounts_of(node: Node) -> dict[str, Decimal]:
    """Amounts by line."""
    return {name: value.decimal(ColumnType.MONEY) for name, value in node.pairs().items()}


def result_of(node: Node) -> Result:
    """Figures by name; None for one that is not defined."""
    return {
        name: None
        if value.kind == "str" and value.text() == NOT_DEFINED
        else value.decimal(ColumnType.MONEY)
        for name, value in node.pairs().items()
    }


def named(items: Node, key: str) -> list[tuple[str, Node]]:
    """The items of a list with their names, each of which may stand once."""
    result: dict[str, Node] = {}
    for node in items.items():
        fields = node.pairs()
        if key not in fields:
            raise node.error(f"the key {key} is missing", "Give it a name")
        name = fields[key].text()
        if name in result:
            raise fields[key].error(
                f"the case {name} also stands in line {result[name].line}", "Rename one"
            )
        result[name] = node
    if not result:
        raise items.error("the list is empty", "Add a case, or remove the file")
    return list(result.items())

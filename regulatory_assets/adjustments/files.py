"""Rules as files: YAML or JSON, in either form, read without losing a digit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from regulatory_assets.adjustments.form import read_form
from regulatory_assets.adjustments.rule import Rule, RuleError, each_of, parse
from regulatory_assets.ledger.table import DATE_PATTERN, WHOLE_PATTERN


@dataclass(frozen=True)
class PlacedRule:
    """A rule of a file. ``place`` is the file, and where that is a list the line too."""

    rule: Rule
    place: str


def load(path: Path) -> list[PlacedRule]:
    """The rules of a YAML or JSON file: one rule, or a list of them, in either form.

    Raises RuleError naming the file, and the line of what cannot be read or of each rule of a list
    that is none.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise RuleError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise RuleError(f"{path}: is not text in UTF-8") from None
    try:
        found, head = _reader().load(text), _reader().compose(text)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise RuleError(f"{path}{line}: is neither YAML nor JSON ({error.problem})") from None
    except YAMLError as error:
        raise RuleError(f"{path}: is neither YAML nor JSON ({error})") from None
    except RecursionError:
        raise RuleError(f"{path}: is nested too deep to be read; write it flatter") from None
    if not found:
        raise RuleError(f"{path}: holds no rule")
    placed = [(str(path), found)]
    if isinstance(found, list):
        lines = (node.start_mark.line + 1 for node in head.value)
        placed = [(f"{path}:{line}", each) for line, each in zip(lines, found, strict=True)]
    rules = each_of(placed, lambda each: PlacedRule(_rule(*each), each[0]))
    ids = [written.rule.id for written in rules]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise RuleError(f"{path}: {', '.join(twice)} stands twice; one version waits at a time")
    return rules


def _rule(place: str, document: Any) -> Rule:
    return parse(read_form(document, place), place)


class _Strings(SafeConstructor):
    """Decimals stay the text they are written as. YAML has further forms of whole numbers (1_000,
    0x1F), and times; what has one of them, or is none, is told with its line."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        why = "write it as 2026-01-31"
        if re.fullmatch(DATE_PATTERN, node.value):
            try:
                return super().construct_yaml_timestamp(node, values)
            except ValueError as error:
                why = str(error)
        raise ConstructorError(None, None, f"{node.value} is no date: {why}", node.start_mark)

    def construct_yaml_int(self, node: Any) -> int:
        if not re.fullmatch(WHOLE_PATTERN, node.value):
            problem = f"{node.value} is no whole number; write it as 1000"
            raise ConstructorError(None, None, problem, node.start_mark)
        try:
            return int(super().construct_yaml_int(node))
        except ValueError:  # of thousands of digits
            problem = "a number is too long to be read"
            raise ConstructorError(None, None, problem, node.start_mark) from None


_Strings.add_constructor("tag:yaml.org,2002:timestamp", _Strings.construct_yaml_timestamp)
_Strings.add_constructor("tag:yaml.org,2002:int", _Strings.construct_yaml_int)
_Strings.add_constructor("tag:yaml.org,2002:float", lambda _, node: str(node.value))


def _reader() -> YAML:
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Strings
    return reader

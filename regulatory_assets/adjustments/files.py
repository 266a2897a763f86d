"""Rules as files: YAML or JSON, in either form, read without losing a digit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from regulatory_assets.adjustments.form import names, read_form
from regulatory_assets.adjustments.refusals import RuleError, each_of
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.ledger.table import DATE_PATTERN, WHOLE_PATTERN


@dataclass(frozen=True)
class Source:
    """Where a rule is written: the file, and what stands there."""

    path: Path
    written: Node

    def at(self, place: str = "") -> str:
        """File and line of a place in the rule, or of what holds it where it is not written.

        Names of the flat form are found by what they mean. Its list of conditions is meant as
        ``all`` of them, which is not written.
        """
        known = {**names()["keys"], **names()["parts"]}
        node, mark = self.written, self.written.start_mark
        for part in filter(None, place.split(".")):
            if isinstance(node, MappingNode):
                meant = [(k, v) for k, v in node.value if part in (k.value, known.get(k.value))]
                if not meant:
                    break
                key, node = meant[0]
                mark = key.start_mark
            elif isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
                mark = node.start_mark
            elif part != "all":
                break
        return f"{self.path}:{mark.line + 1}"


@dataclass(frozen=True)
class PlacedRule:
    """A rule of a file, and where it is written."""

    rule: Rule
    source: Source


def load(path: Path) -> list[PlacedRule]:
    """The rules of a YAML or JSON file: one rule, or a list of them, in either form.

    Raises RuleError naming the file, and the line of what cannot be read and of every mistake.
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
    several = isinstance(found, list)
    sources = [Source(path, node) for node in (head.value if several else [head])]
    placed = list(zip(found if several else [found], sources, strict=True))
    rules = each_of(
        placed,
        lambda each: PlacedRule(parse(read_form(each[0])), each[1]),
        lambda each, place: each[1].at(place),
    )
    ids = [written.rule.id for written in rules]
    if twice := [written for at, written in enumerate(rules) if written.rule.id in ids[:at]]:
        raise RuleError(*map(_stands_twice, twice))
    return rules


def _stands_twice(again: PlacedRule) -> str:
    at = again.source.at("id")
    return f"{at}: {again.rule.id} stands twice; one version waits at a time"


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

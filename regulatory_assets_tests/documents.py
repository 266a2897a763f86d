"""What commands print with ``--json``, held against the shapes of ``docs/cli.md``, which alone has
them: each document that any test gets from a command is compared (``conftest``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_TOKEN = re.compile(r'\s*("[^"]*"|[A-Z_]+|[{}\[\],:?])')

Shape = Any
"""A word in capitals, a list of one shape, or :class:`Keys`."""


@dataclass(frozen=True)
class Keys:
    """The keys that an object must and may have; ``others`` is the shape of all that it may have
    besides, ``parts`` name objects whose keys it has too."""

    must: dict[str, Shape]
    may: dict[str, Shape]
    others: Shape | None
    parts: tuple[str, ...]


@cache
def shapes() -> dict[str, Shape]:
    """The shapes of the page, by command; those in capitals are parts of others."""
    found = {}
    (block,) = re.findall(r"```shapes\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for entry in re.split(r"\n(?=\S)", block.strip()):
        name, _, text = re.sub(r"\s*\n\s*", " ", entry).partition("  ")
        tokens = _TOKEN.findall(text)
        found[name], rest = _shape(tokens)
        assert not rest, f"{name}: {rest} is left over"
    return found


def _shape(tokens: Sequence[str]) -> tuple[Shape, Sequence[str]]:
    first, *rest = tokens
    if first == "[":
        inner, after = _shape(rest)
        assert after[0] == "]", after
        return [inner], after[1:]
    if first != "{":
        return first, rest
    keys = Keys({}, {}, None, ())
    while rest[0] != "}":
        name, *rest = rest
        optional = rest[0] == "?"
        rest = rest[1:] if optional else rest
        value: Shape = "ANY"
        if rest[0] == ":":
            value, rest = _shape(rest[1:])
        if name.startswith('"'):
            (keys.may if optional else keys.must)[name.strip('"')] = value
        elif name == "IMPACT":
            keys = Keys(keys.must, keys.may, keys.others, (*keys.parts, name))
        else:
            keys = Keys(keys.must, keys.may, value, keys.parts)
        rest = rest[1:] if rest[0] == "," else rest
    return keys, rest[1:]


def faults(command: str, document: Any) -> list[str]:
    """Where a document of a command differs from what is written of it."""
    return list(_faults(command, shapes()[command], document))


def _faults(place: str, shape: Shape, value: Any) -> Iterator[str]:
    if isinstance(shape, str) and shape in shapes():
        shape = shapes()[shape]
    if value is None:
        return
    if isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for at, each in enumerate(value):
            yield from _faults(f"{place}.{at}", shape[0], each)
    elif isinstance(shape, Keys):
        if not isinstance(value, dict):
            yield f"{place} is no object"
            return
        must, may = dict(shape.must), dict(shape.may)
        for part in shape.parts:
            must |= shapes()[part].must
            may |= shapes()[part].may
        yield from (f"{place} lacks {key}" for key in must.keys() - value.keys())
        for key, each in value.items():
            of_key = (must | may).get(key, shape.others)
            if of_key is None:
                yield f"{place} also has {key}"
            else:
                yield from _faults(f"{place}.{key}", of_key, each)


def compare(arguments: Sequence[str], said: str) -> None:
    """Hold what a command line has printed against the page, if it asked for a document."""
    if "--json" not in arguments:
        return
    named = [name for name in shapes() if tuple(arguments[: len(name.split())]) == (*name.split(),)]
    begins = min((at for at in map(said.find, "[{") if at >= 0), default=-1)
    if not named or begins < 0:
        return
    found = faults(named[0], json.loads(said[begins:]))
    assert not found, f"{PAGE.name}: {found[:5]}"

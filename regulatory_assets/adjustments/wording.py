"""What is wrong with a document, by place and in words for who wrote it.

The model (``rule``) tells of every alternative that a value is not; people are told once of each
place, of the innermost, and of nothing that follows from another mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from regulatory_assets.adjustments.refusals import Mistake

PATTERNS = {
    "^[A-Z]{3}$": "a currency is three capital letters",
    "^[0-9a-f]{64}$": "a SHA-256 is 64 digits of 0 to 9 and a to f",
    "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": "an id is up to 64 letters, digits, and _ . - after one",
}
"""By pattern of a text, what to write instead."""

_SINGLE = {"str", "int", "bool", "date"}
_ALTERNATIVES = {"Overlay", "ThisOnly", *_SINGLE}
_FORMS = {"test", "all", "any", "not"}
_SHOWN = 12
_LONGEST = 60


def told(error: ValidationError) -> list[Mistake]:
    """Every mistake, each with its place."""
    found: dict[tuple[str, ...], dict[str, bool]] = {}
    for each in error.errors(include_url=False):
        place = _place(each["loc"])
        found.setdefault(place, {}).setdefault(_words(each), _is_of_the_whole(each))
    said = []
    for place, words in found.items():
        own = [word for word, of_the_whole in words.items() if not of_the_whole]
        within = any(len(p) > len(place) and p[: len(place)] == place for p in found)
        if own or not within:
            words_of_it = f"{_shown(place)}: {', '.join(own or words)}"
            said.append(Mistake(words_of_it, ".".join(place)))
    return said


_OF_THE_WHOLE = {"too_short", "model_type", "model_attributes_type", "dict_type", "tuple_type"}


def _is_of_the_whole(error: ErrorDetails) -> bool:
    """Whether it may only follow from another mistake, at the place or within it."""
    alternative = _is_alternative(error["loc"]) and error["type"] != "value_error"
    return error["type"] in _OF_THE_WHOLE or alternative


def _is_alternative(location: Iterable[str | int]) -> bool:
    """Whether a value was held against one of several things that it may be."""
    tags = ("literal[", "function-", "nullable[", "tuple[")
    return any(str(part).startswith(tags) or part in _SINGLE for part in location)


def _place(location: tuple[str | int, ...]) -> tuple[str, ...]:
    """Where in a document; a condition's form stands before the word it begins with, which says
    the same, and of alternatives nobody has written the names."""
    return tuple(
        str(part)
        for at, part in enumerate(location)
        if part not in _ALTERNATIVES
        and not str(part).endswith("]")
        and not (part in _FORMS and (part == "test" or location[at + 1 : at + 2] == (part,)))
    )


def _shown(place: tuple[str, ...]) -> str:
    more = ["..."] if len(place) > _SHOWN else []
    return ".".join([*place[:_SHOWN], *more]) or "rule"


def _words(error: ErrorDetails) -> str:
    kind, value = error["type"], given(error["input"])
    limits: Mapping[str, Any] = error.get("ctx", {})
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not known here"
        case "literal_error":
            return f"{value} is none of {limits['expected']}"
        case "string_pattern_mismatch":
            return f"{value}: {PATTERNS.get(limits['pattern'], 'is not written so')}"
        case "string_too_short":
            return "is empty"
        case "too_short":
            return "is empty; write at least one"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{value} is no mapping of names to values"
        case "tuple_type":
            return f"{value} is no list"
        case "greater_than_equal":
            return f"{value} is less than {limits['ge']}"
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
    if _is_alternative(error["loc"]):
        return f"{value} is neither text, a whole number, true, false nor a date"
    if kind.startswith("string"):
        return f"{value} is not text; put it in quotes"
    if kind.startswith("int"):
        return f"{value} is not a whole number"
    if kind.startswith("date"):
        return f"{value} is no date; write it as 2026-01-31"
    return error["msg"]


def given(value: Any) -> str:
    """A value as it was written, the beginning of one that is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

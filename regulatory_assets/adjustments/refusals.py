"""Why a rule is not taken: one mistake, or all that were found together.

Which mistakes there are is known where they are looked for; in which line of a file a place of a
rule stands, in ``files``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Mistake(NamedTuple):
    """What is wrong and what to do, and where in the rule (``operations.0.value``); nothing where
    it is wrong as a whole."""

    said: str
    place: str = ""


class RuleError(Exception):
    """A rule that cannot be taken; the message tells its mistakes, one a line."""

    def __init__(self, *mistakes: Mistake | str) -> None:
        self.mistakes = tuple(Mistake(m) if isinstance(m, str) else m for m in mistakes)
        super().__init__("\n".join(mistake.said for mistake in self.mistakes))

    def behind(self, where: Callable[[str], str]) -> RuleError:
        """The same, each mistake told behind what is known of where its place stands."""
        told = ((where(place), said, place) for said, place in self.mistakes)
        return RuleError(*(Mistake(f"{at}: {said}" if at else said, p) for at, said, p in told))


def each_of(
    found: Iterable[T], made: Callable[[T], R], where: Callable[[T, str], str] = lambda *_: ""
) -> list[R]:
    """What is made of each. Raises RuleError with the mistakes of all that are refused, each behind
    ``where`` its place stands."""
    done: list[R] = []
    refused: list[Mistake] = []
    for one in found:
        try:
            done.append(made(one))
        except RuleError as refusal:
            refused += refusal.behind(lambda place, one=one: where(one, place)).mistakes  # type: ignore[misc]
    if refused:
        raise RuleError(*refused)
    return done

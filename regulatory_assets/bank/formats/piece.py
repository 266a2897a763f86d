"""What every format gives: pieces of a file as text columns with line numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

LINE, PROBLEM, RAW_TEXT = "line_number", "problem", "raw_text"

OTHERS = "(other values)"
"""A column for what a format without a header holds beside the columns that are needed."""


COLUMN_LIMIT = 5_000
"""No table is near it; each column costs the engine."""


class Unreadable(Exception):
    """A file that cannot be taken at all; says what is wrong, on which line, and the remedy."""

    def __init__(self, problem: str, line: int | None = None, *, plain: bool = False) -> None:
        """``plain``: the problem quotes nothing that stands in the file."""
        super().__init__(problem)
        self.problem, self.line, self.plain = problem, line, plain


def too_many(columns: int) -> str:
    return (
        f"{columns} columns stand in the header, and {COLUMN_LIMIT:,} are the most; is it "
        "separated by another sign?"
    )


def check_names(columns: Sequence[str], line: int | None = None) -> None:
    """Refuse names of columns that cannot be told apart, or are far too many. Raises Unreadable."""
    if len(columns) > COLUMN_LIMIT:
        raise Unreadable(too_many(len(columns)), line, plain=True)
    for name, times in Counter(columns).items():
        if times > 1:
            raise Unreadable(f"the column {name} stands twice; name each once", line)


class SourceFile(Protocol):
    """A file of one format, opened."""

    columns: tuple[str, ...]
    """The delivered columns, in their order."""

    warnings: tuple[str, ...]
    """What is worth a word about the whole; may quote what stands in it."""

    def pieces(self) -> Iterator[pa.Table]:
        """The lines: ``line_number``, ``problem``, ``raw_text``, then c0, c1, ... as text.

        ``problem`` says why a line could not be read, and never quotes it; its columns are null
        then. ``raw_text`` is the line as it stands, where the columns joined by the delimiter would
        not tell it.
        """

    @property
    def unknown(self) -> tuple[str, ...]:
        """Delivered columns that the mapping does not use; complete after the last piece."""

    @property
    def sha256(self) -> str | None:
        """The hash of what was read, after the last piece; None where reading is by parts."""


def place(index: int) -> str:
    """The staged name of a delivered column: any name may be delivered, few suit an engine."""
    return f"c{index}"


def staged_schema(columns: int) -> pa.Schema:
    texts = [PROBLEM, RAW_TEXT, *(place(i) for i in range(columns))]
    return pa.schema([(LINE, pa.int64()), *((name, pa.string()) for name in texts)])


def bad_lines(found: Sequence[tuple[int, str, str]], columns: int) -> pa.Table:
    """Lines that cannot be read: number, problem, text."""
    schema = staged_schema(columns)
    numbers, problems, texts = (list(part) for part in zip(*found, strict=True))
    nothing = pa.nulls(len(found), pa.string())
    return pa.table([numbers, problems, texts, *[nothing] * columns], schema=schema)


def good_lines(
    numbers: pa.Array, columns: Sequence[pa.Array | pa.ChunkedArray], texts: pa.Array | None = None
) -> pa.Table:
    nothing = pa.nulls(len(numbers), pa.string())
    raw = nothing if texts is None else texts
    return pa.table([numbers, nothing, raw, *columns], schema=staged_schema(len(columns)))

"""A text file as blocks of whole lines in UTF-8, hashed while it is read, in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats import content
from regulatory_assets.bank.formats.piece import Unreadable

BLOCK_BYTES = 8 * 1024 * 1024
BLOCK_LINES = 256 * 1024
"""A reader keeps words for every line that it cannot read; no block has more lines than this."""
LINE_LIMIT = 64 * 1024 * 1024
"""A line may be this long; what is longer is not a line but another kind of file."""


class Block(NamedTuple):
    """Whole lines: the number of the first, how many they are, and each with a line feed."""

    first: int
    lines: int
    text: bytes


class Lines:
    """The lines of a file; a line end is a line feed, or carriage return and line feed.

    The last line must have its line end, or the file may have been cut off, unless the mapping
    says that its source never writes it.
    """

    def __init__(self, path: Path, form: FileForm) -> None:
        self._path, self._form = path, form
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[Block]:
        line, length = 1, 0
        rest: list[bytes] = []
        decoder = self._decoder()
        for data in chain(content.blocks(self._path, BLOCK_BYTES, self._hash.update), [b""]):
            text = self._decoded(decoder, data, line)
            cut = text.rfind(b"\n") + 1
            if cut:
                whole = b"".join([*rest, text[:cut]])
                if b"\r" in whole:  # to look for one byte costs a tenth of looking for two
                    whole = whole.replace(b"\r\n", b"\n")
                block = Block(line, whole.count(b"\n"), whole)
                yield from _parts(block)
                line += block.lines
                rest, length = [], 0
            if cut < len(text):
                rest.append(text[cut:])
                length += len(rest[-1])
                if length > LINE_LIMIT:
                    raise Unreadable(
                        f"the line is longer than {LINE_LIMIT // 2**20} MB; deliver text with "
                        "line ends",
                        line,
                    )
        if rest:
            if not self._form.last_line_may_end_open:
                raise Unreadable(
                    "the last line has no line end, so the file may have been cut off; deliver "
                    "it whole, or say last_line_may_end_open: true in the source's mapping",
                    line,
                    plain=True,
                )
            yield Block(line, 1, b"".join(rest).removesuffix(b"\r") + b"\n")

    def _decoder(self) -> codecs.IncrementalDecoder:
        encoding = self._form.encoding
        plain = codecs.lookup(encoding).name == "utf-8"
        return codecs.getincrementaldecoder("utf-8-sig" if plain else encoding)()

    def _decoded(self, decoder: codecs.IncrementalDecoder, data: bytes, line: int) -> bytes:
        """Data in UTF-8; none ends the file. ``line`` is the number of the line it begins in."""
        try:
            return decoder.decode(data, final=not data).encode()
        except UnicodeError as error:
            before = data[: getattr(error, "start", 0)].count(b"\n")
            encoding = self._form.encoding
            raise Unreadable(
                f"not {encoding} text ({error}); deliver it as {encoding}, or name its "
                "encoding in the source's mapping",
                line + before,
            ) from error


def _parts(block: Block) -> Iterator[Block]:
    """A block in parts of at most ``BLOCK_LINES``."""
    first, lines, text = block
    if lines <= BLOCK_LINES:
        yield block
        return
    middle = text.rfind(b"\n", 0, len(text) // 2) + 1 or text.index(b"\n") + 1
    before = text.count(b"\n", 0, middle)
    yield from _parts(Block(first, before, text[:middle]))
    yield from _parts(Block(first + before, lines - before, text[middle:]))

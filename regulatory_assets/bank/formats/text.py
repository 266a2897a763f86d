"""A text file as blocks of whole lines in UTF-8, hashed while it is read, in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats import content
from regulatory_assets.bank.formats.piece import Unreadable

BLOCK_BYTES = 8 * 1024 * 1024
BLOCK_LINES = 256 * 1024
"""A reader keeps words for every line that it cannot read; no block has more lines than this."""
LINE_LIMIT = 64 * 1024 * 1024
"""A line may be this long; what is longer is not a line but another kind of file."""


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

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The number of a block's first line, and its lines, each with a line feed."""
        line, length = 1, 0
        rest: list[bytes] = []
        for data in self._texts():
            cut = data.rfind(b"\n") + 1
            if cut:
                block = b"".join([*rest, data[:cut]])
                if b"\r" in block:  # to look for one byte costs a tenth of looking for two
                    block = block.replace(b"\r\n", b"\n")
                for part, lines in _parts(block):
                    yield line, part
                    line += lines
                rest, length = [], 0
            if cut < len(data):
                rest.append(data[cut:])
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
            yield line, b"".join(rest).removesuffix(b"\r") + b"\n"

    def _texts(self) -> Iterator[bytes]:
        """The file's text in UTF-8."""
        encoding = self._form.encoding
        plain = codecs.lookup(encoding).name == "utf-8"
        decoder = codecs.getincrementaldecoder("utf-8-sig" if plain else encoding)()
        line = 1
        for data in chain(content.blocks(self._path, BLOCK_BYTES, self._hash.update), [b""]):
            try:
                text = decoder.decode(data, final=not data).encode()
            except UnicodeError as error:
                before = data[: getattr(error, "start", 0)].count(b"\n")
                raise Unreadable(
                    f"not {encoding} text ({error}); deliver it as {encoding}, or name its "
                    "encoding in the source's mapping",
                    line + before,
                ) from error
            line += text.count(b"\n")
            yield text


def _parts(block: bytes) -> Iterator[tuple[bytes, int]]:
    """A block of lines in parts of at most ``BLOCK_LINES``, each with their number."""
    lines = block.count(b"\n")
    if lines <= BLOCK_LINES:
        yield block, lines
        return
    middle = block.rfind(b"\n", 0, len(block) // 2) + 1 or block.index(b"\n") + 1
    yield from _parts(block[:middle])
    yield from _parts(block[middle:])

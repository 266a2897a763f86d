"""What stands in a delivered text file, decompressed where its name ends in ``.gz``.

The name says whether a file is compressed; content that says otherwise is refused, and not read as
if it were text. A file's hash is that of the bytes as they were delivered; whether two files hold
the same text says ``text_hash``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from regulatory_assets.bank.files import COMPRESSED
from regulatory_assets.bank.formats.piece import Unreadable

_MAGIC = b"\x1f\x8b"
"""The first bytes of gzip, with which no text begins in any encoding."""
_HASHED_BYTES = 1024 * 1024


class _Watched(io.FileIO):
    """A file that shows its bytes as they are read."""

    def __init__(self, path: Path, show: Callable[[bytes], None]) -> None:
        super().__init__(path)
        self._show = show

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._show(data)
        return data


def text_hash(path: Path) -> str:
    """The SHA-256 of a file's text: the same plain and compressed. Raises Unreadable, OSError."""
    digest = hashlib.sha256()
    for block in blocks(path, _HASHED_BYTES, lambda _: None):
        digest.update(block)
    return digest.hexdigest()


def blocks(path: Path, size: int, show: Callable[[bytes], None]) -> Iterator[bytes]:
    """The content of a file in blocks of at most ``size`` bytes, in bounded memory.

    ``show`` has been given every byte of the file, as it lies there, after the last block. Raises
    Unreadable where the name does not say how it is, and where it is not compressed to its end.
    """
    compressed = path.name.endswith(COMPRESSED)
    with _Watched(path, show) as file:
        begins = os.pread(file.fileno(), len(_MAGIC), 0)
        if compressed and begins not in (_MAGIC, b""):
            raise Unreadable(
                f"its name ends in {COMPRESSED}, and it is not compressed with gzip; deliver it "
                "compressed, or under its own name",
                plain=True,
            )
        if not compressed:
            if begins == _MAGIC:
                raise Unreadable(
                    f"it is compressed with gzip; end its name in {COMPRESSED}", plain=True
                )
            while data := file.read(size):
                yield data
            return
        with gzip.GzipFile(fileobj=file, mode="rb") as text:
            if _decompressed(text.peek, len(_MAGIC)).startswith(_MAGIC):
                raise Unreadable(
                    "what it holds is compressed with gzip once more; compress the text once",
                    plain=True,
                )
            while data := _decompressed(text.read, size):
                yield data


def _decompressed(read: Callable[[int], bytes], size: int) -> bytes:
    try:
        return read(size)
    except EOFError:
        raise Unreadable(
            "the compressed file ends too early, so it may have been cut off; deliver it whole",
            plain=True,
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        if str(error).startswith("Not a gzipped file"):  # it was at its beginning
            raise Unreadable(
                "something that is not gzip follows what is compressed; deliver the file alone",
                plain=True,
            ) from None
        raise Unreadable(f"damaged ({error}); deliver it again", plain=True) from None

"""The two forms in which a batch comes, NDJSON and CSV, cut into lines while they arrive.

Stage: identified. Cost: memory for one line, and for one row of a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from gateway.domain.errors import LineTooLong, Problem

NDJSON, CSV = "application/x-ndjson", "text/csv"
LONGEST_LINE_BYTES = 64 * 1024

Line = tuple[int, bytes | Problem]
"""A line's number from 1, and its JSON document, or why it holds none."""


class Lines(Protocol):
    """What an upload holds; its encoding and delimiter are known once all lines were taken."""

    @property
    def encoding(self) -> str | None:
        """In which encoding it came."""
        ...

    @property
    def delimiter(self) -> str | None:
        """What its cells are separated by."""
        ...

    def __iter__(self) -> Iterator[Line]:
        """The lines in their order, to be taken once."""
        ...


class NdjsonLines:
    """One JSON document a line; a blank line is none, but counts."""

    encoding: str | None = None
    delimiter: str | None = None

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[Line]:
        """The lines in their order."""
        for number, line in enumerate(cut(self._chunks), start=1):
            if line is None:
                yield number, LineTooLong()
            elif line.strip():
                yield number, line.removesuffix(b"\r")


def cut(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a text in chunks, without their line feeds; None for one that is too long.

    >>> list(cut([b"a", b"b\\nc\\n", b"\\nd"]))
    [b'ab', b'c', b'', b'd']
    """
    rest, is_long = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield None if is_long or len(line) > LONGEST_LINE_BYTES else line
            is_long = False
        if len(rest) > LONGEST_LINE_BYTES:
            rest, is_long = b"", True
    if is_long:
        yield None
    elif rest:
        yield rest

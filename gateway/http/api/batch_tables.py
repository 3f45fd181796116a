"""CSV as spreadsheets in Belgium write it: semicolons, commas or tabs; UTF-8 or Windows-1252; quoted line breaks.

Stage: identified.
Source: RFC 4180; what Excel and LibreOffice save with Belgian settings.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from gateway.domain.errors import LineTooLong, MalformedCsv
from gateway.http.api.batch_forms import Line, cut
from schemas import strict_json

DELIMITERS = (",", ";", "\t")
UTF_8, UTF_8_MARKED, WINDOWS = "utf-8", "utf-8-sig", "windows-1252"
CHARSETS = {"utf-8": UTF_8, "utf8": UTF_8, "windows-1252": WINDOWS, "cp1252": WINDOWS}
LONGEST_ROW_BYTES = 256 * 1024
NUMBERS = ("occurrence",)
FLAGS = ("agreement.informed", "agreement.in_target_group")
TRUTHS = {
    **dict.fromkeys(("true", "vrai", "waar", "wahr"), True),
    **dict.fromkeys(("false", "faux", "onwaar", "falsch"), False),
}
"""What spreadsheets in four languages call true and false."""
IGNORED = "result_"
"""How columns begin that say what became of a line the last time."""
_COLUMN = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40})?")
_SEPARATOR = re.compile(r'"?sep=([,;\t])"?\r?\n?')
_BOM = b"\xef\xbb\xbf"


class Decoder:
    """Decodes lines by the charset that is declared, or by the only one that they can be in.

    Shape: without a declared charset, UTF-8 until a line is none; Windows-1252 from there, if everything before was
    plain ASCII. What is neither throughout is refused rather than guessed.
    """

    def __init__(self, declared: str | None) -> None:
        self.encoding = declared or UTF_8
        self._is_sure = declared is not None
        self._is_first = True

    def text_of(self, line: bytes) -> str:
        """A line as text.

        Raises: UnicodeDecodeError.
        """
        if self._is_first:
            self._is_first = False
            if self.encoding == UTF_8 and line.startswith(_BOM):
                self.encoding, self._is_sure = UTF_8_MARKED, True
                line = line[len(_BOM) :]
        if line.isascii():
            return line.decode("ascii")
        try:
            text = line.decode("cp1252" if self.encoding == WINDOWS else "utf-8")
        except UnicodeDecodeError:
            if self._is_sure:
                raise
            self.encoding = WINDOWS
            text = line.decode("cp1252")
        self._is_sure = True
        return text


class Table:
    """A table as it is read: its first row, and the others one at a time; `encoding` is sure at the end alone.

    Shape: `delimiter` is what the line `sep=` names, or else whichever of three the header has most of. A row is one
    of the spreadsheet, however many lines its cells break into.
    """

    def __init__(self, chunks: Iterable[bytes], charset: str) -> None:
        self._decoder = Decoder(CHARSETS[charset] if charset else None)
        self._texts = self._decoded(chunks)
        self._bytes = 0
        self.delimiter = ","
        self.starts_with_separator = False

    @property
    def encoding(self) -> str:
        """In which encoding it came, as far as it was read."""
        return self._decoder.encoding

    def rows(self) -> Iterator[list[str]]:
        """The rows in their order, the header first, to be taken once.

        Raises: MalformedCsv, LineTooLong.
        """
        try:
            first = next(self._texts, "")
            named = _SEPARATOR.fullmatch(first)
            if named is not None:
                self.starts_with_separator = True
                self.delimiter, first = named[1], next(self._texts, "")
            else:
                self.delimiter = max(DELIMITERS, key=first.count)
            for row in csv.reader(chain([first], self._texts), delimiter=self.delimiter, strict=True):
                self._bytes = 0
                yield row
        except (UnicodeDecodeError, csv.Error):
            raise MalformedCsv from None

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[str]:
        for line in cut(chunks):
            if line is None:
                raise LineTooLong
            self._bytes += len(line)
            if self._bytes > LONGEST_ROW_BYTES:
                raise MalformedCsv
            yield self._decoder.text_of(line) + "\n"


class CsvLines:
    """A header row of member names, inner ones as `agreement.agreed_on`, and a row for each line.

    Shape: an empty cell is a member that is not there; a row of empty cells is no line, but counts; empty columns and
    cells at the end are none; columns that begin with `result_` are not read.
    """

    def __init__(self, chunks: Iterable[bytes], charset: str) -> None:
        self._table = Table(chunks, charset)

    @property
    def encoding(self) -> str | None:
        """In which encoding it came."""
        return self._table.encoding

    @property
    def delimiter(self) -> str | None:
        """What its cells are separated by."""
        return self._table.delimiter

    def __iter__(self) -> Iterator[Line]:
        """The lines in their order.

        Raises: MalformedCsv, LineTooLong.
        """
        rows = self._table.rows()
        names = names_of(next(rows, []))
        paths = [None if name.startswith(IGNORED) else (name, name.split(".")) for name in names]
        for number, row in enumerate(rows, start=1):
            cells = [cell.strip() for cell in row]
            document = _document(zip(paths, cells, strict=False))
            if any(cells[len(names) :]):
                yield number, MalformedCsv()
            elif document:
                yield number, strict_json.dumps(document)


def names_of(header: Sequence[str]) -> list[str]:
    """The names of the columns.

    Raises: MalformedCsv.
    """
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    read = [name for name in names if not name.startswith(IGNORED)]
    outer = {name.partition(".")[0] for name in read if "." in name}
    if not read or len(set(read)) != len(read) or outer & set(read) or not all(map(_COLUMN.fullmatch, read)):
        raise MalformedCsv
    return names


def _document(cells: Iterable[tuple[tuple[str, list[str]] | None, str]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for column, text in cells:
        if text and column is not None:
            name, (*outer, last) = column
            node = document.setdefault(outer[0], {}) if outer else document
            node[last] = _value(name, text)
    return document


def _value(name: str, text: str) -> str | bool | int:
    """A cell as JSON has it; one that is none of that stays a text, which the schema refuses."""
    if name in FLAGS:
        return TRUTHS.get(text.lower(), text)
    if name in NUMBERS and re.fullmatch(r"[0-9]{1,10}", text):
        return int(text)
    return text

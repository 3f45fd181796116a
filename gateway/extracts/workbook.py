"""XLSX: a sheet of records and one with the dictionary, in constant memory both ways. Stage: anonymous.

Text is written as text, never as a formula or a link; the file says nothing of when it was written.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, iterparse

from gateway.extracts.columns import Column, Row, Value
from gateway.extracts.text_forms import numbered
from gateway.extracts.texts import LANGUAGES

ROWS_PER_SHEET = 1_000_000
"""A sheet holds 1 048 576; the next rows go to a sheet of their own."""
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_LETTERS = re.compile(r"[A-Z]+")
_FIXED = datetime(2022, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def write_xlsx(path: Path, columns: Sequence[Column], rows: Iterable[Row], dictionary: Mapping[str, Any]) -> int:
    """Write rows as a workbook, the header frozen; how many they were."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - slow to load, and only the writing of a workbook needs it

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(path.parent),
    }
    book = Workbook(str(path), options)
    book.set_properties({"created": _FIXED})
    bold = book.add_format({"bold": True})
    count, waiting = 0, iter(rows)
    for number in range(1, 1_000):
        group = islice(waiting, ROWS_PER_SHEET)
        first = next(group, None)
        if first is None and number > 1:
            break
        sheet = book.add_worksheet("records" if number == 1 else f"records {number}")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, 16)
        _write(sheet, 0, [column.name for column in columns], bold)
        for line, row in enumerate(chain([] if first is None else [first], group), start=1):
            _write(sheet, line, row)
            count += 1
    _write_dictionary(book.add_worksheet("dictionary"), dictionary, bold)
    book.close()
    return count


def _write(sheet: Any, line: int, row: Sequence[Value], *form: Any) -> None:
    for place, value in enumerate(row):
        if isinstance(value, int):
            sheet.write_number(line, place, value, *form)
        elif value is not None:
            sheet.write_string(line, place, value, *form)


def _write_dictionary(sheet: Any, dictionary: Mapping[str, Any], bold: Any) -> None:
    """One line a column, then one line a note."""
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 3, 20)
    sheet.set_column(4, 3 + len(LANGUAGES), 60)
    _write(sheet, 0, ["name", "type", "unit", "values", *LANGUAGES], bold)
    lines = [
        [one["name"], one["type"], one["unit"], ", ".join(one["values"]), *map(one["meaning"].get, LANGUAGES)]
        for one in dictionary["columns"]
    ]
    lines += [[one["note"], None, None, None, *map(one["text"].get, LANGUAGES)] for one in dictionary["notes"]]
    for line, row in enumerate(lines, start=1):
        _write(sheet, line, row)


def read_xlsx(path: Path) -> Iterator[dict[str, Value]]:
    """The rows of the sheets of records, by column."""
    with zipfile.ZipFile(path) as book:
        for name in _sheets(book):
            lines = _lines(book, name)
            header = {place: str(text) for place, text in next(lines, {}).items()}
            for line in lines:
                yield {column: _value(column, line.get(place)) for place, column in header.items()}


def xlsx_columns(path: Path) -> list[str]:
    """The header of the first sheet."""
    with zipfile.ZipFile(path) as book:
        return [str(text) for text in next(_lines(book, _sheets(book)[0]), {}).values()]


def _value(column: str, text: str | None) -> Value:
    return None if text is None else numbered(column, text)


def _sheets(book: zipfile.ZipFile) -> list[str]:
    """The parts that hold sheets of records: all but the last, which is the dictionary."""
    count = sum(name.startswith("xl/worksheets/sheet") for name in book.namelist())
    return [f"xl/worksheets/sheet{number}.xml" for number in range(1, count)]


def _lines(book: zipfile.ZipFile, name: str) -> Iterator[dict[str, str]]:
    """The cells of each row of a sheet, by the letters of their column."""
    with book.open(name) as part:
        rows: Element | None = None
        for event, element in iterparse(part, ("start", "end")):  # noqa: S314 - its checksum is a signed one
            if event == "start" and element.tag == f"{_MAIN}sheetData":
                rows = element
            elif event == "end" and rows is not None and element.tag == f"{_MAIN}row":
                texts = {_letters(cell.get("r", "")): _unescaped("".join(cell.itertext())) for cell in element}
                yield {place: text for place, text in texts.items() if text}
                rows.clear()


def _unescaped(text: str) -> str:
    """A text with the characters that XML has no form for; Source: ECMA-376, part 1, §22.9.2.19."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _letters(reference: str) -> str:
    match = _LETTERS.match(reference)
    return match[0] if match else ""

"""CSV and NDJSON: a row a line, written and read one at a time. Stage: anonymous.

Source: RFC 4180; OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.extracts.columns import INTEGERS, Column, Row, Value

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARK = "'"
_STARTS = frozenset((*FORMULA_STARTS, _MARK))
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def defused(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula.

    >>> defused("=1+1"), defused("demo-nord")
    ("'=1+1", 'demo-nord')
    """
    return f"{_MARK}{text}" if text[:1] in _STARTS else text


def armed(cell: str) -> str:
    """The text that a defused cell stands for.

    >>> armed("'=1+1"), armed("demo-nord")
    ('=1+1', 'demo-nord')
    """
    return cell.removeprefix(_MARK)


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Row], dictionary: Mapping[str, Any]) -> int:
    """Write rows as CSV; how many they were.

    Shape: UTF-8 without a byte order mark, commas, CRLF, a header; an absent value is an empty cell.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in columns])
        for row in rows:
            writer.writerow([defused(one) if isinstance(one, str) and one[:1] in _STARTS else one for one in row])
            count += 1
    return count


def read_csv(path: Path) -> Iterator[dict[str, Value]]:
    """The rows of a CSV file by column; whole numbers as such, empty cells as absent."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            yield {name: _value(name, cell) for name, cell in row.items()}


def csv_columns(path: Path) -> list[str]:
    """The header of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def _value(name: str, cell: str | None) -> Value:
    from_text = armed(cell or "")
    return numbered(name, from_text) if from_text else None


def numbered(name: str, text: str) -> Value:
    """A cell's text as its column has it.

    Raises: ValueError for a column of whole numbers that holds none.
    """
    return int(text) if name in INTEGERS else text


def write_ndjson(path: Path, columns: Sequence[Column], rows: Iterable[Row], dictionary: Mapping[str, Any]) -> int:
    """Write rows as JSON objects, one a line; how many they were. Shape: an absent value is null."""
    count, names = 0, [column.name for column in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            file.write(_json(dict(zip(names, row, strict=True))) + "\n")
            count += 1
    return count


def read_ndjson(path: Path) -> Iterator[dict[str, Value]]:
    """The rows of an NDJSON file by column."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            row: dict[str, Value] = json.loads(line)
            yield row


def ndjson_columns(path: Path) -> list[str]:
    """The members of the first row of an NDJSON file; none of an empty one, which names no column."""
    return list(next(read_ndjson(path), {}))

"""The two forms of a batch, NDJSON and CSV: cut into lines on the way in, one row a line on the way out.

Stage: identified on the way in; what goes out is pseudonymous and holds no SSIN.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.domain.batches import MOST_LINES
from gateway.domain.errors import BodyTooLarge, FieldError, InvalidRequest, MalformedCsv, Problem
from gateway.services.register_batch import Upload
from schemas import strict_json

NDJSON, CSV = "application/x-ndjson", "text/csv"
FLAGS = ("agreement.informed", "agreement.in_target_group")
NUMBERS = ("occurrence",)
COLUMNS = ("number", "ref", "outcome", "id", "existing", "status", "code", "rule", "detail", "errors")
_COLUMN = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40})?")
_BOM = "\ufeff"


def read_upload(media_type: str, body: bytes) -> Upload:
    """A body cut into lines.

    Raises: MalformedCsv, BodyTooLarge for too many lines, InvalidRequest for none.
    """
    upload = _read_csv(body) if media_type == CSV else _read_ndjson(body)
    count = len(upload.lines) + len(upload.refused)
    if count > MOST_LINES:
        raise BodyTooLarge
    if not count:
        raise InvalidRequest([FieldError("#", "empty")])
    return upload


def _read_ndjson(body: bytes) -> Upload:
    """One JSON document a line; a blank line is none, but counts."""
    lines = enumerate((line.removesuffix(b"\r") for line in body.split(b"\n")), start=1)
    return Upload(NDJSON, [(number, line) for number, line in lines if line.strip()])


def _read_csv(body: bytes) -> Upload:
    """A header row of member names, inner ones as `agreement.agreed_on`, and a row for each line.

    Shape: comma or semicolon, whichever the header has more of; an empty cell is a member that is not there; a row of
    empty cells is no line, but counts.
    Source: RFC 4180. Not: other encodings than UTF-8, with or without a byte order mark.
    """
    try:
        text = body.decode("utf-8").removeprefix(_BOM)
        first = text.partition("\n")[0]
        delimiter = ";" if first.count(";") > first.count(",") else ","
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        raise MalformedCsv from None
    names = _names(header)
    lines: list[tuple[int, bytes]] = []
    refused: list[tuple[int, Problem]] = []
    for number, row in enumerate(rows, start=1):
        if not any(row):
            continue
        if len(row) != len(names):
            refused.append((number, MalformedCsv()))
        else:
            lines.append((number, strict_json.dumps(_document(zip(names, row, strict=True)))))
    return Upload(CSV, lines, refused, delimiter)


def _names(header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    outer = {name.partition(".")[0] for name in names if "." in name}
    if len(set(names)) != len(names) or outer & set(names) or not all(map(_COLUMN.fullmatch, names)):
        raise MalformedCsv
    return names


def _document(cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, cell in cells:
        text = cell.strip()
        if text:
            *outer, last = name.split(".")
            node = document.setdefault(outer[0], {}) if outer else document
            node[last] = _value(name, text)
    return document


def _value(name: str, text: str) -> str | bool | int:
    """A cell as JSON has it; one that is none of that stays a text, which the schema refuses."""
    if name in FLAGS and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if name in NUMBERS and re.fullmatch(r"[0-9]{1,10}", text):
        return int(text)
    return text


def write_results(media_type: str, delimiter: str | None, results: Iterable[Mapping[str, Any]]) -> str:
    """What became of the lines, in the form in which they came."""
    if media_type == CSV:
        return _csv_of(delimiter or ",", results)
    return "".join(strict_json.dumps(one).decode() + "\n" for one in results)


def _csv_of(delimiter: str, results: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(results))
    return text.getvalue()


def _rows(results: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for one in results:
        problem = one.get("problem", {})
        errors = " ".join(f"{each['pointer']} {each['code']}" for each in problem.get("errors", []))
        cells = {**problem, **one, "errors": errors}
        yield [cells.get(name, "") for name in COLUMNS]

"""The file of what is to correct: the lines that were refused, as they were, with two members that say why.

Stage: identified, on the sender's own disk, where the identities came from.
Cost: memory for a line; results and lines are read side by side, because both are in order.
"""

from __future__ import annotations

import csv
import filecmp
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from gateway.http.api.batch_forms import cut
from gateway.http.api.batch_tables import IGNORED, UTF_8, WINDOWS, Table

CHUNK_BYTES = 64 * 1024
CODE, DETAIL = f"{IGNORED}code", f"{IGNORED}detail"
FAILED = ("refused", "not-done")

Failed = Iterator[tuple[int, str, str]]
"""Numbers of lines that failed, in order, each with its code and what is told of it."""


def write_corrections(original: Path, results: Path, batch: Mapping[str, Any]) -> Path | None:
    """Write what is to correct of a file beside it; None, and no file, when nothing is.

    Shape: in the encoding and with the separator of the original; an earlier file, perhaps corrected by now, is never
    written over.
    """
    is_table = batch.get("delimiter") is not None
    if not any(True for _ in _failed(results, batch)):
        return None
    part = original.with_name(f"{original.name}.to-correct.part")
    encoding = batch.get("encoding") or UTF_8
    with open(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        "w",
        encoding=encoding,
        errors="replace",  # of our own texts, where the original's encoding lacks a character
        newline="",
    ) as file:
        failed = _failed(results, batch)
        file.writelines(_table(original, failed, encoding) if is_table else _lines(original, failed))
    return _placed(part, original, ".csv" if is_table else ".ndjson")


def _placed(part: Path, original: Path, suffix: str) -> Path:
    """Put a file in the first place that is free, or holds the same already."""
    for number in count(1):
        place = original.with_name(f"{original.name}.to-correct{'' if number == 1 else f'-{number}'}{suffix}")
        if not place.exists() or filecmp.cmp(part, place, shallow=False):
            part.replace(place)
            return place
    raise AssertionError("numbers do not end")


def _failed(results: Path, batch: Mapping[str, Any]) -> Failed:
    if batch.get("delimiter") is None:
        with results.open("rb") as lines:
            for one in map(json.loads, lines):
                if one["outcome"] in FAILED:
                    yield one["number"], _code(one), _detail(one.get("problem", {}))
        return
    with results.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter=batch["delimiter"]):
            if row["outcome"] in FAILED:
                yield int(row["number"]), row["code"] or row["outcome"], row["detail"]


def _code(result: Mapping[str, Any]) -> str:
    return str(result.get("problem", {}).get("code", result["outcome"]))


def _detail(problem: Mapping[str, Any]) -> str:
    fields = [f"{one['pointer']}: {one['detail']}" for one in problem.get("errors", [])]
    return " ".join([problem.get("detail", ""), *fields]).strip()


def _lines(original: Path, failed: Failed) -> Iterator[str]:
    """The refused lines of an NDJSON file; one that is no JSON object cannot be told anything, and stays as it is."""
    lines = enumerate(cut(_chunks(original)), start=1)
    for number, code, detail in failed:
        text = next(line for at, line in lines if at == number)
        yield _told(b"" if text is None else text, code, detail) + "\n"


def _told(line: bytes, code: str, detail: str) -> str:
    text = line.decode("utf-8", "replace").removesuffix("\r")
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if not isinstance(document, dict):
        return text
    kept = {name: value for name, value in document.items() if not name.startswith(IGNORED)}
    return json.dumps({**kept, CODE: code, DETAIL: detail}, ensure_ascii=False)


def _table(original: Path, failed: Failed, encoding: str) -> Iterator[str]:
    """The header and the refused rows of a table."""
    table = Table(_chunks(original), WINDOWS if encoding == WINDOWS else UTF_8)
    rows = table.rows()
    header = next(rows)
    while header and not header[-1].strip():
        header.pop()
    kept = [place for place, name in enumerate(header) if not name.strip().startswith(IGNORED)]
    out = csv.writer(_Echo(), delimiter=table.delimiter)
    if table.starts_with_separator:
        yield f"sep={table.delimiter}\r\n"
    yield out.writerow([*_cells(header, kept), CODE, DETAIL])
    numbered = enumerate(rows, start=1)
    for number, code, detail in failed:
        row = next(row for at, row in numbered if at == number)
        yield out.writerow([*_cells(row, kept), code, detail.replace("\u202f", " "), *_beyond(row, len(header))])


def _cells(row: list[str], places: Iterable[int]) -> list[str]:
    return [row[place] if place < len(row) else "" for place in places]


def _beyond(row: list[str], width: int) -> list[str]:
    """The cells that have no column: what is wrong with the row, to be seen and moved."""
    return [cell for cell in row[width:] if cell.strip()]


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """The text."""
        return text


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

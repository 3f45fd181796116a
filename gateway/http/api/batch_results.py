"""What became of a batch's lines, in the form in which they came, a piece at a time.

Stage: pseudonymous; no SSIN is in it.
No cell is one that a spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.extracts.text_forms import defused
from gateway.http.api.batch_forms import CSV
from gateway.http.api.batch_tables import UTF_8
from schemas import strict_json

COLUMNS = ("number", "row", "ref", "outcome", "id", "existing", "status", "code", "rule", "detail", "errors")
_BOM = "\ufeff"


def written(
    media_type: str, encoding: str | None, delimiter: str | None, results: Iterable[Mapping[str, Any]]
) -> Iterator[bytes]:
    """Results as bytes: UTF-8; where a table came otherwise than as bare UTF-8, marked, so that spreadsheets see it."""
    if media_type != CSV:
        for one in results:
            yield strict_json.dumps(one) + b"\n"
        return
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter or ",")
    text.write("" if encoding in (None, UTF_8) else _BOM)
    writer.writerow(COLUMNS)
    for one in results:
        writer.writerow(_cells(one))
        yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _cells(one: Mapping[str, Any]) -> list[Any]:
    problem = one.get("problem", {})
    errors = " ".join(f"{each['pointer']} {each['code']}" for each in problem.get("errors", []))
    details = [
        problem.get("detail", ""),
        *(f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", [])),
    ]
    cells = {**problem, **one, "errors": errors, "detail": " ".join(details)}
    return [defused(cell) if isinstance(cell := cells.get(name, ""), str) else cell for name in COLUMNS]

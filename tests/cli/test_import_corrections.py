"""The file of what is to correct, read again as a spreadsheet program reads it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.http.api.batch_results import written
from gateway.import_corrections import write_corrections
from tests.sandboxes import synthetic_ssin

NDJSON, CSV = "application/x-ndjson", "text/csv"
PROBLEM = {
    "code": "invalid-request",
    "detail": "Ill-formed.",
    "errors": [{"pointer": "#/ssin", "code": "invalid-ssin", "detail": "The check\u202fdigits."}],
}


def results_of(folder: Path, batch: dict[str, Any], *outcomes: tuple[int, str]) -> Path:
    """Results as the gateway sends them."""
    told = [
        {
            "number": number,
            "row": number + 1,
            "outcome": outcome,
            **({"problem": PROBLEM} if outcome == "refused" else {}),
        }
        for number, outcome in outcomes
    ]
    kind = CSV if "delimiter" in batch else NDJSON
    path = folder / "results"
    path.write_bytes(b"".join(written(kind, batch.get("encoding"), batch.get("delimiter"), told)))
    return path


@pytest.mark.parametrize(("encoding", "delimiter"), [("windows-1252", ";"), ("utf-8-sig", ";"), ("utf-8", ",")])
def test_refused_rows_come_back_as_they_were_with_two_columns_more(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    batch = {"encoding": encoding, "delimiter": delimiter}
    original = tmp_path / "april.csv"
    rows = [
        ["type", "ref", "ssin", "result_code", ""],
        ["inclusion", "été", synthetic_ssin(1), "", ""],
        ["", "", "", "", ""],
        ["inclusion", "two\nlines; and, more", "85073003329", "old", ""],
        ["inclusion", "short", "123"],
        ["inclusion", "=1+1", synthetic_ssin(2), "", "", "beyond"],
    ]
    with original.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    results = results_of(tmp_path, batch, (1, "accepted"), (3, "refused"), (4, "refused"), (5, "not-done"))

    place = write_corrections(original, results, batch)

    assert place == tmp_path / "april.csv.to-correct.csv"
    with place.open(encoding=encoding, newline="") as file:
        found = list(csv.reader(file, delimiter=delimiter))
    assert found == [
        ["type", "ref", "ssin", "result_code", "result_detail"],
        ["inclusion", "two\nlines; and, more", "85073003329", "invalid-request", found[1][4]],
        ["inclusion", "short", "123", "invalid-request", found[1][4]],
        ["inclusion", "=1+1", synthetic_ssin(2), "not-done", "", "beyond"],
    ]
    assert found[1][4] == "Ill-formed. #/ssin: The check digits."
    assert place.read_bytes().startswith(b"\xef\xbb\xbf") is (encoding == "utf-8-sig")
    assert place.stat().st_mode & 0o077 == 0


def test_line_that_names_the_separator_stays_the_first(tmp_path: Path) -> None:
    batch = {"encoding": "utf-8", "delimiter": ";"}
    original = tmp_path / "a.csv"
    original.write_bytes(b"sep=;\r\ntype;ref\r\nwish;a\r\n")

    place = write_corrections(original, results_of(tmp_path, batch, (1, "refused")), batch)

    assert place is not None
    assert place.read_bytes().splitlines()[:2] == [b"sep=;", b"type;ref;result_code;result_detail"]


def test_refused_lines_come_back_with_two_members_more(tmp_path: Path) -> None:
    original = tmp_path / "a.ndjson"
    lines = [{"ref": "good"}, {"ref": "été", "result_code": "old"}, ["no object"]]
    original.write_bytes(
        "\n".join([json.dumps(lines[0]), "", json.dumps(lines[1]), json.dumps(lines[2]), "{"]).encode()
    )
    results = results_of(tmp_path, {}, (1, "duplicate"), (3, "refused"), (4, "refused"), (5, "refused"))

    place = write_corrections(original, results, {})

    assert place == tmp_path / "a.ndjson.to-correct.ndjson"
    first, *others = place.read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {
        "ref": "été",
        "result_code": "invalid-request",
        "result_detail": "Ill-formed. #/ssin: The check\u202fdigits.",
    }
    assert others == ['["no object"]', "{"]


def test_nothing_to_correct_makes_no_file(tmp_path: Path) -> None:
    original = tmp_path / "a.ndjson"
    original.write_text("{}\n")

    assert write_corrections(original, results_of(tmp_path, {}, (1, "accepted")), {}) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ndjson", "results"]


def test_what_somebody_corrected_is_never_written_over(tmp_path: Path) -> None:
    original = tmp_path / "a.ndjson"
    original.write_text("{}\n")
    results = results_of(tmp_path, {}, (1, "refused"))

    first, same = (write_corrections(original, results, {}) for _ in range(2))
    assert first is not None
    first.write_text("corrected\n")
    third = write_corrections(original, results, {})

    assert same == first
    assert third == tmp_path / "a.ndjson.to-correct-2.ndjson"
    assert first.read_text() == "corrected\n"

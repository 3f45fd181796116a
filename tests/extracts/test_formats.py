"""The formats: what is written is what is read, by this program and by those that people use."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl
import pandas
import pyarrow.parquet
import pytest

from gateway.domain.ladder import Recipient
from gateway.extracts.columns import INTEGERS, Column, Row, Value, columns_of, record_of, rows_of
from gateway.extracts.dictionary import dictionary_of
from gateway.extracts.formats import FORMATS, file_name
from gateway.extracts.texts import LANGUAGES
from tests.unmeasured import unmeasured

COLUMNS = columns_of(Recipient.INSURER)
DICTIONARY = dictionary_of(Recipient.INSURER)
NAMES = [column.name for column in COLUMNS]
HOSTILE = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+32",
    "-demo",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'quoted",
    "''twice",
    'a "b", c; d',
    "été – 中 – 😀",
    "https://example.org",
    "{=1}",
    " leading",
    "1e9",
    "007",
    "true",
)
RECORDS = {"csv": 200_000, "ndjson": 200_000, "parquet": 200_000, "xlsx": 100_000}
MOST_KILOBYTES = {"csv": 6_000, "ndjson": 6_000, "parquet": 30_000, "xlsx": 6_000}
"""How much more memory so many records may take than a tenth of them."""


def rows(count: int, columns: tuple[Column, ...] = COLUMNS) -> Iterator[Row]:
    for number in range(count):
        yield tuple(_value(column, number) for column in columns)


def _value(column: Column, number: int) -> Value:
    if column.type == "integer":
        return number + 27
    if column.name in ("district", "age_group", "sex"):
        return None if number % 2 else f"{number % 90:02}"
    return f"{column.name}-{number % 50}"


def written(form: str, home: Path, given: Sequence[Row]) -> Path:
    path = home / file_name(form)
    assert FORMATS[form].write(path, COLUMNS, iter(given), DICTIONARY) == len(given)
    return path


def named(given: Sequence[Row]) -> list[dict[str, Value]]:
    return [dict(zip(NAMES, row, strict=True)) for row in given]


@pytest.mark.parametrize("count", [0, 1, pytest.param(25_001, marks=pytest.mark.repetitive)])
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_again(form: str, count: int, tmp_path: Path) -> None:
    given = list(rows(count))
    path = written(form, tmp_path, given)

    assert list(FORMATS[form].read(path)) == named(given)
    assert FORMATS[form].columns(path) == (NAMES if count or form != "ndjson" else [])
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_comes_back_as_it_was(form: str, tmp_path: Path) -> None:
    given = [tuple(text if column.type == "text" else 27 for column in COLUMNS) for text in HOSTILE]

    path = written(form, tmp_path, given)

    assert [one["project"] for one in FORMATS[form].read(path)] == list(HOSTILE)


def test_no_csv_cell_begins_as_a_formula(tmp_path: Path) -> None:
    given = [tuple(text if column.type == "text" else 27 for column in COLUMNS) for text in HOSTILE]
    path = written("csv", tmp_path, given)

    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]

    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))] == []
    assert "'=1+1" in cells


def test_no_workbook_cell_is_a_formula_or_a_link(tmp_path: Path) -> None:
    given = [tuple(text if column.type == "text" else 27 for column in COLUMNS) for text in HOSTILE]

    book = openpyxl.load_workbook(written("xlsx", tmp_path, given))

    cells = [cell for row in book["records"].iter_rows(min_row=2) for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n"} or {cell.data_type for cell in cells} == {"inlineStr", "n"}
    assert {cell.hyperlink for cell in cells} == {None}
    assert [cell.value for cell in cells][:1] == [HOSTILE[0]]


def test_csv_is_as_rfc_4180_says(tmp_path: Path) -> None:
    content = written("csv", tmp_path, list(rows(3))).read_bytes()

    assert content.count(b"\r\n") == 4
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert content.endswith(b"\r\n")
    assert not content.startswith(b"\xef\xbb\xbf")
    assert content.split(b"\r\n")[0].decode() == ",".join(NAMES)


def test_others_read_the_same(tmp_path: Path) -> None:
    given = list(rows(100))
    text = {name: str for name in NAMES if name not in INTEGERS}

    from_csv = pandas.read_csv(written("csv", tmp_path, given), dtype=text)
    from_parquet = pyarrow.parquet.read_table(written("parquet", tmp_path, given)).to_pylist()
    from_xlsx = pandas.read_excel(written("xlsx", tmp_path, given), sheet_name="records", dtype=text)
    lines = [json.loads(line) for line in written("ndjson", tmp_path, given).read_text("utf-8").splitlines()]

    assert from_parquet == lines == named(given)
    for frame in (from_csv, from_xlsx):
        assert list(frame.columns) == NAMES
        assert frame["beneficiaries"].tolist() == [one["beneficiaries"] for one in lines]
        assert frame["sex"].isna().tolist() == [one["sex"] is None for one in lines]


def test_workbook_has_a_frozen_header_and_the_dictionary(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written("xlsx", tmp_path, list(rows(2))))

    assert book.sheetnames == ["records", "dictionary"]
    assert {sheet.freeze_panes for sheet in book} == {"A2"}
    described = list(book["dictionary"].iter_rows(values_only=True))
    assert described[0] == ("name", "type", "unit", "values", *LANGUAGES)
    assert [row[0] for row in described[1 : len(NAMES) + 1]] == NAMES
    assert len(described) == 1 + len(NAMES) + len(DICTIONARY["notes"])


def test_more_rows_than_a_sheet_holds_go_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.extracts.workbook.ROWS_PER_SHEET", 10)
    given = list(rows(25))

    path = written("xlsx", tmp_path, given)

    assert openpyxl.load_workbook(path).sheetnames == ["records", "records 2", "records 3", "dictionary"]
    assert list(FORMATS["xlsx"].read(path)) == named(given)


@pytest.mark.parametrize("form", FORMATS)
def test_same_rows_give_the_same_bytes_at_any_time(form: str, tmp_path: Path) -> None:
    first = written(form, tmp_path, list(rows(500))).read_bytes()
    time.sleep(1.1 if form == "xlsx" else 0)

    assert written(form, tmp_path, list(rows(500))).read_bytes() == first


PEAK = """
import sys
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from gateway.extracts.formats import FORMATS
from tests.extracts.test_formats import COLUMNS, DICTIONARY, rows

form, home = FORMATS[sys.argv[1]], Path(sys.argv[2])
form.write(home / "small", COLUMNS, rows(int(sys.argv[3]) // 10), DICTIONARY)
before = getrusage(RUSAGE_SELF).ru_maxrss
form.write(home / "large", COLUMNS, rows(int(sys.argv[3])), DICTIONARY)
print(getrusage(RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("form", FORMATS)
def test_memory_does_not_grow_with_the_rows(form: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PEAK, form, str(tmp_path), str(RECORDS[form])]

    done = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=True)

    assert int(done.stdout) < MOST_KILOBYTES[form]


def test_record_comes_back_from_its_row() -> None:
    row = next(rows(1))

    record = record_of(dict(zip(NAMES, row, strict=True)))

    assert list(rows_of([record], COLUMNS)) == [row]
    assert record_of({**named([row])[0], "insurer": None}).insurer is None


@pytest.mark.parametrize("wrong", [{"actions": "7"}, {"beneficiaries": None}])
def test_row_with_a_figure_that_is_none_is_no_record(wrong: dict[str, Value]) -> None:
    with pytest.raises(TypeError):
        record_of({**named(list(rows(1)))[0], **wrong})


def test_row_without_a_column_is_no_record() -> None:
    row = named(list(rows(1)))[0]
    del row["release"]

    with pytest.raises(KeyError):
        record_of(row)


@pytest.mark.parametrize("recipient", Recipient)
def test_dictionary_describes_every_column_in_four_languages(recipient: Recipient) -> None:
    described = dictionary_of(recipient)

    assert [one["name"] for one in described["columns"]] == [column.name for column in columns_of(recipient)]
    texts = [one["meaning"] for one in described["columns"]] + [one["text"] for one in described["notes"]]
    assert all(set(text) == set(LANGUAGES) and all(text.values()) for text in texts)
    assert ("insurer" in [one["name"] for one in described["columns"]]) is (recipient is Recipient.INSURER)
    assert {"unit", "sigma", "not_additive", "near_threshold"} <= {one["note"] for one in described["notes"]}

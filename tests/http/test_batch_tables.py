"""Tables as spreadsheets in Belgium save them, and what is told of a value that one of them changed."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.builders import PROJECT, SSIN
from tests.http.test_batches import CSV, HEADER, a_line, a_row, a_table, done, lines_of, ndjson, post
from tests.http.wire import Gateway
from tests.sandboxes import synthetic_ssin

NDJSON = "application/x-ndjson"


def rows_of(text: str, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter))


def as_saved(delimiter: str, *rows: tuple[str, ...]) -> str:
    return a_table(delimiter, *rows).decode()


FORMS: dict[str, tuple[str, bytes, tuple[str, str]]] = {
    "Windows-1252, told": (f"{CSV}; charset=windows-1252", as_saved(";", a_row("été")).encode("cp1252"), ("W", ";")),
    "Windows-1252, seen": (CSV, as_saved(";", a_row("plain"), a_row("€ été")).encode("cp1252"), ("W", ";")),
    "UTF-8 told, marked": (f"{CSV}; charset=utf-8", as_saved(",", a_row("été")).encode("utf-8-sig"), ("M", ",")),
    "tabs": (CSV, as_saved("\t", a_row("été")).encode(), ("U", "\t")),
    "the line sep=": (CSV, b"sep=;\r\n" + as_saved(";", a_row("a,b,c,d,e,f,g,h")).encode(), ("U", ";")),
    "the line sep=, quoted and marked": (
        CSV,
        b'\xef\xbb\xbf"sep=;"\r\n' + as_saved(";", a_row("a")).encode(),
        ("M", ";"),
    ),
    "plain ASCII": (CSV, as_saved(",", a_row("a")).encode(), ("U", ",")),
}
ENCODINGS = {"U": "utf-8", "M": "utf-8-sig", "W": "windows-1252"}


@pytest.mark.parametrize("case", FORMS)
def test_table_is_read_as_it_was_saved_and_the_receipt_says_how(light_gateway: Gateway, case: str) -> None:
    kind, body, (encoding, delimiter) = FORMS[case]

    status, results = done(light_gateway, body, kind)

    assert (status["encoding"], status["delimiter"]) == (ENCODINGS[encoding], delimiter)
    assert (status["accepted"], status["refused"]) == (1, 0) if status["lines"] == 1 else (1, 1)
    text = results.get_data().decode()
    assert text.startswith("\ufeff") is (encoding != "U")
    sent = body.decode("cp1252" if encoding == "W" else "utf-8")
    assert all(one["ref"] in sent for one in rows_of(text, delimiter))
    assert rows_of(text, delimiter)[0]["row"] == "2"


def test_row_is_the_row_of_the_spreadsheet(light_gateway: Gateway) -> None:
    """A row whose cell holds a line break is one row, an empty one counts, columns and cells at the end do not."""
    header = (*HEADER, "", "")
    rows = [
        (*a_row("one\nin two\r\nlines"), "", ""),
        ("",) * 9,
        (*a_row("second", synthetic_ssin(1)), "", ""),
        a_row("third", synthetic_ssin(2)),
        ("  ",) * 9,
    ]

    status, results = done(light_gateway, a_table(";", *rows, header=header), CSV)

    found = rows_of(results.text, ";")
    assert [(one["number"], one["row"], one["outcome"]) for one in found] == [
        ("1", "2", "refused"),
        ("3", "4", "accepted"),
        ("4", "5", "accepted"),
    ]
    assert found[0]["errors"].startswith("#/ref ")
    assert status["lines"] == 3


@pytest.mark.parametrize("word", ["TRUE", "VRAI", "WAAR", "WAHR", "true"])
def test_spreadsheets_say_true_in_their_language(light_gateway: Gateway, word: str) -> None:
    row = ("inclusion", "r", PROJECT, SSIN, "2022-01-10", word, word.lower())

    status, _ = done(light_gateway, a_table(";", row), CSV)

    assert status["accepted"] == 1


HINTS: list[tuple[dict[str, Any], str, str, str | None]] = [
    ({"ssin": "5010112345"}, "#/ssin", "leading-zeros-lost", None),
    ({"ssin": "8,5073E+10"}, "#/ssin", "rounded-number", None),
    ({"ssin": "85.07.30-033.28"}, "#/ssin", "digits-only", None),
    ({"ssin": "85073003329"}, "#/ssin", "invalid-ssin", None),
    ({"ssin": "12"}, "#/ssin", "invalid-ssin", None),
    ({"ssin": 5010112345}, "#/ssin", "wrong-type", None),
    ({"municipality": "1001"}, "#/municipality", "leading-zeros-lost", None),
    ({"municipality": "no"}, "#/municipality", "invalid-nis", None),
    ({"agreed_on": "10/01/2022"}, "#/agreement/agreed_on", "day-in-another-form", "2022-01-10"),
    ({"agreed_on": "2022/1/10"}, "#/agreement/agreed_on", "day-in-another-form", "2022-01-10"),
    ({"agreed_on": "01/31/2022"}, "#/agreement/agreed_on", "invalid-day", None),
    ({"agreed_on": "44571"}, "#/agreement/agreed_on", "invalid-day", None),
]


def test_what_a_spreadsheet_did_is_told_and_never_mended(light_gateway: Gateway) -> None:
    lines = []
    for changes, _, _, _ in HINTS:
        line = a_line(**{name: value for name, value in changes.items() if name != "agreed_on"})
        line["agreement"] = {**line["agreement"], **{name: changes[name] for name in changes if name == "agreed_on"}}
        lines.append(line)

    status, results = done(light_gateway, ndjson(*lines), NDJSON)

    found = [line["problem"]["errors"][0] for line in lines_of(results)]
    assert [(one["pointer"], one["code"], one.get("expected")) for one in found] == [
        (pointer, code, expected) for _, pointer, code, expected in HINTS
    ]
    assert [one["detail"] for one in found if "expected" in one] == ["A day is written year-month-day: 2022-01-10."] * 2
    assert status["refused"] == len(HINTS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_of_the_results_is_a_formula(light_gateway: Gateway, start: str) -> None:
    _, results = done(light_gateway, a_table(";", a_row(f"{start}1+1"), a_row("'a")), CSV)

    assert [one["ref"] for one in rows_of(results.text, ";")] == [f"'{start}1+1", "''a"]


def test_columns_of_an_earlier_result_are_not_read(light_gateway: Gateway) -> None:
    header = (*HEADER, "result_code", "result_detail")
    row = (*a_row("a"), "not-included", "why")
    told = {"result_code": "not-included", "result_detail": "why", **a_line(ssin=synthetic_ssin(3))}

    _, table = done(light_gateway, a_table(";", row, header=header), CSV)
    _, lines = done(light_gateway, ndjson(told), NDJSON)

    assert rows_of(table.text, ";")[0]["outcome"] == "accepted"
    assert lines_of(lines)[0]["outcome"] == "accepted"


def test_charset_that_no_table_comes_in_is_refused(shared_gateway: Gateway) -> None:
    answers = [
        post(shared_gateway, as_saved(";", a_row("a")).encode(), f"{CSV}; charset=utf-16"),
        post(shared_gateway, ndjson(a_line()), f"{NDJSON}; charset=windows-1252"),
    ]

    assert [answer.status_code for answer in answers] == [415, 415]

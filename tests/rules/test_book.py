"""The rule book holds together: ids, sources, texts, tables, refusals and the printed file."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from gateway.domain.errors import Problem
from gateway.domain.rulebook import RULES, VERSION
from tests.builders import day, days, instant
from tests.rules import book
from tests.rules.tables import Refused, Table

LANGUAGES = ("fr", "nl", "de", "en")


def every(kind: type[Problem]) -> list[type[Problem]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every(child))]


def test_book_has_every_rule_in_its_order() -> None:
    numbers = {"V": [1, 2, 3, 4, 5, 6, 7, 8], "I": [1, 7, 2, 3, 4, 5, 6], "P": [1, 2, 3, 4, 5, 6, 7, 8, 10, 9]}
    numbers |= {"C": [1, 2, 3, 4, 5, 6, 7], "A": [1, 2, 3, 4, 5, 6, 7]}

    ids = list(RULES)

    assert ids == [f"{letter}{number}" for letter, group in numbers.items() for number in group]
    assert all(rule.id == key for key, rule in RULES.items())
    assert VERSION == "1"


def test_rule_without_an_article_is_an_interpretation() -> None:
    own = {rule.id for rule in RULES.values() if rule.source == "interpretation"}

    marked = {rule.id for rule in RULES.values() if rule.interpretation}

    assert own == {"V5", "V8", "I3", "P6"}
    assert own <= marked


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_a_text_of_its_own_in_every_language(language: str) -> None:
    texts = book.texts(language)

    sentences = {rule: text.strip() for rule, text in texts.items()}

    assert list(sentences) == list(RULES)
    assert len(set(sentences.values())) == len(RULES)
    assert all(text.endswith(".") for text in sentences.values())


def test_every_rule_that_a_function_decides_has_examples() -> None:
    tables = book.tables()

    shown = {table.rule for table in tables}

    assert shown == {rule for rule in RULES if rule[0] in "VIP"} | {"I", "P", "C1", "C2", "C7"}


@pytest.mark.parametrize("table", book.tables(), ids=lambda table: f"{table.rule} {table.statement}")
def test_table_has_rows_of_its_columns_with_a_name_each(table: Table) -> None:
    names = [row[0] for row in table.rows]

    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.columns[0] == "case"
    assert len(set(names)) == len(names) > 0
    assert len({parameters.id for parameters in table.cases()}) == len(names)


@pytest.mark.parametrize("problem", every(Problem), ids=lambda problem: problem.__name__)
def test_refusal_names_a_rule_of_the_book_with_the_books_source(problem: type[Problem]) -> None:
    rule, source = problem.rule, problem.source

    expected = None if rule is None else RULES[rule].source

    assert source == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        ("", "–"),
        (True, "yes"),
        (False, "no"),
        (1, "1"),
        ("a|b", "a\\|b"),
        ("794010 ", "`794010 `"),
        ((3, 6), "3, 6"),
        (day("2022-02-14"), "2022-02-14"),
        (instant("2022-01-31T23:00Z"), "2022-01-31T23:00:00Z"),
        (instant("2022-01-15T09:30+01:00"), "2022-01-15T09:30:00+01:00"),
        (days("2022-02-01 .. 2022-12-31"), "2022-02-01 .. 2022-12-31"),
        (days("2022-02-01 .."), "2022-02-01 .."),
        (days("2022-02-01 .. 2022-01-31"), "none (2022-02-01 .. 2022-01-31)"),
        (Refused("I1", "not-informed"), "refused by I1: `not-informed`"),
        (Refused("P4", "later", None, date(2022, 1, 1)), "refused by P4: `later`, allowed .. 2022-01-01"),
        (Refused("P2", "then", date(2022, 1, 1)), "refused by P2: `then`, allowed 2022-01-01 .."),
    ],
    ids=str,
)
def test_cell_shows_a_value_as_a_reader_expects_it(value: object, shown: str) -> None:
    cell = book.cell(value)

    assert cell == shown


def test_printed_book_is_current() -> None:
    printed = book.RULES_MD.read_text(encoding="utf-8")

    current = book.book()

    assert printed == current, "RULES.md is not current; run: make rules"


def test_check_writes_nothing_and_tells_a_stale_book_from_a_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(book, "RULES_MD", tmp_path / "RULES.md")

    before, written, after = book.main(["--check"]), book.main([]), book.main(["--check"])

    assert (before, written, after) == (1, 0, 0)
    assert "make rules" in capsys.readouterr().err


def test_rule_cannot_be_changed() -> None:
    rule = RULES["V1"]

    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.source = "C 10"  # type: ignore[misc]  # what is tested

"""`chroniccare release`: one period, one group of measures, or all that is due."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.pseudonyms.keyring import new_keys, write_keyring
from gateway.store.tables import release
from gateway.store.transaction import Store
from tests.builders import PROJECT, instant
from tests.conftest import LegalClock
from tests.store.rows import rows
from tests.store.seeds import seeded


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sandbox's data directory with a catalogue, its clock on 20 November 2021."""
    database = f"sqlite:///{tmp_path / 'register.sqlite3'}"
    shutil.copy(sqlite_template, tmp_path / "register.sqlite3")
    write_keyring(new_keys(), tmp_path / "keys.json")
    store = Store(database, LegalClock(instant("2021-09-01T08:00+02:00")))
    seeded(store)
    store.close()
    monkeypatch.setenv("CHRONICCARE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CHRONICCARE_SANDBOX", "1")
    (tmp_path / "clock").write_text("2021-11-20T09:00:00+00:00", encoding="ascii")
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["release", *arguments])
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def ledger(house: Path) -> list[str]:
    return [row["id"] for row in rows(f"sqlite:///{house / 'register.sqlite3'}", release, "id")]


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (["--measures", "inclusions"], ["joined-month-2021-10-1", "left-month-2021-10-1"]),
        (["--measures", "actions"], ["actions-month-2021-10-1"]),
        ([], ["actions-month-2021-10-1", "joined-month-2021-10-1", "left-month-2021-10-1"]),
    ],
    ids=["inclusions", "actions", "both"],
)
def test_month_is_closed_for_the_measures_asked_for(house: Path, measures: list[str], expected: list[str]) -> None:
    code, output = run("--month", "2021-10", *measures)

    assert (code, ledger(house)) == (0, expected)
    assert all(f"{one}: 0 cells published" in output for one in expected)


def test_due_closes_everything_due_of_every_measure_and_nothing_twice(house: Path) -> None:
    assert run("--due")[0] == 0

    assert ledger(house) == [
        "actions-month-2021-09-1",
        "actions-month-2021-10-1",
        "actions-quarter-2021-Q3-1",
        "included-quarter-2021-Q3-1",
        "included-quarter-2021-Q4-1",
        "included-year-2021-1",
        *(f"{measure}-month-2021-{month}-1" for measure in ("joined", "left") for month in ("09", "10", "11")),
    ]
    assert run("--due") == (0, "")


def test_due_keeps_to_the_measures_asked_for(house: Path) -> None:
    run("--due", "--measures", "actions")

    assert ledger(house) == ["actions-month-2021-09-1", "actions-month-2021-10-1", "actions-quarter-2021-Q3-1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--month", "2021-11"], "2021-11 can be closed from 2021-12-10"),
        (["--month", "2021-12", "--measures", "inclusions"], "2021-12 can be closed from 2021-12-01"),
        (["--convention", PROJECT, "--measures", "inclusions"], "no inclusion measure is counted over a convention"),
        (["--convention", "demo-ouest"], "no project is called demo-ouest"),
        (["--month", "2021-10", "--measures", "all"], "--measures is one of inclusions, actions"),
        (["--month", "2021-13"], "not a month, which is written like 2022-03"),
        (["--due", "--month", "2021-10"], "name exactly one of"),
        ([], "name exactly one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_closed_is_said(house: Path, arguments: list[str], said: str) -> None:
    code, output = run(*arguments)

    assert (code, ledger(house)) == (2, [])
    assert said in output


def test_period_that_is_released_is_said(house: Path) -> None:
    run("--month", "2021-10")

    code, output = run("--month", "2021-10")

    assert code == 2
    assert "2021-10 is released and never computed again" in output


def test_released_month_is_revised_once_a_year_and_says_why(house: Path) -> None:
    asked = ("--month", "2021-10", "--measures", "actions", "--revise", "counting-fault")
    unreleased = run(*asked)
    run("--month", "2021-10", "--measures", "actions")

    revised, again = run(*asked), run(*asked)

    assert unreleased[0] == 2
    assert "2021-10 is not released, so there is nothing to revise" in unreleased[1]
    assert revised == (0, "actions-month-2021-10-2: 0 cells published")
    assert again[0] == 2
    assert "2021-10 can be revised from 2022-11-20" in again[1]
    stored = rows(f"sqlite:///{house / 'register.sqlite3'}", release)
    assert [(row["id"], row["reason"]) for row in stored] == [
        ("actions-month-2021-10-1", None),
        ("actions-month-2021-10-2", "counting-fault"),
    ]


@pytest.mark.parametrize("asked", [("--month", "2021-10", "--revise", "because"), ("--due", "--revise", "court-order")])
def test_revision_needs_a_reason_of_the_list_and_a_period(house: Path, asked: tuple[str, ...]) -> None:
    code, output = run(*asked)

    assert (code, ledger(house)) == (2, [])
    assert "court-order" in output or "a revision names its period" in output

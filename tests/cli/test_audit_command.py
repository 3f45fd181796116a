"""The commands of the audit, at a register of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.services.chain_audit import chain_some
from gateway.services.checkpoints import FILE
from gateway.store.tables import audit_entry
from tests.builders import SSIN
from tests.services.desk import Desk


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


@pytest.fixture
def checkpoints(desk: Desk, tmp_path: Path) -> Path:
    """The file of the first checkpoint, of an audit of two entries."""
    desk.include()
    desk.include(1)
    chain_some(desk.context)
    assert _run("checkpoint").exit_code == 0
    return tmp_path / "data" / "checkpoints" / FILE


def test_verify_says_how_many_entries_are_as_they_were_and_how_many_wait(desk: Desk, checkpoints: Path) -> None:
    desk.include(2)

    ended = _run("verify")

    assert ended.exit_code == 0
    assert "2 entries looked at; 1 checkpoints, the last of 20" in ended.stdout
    assert "; 1 not chained yet, the oldest of 20" in ended.stdout
    assert ended.stdout.endswith("every one of them is as it was\n")
    assert SSIN not in ended.stdout


def test_verify_of_an_audit_without_entries_is_in_order(desk: Desk) -> None:
    ended = _run("verify")

    assert (ended.exit_code, ended.stdout.splitlines()[0]) == (0, "0 entries looked at; 0 not chained yet")


def test_verify_names_the_first_entry_of_a_chain_that_is_not_as_it_was(desk: Desk, checkpoints: Path) -> None:
    engine = create_engine(desk.database_url)
    with engine.begin() as connection:
        connection.execute(delete(audit_entry))
    engine.dispose()

    ended = _run("verify")

    assert ended.exit_code == 1
    assert ", place 1: missing" in ended.stdout


def test_checkpoint_is_printed_to_be_kept_and_verified_against(desk: Desk, checkpoints: Path, tmp_path: Path) -> None:
    printed = _run("checkpoint")
    kept = tmp_path / "kept"
    kept.write_text(printed.stdout, encoding="ascii")

    assert printed.stdout == checkpoints.read_text(encoding="ascii")
    assert _run("verify", "--kept", kept).exit_code == 0
    kept.write_text("rubbish", encoding="ascii")
    refused = _run("verify", "--kept", kept)
    assert (refused.exit_code, refused.stderr) == (1, f"{kept} holds something that is no checkpoint of our keys\n")


def test_checkpoints_that_were_changed_are_told_of_and_not_gone_on_with(desk: Desk, checkpoints: Path) -> None:
    lines = checkpoints.read_text(encoding="ascii")
    checkpoints.write_text(lines * 2, encoding="ascii")

    for command in ("verify", "checkpoint"):
        ended = _run(command)
        assert ended.exit_code == 1
        assert ended.stderr.startswith("checkpoint 2")


def test_chain_that_became_shorter_is_not_signed(desk: Desk, checkpoints: Path) -> None:
    engine = create_engine(desk.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_chain")
    engine.dispose()

    ended = _run("checkpoint")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.endswith("chroniccare audit verify\n")


def test_folder_that_cannot_be_written_is_told_of(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "data" / "checkpoints").write_text("in the way", encoding="ascii")
    desk.include()
    chain_some(desk.context)

    ended = _run("checkpoint")

    assert (ended.exit_code, ended.stderr.endswith("checkpoints cannot be written\n")) == (1, True)

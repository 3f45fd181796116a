"""`chroniccare reconcile`: each project's month, exit code 1 when its sides differ, 2 when they cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import requests

from gateway import cli
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import audit_entry, outbox
from gateway.upstream.client import MyCareNet
from tests.mock.builders import a_mycarenet
from tests.services.desk import Desk
from tests.services.test_deliver_outbox import PACE
from tests.store.rows import rows

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A MyCareNet over HTTP, which the settings name."""
    with a_mycarenet(tmp_path / "mock") as url:
        monkeypatch.setenv("CHRONICCARE_MYCARENET_URL", url)
        yield url


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chroniccare reconcile` in this process, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "400")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chroniccare", "reconcile", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, " ".join(said.err.split())

    return run


def _delivered(desk: Desk, url: str) -> UUID:
    desk.include()
    wire = MyCareNet(url)
    while deliver_outbox(desk.context, wire, PACE) + collect_answers(desk.context, wire):
        pass
    return UUID(str(rows(desk.database_url, outbox)[0]["id"]))


def _audited(desk: Desk) -> list[tuple[str, str]]:
    entries = [row for row in rows(desk.database_url, audit_entry, "at", "id") if row["verb"] == "reconcile"]
    assert {row["role"] for row in entries} == {"operator"}
    return [(row["project"], row["outcome"]) for row in entries]


def test_every_project_is_told_and_a_difference_ends_with_1(desk: Desk, url: str, run: Run) -> None:
    message = _delivered(desk, url)

    clean = run("--month", "2022-01")
    asked = {"message_id": str(message), "fault": "drop"}
    assert requests.post(f"{url}/faults", json=asked, timeout=10).status_code == 204
    differing = run("--month", "2022-01", "--project", "demo-nord", "--language", "fr")

    assert clean[0] == 0
    assert clean[1].splitlines() == [
        "demo-nord 2022-01: asked 1; sent: 1 accepted; MyCareNet lists: 1 accepted, 0 rejected; 0 differences",
        "demo-sud 2022-01: asked 0; sent: none; MyCareNet lists: 0 accepted, 0 rejected; 0 differences",
    ]
    assert (differing[0], str(message) in differing[1]) == (1, True)
    assert "dropped MyCareNet en a accusé réception" in differing[1]
    assert _audited(desk) == [("demo-nord", "done"), ("demo-sud", "done"), ("demo-nord", "done")]


def test_without_a_statement_it_ends_with_2(desk: Desk, run: Run) -> None:
    assert run("--month", "2022-01") == (2, "", "MyCareNet gave no whole statement: try again later")
    assert _audited(desk) == [("demo-nord", "statement-unavailable")]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--month", "2022-13"),
        ("--month", "2022-01", "--project", "x-y"),
        ("--month", "2022-01", "--language", "es"),
    ],
    ids=str,
)
def test_what_is_asked_wrongly_is_told(desk: Desk, run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[:2] == (2, "")

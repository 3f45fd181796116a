"""kill -9: of everything at once in the middle of a replay, and of one part alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.sandbox import replay as replaying
from gateway.sandbox.client import Answer, Client, Unreachable
from gateway.sandbox.replay import ReplayResult, replay
from gateway.store.tables import action, inclusion, outbox
from tests.live.catalogue import LONG, NIHII, an_inclusion, enter
from tests.live.register import counts, expected_counts, rows
from tests.sandboxes import (
    STORES,
    Sandbox,
    await_that,
    group_of,
    live_database,
    sandbox,
    synthetic_ssin,
)

LINES = 800
KILLED_AFTER = 300
Acknowledged = list[tuple[str, str]]


@pytest.fixture
def acknowledged(monkeypatch: pytest.MonkeyPatch) -> Acknowledged:
    """Key and id of every answer that the replay's clients got whole."""
    seen: Acknowledged = []

    class Witness(Client):
        def send(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
            answer = super().send(method, path, body, **options)
            key = str(options.get("key"))
            if answer.status < 300 and is_fact(path):
                seen.append((key, answer.body["id"]))
            return answer

    monkeypatch.setattr(replaying, "Client", Witness)
    return seen


def is_fact(path: str) -> bool:
    return path.startswith(("/v1/inclusions", "/v1/actions"))


def play(box: Sandbox, at_line: int | None = None, then: Any = None) -> ReplayResult:
    def report(done: int, _: int) -> None:
        if at_line is not None and done >= at_line:
            then()

    return replay(box.gateway, box.mock, report=report, limit=LINES, patience=2.0)


@pytest.fixture(params=STORES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with live_database(request) as url:
        yield url


def test_kill_9_of_everything_loses_nothing_and_doubles_nothing(
    database_url: str, tmp_path: Path, acknowledged: Acknowledged
) -> None:
    data_dir, is_under_way = tmp_path / "sandbox", Event()
    with sandbox(data_dir, database_url) as box, ThreadPoolExecutor(1) as thread:
        broken = thread.submit(play, box, KILLED_AFTER, is_under_way.set)
        assert is_under_way.wait(60)
        box.kill()
        with pytest.raises(Unreachable):
            broken.result()
        before = dict(acknowledged)
    with sandbox(data_dir, database_url, ports=box.ports) as box:
        acknowledged.clear()
        resumed = play(box)
        box.drain()
        arrived = {one["message_id"] for one in box.ledger()}
        store_url = box.store_url

    after = dict(acknowledged)
    facts = {str(row.id) for table in (inclusion, action) for row in rows(store_url, select(table.c.id))}
    messages = [str(row.id) for row in rows(store_url, select(outbox.c.id))]
    assert len(before) >= KILLED_AFTER
    assert before.items() <= after.items()
    assert set(after.values()) <= facts
    assert resumed.differences == ()
    assert counts(store_url) == expected_counts(LINES)
    assert set(messages) == arrived
    assert len(messages) == len(set(messages)) == sum(expected_counts(LINES)["outbox"].values())
    assert group_of(box.pid) == []


def test_a_killed_gateway_ends_the_sandbox_which_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with sandbox(tmp_path / "sandbox", copied=False) as box:
        os.kill(box.part("gateway"), signal.SIGKILL)
        check_end(box, "gateway")


def test_a_killed_worker_ends_the_sandbox_and_what_it_had_claimed_is_delivered_after_the_restart(
    tmp_path: Path,
) -> None:
    with sandbox(tmp_path / "sandbox", copied=False) as box:
        enter(box)
        box.play("outage")
        provider = box.token("provider", nihii=NIHII)
        answers = [
            box.send("POST", "/v1/inclusions", an_inclusion(LONG, synthetic_ssin(number)), token=provider)
            for number in range(20)
        ]
        assert {one.status_code for one in answers} == {201}
        await_that(lambda: any(row.attempts for row in rows(box.store_url, select(outbox.c.attempts))), "one is tried")
        os.kill(box.part("worker"), signal.SIGKILL)
        check_end(box, "worker")
    with sandbox(tmp_path / "sandbox", ports=box.ports) as box:
        box.play("accept")
        box.drain()
        arrived = [UUID(one["message_id"]) for one in box.ledger()]

    assert sorted(arrived) == sorted(row.id for row in rows(box.store_url, select(outbox.c.id)))


def check_end(box: Sandbox, part: str) -> None:
    """Check that a sandbox ends because of a part that was killed."""
    status = box.process.wait(30)

    await_that(lambda: group_of(box.pid) == [], "no process is left", 10)
    assert status == 2
    assert box.errors == f"chroniccare: {part} ended with -9: see {box.data_dir / 'logs' / part}.log\n"

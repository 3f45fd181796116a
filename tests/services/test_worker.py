"""The worker: rounds until told to stop, whatever is away meanwhile."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event

from gateway import worker
from gateway.clock import real_now
from gateway.domain.delivery import Answer, Backoff, Message, Outcome, Unavailable
from gateway.domain.identity import Ssin
from gateway.http.api.batch_lines import read_line
from gateway.services.batch_lines import LineReader
from gateway.services.checkpoints import CheckpointFile
from gateway.services.deliver_outbox import Pace
from gateway.store.idempotency import KEPT_FOR
from gateway.store.pulses import Workers
from gateway.store.tables import idempotency, metadata, outbox
from gateway.upstream.client import MailboxUnavailable
from gateway.upstream.webhooks import Postman
from gateway.worker import Worker, run_round, run_until_stopped
from tests.services.desk import Desk
from tests.services.test_deliver_outbox import MEMBER, Wire
from tests.store.away import away
from tests.store.rows import rows

PACE = Pace(timedelta(seconds=30), Backoff(0.001, 0.01))


class Echo(Wire):
    """A wire that accepts whatever it takes."""

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        taken = super().send(message, ssin)
        self.answers.append(Answer(f"a-{message.id}", message.id, True, None, MEMBER, message.input_reference))
        return taken

    def confirm(self, answer_ids: list[str]) -> None:
        super().confirm(answer_ids)
        self.answers = [answer for answer in self.answers if answer.answer_id not in answer_ids]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that looks again at once."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "TROUBLED_SECONDS", 0.01)


def _worker(desk: Desk, wire: Wire, read: LineReader = read_line) -> Worker:
    checkpoints = CheckpointFile(desk.context.extracts_dir.parent / "checkpoints")
    return Worker(desk.context, wire, wire, Postman(is_sandbox=True), PACE, read, checkpoints)


@contextmanager
def _running(desk: Desk, wire: Wire, read: LineReader = read_line) -> Iterator[threading.Thread]:
    worker = _worker(desk, wire, read)
    thread = threading.Thread(target=run_until_stopped, args=(worker,))
    thread.start()
    try:
        yield thread
    finally:
        worker.stop.set()
        thread.join(20)
    assert not thread.is_alive()


def _await_state(desk: Desk, state: str) -> None:
    _await(lambda: {row["state"] for row in rows(desk.database_url, outbox)} == {state})


def _await(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_round_sends_what_is_due_and_fetches_what_was_answered(desk: Desk) -> None:
    desk.include()
    desk.include(1)

    assert run_round(_worker(desk, Echo())) == 4
    assert run_round(_worker(desk, Echo())) == 0
    assert {row["state"] for row in rows(desk.database_url, outbox)} == {"accepted"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_round_finds_whatever_is_about_persons_by_an_index(desk: Desk) -> None:
    for number in range(3):
        desk.include(number)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, is_many: bool) -> None:
        asked.append((statement, values[0] if is_many else values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert run_round(_worker(desk, Echo())) == 6
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    with closing(sqlite3.connect(desk.database_url.removeprefix("sqlite:///"))) as register:
        told = {
            row[3]
            for statement, values in asked
            if statement.startswith(("SELECT", "UPDATE", "INSERT"))
            for row in register.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        }
    about_persons = tuple(f"{one.name} " for one in metadata.sorted_tables if "pseudonym" in one.c)
    scans = [f"{one.removeprefix('SCAN ')} " for one in told if one.startswith("SCAN") and "USING INDEX ix_" not in one]
    assert {one for one in told if one.startswith("SEARCH outbox")}
    assert not [one for one in scans if one.startswith(about_persons)]


def test_round_sends_although_the_mailbox_is_away(desk: Desk) -> None:
    desk.include()

    assert run_round(_worker(desk, Wire(is_away=True))) == 1
    assert rows(desk.database_url, outbox)[0]["state"] == "sent"


def test_worker_that_is_told_to_stop_stops(desk: Desk) -> None:
    with _running(desk, Wire()) as thread:
        assert thread.is_alive()


def test_worker_told_before_it_begins_does_nothing(desk: Desk) -> None:
    desk.include()
    wire = Wire()
    worker = _worker(desk, wire)
    worker.stop.set()

    run_until_stopped(worker)

    assert wire.sent == []


def test_worker_outlives_an_unavailable_mailbox_and_mycarenet(desk: Desk) -> None:
    desk.include()
    wire = Echo(Unavailable("unreachable"), is_away=True)

    with _running(desk, wire):
        time.sleep(0.2)
        wire.is_away = False
        _await_state(desk, "accepted")


def test_worker_outlives_an_unavailable_store(desk: Desk) -> None:
    wire = Echo()

    with _running(desk, wire) as thread:
        time.sleep(0.1)
        with away(desk.database_url):
            time.sleep(0.3)
            assert thread.is_alive()
        desk.include()
        _await_state(desk, "accepted")


def test_worker_forgets_old_keys_now_and_then(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PURGE_EVERY_SECONDS", 0.0)
    with desk.context.store.transaction() as tx:
        tx.idempotency.claim(desk.key("old"), real_now() - KEPT_FOR - timedelta(hours=1))
        tx.idempotency.claim(desk.key("new"), real_now())

    with _running(desk, Wire()):
        _await(lambda: len(rows(desk.database_url, idempotency)) == 1)

    (kept,) = rows(desk.database_url, idempotency)
    assert kept["key_hash"] == desk.key("new").key_hash


def test_mailbox_that_hangs_delays_no_message_and_no_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.2)
    goes_on = threading.Event()

    class Hanging(Wire):
        def fetch(self) -> list[Answer]:
            goes_on.wait(20)
            return []

    try:
        with _running(desk, Hanging()):
            desk.include()
            _await_state(desk, "sent")
            told_at = time.monotonic()
        assert time.monotonic() - told_at < 5
    finally:
        goes_on.set()


def test_worker_told_to_stop_in_mid_send_ends_and_leaves_only_that_message(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.2)
    sends, goes_on = threading.Event(), threading.Event()

    class Hanging(Wire):
        def send(self, message: Message, ssin: Ssin) -> Outcome:
            sends.set()
            goes_on.wait(20)
            return super().send(message, ssin)

    wire = Hanging()
    try:
        with _running(desk, wire):
            desk.include(0)
            desk.include(1)
            assert sends.wait(20)
    finally:
        goes_on.set()
    _await(lambda: [row["leased_until"] for row in rows(desk.database_url, outbox)] == [None, None])
    assert len(wire.sent) == 1
    assert sorted(row["state"] for row in rows(desk.database_url, outbox)) == ["pending", "sent"]


def test_mailbox_that_gave_less_than_a_page_is_left_alone_for_a_moment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "IDLE_SECONDS", 20.0)
    fetched: list[int] = []
    full = [Answer(f"a-{number}", UUID(int=number), True) for number in range(worker.FULL["mailbox"])]

    class Filling(Wire):
        def fetch(self) -> list[Answer]:
            fetched.append(len(fetched))
            return full if len(fetched) < 3 else full[:-1]

    with _running(desk, Filling()):
        _await(lambda: len(fetched) == 3)
        time.sleep(0.1)

    assert len(fetched) == 3


def test_lane_that_comes_to_grief_goes_on_and_disturbs_no_other(desk: Desk) -> None:
    griefs: list[int] = []

    class Grieving(Wire):
        def fetch(self) -> list[Answer]:
            griefs.append(1)
            raise RuntimeError

    with _running(desk, Grieving()):
        desk.include()
        _await_state(desk, "sent")
        _await(lambda: len(griefs) > 2)


def test_worker_tells_the_register_now_and_then_which_work_goes_on(desk: Desk) -> None:
    desk.include()
    worker = _worker(desk, Echo())

    for _ in range(3):
        run_round(worker)

    with desk.context.store.reading() as tx:
        pulses = tx.pulses.all()
    assert {"sending", "mailbox", "batches", "extracts"} <= pulses.keys()
    assert pulses["answered"].done == 1
    assert "circuit" not in pulses


def test_worker_names_every_lane_while_it_runs_and_leaves_none_behind(desk: Desk) -> None:
    def found() -> Workers:
        with desk.context.store.reading() as tx:
            return tx.pulses.workers(real_now())

    with _running(desk, Wire(is_away=True)):
        _await(lambda: set(found().oldest) == {"batches", "extracts", "sending", "mailbox", "webhooks", "audit"})
        assert found().alive == 1
    assert found() == Workers(0, {})


def test_lane_whose_partner_is_away_goes_on_although_its_work_is_not_done(desk: Desk) -> None:
    lane = _worker(desk, Wire(is_away=True)).lanes()["mailbox"]

    with pytest.raises(MailboxUnavailable):
        lane()

    with desk.context.store.reading() as tx:
        assert set(tx.pulses.workers(real_now()).oldest) == {"mailbox"}
        assert tx.pulses.all() == {}

"""Whoever locks several rows takes them in one order, so that on PostgreSQL none is aborted for another's sake."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import psycopg

from gateway.domain.delivery import Answer
from gateway.domain.errors import StoreUnavailable
from gateway.services.change_identity import change_identity
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Call, Work
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.find_inclusions import get_inclusion
from gateway.services.perform import perform_within
from gateway.store.tables import outbox
from tests.services.desk import ADMIN, Desk, ssin
from tests.services.test_deliver_outbox import MEMBER, PACE, Wire, answer_to
from tests.store.rows import rows

PEOPLE = 16
TURNS = 4


def _at_once(*tasks: Callable[[], object]) -> list[str]:
    """Let all begin together; those that were told to come again."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> str | None:
        barrier.wait()
        try:
            task()
        except StoreUnavailable as aborted:
            return str(aborted.__cause__)
        return None

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [told for told in pool.map(run, tasks) if told]


def _change(desk: Desk, inclusions: list[UUID], first: int) -> None:
    for place, one in enumerate(inclusions):
        desk.ask(ADMIN, change_identity, one, ssin(first + place), "mistyped")


def test_numbers_change_while_their_messages_are_answered_and_nobody_is_aborted(desk: Desk) -> None:
    placed = sorted((one.bucket, one.id) for one in (desk.include(n).known.inclusion for n in range(PEOPLE)))
    for turn in range(1, TURNS + 1):
        while deliver_outbox(desk.context, Wire(), PACE):
            continue
        sent = [row for row in rows(desk.database_url, outbox, "bucket", "sequence") if row["state"] == "sent"]
        answers = [Answer(f"a-{row['id']}", row["id"], True, None, MEMBER, row["input_reference"]) for row in sent]

        aborted = _at_once(
            partial(_change, desk, [one for _, one in placed[::-2]], turn * 100),
            partial(_change, desk, [one for _, one in placed[::2]], turn * 100 + 50),
            partial(collect_answers, desk.context, Wire(answers=answers)),
            partial(collect_answers, desk.context, Wire(answers=answers[::-1])),
        )

        assert (turn, aborted) == (turn, [])


def test_answer_whose_message_moves_while_it_is_looked_for_is_taken_when_it_comes_again(desk: Desk) -> None:
    one = desk.include().known.inclusion
    answer = answer_to(desk, member=MEMBER)
    wire = Wire(answers=[answer])
    mover = Call(ADMIN, "change_identity", "request-1")

    def move(work: Work) -> None:
        change_identity(work, one.id, ssin(1), "mistyped")

    with ThreadPoolExecutor(1) as pool:
        with desk.context.store.transaction() as tx:
            perform_within(desk.context, tx, mover, move)
            collecting = pool.submit(collect_answers, desk.context, wire)
            wait_for_a_lock(desk.database_url)
        assert collecting.result() == 1
    is_postgresql = desk.database_url.startswith("postgresql")
    assert wire.confirmed == ([] if is_postgresql else ["a-1"])  # SQLite's one writer begins after the other

    collect_answers(desk.context, wire)

    assert wire.confirmed[-1] == "a-1"
    assert desk.ask(ADMIN, get_inclusion, one.id).known.delivery_state == "pending"
    assert [row["state"] for row in rows(desk.database_url, outbox, "sequence")] == ["accepted", "pending"]


def wait_for_a_lock(database_url: str) -> None:
    """Wait until somebody waits for a row that another holds; on SQLite nobody does."""
    if database_url.startswith("sqlite"):
        return
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        until = time.monotonic() + 60
        while not connection.execute(waits).fetchall():
            assert time.monotonic() < until
            time.sleep(0.02)

"""What a clock that was ahead put off, or leased, is due once clocks are right: nobody waits for as long as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.clock import real_now
from gateway.domain.delivery import Unacceptable
from gateway.services.build_extracts import run_extracts
from gateway.services.deliver_outbox import deliver_outbox
from gateway.services.keep_webhooks import register_webhook
from gateway.services.send_webhooks import send_webhooks
from gateway.store.tables import outbox
from tests.services.batch_desk import Batches, an_inclusion_line
from tests.services.desk import ADMIN, Desk
from tests.services.extract_desk import LEASE, ExtractDesk
from tests.services.test_deliver_outbox import PACE, Wire
from tests.services.test_webhooks import URL, Receiver
from tests.store.rows import rows

WRONG = timedelta(hours=2)
BACKOFF = timedelta(seconds=PACE.backoff.most_seconds)
Round = Callable[[], int]


@contextmanager
def ahead(desk: Desk, by: timedelta = WRONG) -> Iterator[Desk]:
    """The desk while its clock is ahead."""
    right = desk.context
    desk.context = replace(right, real_now=lambda: real_now() + by)
    yield desk
    desk.context = right


def a_message(desk: Desk) -> Round:
    desk.include()
    return lambda: deliver_outbox(desk.context, Wire(), PACE)


def a_batch(desk: Desk) -> Round:
    batches = Batches(desk)
    batches.send([an_inclusion_line()])
    return batches.round


def an_event(desk: Desk) -> Round:
    desk.ask(ADMIN, register_webhook, URL)
    desk.include()
    deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE)
    return lambda: send_webhooks(desk.context, Receiver(), PACE)


def an_extract(desk: Desk) -> Round:
    ExtractDesk(desk.at("2024-03-01T08:00+01:00"), desk.context.extracts_dir).order()
    return lambda: run_extracts(desk.context, LEASE)


@pytest.mark.parametrize("begin", [a_message, a_batch, an_event, an_extract])
def test_what_was_committed_by_a_clock_that_was_ahead_is_due_at_once(
    desk: Desk, begin: Callable[[Desk], Round]
) -> None:
    with ahead(desk):
        turn = begin(desk)

    assert turn() == 1


def test_a_lease_of_a_worker_whose_clock_was_ahead_and_that_died_keeps_nobody_waiting(desk: Desk) -> None:
    desk.include()
    bucket = rows(desk.database_url, outbox)[0]["bucket"]
    wrong = real_now() + WRONG
    with desk.context.store.transaction() as tx:
        assert len(tx.outbox.claim([bucket], wrong, wrong + PACE.lease, 1)) == 1

    assert deliver_outbox(desk.context, Wire(), PACE) == 1


@pytest.mark.parametrize(("by", "tried"), [(BACKOFF, 0), (WRONG, 1)])
def test_a_wait_counts_as_long_as_it_may_last_and_no_longer(desk: Desk, by: timedelta, tried: int) -> None:
    with ahead(desk, by):
        desk.include()

    assert deliver_outbox(desk.context, Wire(), PACE) == tried

"""Pulses: what was done and how long it took, and which workers there are."""

from __future__ import annotations

from datetime import timedelta

from gateway.store.pulses import ALIVE_FOR, BOUNDS, MISSED_FOR, Workers
from gateway.store.transaction import Store
from tests.builders import instant

NOW = instant("2022-01-15T09:00Z")


def test_latencies_are_counted_up_to_each_bound_and_beyond_the_last(store: Store) -> None:
    day = 86_400.0
    for waits in ([0.0, 1.0, 1.1], [], [day, day + 1], [8 * day]):
        with store.transaction() as tx:
            tx.pulses.observe("answered", NOW, waits)

    with store.reading() as tx:
        found, pulse = tx.pulses.latencies(), tx.pulses.all()["answered"]

    assert found == {"answered": {1: 2, 5: 1, 86_400: 1, 259_200: 1}}
    assert (pulse.done, round(pulse.seconds, 3)) == (6, 10 * day + 3.1)
    assert list(BOUNDS) == sorted(BOUNDS)


def test_worker_that_hangs_is_not_hidden_by_another(store: Store) -> None:
    later = NOW + timedelta(minutes=5)
    with store.transaction() as tx:
        for lane in ("mailbox", "sending"):
            tx.pulses.turn("one", lane, NOW)
        tx.pulses.turn("one", "mailbox", later)
        for lane in ("mailbox", "sending"):
            tx.pulses.turn("other", lane, later + timedelta(seconds=1))

    with store.reading() as tx:
        assert tx.pulses.workers(later) == Workers(2, {"mailbox": later, "sending": NOW})


def test_worker_that_was_killed_is_missed_for_a_while_and_then_forgotten(store: Store) -> None:
    with store.transaction() as tx:
        tx.pulses.turn("killed", "sending", NOW)
        tx.pulses.turn("ended", "sending", NOW)
        tx.pulses.leave("ended")

    with store.transaction() as tx:
        found = [tx.pulses.workers(NOW + wait) for wait in (ALIVE_FOR, 2 * ALIVE_FOR, MISSED_FOR)]
        tx.pulses.forget(NOW + MISSED_FOR)
        kept = tx.pulses.workers(NOW)
        tx.pulses.forget(NOW + MISSED_FOR + timedelta(seconds=1))
        gone = tx.pulses.workers(NOW)

    assert [one.alive for one in found] == [1, 0, 0]
    assert {tuple(one.oldest) for one in found} == {("sending",)}
    assert (kept.alive, gone) == (1, Workers(0, {}))

"""Idempotency rows: one per key, with the first answer, for a week."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.errors import IdempotencyKeyReused, StoreUnavailable
from gateway.store.idempotency import KEPT_FOR, KeptAnswer, Key
from gateway.store.tables import idempotency
from gateway.store.transaction import Store
from tests.builders import instant
from tests.citus import SERVERS
from tests.store.away import cut
from tests.store.rows import rows

NOW = instant("2022-03-01T08:00Z")
TICK = timedelta(microseconds=1)
KEY = Key(b"\x0f\xff" + b"\x01" * 30, b"\x02" * 32)
ANSWER = KeptAnswer(201, {"Location": "/v1/inclusions/1"}, b'{"id":"1"}')
OTHER_ANSWER = KeptAnswer(201, {}, b"{}")


def _answered(store: Store, key: Key = KEY, answer: KeptAnswer = ANSWER, at: timedelta = timedelta()) -> None:
    with store.transaction() as tx:
        assert tx.idempotency.claim(key, NOW + at) is None
        tx.idempotency.keep(key, answer)


def _claimed(store: Store, key: Key = KEY, at: timedelta = timedelta()) -> KeptAnswer | None:
    with store.transaction() as tx:
        kept = tx.idempotency.claim(key, NOW + at)
        tx.discard()
    return kept


def test_new_key_has_no_answer(store: Store) -> None:
    assert _claimed(store) is None


def test_answered_key_gives_its_answer_again(store: Store) -> None:
    _answered(store)

    assert _claimed(store) == ANSWER


def test_key_of_a_transaction_that_failed_is_free_again(store: Store) -> None:
    _claimed(store)

    assert _claimed(store) is None


def test_key_with_another_request_is_refused(store: Store) -> None:
    _answered(store)

    with pytest.raises(IdempotencyKeyReused):
        _claimed(store, Key(KEY.key_hash, b"\x03" * 32))


@pytest.mark.parametrize(("age", "expected"), [(KEPT_FOR, ANSWER), (KEPT_FOR + TICK, None)])
def test_key_is_forgotten_after_seven_days(store: Store, age: timedelta, expected: KeptAnswer | None) -> None:
    _answered(store)

    assert _claimed(store, at=age) == expected


def test_forgotten_key_takes_another_request_and_its_answer(store: Store, database_url: str) -> None:
    _answered(store)
    other = Key(KEY.key_hash, b"\x03" * 32)

    _answered(store, other, OTHER_ANSWER, KEPT_FOR + TICK)

    assert _claimed(store, other, KEPT_FOR + 2 * TICK) == OTHER_ANSWER
    assert len(rows(database_url, idempotency)) == 1


def test_purge_forgets_what_is_older_than_a_week(store: Store, database_url: str) -> None:
    _answered(store)
    _answered(store, Key(b"\x04" * 32, b"\x05" * 32), at=TICK)

    with store.transaction() as tx:
        forgotten = tx.idempotency.purge(NOW + KEPT_FOR + TICK, 10)

    assert forgotten == 1
    assert [row["key_hash"] for row in rows(database_url, idempotency)] == [b"\x04" * 32]


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
def test_key_that_cannot_be_asked_for_is_not_in_flight(store: Store, database_url: str) -> None:
    def claim() -> None:
        with store.transaction() as tx:
            tx.outbox.backlog()
            cut(database_url)
            tx.idempotency.claim(KEY, NOW)

    with pytest.raises(StoreUnavailable):
        claim()


def test_key_lives_in_one_of_4096_shards() -> None:
    assert KEY.shard == 4095
    assert Key(b"\x10\x00" + bytes(30), b"").shard == 0

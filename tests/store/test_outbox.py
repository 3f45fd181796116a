"""The outbox: one message of a beneficiary at a time, in commit order, leased to one worker, answered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import NullPool, create_engine, text

from gateway.domain.delivery import Answer, Message, State, Step
from gateway.store import outbox as statements
from gateway.store.outbox import Backlog
from gateway.store.tables import outbox
from gateway.store.transaction import Store
from tests.builders import PROJECT, instant
from tests.citus import SERVERS
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

NOW = instant("2022-03-01T08:00Z")
LEASE = timedelta(seconds=30)
FIRST, SECOND = b"\x01" * 32, b"\x02" * 32


def a_message(
    number: int,
    sequence: int = 1,
    pseudonym: bytes = FIRST,
    bucket: int = 5,
    project: str = PROJECT,
    attempts: int = 0,
) -> Message:
    reference, content = UUID(int=99), {"reason": "x"}
    return Message(UUID(int=number), bucket, project, pseudonym, sequence, "inclusion", reference, content, attempts)


def _commit(register: Store, *messages: Message) -> None:
    with register.transaction() as tx:
        for number, message in enumerate(messages):
            tx.outbox.add(message, NOW + timedelta(microseconds=number))


def _claim(register: Store, at: datetime = NOW + LEASE, bucket: int = 5, limit: int = 16) -> list[int]:
    with register.transaction() as tx:
        return [one.id.int for one in tx.outbox.claim([bucket], at, at + LEASE, limit)]


def test_claimed_message_is_the_one_that_was_committed(register: Store) -> None:
    _commit(register, a_message(1))

    with register.transaction() as tx:
        claimed = tx.outbox.claim([5], NOW, NOW + LEASE, 16)

    assert claimed == [a_message(1, attempts=1)]


def test_only_the_earliest_unsent_message_of_a_beneficiary_is_claimed(register: Store) -> None:
    _commit(register, a_message(2, 2), a_message(1, 1), a_message(3, 1, SECOND), a_message(4, 1, project=OTHER_PROJECT))

    assert _claim(register) == [1, 3, 4]


@pytest.mark.parametrize(
    ("state", "expected"),
    [(State.PENDING, []), (State.FAILED, []), (State.SENT, [2])],
)
def test_next_message_of_a_beneficiary_waits_for_the_one_before(
    register: Store, state: State, expected: list[int]
) -> None:
    _commit(register, a_message(1, 1), a_message(2, 2))
    _claim(register)
    later = NOW + timedelta(hours=1) if state is State.PENDING else None

    with register.transaction() as tx:
        tx.outbox.take([(a_message(1, 1, attempts=1), Step(state, later, "why"))], NOW)

    assert _claim(register) == expected


@pytest.mark.parametrize("is_accepted", [True, False])
def test_answer_lets_the_next_message_of_a_beneficiary_go(register: Store, is_accepted: bool) -> None:
    _commit(register, a_message(1, 1), a_message(2, 2))

    with register.transaction() as tx:
        [answered] = tx.outbox.answer([(5, Answer("a", UUID(int=1), is_accepted))], NOW)

    assert answered == a_message(1, 1)
    assert _claim(register) == [2]


def test_leased_message_is_nobody_elses_until_the_lease_is_over(register: Store) -> None:
    _commit(register, a_message(1))

    assert _claim(register, NOW) == [1]
    assert _claim(register, NOW + LEASE - timedelta(microseconds=1)) == []
    assert _claim(register, NOW + LEASE) == [1]


def test_claimed_message_counts_its_attempts(register: Store, database_url: str) -> None:
    _commit(register, a_message(1))

    for attempt in range(3):
        _claim(register, NOW + attempt * LEASE)

    assert rows(database_url, outbox)[0]["attempts"] == 3


def test_holder_that_beats_keeps_its_lease_until_it_gives_it_back(register: Store, database_url: str) -> None:
    _commit(register, a_message(1), a_message(2, 1, SECOND))
    with register.transaction() as tx:
        held = tx.outbox.claim([5], NOW + LEASE, NOW + 2 * LEASE, 16)

    with register.transaction() as tx:
        lost = tx.outbox.beat(held, NOW + 3 * LEASE)

    assert lost == []
    assert _claim(register, NOW + 2 * LEASE) == []
    with register.transaction() as tx:
        tx.outbox.put_back(held)
        tx.outbox.put_back([])
    assert [row["attempts"] for row in rows(database_url, outbox)] == [0, 0]
    assert _claim(register, NOW + 2 * LEASE) == [1, 2]


def test_beat_that_comes_after_the_record_leases_nothing_again(register: Store, database_url: str) -> None:
    _commit(register, a_message(1))
    with register.transaction() as tx:
        held = tx.outbox.claim([5], NOW, NOW + LEASE, 16)
        tx.outbox.take([(held[0], Step(State.PENDING, NOW, "unreachable"))], NOW)

    with register.transaction() as tx:
        lost = tx.outbox.beat(held, NOW + 9 * LEASE)

    assert lost == [held[0].id]
    assert [row["leased_until"] for row in rows(database_url, outbox)] == [None]
    assert _claim(register, NOW) == [1]


def test_late_worker_whose_lease_was_taken_over_changes_nothing(register: Store, database_url: str) -> None:
    _commit(register, a_message(1))
    with register.transaction() as tx:
        late = tx.outbox.claim([5], NOW, NOW + LEASE, 16)
    assert _claim(register, NOW + LEASE) == [1]
    before = rows(database_url, outbox)

    with register.transaction() as tx:
        lost = tx.outbox.beat(late, NOW + 9 * LEASE)
        tx.outbox.put_back(late)
        tx.outbox.take([(late[0], Step(State.FAILED, reason="http-400"))], NOW)

    assert lost == [late[0].id]
    assert rows(database_url, outbox) == before


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
def test_two_workers_at_once_claim_nothing_twice(register: Store) -> None:
    _commit(register, *(a_message(number, 1, number.to_bytes(32, "big")) for number in range(1, 7)))

    with register.transaction() as tx, register.transaction() as other:
        first = [one.id.int for one in tx.outbox.claim([5], NOW + LEASE, NOW + 2 * LEASE, 4)]
        second = [one.id.int for one in other.outbox.claim([5], NOW + LEASE, NOW + 2 * LEASE, 4)]

    assert (first, second) == ([1, 2, 3, 4], [5, 6])


def test_claim_takes_no_more_than_asked_and_of_its_bucket_alone(register: Store) -> None:
    others = [a_message(9, 1, SECOND, bucket=6)]
    _commit(register, *(a_message(number, 1, number.to_bytes(32, "big")) for number in range(1, 5)), *others)

    assert _claim(register, limit=3) == [1, 2, 3]
    assert _claim(register, limit=3) == [4]
    assert _claim(register, bucket=6) == [9]


def test_due_buckets_come_once_with_the_oldest_message_first(register: Store) -> None:
    _commit(
        register,
        a_message(1, bucket=9),
        a_message(2, bucket=4),
        a_message(3, 1, SECOND, bucket=9),
        a_message(4, bucket=7),
    )

    with register.reading() as tx:
        assert tx.outbox.due_buckets(NOW - LEASE, 64) == []
        assert tx.outbox.due_buckets(NOW + LEASE, 64) == [9, 4, 7]
        assert tx.outbox.due_buckets(NOW + LEASE, 2) == [9, 4]


def test_message_that_waits_for_its_next_attempt_is_not_due(register: Store, database_url: str) -> None:
    _commit(register, a_message(1))
    _claim(register, NOW)

    with register.transaction() as tx:
        step = Step(State.PENDING, NOW + timedelta(minutes=5), "http-503")
        tx.outbox.take([(a_message(1, attempts=1), step)], NOW)

    (row,) = rows(database_url, outbox)
    assert (row["state"], row["reason"], row["leased_until"]) == ("pending", "http-503", None)
    assert _claim(register, NOW + timedelta(minutes=5) - timedelta(microseconds=1)) == []
    assert _claim(register, NOW + timedelta(minutes=5)) == [1]


def test_nothing_taken_records_nothing(register: Store) -> None:
    with register.transaction() as tx:
        tx.outbox.take([], NOW)
        assert tx.outbox.backlog() == Backlog(0, 0, None)


def test_answer_counts_once_and_the_first_stands(register: Store, database_url: str) -> None:
    _commit(register, a_message(1))
    with register.transaction() as tx:
        tx.outbox.answer([(5, Answer("a", UUID(int=1), True))], NOW)
    before = rows(database_url, outbox)

    with register.transaction() as tx:
        [again] = tx.outbox.answer([(5, Answer("b", UUID(int=1), False, "not-insured"))], NOW + LEASE)
        [foreign] = tx.outbox.answer([(5, Answer("c", UUID(int=2), True))], NOW)
        [elsewhere] = tx.outbox.answer([(6, Answer("d", UUID(int=1), True))], NOW)

    assert (again, foreign, elsewhere) == (None, None, None)
    assert rows(database_url, outbox) == before


def test_attempt_that_ends_after_the_answer_moves_nothing_back(register: Store) -> None:
    _commit(register, a_message(1))
    with register.transaction() as tx:
        tx.outbox.answer([(5, Answer("a", UUID(int=1), True))], NOW)

    with register.transaction() as tx:
        tx.outbox.take([(a_message(1), Step(State.PENDING, NOW, "unreachable"))], NOW)
        state = tx.outbox.state_of(5, UUID(int=1))

    assert state == "accepted"


def test_failed_message_takes_no_answer(register: Store) -> None:
    _commit(register, a_message(1))

    with register.transaction() as tx:
        tx.outbox.take([(a_message(1), Step(State.FAILED, reason="http-400"))], NOW)
        [answered] = tx.outbox.answer([(5, Answer("a", UUID(int=1), True))], NOW)
        state = tx.outbox.state_of(5, UUID(int=1))

    assert (answered, state) == (None, "failed")


def test_backlog_counts_what_waits_and_since_when(register: Store) -> None:
    _commit(register, *(a_message(number, 1, number.to_bytes(32, "big")) for number in range(1, 6)))

    with register.transaction() as tx:
        tx.outbox.take([(a_message(2), Step(State.SENT)), (a_message(3), Step(State.FAILED))], NOW)
        tx.outbox.answer([(5, Answer("a", UUID(int=1), True))], NOW)
        backlog = tx.outbox.backlog()
        unknown = tx.outbox.state_of(5, UUID(int=77))

    assert backlog == Backlog(pending=2, unanswered=3, oldest_at=NOW + timedelta(microseconds=1), failed=1)
    assert unknown is None


def test_sequence_twice_for_one_beneficiary_is_refused_by_the_database(register: Store) -> None:
    _commit(register, a_message(1, 1))

    with pytest.raises(Exception, match="store-unavailable"):
        _commit(register, a_message(2, 1))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_look_for_what_is_due_reads_what_is_pending_alone(register: Store, database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)

    with engine.connect() as connection:
        look = text(f"EXPLAIN QUERY PLAN {statements._DUE_BUCKETS.on('sqlite')}")
        told = [
            row.detail for row in connection.execute(look, {"now": str(NOW), "latest": str(NOW + LEASE), "limit": 64})
        ]

    assert [one for one in told if one.startswith("SCAN")] == ["SCAN outbox USING INDEX ix_outbox_pending"]

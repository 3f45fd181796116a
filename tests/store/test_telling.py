"""What is told may wait for the next question or the commit: nobody sees a difference but that it is quicker."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest

from gateway.clock import real_now
from gateway.domain.audit import Entry
from gateway.domain.errors import StoreUnavailable
from gateway.store.transaction import Store, Transaction
from tests.builders import PROJECT
from tests.store.rows import counts

ONE, OTHER, THIRD = ((number, PROJECT, bytes([number]) * 32) for number in (1, 2, 3))


def _tell_the_same_twice(tx: Transaction) -> None:
    entry = Entry(UUID(int=1), 0, real_now(), "auditor", "", "", "nothing", "done", "request")
    tx.audit.add(entry)
    tx.audit.add(entry)


def test_what_was_told_is_seen_by_whoever_asks_after_it(register: Store) -> None:
    with register.transaction() as tx:
        tx.vault.put(*ONE, b"sealed")

        assert tx.vault.get(*ONE) == b"sealed"  # prepared
        tx.vault.put(*OTHER, b"sealed")
        assert [person for person, _ in tx.vault.people(None, 10)] == [ONE, OTHER]  # SQLAlchemy's own


def test_what_cannot_be_done_although_it_was_told_leaves_nothing(register: Store, database_url: str) -> None:
    before = counts(database_url)

    def fail() -> None:
        with register.transaction() as tx:
            tx.vault.put(*ONE, b"sealed")
            _tell_the_same_twice(tx)

    for _ in range(3):  # each time on the connection that the one before gave back
        with pytest.raises(StoreUnavailable):
            fail()
        assert counts(database_url) == before

    with register.transaction() as tx:
        tx.vault.put(*ONE, b"sealed")
        assert tx.vault.get(*ONE) == b"sealed"


def test_trial_finds_out_what_could_not_be_done(register: Store) -> None:
    def attempt() -> None:
        with register.transaction() as tx:
            tx.discard()
            _tell_the_same_twice(tx)

    with pytest.raises(StoreUnavailable):
        attempt()


@pytest.mark.parametrize("asks", ["nothing", "before", "after"])
def test_block_that_raises_is_forgotten_with_what_it_told_and_nothing_else_is(register: Store, asks: str) -> None:
    with register.transaction() as tx:
        tx.vault.put(*ONE, b"sealed")
        with suppress(LookupError), tx.savepoint():
            if asks == "before":
                assert tx.vault.holds(*ONE)
            tx.vault.put(*OTHER, b"sealed")
            if asks == "after":
                assert tx.vault.holds(*OTHER)
            raise LookupError
        with tx.savepoint():
            tx.vault.put(*THIRD, b"sealed")

    with register.reading() as tx:
        assert [tx.vault.holds(*one) for one in (ONE, OTHER, THIRD)] == [True, False, True]


def test_block_in_a_block_is_undone_alone(register: Store) -> None:
    with register.transaction() as tx, tx.savepoint():
        tx.vault.put(*ONE, b"sealed")
        with suppress(LookupError), tx.savepoint():
            tx.vault.put(*OTHER, b"sealed")
            raise LookupError
        tx.vault.put(*THIRD, b"sealed")

    with register.reading() as tx:
        assert [tx.vault.holds(*one) for one in (ONE, OTHER, THIRD)] == [True, False, True]


def test_what_a_block_told_and_cannot_be_done_leaves_nothing_of_the_transaction(
    register: Store, database_url: str
) -> None:
    before = counts(database_url)

    def fail() -> None:
        with register.transaction() as tx:
            tx.vault.put(*ONE, b"sealed")
            with tx.savepoint():
                _tell_the_same_twice(tx)
            with tx.savepoint():
                tx.vault.put(*OTHER, b"sealed")
                assert tx.vault.holds(*OTHER)

    for _ in range(3):  # each time on the connection that the one before gave back
        with pytest.raises(StoreUnavailable):
            fail()
        assert counts(database_url) == before

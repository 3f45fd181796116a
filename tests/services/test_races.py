"""Many at once at the desk: one effect, one name for it, and an order without gaps."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.domain import errors
from gateway.services.context import Call, Work
from gateway.services.perform import Performed, perform
from gateway.services.register_inclusion import register_inclusion
from gateway.store.idempotency import KeptAnswer
from gateway.store.tables import action, inclusion, outbox
from tests.builders import day
from tests.services.desk import ADMIN, PARTNER, Desk, an_inclusion_submission
from tests.store.rows import added, rows

MANY = 20


def _at_once(*asks: Callable[[], Any]) -> list[Any]:
    """What each of them gives, or the problem it meets, when all begin together."""
    barrier = threading.Barrier(len(asks))

    def run(ask: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return ask()
        except errors.Problem as problem:
            return problem

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(run, asks))


def test_twenty_inclusions_of_one_beneficiary_at_once_leave_one_and_name_it(desk: Desk) -> None:
    before = desk.counts()

    answers = _at_once(*[lambda: desk.include().known.inclusion.id] * MANY)

    refused = [answer for answer in answers if isinstance(answer, errors.AlreadyIncluded)]
    (made,) = [answer for answer in answers if not isinstance(answer, errors.Problem)]
    assert [one.existing for one in refused] == [made] * (MANY - 1)
    assert added(before, desk.counts()) == {
        "beneficiary": 1,
        "vault": 1,
        "inclusion": 1,
        "outbox": 1,
        "audit_entry": MANY,
    }


def test_twenty_times_the_same_action_at_once_leaves_one_and_names_it(desk: Desk) -> None:
    desk.include()
    desk.at("2022-03-01T08:00+01:00")
    before = desk.counts()

    answers = _at_once(*[lambda: desk.act().known.action.id] * MANY)

    refused = [answer for answer in answers if isinstance(answer, errors.DuplicateAction)]
    (made,) = [answer for answer in answers if not isinstance(answer, errors.Problem)]
    assert [one.existing for one in refused] == [made] * (MANY - 1)
    assert added(before, desk.counts()) == {"action": 1, "outbox": 1, "audit_entry": MANY}


def test_twenty_requests_with_one_key_at_once_have_one_effect_and_one_answer(desk: Desk) -> None:
    before = desk.counts()

    def post() -> Performed:
        def verb(work: Work) -> Any:
            return register_inclusion(work, an_inclusion_submission())

        def dump(view: Any) -> KeptAnswer:
            return KeptAnswer(201, {}, str(view.known.inclusion.id).encode())

        return perform(desk.context, Call(PARTNER, "register_inclusion", "r", desk.key()), verb, dump)

    answers = _at_once(*[post] * MANY)

    assert len({answer.answer.body for answer in answers}) == 1
    assert Counter(answer.is_replay for answer in answers) == {False: 1, True: MANY - 1}
    assert added(before, desk.counts()) == {
        "beneficiary": 1,
        "vault": 1,
        "inclusion": 1,
        "outbox": 1,
        "idempotency": 1,
        "audit_entry": MANY,
    }


def test_exit_racing_actions_leaves_each_of_them_whole(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-03-01T08:00+01:00")
    acts: list[Callable[[], Any]] = [
        lambda number=number: desk.act(occurrence=number).known.action.id  # type: ignore[misc]  # mypy infers no lambda with defaults
        for number in range(1, 10)
    ]

    answers = _at_once(*acts, lambda: desk.exit(one.id).known.inclusion.id)

    assert not [answer for answer in answers if isinstance(answer, errors.Problem)]
    assert len(rows(desk.database_url, action)) == 9
    assert [row["status"] for row in rows(desk.database_url, inclusion, "version")] == ["open", "exited"]
    assert [row["sequence"] for row in rows(desk.database_url, outbox, "sequence")] == list(range(1, 12))


def test_annulment_racing_actions_lets_none_in_after_it(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.at("2022-03-01T08:00+01:00")
    acts: list[Callable[[], Any]] = [
        lambda number=number: desk.act(occurrence=number).known.action.id  # type: ignore[misc]  # mypy infers no lambda with defaults
        for number in range(1, 10)
    ]

    answers = _at_once(*acts, lambda: desk.annul(one.id).known.inclusion.id)

    refused = [answer for answer in answers if isinstance(answer, errors.Problem)]
    assert {type(answer) for answer in refused} <= {errors.NotIncluded}
    messages = rows(desk.database_url, outbox, "sequence")
    assert [row["sequence"] for row in messages] == list(range(1, 12 - len(refused)))
    assert messages[-1]["kind"] == "inclusion-annulment"


def test_exit_and_annulment_at_once_both_end_in_annulled(desk: Desk) -> None:
    one = desk.include().known.inclusion

    answers = _at_once(lambda: desk.exit(one.id), lambda: desk.annul(one.id), lambda: desk.annul(one.id))

    assert any(isinstance(answer, errors.AlreadyAnnulled) for answer in answers)
    assert rows(desk.database_url, inclusion, "version")[-1]["status"] == "annulled"
    current = [row for row in rows(desk.database_url, inclusion, "version") if row["superseded_at"] is None]
    assert len(current) == 1


@pytest.mark.parametrize("threads", [8])
def test_messages_of_a_beneficiary_are_numbered_without_gaps_in_order_of_commit(desk: Desk, threads: int) -> None:
    for number in range(3):
        desk.include(number)
    desk.at("2022-03-01T08:00+01:00")

    def work(thread: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(6):
                number = (thread + turn) % 3
                desk.act(number, occurrence=thread * 6 + turn + 1, caller=ADMIN)
                try:
                    desk.act(number, performed_on=day("2022-01-31"))  # refused: takes no number
                except errors.OutsideValidity:
                    continue

        return run

    assert _at_once(*[work(thread) for thread in range(threads)]) == [None] * threads

    messages = rows(desk.database_url, outbox, "pseudonym", "sequence")
    for pseudonym in {row["pseudonym"] for row in messages}:
        numbered = [row["sequence"] for row in messages if row["pseudonym"] == pseudonym]
        assert numbered == list(range(1, threads * 6 // 3 + 2))

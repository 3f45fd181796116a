"""Reconciliation: exactly the faults that are there, whatever else a month holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.delivery import State, StatementLine
from gateway.domain.reconciliation import Asked, Difference, Kind, Reconciliation, Remedy, Sent, reconcile
from tests.builders import instant

NOW = instant("2022-02-10T09:00Z")
LATE = timedelta(hours=72)
KINDS = ("inclusion", "exit", "inclusion-correction", "action", "action-annulment")
Triple = tuple[list[Asked], list[Sent], list[StatementLine]]


def a_message(number: int, state: State = State.ACCEPTED, kind: str = "action", age: timedelta = LATE * 2) -> Sent:
    return Sent(UUID(int=number), UUID(int=number + 10_000), kind, state, NOW - age)


def a_line(message: Sent, **changes: object) -> StatementLine:
    line = StatementLine(
        message_id=message.message_id,
        input_reference=UUID(int=1),
        output_reference="MCN-000001",
        kind=message.kind,
        reference=message.reference,
        received_at=message.created_at + timedelta(seconds=2),
        received_count=1,
        accepted=message.state is not State.REJECTED,
        code=None if message.state is not State.REJECTED else "not-insured",
        is_answered=message.state in (State.ACCEPTED, State.REJECTED),
    )
    return replace(line, **changes)  # type: ignore[arg-type] # named fields of the line


def reconciled(*messages: Sent, lines: list[StatementLine]) -> Reconciliation:
    asked = [Asked(one.message_id, one.reference) for one in messages]
    return reconcile(asked, messages, lines, NOW, LATE)


def found(*messages: Sent, lines: list[StatementLine]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.remedy.value) for one in reconciled(*messages, lines=lines).differences]


def test_clean_month_has_totals_and_no_difference() -> None:
    states = (State.ACCEPTED, State.ACCEPTED, State.REJECTED, State.SENT, State.PENDING)
    messages = [a_message(number, state, age=LATE / 2) for number, state in enumerate(states)]

    told = reconciled(*messages, lines=[a_line(one) for one in messages[:4]])

    assert (told.asked, dict(told.listed), told.differences) == (5, {True: 3, False: 1}, [])
    assert told.sent == {State.ACCEPTED: 2, State.REJECTED: 1, State.SENT: 1, State.PENDING: 1}


def test_nothing_asked_is_a_clean_month() -> None:
    assert reconciled(lines=[]) == Reconciliation(NOW, 0, {}, {}, [])


@pytest.mark.parametrize("state", [State.SENT, State.ACCEPTED, State.REJECTED])
def test_what_was_acknowledged_and_is_not_listed_was_dropped(state: State) -> None:
    assert found(a_message(1, state), lines=[]) == [("dropped", "send-again")]


def test_what_is_listed_twice_is_doubled() -> None:
    message = a_message(1)
    second = a_line(message, output_reference="MCN-000001-2")

    assert found(message, lines=[a_line(message), second]) == [("doubled", "remove-double")]


def test_two_receipts_of_one_message_are_no_double() -> None:
    message = a_message(1)

    assert found(message, lines=[a_line(message, received_count=7)]) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("inclusion", "doubled"), ("action", "doubled"), ("exit", "unknown-here"), ("identity-change", "unknown-here")],
)
def test_foreign_message_about_our_fact_is_a_double_where_a_fact_is_told_once(kind: str, expected: str) -> None:
    message = a_message(1, kind=kind)
    foreign = a_line(message, message_id=UUID(int=77))

    told = reconciled(message, lines=[a_line(message), foreign]).differences

    assert [(one.kind.value, one.message_id, one.message_kind) for one in told] == [(expected, UUID(int=77), kind)]


def test_line_of_nothing_of_ours_is_unknown_here_once() -> None:
    foreign = a_line(a_message(1))

    told = reconciled(lines=[foreign, foreign]).differences

    assert told == [
        Difference(Kind.UNKNOWN_HERE, Remedy.ASK_ORIGIN, foreign.message_id, foreign.reference, foreign.kind)
    ]


def test_message_committed_after_the_look_at_the_facts_is_no_fault() -> None:
    fresh = a_message(1, State.SENT, age=timedelta())

    assert reconcile([], [fresh], [a_line(fresh)], NOW, LATE).differences == []


@pytest.mark.parametrize(
    ("state", "age", "lines", "expected"),
    [
        (State.PENDING, LATE, False, []),
        (State.PENDING, LATE + timedelta(seconds=1), False, [("delayed", "wait")]),
        (State.PENDING, LATE * 2, True, [("delayed", "wait")]),
        (State.SENT, LATE, True, []),
        (State.SENT, LATE * 2, True, [("delayed", "wait")]),
        (State.SENT, LATE * 2, False, [("dropped", "send-again")]),
        (State.ACCEPTED, LATE * 9, True, []),
    ],
)
def test_what_waits_longer_than_it_may_is_delayed(
    state: State, age: timedelta, lines: bool, expected: list[tuple[str, str]]
) -> None:
    message = a_message(1, state, age=age)

    assert found(message, lines=[a_line(message)] if lines else []) == expected


def test_what_is_listed_as_received_later_than_it_may_is_delayed() -> None:
    message = a_message(1)
    on_time, late = (
        a_line(message, received_at=message.created_at + LATE + timedelta(seconds=more)) for more in (0, 1)
    )

    assert found(message, lines=[on_time]) == []
    assert found(message, lines=[late]) == [("delayed", "show-receipt")]


@pytest.mark.parametrize(
    ("state", "accepted", "contradiction", "expected"),
    [
        (State.ACCEPTED, True, None, []),
        (State.ACCEPTED, False, None, [("contradicted", "call-insurer")]),
        (State.REJECTED, False, None, []),
        (State.REJECTED, True, None, [("contradicted", "call-insurer")]),
        (State.ACCEPTED, True, "not-insured", [("contradicted", "call-insurer")]),
        (State.SENT, False, None, []),
        (State.PENDING, False, None, []),
    ],
)
def test_another_decision_than_the_one_on_record_is_a_contradiction(
    state: State, accepted: bool, contradiction: str | None, expected: list[tuple[str, str]]
) -> None:
    message = replace(a_message(1, state, age=LATE / 2), contradiction=contradiction)

    assert found(message, lines=[a_line(message, accepted=accepted)]) == expected


def test_what_failed_was_not_sent_and_goes_again_where_it_arrived_all_the_same() -> None:
    message = a_message(1, State.FAILED)

    assert found(message, lines=[]) == [("not-sent", "correct")]
    assert found(message, lines=[a_line(message)]) == [("not-sent", "send-again")]


def test_fact_without_a_message_is_reported() -> None:
    told = reconcile([Asked(UUID(int=1), UUID(int=2))], [], [], NOW, LATE)

    assert told.differences == [Difference(Kind.NOT_SENT, Remedy.REPORT, UUID(int=1), UUID(int=2))]
    assert (told.asked, dict(told.sent)) == (1, {})


PLANTED = (
    "no-message",
    "failed",
    "dropped",
    "listed-twice",
    "second-message",
    "waits",
    "late",
    "contradicted",
    "unknown",
)
EXPECTED = {
    "no-message": "not-sent",
    "failed": "not-sent",
    "dropped": "dropped",
    "listed-twice": "doubled",
    "second-message": "doubled",
    "waits": "delayed",
    "late": "delayed",
    "contradicted": "contradicted",
    "unknown": "unknown-here",
}


def _plant(fault: str, message: Sent, triple: Triple) -> tuple[str, UUID]:
    """Put a fault about a message into a clean triple; the difference that it makes."""
    _, sent, lines = triple
    line = next(one for one in lines if one.message_id == message.message_id)
    stranger = UUID(int=message.message_id.int + 50_000)
    match fault:
        case "no-message":
            sent.remove(message)
            lines.remove(line)
        case "failed":
            sent[sent.index(message)] = replace(message, state=State.FAILED)
            lines.remove(line)
        case "dropped":
            lines.remove(line)
        case "listed-twice":
            lines.append(replace(line, output_reference="again"))
        case "second-message":
            sent[sent.index(message)] = replace(message, kind="inclusion")
            lines.append(replace(line, message_id=stranger, kind="inclusion"))
        case "waits":
            sent[sent.index(message)] = replace(message, state=State.SENT)
        case "late":
            lines[lines.index(line)] = replace(line, received_at=line.received_at + LATE)
        case "contradicted":
            lines[lines.index(line)] = replace(line, accepted=not line.accepted)
        case "unknown":
            lines.append(replace(line, message_id=stranger, reference=UUID(int=stranger.int + 1)))
    named = stranger if fault in ("second-message", "unknown") else message.message_id
    return EXPECTED[fault], named


@settings(deadline=None)  # a busy machine is no counterexample
@given(
    messages=st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.sampled_from([State.ACCEPTED, State.REJECTED]),
            st.sampled_from([None, *PLANTED]),
        ),
        max_size=40,
    ),
    order=st.randoms(use_true_random=False),
)
def test_exactly_what_is_planted_is_found(messages: list[tuple[str, State, str | None]], order: Random) -> None:
    sent = [a_message(number, state, kind) for number, (kind, state, _) in enumerate(messages)]
    triple: Triple = (
        [Asked(one.message_id, one.reference) for one in sent],
        list(sent),
        [a_line(one) for one in sent],
    )

    planted = {
        _plant(fault, message, triple)
        for message, (_, _, fault) in zip(sent, messages, strict=True)
        if fault is not None
    }
    for side in triple:
        order.shuffle(side)
    told = reconcile(*triple, NOW, LATE)

    assert {(one.kind.value, one.message_id) for one in told.differences} == planted
    assert len(told.differences) == len(planted)
    assert told.differences == sorted(told.differences, key=lambda one: (one.message_id, one.kind))

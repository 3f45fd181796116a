"""A message's way to MyCareNet: forward only, and never waiting less than nothing or more than the bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import (
    PERMANENT,
    RETRYABLE,
    Acknowledged,
    Answer,
    Backoff,
    Bearing,
    Outcome,
    Standing,
    State,
    Step,
    Unacceptable,
    Unavailable,
    bearing_of,
    next_step,
)
from schemas.mycarenet.values import ANSWER_CODES
from tests.builders import instant

NOW = instant("2022-02-14T09:30:00Z")
ATTEMPTS = st.integers(1, 10**9)
CHANCES = st.floats(0, 1, exclude_max=True)
BACKOFFS = st.builds(Backoff, st.floats(0.001, 3600), st.floats(0.001, 86_400))
INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis wants naive bounds
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.just(UTC),
)
OUTCOMES = st.one_of(
    st.just(Acknowledged()), st.builds(Unavailable, st.text(max_size=20)), st.builds(Unacceptable, st.text(max_size=20))
)


@given(ATTEMPTS, CHANCES, BACKOFFS)
def test_wait_is_never_negative_nor_longer_than_the_bound(attempts: int, chance: float, backoff: Backoff) -> None:
    most = timedelta(seconds=backoff.most_seconds)

    wait = backoff.delay(attempts, chance)

    assert timedelta(0) <= wait <= most


@given(st.integers(1, 10_000), BACKOFFS)
def test_wait_at_the_same_chance_never_shrinks_with_more_attempts(attempts: int, backoff: Backoff) -> None:
    chance = 0.5

    earlier, later = backoff.delay(attempts, chance), backoff.delay(attempts + 1, chance)

    assert earlier <= later


@given(ATTEMPTS, OUTCOMES, INSTANTS, CHANCES)
def test_pending_message_moves_forward_or_is_tried_again_later(
    attempts: int, outcome: Outcome, now: datetime, chance: float
) -> None:
    backoff = Backoff()

    step = next_step(attempts, outcome, now, backoff, chance)

    assert step.state in (State.PENDING, State.SENT, State.FAILED)
    assert (step.next_attempt_at is not None) is (step.state is State.PENDING)
    if step.next_attempt_at is not None:
        assert now <= step.next_attempt_at <= now + timedelta(seconds=backoff.most_seconds)


@pytest.mark.parametrize(
    ("attempts", "outcome", "expected"),
    [
        (1, Acknowledged(), Step(State.SENT)),
        (7, Acknowledged(), Step(State.SENT)),
        (1, Unacceptable("schema"), Step(State.FAILED, reason="schema")),
        (1, Unavailable("timeout"), Step(State.PENDING, instant("2022-02-14T09:30:00.250Z"), "timeout")),
        (4, Unavailable("timeout"), Step(State.PENDING, instant("2022-02-14T09:30:02Z"), "timeout")),
        (400, Unavailable("503"), Step(State.PENDING, instant("2022-02-14T09:32:30Z"), "503")),
    ],
    ids=["acknowledged", "acknowledged at last", "refused for good", "first failure", "fourth failure", "long outage"],
)
def test_attempt_ends_as_its_outcome_says(attempts: int, outcome: Outcome, expected: Step) -> None:
    chance = 0.5

    step = next_step(attempts, outcome, NOW, Backoff(), chance)

    assert step == expected


def test_sent_message_is_shown_as_pending_until_the_answer() -> None:
    states = list(State)

    shown = {state.value: state.shown for state in states}

    assert shown == {
        "pending": "pending",
        "sent": "pending",
        "accepted": "accepted",
        "rejected": "rejected",
        "failed": "failed",
    }


SENT = Standing(State.SENT, UUID(int=8), "MCN-000001")
YES = Answer("a-1", UUID(int=1), True, None, None, UUID(int=8), "MCN-000001")
NO = replace(YES, accepted=False, code="deceased")
PUT_OFF = replace(YES, accepted=False, code="temporarily-unavailable")


@pytest.mark.parametrize(
    ("standing", "answer", "expected"),
    [
        (SENT, YES, Bearing.NEWS),
        (SENT, NO, Bearing.NEWS),
        (replace(SENT, state=State.PENDING, output_reference=None), YES, Bearing.NEWS),
        (SENT, replace(YES, output_reference="MCN-000009"), Bearing.NEWS),
        (SENT, PUT_OFF, Bearing.POSTPONEMENT),
        (SENT, replace(PUT_OFF, output_reference="MCN-000009"), Bearing.REPEAT),
        (replace(SENT, state=State.PENDING), PUT_OFF, Bearing.REPEAT),
        (replace(SENT, state=State.ACCEPTED), PUT_OFF, Bearing.REPEAT),
        (replace(SENT, state=State.ACCEPTED), YES, Bearing.REPEAT),
        (replace(SENT, state=State.REJECTED, reason="deceased"), NO, Bearing.REPEAT),
        (replace(SENT, state=State.REJECTED, reason="not-insured"), NO, Bearing.CONTRADICTION),
        (replace(SENT, was_accepted=True), YES, Bearing.NEWS),
        (replace(SENT, was_accepted=True), NO, Bearing.CONTRADICTION),
        (replace(SENT, was_accepted=True), PUT_OFF, Bearing.POSTPONEMENT),
        (replace(SENT, state=State.ACCEPTED), NO, Bearing.CONTRADICTION),
        (replace(SENT, state=State.REJECTED), YES, Bearing.CONTRADICTION),
        (replace(SENT, state=State.FAILED), YES, Bearing.CONTRADICTION),
        (replace(SENT, state=State.FAILED), NO, Bearing.CONTRADICTION),
        (None, YES, Bearing.FOREIGN),
        (SENT, replace(YES, input_reference=UUID(int=9)), Bearing.FOREIGN),
        (SENT, replace(YES, input_reference=None), Bearing.FOREIGN),
        (replace(SENT, input_reference=None), YES, Bearing.FOREIGN),
        (replace(SENT, input_reference=None), replace(YES, input_reference=None), Bearing.FOREIGN),
    ],
)
def test_answer_is_what_the_record_makes_of_it(standing: Standing | None, answer: Answer, expected: Bearing) -> None:
    assert bearing_of(answer, standing) is expected


@pytest.mark.parametrize("code", [*PERMANENT, "a-code-of-tomorrow", None])
def test_answer_that_says_no_is_for_good_unless_its_code_says_otherwise(code: str | None) -> None:
    assert replace(NO, code=code).state is State.REJECTED


def test_both_sides_know_the_same_answers() -> None:
    assert (*PERMANENT, *RETRYABLE) == ANSWER_CODES
    assert {replace(NO, code=code).state for code in RETRYABLE} == {State.PENDING}

"""A message's way to MyCareNet: forward only, and never waiting less than nothing or more than the bound."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import Acknowledged, Backoff, Outcome, State, Step, Unacceptable, Unavailable, next_step
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

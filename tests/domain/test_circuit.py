"""The circuit breaker: nothing goes through while it is open, one probe decides, and it always closes again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.circuit import FAILURES_TO_OPEN, LONGEST_PAUSE_SECONDS, Circuit, CircuitState
from gateway.domain.delivery import Backoff
from tests.builders import instant

NOW = instant("2022-02-14T09:30:00Z")
BACKOFF = Backoff(first_seconds=2, most_seconds=300)


def _after(*outcomes: bool, circuit: Circuit | None = None) -> Circuit:
    circuit = circuit or Circuit()
    for is_there in outcomes:
        circuit = circuit.after(is_there, NOW, BACKOFF, 0.0)
    return circuit


def test_failures_in_a_row_open_it_and_one_success_between_them_does_not() -> None:
    few = [False] * (FAILURES_TO_OPEN - 1)

    circuits = [_after(*few), _after(*few, True, *few), _after(*few, False)]

    assert [one.state(NOW) for one in circuits] == [CircuitState.CLOSED, CircuitState.CLOSED, CircuitState.OPEN]
    assert [one.most(NOW, 256) for one in circuits] == [256, 256, 0]


def test_after_its_pause_it_lets_one_probe_through() -> None:
    opened = _after(*[False] * FAILURES_TO_OPEN)

    before, after = NOW + timedelta(seconds=1) - timedelta(microseconds=1), NOW + timedelta(seconds=1)

    assert (opened.state(before), opened.most(before, 256)) == (CircuitState.OPEN, 0)
    assert (opened.state(after), opened.most(after, 256)) == (CircuitState.HALF_OPEN, 1)


def test_probe_that_succeeds_closes_it_and_forgets_what_was() -> None:
    opened = _after(*[False] * FAILURES_TO_OPEN)

    assert _after(True, circuit=opened) == Circuit()


def test_probes_that_fail_make_its_pauses_longer_up_to_ten_seconds() -> None:
    circuit, now, pauses = _after(*[False] * FAILURES_TO_OPEN), NOW, []
    for _ in range(8):
        assert circuit.open_until is not None
        pauses.append((circuit.open_until - now).total_seconds())
        now = circuit.open_until
        circuit = circuit.after(False, now, BACKOFF, 0.0)

    assert pauses == [1, 2, 4, 5, 5, 5, 5, 5]


def test_what_fails_while_it_is_open_is_no_probe() -> None:
    opened = _after(*[False] * FAILURES_TO_OPEN)

    assert _after(*[False] * 20, circuit=opened) == opened


def test_while_a_probe_is_under_way_all_others_wait_and_its_failure_counts() -> None:
    opened = _after(*[False] * FAILURES_TO_OPEN)
    over = NOW + timedelta(seconds=1)

    probed = opened.probed(over + timedelta(seconds=20))
    failed = probed.after(False, over, BACKOFF, 0.0)

    assert (probed.most(over, 256), probed.after(True, over, BACKOFF, 0.0)) == (0, Circuit())
    assert (failed.pauses, failed.open_until, failed.is_probed) == (2, over + timedelta(seconds=2), False)


@given(st.lists(st.booleans(), max_size=40), st.floats(0, 1, exclude_max=True))
def test_it_is_never_open_for_longer_than_its_longest_pause(outcomes: list[bool], chance: float) -> None:
    circuit = Circuit()
    for is_there in outcomes:
        circuit = circuit.after(is_there, NOW, BACKOFF, chance)

    assert circuit.state(NOW + timedelta(seconds=LONGEST_PAUSE_SECONDS)) is not CircuitState.OPEN
    if outcomes and outcomes[-1]:
        assert circuit == Circuit()

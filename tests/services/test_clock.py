"""The clocks: the machine's, and the sandbox's, which stands still until it is moved and never goes back."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import pytest

from gateway.clock import SANDBOX_START, SandboxClock, real_now
from gateway.domain.periods import day_of
from tests.builders import day, instant

LATER = instant("2022-01-15T09:30+01:00")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clock"


def test_real_time_goes_on_in_utc() -> None:
    first, second = real_now(), real_now()

    assert first <= second
    assert first.tzinfo is UTC


def test_sandbox_begins_on_the_first_instant_of_september_2021_in_brussels(path: Path) -> None:
    assert day_of(SandboxClock(path)()) == day("2021-09-01")
    assert day_of(SANDBOX_START - timedelta(microseconds=1)) == day("2021-08-31")


def test_moved_clock_stands_there_for_every_process(path: Path) -> None:
    is_moved = SandboxClock(path).move(LATER)

    again = SandboxClock(path)()

    assert is_moved
    assert (again, again.tzinfo) == (LATER, UTC)
    assert list(path.parent.iterdir()) == [path]


def test_clock_is_not_moved_back(path: Path) -> None:
    clock = SandboxClock(path)
    clock.move(LATER)

    assert not clock.move(LATER - timedelta(microseconds=1))
    assert clock.move(LATER)
    assert clock() == LATER

"""The circuit breaker in front of a partner that may be away: a state machine without a clock of its own.

    closed ──so many failures in a row──▶ open ──its pause is over──▶ half-open ──a probe succeeds──▶ closed
                                            ▲                             │
                                            └──────── a probe fails ──────┘  (each time a longer pause)

While it is open nothing is tried, so nothing burns an attempt; half-open lets one probe through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gateway.domain.delivery import Backoff

FAILURES_TO_OPEN = 5
LONGEST_PAUSE_SECONDS = 10.0


class CircuitState(StrEnum):
    """Whether anything is let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a partner: failures in a row, pauses in a row, and until when it is left alone.

    Shape: `is_probed` while it is left alone because a probe is under way.
    Source: Michael Nygard, Release It!, "Circuit Breaker".
    """

    failures: int = 0
    pauses: int = 0
    open_until: datetime | None = None
    is_probed: bool = False

    def state(self, now: datetime) -> CircuitState:
        """Where the circuit stands at an instant."""
        if self.open_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self.open_until else CircuitState.HALF_OPEN

    def most(self, now: datetime, usual: int) -> int:
        """How many may be tried at an instant: as many as usual, none while open, one as a probe."""
        return {CircuitState.CLOSED: usual, CircuitState.OPEN: 0, CircuitState.HALF_OPEN: 1}[self.state(now)]

    def probed(self, until: datetime) -> Circuit:
        """The circuit with a probe under way, for which all others wait until an instant at most."""
        return replace(self, open_until=until, is_probed=True)

    def after(self, is_there: bool, now: datetime, backoff: Backoff, chance: float) -> Circuit:
        """The circuit after an attempt, for a chance in [0, 1).

        Shape: a pause is between half of the backoff's ceiling and the whole of it, so that it is never nothing and
        two workers do not probe together; and never more than ten seconds, whatever the backoff of messages is: with a
        probe that waits as long as it may, sending goes on within half a minute after the partner is back. What fails
        while it is open was under way when it opened, and is no probe.
        """
        if is_there:
            return Circuit()
        if self.state(now) is CircuitState.OPEN and not self.is_probed:
            return self
        failures = self.failures + 1
        if self.open_until is None and failures < FAILURES_TO_OPEN:
            return Circuit(failures)
        pauses = self.pauses + 1
        pace = replace(backoff, most_seconds=min(backoff.most_seconds, LONGEST_PAUSE_SECONDS))
        return Circuit(failures, pauses, now + pace.delay(pauses, 0.5 + chance / 2))

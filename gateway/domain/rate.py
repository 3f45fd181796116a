"""How often somebody may ask: a bucket that empties by itself at a steady rate, and is full after a burst.

Shape: all that is remembered is the instant at which the bucket is empty again; one long past is no bucket at all.
Units: seconds since 1970, requests, requests a second.
Source: the generic cell rate algorithm of ITU-T I.371, as a virtual schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A steady rate, and how many requests may come at once."""

    per_second: float
    burst: int

    @property
    def window_seconds(self) -> float:
        """How long a full bucket needs to be empty again."""
        return self.burst / self.per_second


def spend(empty_at: float, now: float, count: int, limit: Limit) -> float:
    """When the bucket is empty again after so many requests.

    Shape: an instant beyond a full bucket is a clock that was wrong, and counts as full.

    >>> spend(0.0, 1000.0, 10, Limit(per_second=5, burst=100))
    1002.0
    >>> spend(1002.0, 1000.0, 10, Limit(per_second=5, burst=100))
    1004.0
    >>> spend(9999.0, 1000.0, 0, Limit(per_second=5, burst=100))
    1020.0
    """
    return min(max(empty_at, now), now + limit.window_seconds) + count / limit.per_second


def wait_seconds(empty_at: float, now: float, limit: Limit) -> int:
    """After how many whole seconds one more request has room; 0 when it has.

    >>> limit = Limit(per_second=5, burst=100)
    >>> [wait_seconds(empty_at, 1000.0, limit) for empty_at in (0.0, 1019.8, 1020.0, 1021.5, 9999.0)]
    [0, 0, 1, 1, 1]
    """
    filled = min(empty_at - now, limit.window_seconds) + 1 / limit.per_second
    return max(0, math.ceil(filled - limit.window_seconds - 1e-6))


def left(empty_at: float, now: float, limit: Limit) -> int:
    """How many requests have room.

    >>> limit = Limit(per_second=5, burst=100)
    >>> [left(empty_at, 1000.0, limit) for empty_at in (0.0, 1002.0, 1020.0, 1021.0)]
    [100, 90, 0, 0]
    """
    return max(0, min(limit.burst, math.floor(limit.burst - (empty_at - now) * limit.per_second + 1e-6)))

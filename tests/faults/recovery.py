"""How long it took until all was well again, as the clients and MyCareNet saw it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice, pairwise

from tests.faults.history import History, Remains, Window, is_good


def recoveries(history: History, remains: Remains) -> list[tuple[Window, float | None]]:
    """How long after each fault was lifted its clients were well again; None when they never were.

    Shape: of a fault at a gateway, until the first 2xx from it; of one on the way to MyCareNet, until the next message
    arrived there, less the time in which another one was in its way. A fault of which nobody had occasion to see the
    end is left out.
    """
    good = defaultdict(list)
    for one in history.requests:
        for attempt in one.attempts:
            if is_good(attempt):
                good[attempt.gateway].append((attempt.ended_at, attempt.sent_at))
    for ended in good.values():
        ended.sort()
    arrivals = sorted(one.received_at for one in remains.ledger)
    found: list[tuple[Window, float | None]] = []
    for window in history.windows:
        if window.gateways:
            times = [_first_good(good[number], window) for number in good if window.hits(number)]
            known = [time for time in times if time is not None]
            found.append((window, max(known) if times and len(known) == len(times) else None))
        elif window.upstream and (later := bisect_left(arrivals, window.lifted_at)) < len(arrivals):
            found.append((window, _unhindered(history, window.lifted_at, arrivals[later])))
    return found


def _unhindered(history: History, since: float, until: float) -> float:
    """How long of a time no fault was in the way to MyCareNet; of those there is one at a time."""
    upstream = [one for one in history.windows if one.upstream]
    hindered = [min(one.lifted_at, until) - max(one.began_at, since) for one in upstream]
    return until - since - sum(one for one in hindered if one > 0)


def interruptions(history: History) -> list[tuple[Window, float]]:
    """For how long a gateway gave no good answer when another node had to take over; of the gateways, the longest."""
    good = defaultdict(list)
    for one in history.requests:
        for attempt in one.attempts:
            if is_good(attempt):
                good[attempt.gateway].append(attempt.ended_at)
    found = []
    for window in history.windows:
        if window.failover:
            gaps = [0.0]
            for ended in good.values():
                ended.sort()
                first = max(0, bisect_left(ended, window.began_at) - 1)
                last = bisect_right(ended, window.lifted_at) + 1
                gaps += [later - earlier for earlier, later in pairwise(ended[first:last])]
            found.append((window, max(gaps)))
    return found


def _first_good(good: Sequence[tuple[float, float]], window: Window) -> float | None:
    """How long after a fault the first request sent after its beginning was answered well."""
    for ended, sent in islice(good, bisect_left(good, (window.lifted_at,)), None):
        if sent >= window.began_at:
            return max(0.0, ended - window.lifted_at)
    return None

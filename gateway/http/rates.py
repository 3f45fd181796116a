"""How often each caller, and all who speak for one project, may ask this and every other gateway.

Cost: arithmetic in memory; after each twentieth of a burst a row, in a transaction of its own. A gateway's process may
let so many more through than are left, before it hears of the others.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from gateway.domain import rate
from gateway.domain.access import Caller
from gateway.domain.errors import StoreUnavailable, TooManyRequests
from gateway.domain.rate import Limit
from gateway.services.context import Context

SHARED_EVERY = 20
"""The part of a burst after which it is told to the others."""
REMEMBERED = 10_000


@dataclass(slots=True)
class _Bucket:
    empty_at: float = 0.0
    untold: int = 0


class Rates:
    """The rates of callers and of projects, as one process knows them; None is no limit."""

    def __init__(self, context: Context, caller: Limit | None = None, project: Limit | None = None) -> None:
        self._context = context
        self._caller = caller
        self._project = project
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: Caller) -> dict[str, str]:
        """Count a request; the headers that tell how many are left.

        Source: draft-ietf-httpapi-ratelimit-headers-10.
        Raises: TooManyRequests.
        """
        headers: dict[str, str] = {}
        for name, asker, limit in self._limits(caller):
            now = time.time()
            bucket = self._bucket(asker)
            bucket.empty_at = min(bucket.empty_at, now + limit.window_seconds)  # more is a clock that was wrong
            wait = rate.wait_seconds(bucket.empty_at, now, limit)
            if wait:
                raise TooManyRequests(wait)
            self._spend(bucket, asker, now, limit)
            headers["RateLimit-Policy"] = f'"{name}";q={limit.burst};w={round(limit.window_seconds)}'
            remaining = rate.left(bucket.empty_at, now, limit)
            headers["RateLimit"] = f'"{name}";r={remaining};t={round(max(0.0, bucket.empty_at - now))}'
        return headers

    def _limits(self, caller: Caller) -> Iterator[tuple[str, bytes, Limit]]:
        """What applies to a caller; the last one is told of."""
        if self._project is not None and caller.project is not None:
            yield "project", self._context.veil.fingerprints.asker("project", caller.project), self._project
        if self._caller is not None:
            asker = self._context.veil.fingerprints.asker("caller", caller.issuer, caller.subject)
            yield "caller", asker, self._caller

    def _bucket(self, asker: bytes) -> _Bucket:
        with self._lock:
            bucket = self._buckets.setdefault(asker, _Bucket())
            self._buckets.move_to_end(asker)
            while len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        return bucket

    def _spend(self, bucket: _Bucket, asker: bytes, now: float, limit: Limit) -> None:
        with self._lock:
            bucket.empty_at = rate.spend(bucket.empty_at, now, 1, limit)
            bucket.untold += 1
            count = bucket.untold
            if count < max(1, limit.burst // SHARED_EVERY):
                return
            bucket.untold = 0
        with suppress(StoreUnavailable), self._context.store.transaction() as tx:  # without it, as this process knows
            shared = tx.rates.spend(asker, count, now, limit)
            bucket.empty_at = max(bucket.empty_at, shared)

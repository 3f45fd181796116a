"""Metrics for Prometheus: answers by route and status, problems by code, the outbox. No identity, no free label."""

from __future__ import annotations

import os
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from gateway.store.outbox import Backlog


class Metrics:
    """The gateway's counters; with several workers they are summed over a shared directory."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter("chroniccare_answers", "Answers", ["route", "status"], registry=self._registry)
        self._problems = Counter("chroniccare_problems", "Problems", ["code"], registry=self._registry)
        self._seconds = Histogram("chroniccare_request_seconds", "Latency", ["route"], registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str) -> None:
        """Count one problem."""
        self._problems.labels(code).inc()

    def text(self, backlog: Backlog | None, now: datetime) -> bytes:
        """The exposition, with the outbox as it stands; without it when the register does not answer."""
        shown = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            multiprocess.MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
            counted = generate_latest(shown)
        else:
            counted = generate_latest(self._registry)
        return counted + (b"" if backlog is None else _outbox(backlog, now))


def _outbox(backlog: Backlog, now: datetime) -> bytes:
    registry = CollectorRegistry()
    age = 0.0 if backlog.oldest_at is None else (now - backlog.oldest_at).total_seconds()
    Gauge("chroniccare_outbox_pending", "Messages not sent", registry=registry).set(backlog.pending)
    Gauge("chroniccare_outbox_unanswered", "Messages not answered", registry=registry).set(backlog.unanswered)
    Gauge("chroniccare_outbox_oldest_seconds", "Age of the oldest of them", registry=registry).set(age)
    Gauge("chroniccare_outbox_failed", "Messages that wait for a person", registry=registry).set(backlog.failed)
    Gauge("chroniccare_outbox_rejected", "Messages that MyCareNet rejected", registry=registry).set(backlog.rejected)
    return generate_latest(registry)

"""Metrics for Prometheus: what this gateway answered, and what its register tells of everybody's work.

Shape: no identity and no free label: routes, statuses, codes, rules, needs and kinds of work are all from lists.
Each metric is described in RUNBOOK.md; a test compares.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from os import environ, getpid

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from gateway.domain.errors import Problem
from gateway.services.check_readiness import Looked
from gateway.store.audit import Unchained
from gateway.store.outbox import Backlog
from gateway.store.pulses import BOUNDS, Pulse, Waiting, Workers

SHARED_IN = "PROMETHEUS_MULTIPROC_DIR"
ACKNOWLEDGED, ANSWERED, CLOSE = "acknowledged", "answered", "close"
SEALING = "sealing-"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the register stands: the same whichever gateway is asked."""

    backlog: Backlog
    waiting: Waiting
    pulses: Mapping[str, Pulse]
    latencies: Mapping[str, Mapping[int, int]]
    workers: Workers
    unchained: Unchained
    now: datetime


class Metrics:
    """A gateway's own counters; several workers of one gateway sum theirs over a folder."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter("chroniccare_answers", "Answers", ["route", "status"], registry=self._registry)
        self._problems = Counter("chroniccare_problems", "Problems", ["code"], registry=self._registry)
        self._refusals = Counter("chroniccare_refusals", "Refusals by a rule", ["rule"], registry=self._registry)
        self._seconds = Histogram("chroniccare_request_seconds", "Latency", ["route"], registry=self._registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, code: str, problem: Problem) -> None:
        """Count one problem, and the rule that said no where one did."""
        self._problems.labels(code).inc()
        if problem.rule is not None:
            self._refusals.labels(problem.rule).inc()

    def text(self, standing: Standing | None, looked: Looked) -> bytes:
        """The exposition; without the register's part when it does not answer."""
        shown = self._registry
        if SHARED_IN in environ:
            shown = CollectorRegistry()
            multiprocess.MultiProcessCollector(shown)  # type: ignore[no-untyped-call]  # the collector has no types
        beside = CollectorRegistry()
        beside.register(_Told([*_own(looked), *([] if standing is None else _register(standing))]))
        return generate_latest(shown) + generate_latest(beside)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the workers that are forked in this block count into one folder, which is gone with it."""
    owner = getpid()
    folder = tempfile.mkdtemp(prefix="chroniccare-metrics-")
    before, counts_alone = environ.get(SHARED_IN), values.ValueClass
    environ[SHARED_IN] = folder
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call] # chosen at its import otherwise
    try:
        yield
    finally:
        if getpid() == owner:  # a worker that ends leaves its counts to the others
            values.ValueClass = counts_alone
            del environ[SHARED_IN]
            if before is not None:
                environ[SHARED_IN] = before
            shutil.rmtree(folder, ignore_errors=True)


class _Told(Collector):
    """Metrics that are told as they stand, and not counted here."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def _own(looked: Looked) -> Iterator[Metric]:
    needs = GaugeMetricFamily("chroniccare_need_met", "1 when a need of this gateway is met, else 0", labels=["need"])
    for one in looked.findings:
        needs.add_metric([one.check], float(one.ok))
    yield needs
    yield GaugeMetricFamily("chroniccare_disk_free_bytes", "Room for data and extracts", value=looked.free_bytes)
    if looked.ahead_seconds is not None:
        yield GaugeMetricFamily(
            "chroniccare_clock_ahead_seconds", "By how much the clock is ahead", value=looked.ahead_seconds
        )


def _register(standing: Standing) -> Iterator[Metric]:
    backlog, waiting, pulses = standing.backlog, standing.waiting, standing.pulses
    for name, about, value in (
        ("outbox_pending", "Messages not sent", backlog.pending),
        ("outbox_unanswered", "Messages not answered", backlog.unanswered),
        ("outbox_oldest_seconds", "Age of the oldest of them", _age(standing.now, backlog.oldest_at)),
        ("outbox_failed", "Messages that wait for a person", backlog.failed),
        ("outbox_rejected", "Messages that MyCareNet rejected", backlog.rejected),
        ("batches_waiting", "Batches not done", waiting.batches),
        ("extracts_waiting", "Extracts not made", waiting.extracts),
        ("audit_unchained", "Audit entries without a place", standing.unchained.count),
        ("audit_unchained_oldest_seconds", "Age of the oldest", _age(standing.now, standing.unchained.oldest_at)),
    ):
        yield GaugeMetricFamily(f"chroniccare_{name}", about, value=value)
    yield _histogram(standing, "acknowledgement_seconds", "From a message's commit to its taking", ACKNOWLEDGED)
    yield _histogram(standing, "delivery_seconds", "From the commit of a message to its answer", ANSWERED)
    yield _summary("close_seconds", "Closing of periods", pulses.get(CLOSE))
    last = GaugeMetricFamily("chroniccare_last_timestamp_seconds", "When a kind of work was last done", labels=["work"])
    seals = GaugeMetricFamily("chroniccare_seals", "What a sealing key sealed, to a thousand a process", labels=["key"])
    for name, one in sorted(pulses.items()):
        if name.startswith(SEALING):
            seals.add_metric([name], one.done)
        else:
            last.add_metric([name], one.at.timestamp())
    yield last
    yield seals
    yield GaugeMetricFamily("chroniccare_workers", "Workers that were seen a moment ago", value=standing.workers.alive)
    about = "When the worker that is behind in a lane last turned it"
    oldest = GaugeMetricFamily("chroniccare_lane_oldest_timestamp_seconds", about, labels=["lane"])
    for name, at in sorted(standing.workers.oldest.items()):
        oldest.add_metric([name], at.timestamp())
    yield oldest


def _histogram(standing: Standing, name: str, about: str, work: str) -> Metric:
    """How long a kind of work took; what was done before latencies were kept is in the last bucket alone."""
    pulse, found = standing.pulses.get(work), standing.latencies.get(work, {})
    done, seconds = (0, 0.0) if pulse is None else (pulse.done, pulse.seconds)
    within = [(str(bound), sum(count for upto, count in found.items() if upto <= bound)) for bound in BOUNDS]
    return HistogramMetricFamily(f"chroniccare_{name}", about, buckets=[*within, ("+Inf", done)], sum_value=seconds)


def _age(now: datetime, at: datetime | None) -> float:
    return 0.0 if at is None else (now - at).total_seconds()


def _summary(name: str, about: str, pulse: Pulse | None) -> Metric:
    done, seconds = (0, 0.0) if pulse is None else (pulse.done, pulse.seconds)
    return SummaryMetricFamily(f"chroniccare_{name}", about, count_value=done, sum_value=seconds)

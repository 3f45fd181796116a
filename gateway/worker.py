"""The delivery worker: a lane for each kind of work, so that one which hangs or is slow delays no other.

sending      due messages to MyCareNet          ┐
mailbox      its answers                        │  each a thread of its own: a round, and at once another
batches      lines that wait                    ├─ while there is work; told to stop, it ends its round early
webhooks     events for projects' software   │
extracts     files that were asked for          │
housekeeping what has had its time              ┘
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars

from gateway.domain.errors import StoreUnavailable
from gateway.services.build_extracts import run_extracts, sweep_extracts
from gateway.services.collect_answers import Mailbox, collect_answers
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace, Watch, WayOut, deliver_outbox
from gateway.services.run_batches import LineReader, run_batches
from gateway.services.send_webhooks import HookWatch, Poster, send_webhooks
from gateway.services.stage_batch import sweep_batches
from gateway.spans import Spans
from gateway.upstream.client import MailboxUnavailable

log = structlog.get_logger("chroniccare.worker")
IDLE_SECONDS = 0.2
TROUBLED_SECONDS = 1.0
PURGE_EVERY_SECONDS = 3600.0
BEAT_EVERY_SECONDS = 15.0
STOP_SECONDS = 5.0

Lane = Callable[[], int]
"""One round of a kind of work; how much moved."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker works with; `mailbox` has a connection of its own, as its lane runs beside that of sending."""

    context: Context
    way_out: WayOut
    mailbox: Mailbox
    poster: Poster
    pace: Pace
    read: LineReader
    stop: threading.Event = field(default_factory=threading.Event)

    def lanes(self) -> Mapping[str, Lane]:
        """The lanes by name, batches and extracts before the messages that they bring forth."""
        context, lease, is_stopping = self.context, self.pace.lease, self.stop.is_set
        watch, beats = Watch(is_stopping), Beats(self.context, is_stopping)
        hooks = HookWatch(is_stopping)

        def send() -> int:
            tried = deliver_outbox(context, self.way_out, self.pace, watch)
            if watch.circuit.open_until is not None:
                beats.beat("circuit")
            return tried

        lanes: Mapping[str, Lane] = {
            "batches": lambda: run_batches(context, self.read, lease, is_stopping=is_stopping),
            "extracts": lambda: run_extracts(context, lease, is_stopping),
            "sending": send,
            "mailbox": lambda: collect_answers(context, self.mailbox, self.pace.backoff),
            "webhooks": lambda: send_webhooks(context, self.poster, self.pace, hooks),
        }
        return {name: _timed(context.spans, name, beats.after(name, lane)) for name, lane in lanes.items()}


class Beats:
    """Tells the register now and then that a kind of work goes on; what came to grief is not told."""

    def __init__(self, context: Context, is_stopping: Callable[[], bool]) -> None:
        self._context = context
        self._is_stopping = is_stopping
        self._next_at: dict[str, float] = {}

    def after(self, name: str, lane: Lane) -> Lane:
        """A lane whose rounds are told of when they end well."""

        def round_and_beat() -> int:
            moved = lane()
            self.beat(name)
            return moved

        return round_and_beat

    def beat(self, name: str) -> None:
        """Tell of one kind of work, unless that was done a moment ago or the worker is ending."""
        if not self._is_stopping() and time.monotonic() >= self._next_at.get(name, 0.0):
            with self._context.store.transaction() as tx:
                tx.pulses.beat(name, self._context.real_now())
            self._next_at[name] = time.monotonic() + BEAT_EVERY_SECONDS


def run_round(worker: Worker) -> int:
    """One round of every lane after another; how much moved.

    Raises: StoreUnavailable.
    """
    return sum(_round(name, lane) or 0 for name, lane in worker.lanes().items())


def run_until_stopped(worker: Worker) -> None:
    """Run every lane until told to stop, then wait a little for each to put down what it holds.

    Shape: a lane that hangs on somebody else is left behind; its leases run out, and another worker takes over.
    """
    lanes = {**worker.lanes(), "housekeeping": _housekeeping(worker.context)}
    threads = [
        threading.Thread(target=_run_lane, args=(name, lane, worker.stop), name=name, daemon=True)
        for name, lane in lanes.items()
    ]
    for thread in threads:
        thread.start()
    worker.stop.wait()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in threads if thread.is_alive()]
    log.info("stopped", left=left, round_id=str(uuid4()))


def _timed(spans: Spans, name: str, lane: Lane) -> Lane:
    """A lane each of whose rounds is a trace of its own."""

    def round_in_a_span() -> int:
        with spans.span(f"round {name}") as span:
            span.tell({"chroniccare.round_id": get_contextvars().get("round_id", "")})
            moved = lane()
            span.tell({"chroniccare.moved": moved})
            return moved

    return round_in_a_span


def _run_lane(name: str, lane: Lane, stop: threading.Event) -> None:
    while not stop.is_set():
        moved = _patient_round(name, lane)
        if not moved:
            stop.wait(TROUBLED_SECONDS if moved is None else IDLE_SECONDS)


def _patient_round(name: str, lane: Lane) -> int | None:
    """One round of a lane; None when it came to grief, also because the register is away for a while."""
    with bound_contextvars(round_id=str(uuid4())):
        try:
            return _told_round(name, lane)
        except StoreUnavailable:
            log.error("store_unavailable", lane=name)
            return None


def _round(name: str, lane: Lane) -> int | None:
    """One round of a lane; None when it came to grief, which it tells the log and nobody else.

    Shape: whatever is logged meanwhile bears the round's id.
    Raises: StoreUnavailable.
    """
    with bound_contextvars(round_id=str(uuid4())):
        return _told_round(name, lane)


def _told_round(name: str, lane: Lane) -> int | None:
    try:
        moved = lane()
    except StoreUnavailable:
        raise
    except MailboxUnavailable:
        log.warning("mailbox_unavailable")
        return None
    except Exception as error:  # noqa: BLE001 - the outer rim: what cannot be done must not end the lane
        log.error("lane_stuck", lane=name, kind=type(error).__name__)
        return None
    if moved:
        log.info("round", lane=name, moved=moved)
    return moved


def _housekeeping(context: Context) -> Lane:
    """Forget old keys and sweep what killed workers left, now and then."""
    purge_at = time.monotonic() + PURGE_EVERY_SECONDS

    def keep_house() -> int:
        nonlocal purge_at
        if time.monotonic() > purge_at:
            purge_at = time.monotonic() + PURGE_EVERY_SECONDS
            with context.store.transaction() as tx:
                log.info("purged", keys=tx.idempotency.purge(context.real_now()))
            log.info("swept", extracts=sweep_extracts(context), batches=sweep_batches(context))
        return 0

    return keep_house

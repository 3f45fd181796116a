"""The delivery worker: a lane for each kind of work, so that one which hangs or is slow delays no other.

sending      due messages to MyCareNet          ┐
mailbox      its answers                        │  each a thread of its own: a round, and at once another
batches      lines that wait                    ├─ while there is work; told to stop, it ends its round early
webhooks     events for projects' software      │
extracts     files that were asked for          │
audit        the audit's chains and checkpoints │
housekeeping what has had its time              ┘
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from socket import gethostname
from uuid import uuid4

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars

from gateway.domain.errors import StoreUnavailable
from gateway.services.batch_lines import LineReader
from gateway.services.build_extracts import run_extracts
from gateway.services.chain_audit import Chaining
from gateway.services.checkpoints import CheckpointFile
from gateway.services.collect_answers import Mailbox, collect_answers
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace, Watch, WayOut, deliver_outbox
from gateway.services.purge import purge
from gateway.services.run_batches import run_batches
from gateway.services.send_webhooks import HookWatch, Poster, send_webhooks
from gateway.spans import Spans
from gateway.upstream.client import PAGE, MailboxUnavailable

log = structlog.get_logger("chroniccare.worker")
IDLE_SECONDS = 0.2
TROUBLED_SECONDS = 1.0
PURGE_EVERY_SECONDS = 3600.0
PURGE_AGAIN_SECONDS = 60.0
BEAT_EVERY_SECONDS = 15.0
STOP_SECONDS = 5.0
FULL = {"mailbox": PAGE, "sending": 64}
"""How much must have moved for a lane to go on at once, where one will not do: fewer say that the next are still to
come, and many in one round cost little more than one."""

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
    checkpoints: CheckpointFile
    stop: threading.Event = field(default_factory=threading.Event)
    name: str = field(default_factory=lambda: f"{gethostname()}/{uuid4().hex[:8]}")

    def lanes(self) -> Mapping[str, Lane]:
        """The lanes by name, batches and extracts before the messages that they bring forth."""
        context, lease, is_stopping = self.context, self.pace.lease, self.stop.is_set
        beats, hooks = Beats(self.context, self.name, is_stopping), HookWatch(is_stopping)
        watch = Watch(is_stopping, lambda: beats.lane("sending"))
        chaining = Chaining(self.checkpoints, is_stopping)

        def send() -> int:
            tried = deliver_outbox(context.renewed(), self.way_out, self.pace, watch)
            if watch.circuit.open_until is not None:
                beats.work("circuit")
            return tried

        lanes: Mapping[str, Lane] = {
            "batches": lambda: run_batches(context.renewed(), self.read, lease, is_stopping=is_stopping),
            "extracts": lambda: run_extracts(context.renewed(), lease, is_stopping),
            "sending": send,
            "mailbox": lambda: collect_answers(context.renewed(), self.mailbox, self.pace.backoff),
            "webhooks": lambda: send_webhooks(context.renewed(), self.poster, self.pace, hooks),
            "audit": lambda: chaining.round(context.renewed()),
        }
        return {name: _timed(context.spans, name, beats.after(name, lane)) for name, lane in lanes.items()}


class Beats:
    """Tells the register now and then that a kind of work goes on, and in which worker; not of what came to grief."""

    def __init__(self, context: Context, worker: str, is_stopping: Callable[[], bool]) -> None:
        self._context = context
        self._worker = worker
        self._is_stopping = is_stopping
        self._next_at: dict[str, float] = {}

    def after(self, name: str, lane: Lane) -> Lane:
        """A lane whose rounds are told of when they end well; one whose partner alone is away goes on as well."""

        def round_and_beat() -> int:
            try:
                moved = lane()
            except MailboxUnavailable:
                self._tell(name, is_turn=True)
                raise
            self.lane(name)
            return moved

        return round_and_beat

    def lane(self, name: str) -> None:
        """Tell that a lane goes on, and its work is done."""
        self._tell(name, is_turn=True, is_done=True)

    def work(self, name: str) -> None:
        """Tell of work that is no lane."""
        self._tell(name, is_done=True)

    def _tell(self, name: str, *, is_turn: bool = False, is_done: bool = False) -> None:
        """Tell of one kind of work, unless that was done a moment ago or the worker is ending."""
        if self._is_stopping() or time.monotonic() < self._next_at.get(name, 0.0):
            return
        now = self._context.real_now()
        with self._context.store.transaction() as tx:
            if is_turn:
                tx.pulses.turn(self._worker, name, now)
            if is_done:
                tx.pulses.beat(name, now)
        self._next_at[name] = time.monotonic() + BEAT_EVERY_SECONDS


def run_round(worker: Worker) -> int:
    """One round of every lane after another; how much moved.

    Raises: StoreUnavailable.
    """
    moved = sum(_round(name, lane) or 0 for name, lane in worker.lanes().items())
    with worker.context.store.transaction() as tx:
        tx.pulses.leave(worker.name)
    return moved


def run_until_stopped(worker: Worker) -> None:
    """Run every lane until told to stop, then wait a little for each to put down what it holds.

    Shape: a lane that hangs on somebody else is left behind; its leases run out, and another worker takes over.
    """
    lanes = {**worker.lanes(), "housekeeping": _housekeeping(worker.context, worker.stop.is_set)}
    threads = [
        threading.Thread(target=_run_lane, args=(name, lane, worker.stop), name=name, daemon=True)
        for name, lane in lanes.items()
    ]
    _enter(worker)
    for thread in threads:
        thread.start()
    worker.stop.wait()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in threads if thread.is_alive()]
    with suppress(StoreUnavailable), worker.context.store.transaction() as tx:
        tx.pulses.leave(worker.name)
    log.info("stopped", worker=worker.name, left=left, round_id=str(uuid4()))


def _enter(worker: Worker) -> None:
    """Name every lane of a worker in the register, so that one which never turns is missed too."""
    log.info("started", worker=worker.name, round_id=str(uuid4()))
    with suppress(StoreUnavailable), worker.context.store.transaction() as tx:
        for name in sorted(worker.lanes()):
            tx.pulses.turn(worker.name, name, worker.context.real_now())


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
        if moved is None:
            stop.wait(TROUBLED_SECONDS)
        elif moved < FULL.get(name, 1):
            stop.wait(IDLE_SECONDS)


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


def _housekeeping(context: Context, is_stopping: Callable[[], bool]) -> Lane:
    """Remove what has had its time, now and then: first a moment after the start; soon again when it came to grief."""
    purge_at = time.monotonic() + min(PURGE_AGAIN_SECONDS, PURGE_EVERY_SECONDS)

    def keep_house() -> int:
        nonlocal purge_at
        if time.monotonic() > purge_at:
            purge_at = time.monotonic() + min(PURGE_AGAIN_SECONDS, PURGE_EVERY_SECONDS)
            log.info("purged", **purge(context, is_stopping))
            purge_at = time.monotonic() + PURGE_EVERY_SECONDS
        return 0

    return keep_house

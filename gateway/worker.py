"""The delivery worker: rounds of batches, extracts, sending and fetching until it is told to stop."""

from __future__ import annotations

import threading
import time

import structlog

from gateway.domain.errors import StoreUnavailable
from gateway.services.build_extracts import run_extracts, sweep_extracts
from gateway.services.collect_answers import collect_answers
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace, WayOut, deliver_outbox
from gateway.services.run_batches import LineReader, run_batches
from gateway.upstream.client import MailboxUnavailable

log = structlog.get_logger("chroniccare.worker")
IDLE_SECONDS = 0.2
TROUBLED_SECONDS = 1.0
PURGE_EVERY_SECONDS = 3600.0


def run_round(context: Context, way_out: WayOut, pace: Pace, read: LineReader) -> int:
    """One round: some lines of a batch, send what is due, fetch what was answered; how many of them moved."""
    settled, built = _run_batches(context, read, pace), _run_extracts(context, pace)
    sent = settled + built + deliver_outbox(context, way_out, pace)
    try:
        answered = collect_answers(context, way_out)
    except MailboxUnavailable:
        log.warning("mailbox_unavailable")
        return sent
    if sent or answered:
        log.info("round", lines=settled, extracts=built, sent=sent - settled - built, answered=answered)
    return sent + answered


def _run_batches(context: Context, read: LineReader, pace: Pace) -> int:
    """Some lines of a batch; one that comes to grief keeps its lease, so that the others have their turn."""
    try:
        return run_batches(context, read, pace.lease)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the outer rim: a line that cannot be done must not stop delivery
        log.error("batch_stuck", kind=type(error).__name__)
        return 0


def _run_extracts(context: Context, pace: Pace) -> int:
    """One extract; one that comes to grief keeps its lease, and is tried a few times more."""
    try:
        return run_extracts(context, pace.lease)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the outer rim: an extract that cannot be made must not stop delivery
        log.error("extract_stuck", kind=type(error).__name__)
        return 0


def run_until(stop: threading.Event, context: Context, way_out: WayOut, pace: Pace, read: LineReader) -> None:
    """Rounds until told to stop; a register that is away for a while is waited for."""
    purge_at = time.monotonic() + PURGE_EVERY_SECONDS
    while not stop.is_set():
        try:
            moved = run_round(context, way_out, pace, read)
            if time.monotonic() > purge_at:
                purge_at = time.monotonic() + PURGE_EVERY_SECONDS
                _forget_old_keys(context)
        except StoreUnavailable:
            log.error("store_unavailable")
            stop.wait(TROUBLED_SECONDS)
            continue
        if not moved:
            stop.wait(IDLE_SECONDS)


def _forget_old_keys(context: Context) -> None:
    with context.store.transaction() as tx:
        log.info("purged", keys=tx.idempotency.purge(context.real_now()))
    log.info("swept", extracts=sweep_extracts(context))

"""Give audit entries their place in a chain, and sign where the chains end: the worker's, outside every verb's way."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from gateway.domain.audit import ChainedEntry, next_head
from gateway.services.checkpoints import CheckpointFile, Ends
from gateway.services.context import Context
from gateway.store.transaction import Transaction

log = structlog.get_logger("chroniccare.audit")
AT_ONCE = 500
LOOK_EVERY_SECONDS = 1.0
CHECKPOINT_EVERY_SECONDS = 60.0


class Chaining:
    """What one worker does for the audit.

    Shape: looks for entries once a second, and signs once a minute while some come.
    """

    def __init__(self, checkpoints: CheckpointFile, is_stopping: Callable[[], bool]) -> None:
        self._checkpoints = checkpoints
        self._is_stopping = is_stopping
        self._look_at = self._checkpoint_at = 0.0

    def round(self, context: Context) -> int:
        """Chain what waits, and sign; 0, for nothing is left that another round should follow at once for.

        Raises: StoreUnavailable; CheckpointRefused; OSError.
        """
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_SECONDS
            while chain_some(context) == AT_ONCE and not self._is_stopping():
                continue
        if time.monotonic() >= self._checkpoint_at:
            sign_ends(context, self._checkpoints)
            self._checkpoint_at = time.monotonic() + CHECKPOINT_EVERY_SECONDS
        return 0


def chain_some(context: Context) -> int:
    """Chain entries that wait, at most some hundreds, all of them or none; how many.

    Shape: a chain that another worker is at is left to it.
    Raises: StoreUnavailable.
    """
    with context.store.reading() as tx:
        waiting = tx.chains.waiting()
    if not waiting:
        return 0
    done = 0
    with context.store.transaction() as tx:
        for chain in waiting:
            done += _chain(tx, chain, AT_ONCE - done)
    return done


def _chain(tx: Transaction, chain: int, limit: int) -> int:
    head = tx.chains.take(chain)
    if head is None:
        return 0
    chained = []
    for entry in tx.chains.next(chain, limit):
        head = next_head(chain, head, entry)
        chained.append(ChainedEntry(entry, head))
    if chained:
        tx.chains.put(chain, chained)
    return len(chained)


def sign_ends(context: Context, checkpoints: CheckpointFile) -> None:
    """Write a checkpoint of where the chains end, if any of them grew.

    Raises: StoreUnavailable; CheckpointRefused; OSError.
    """

    def look() -> Ends:
        with context.store.reading() as tx:
            return tx.chains.heads()

    ends = checkpoints.append(look, context.real_now(), context.veil.receipts.sign_checkpoint)
    if ends is not None:
        log.info("checkpoint", entries=sum(end.position for end in ends.values()))

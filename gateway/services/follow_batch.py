"""Follow a batch: how far it is, what became of its lines; or cancel what is not done."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from gateway.domain.batches import LineOutcome, State
from gateway.domain.errors import NotFound
from gateway.services.context import Context, Work
from gateway.store.batches import Batch, SettledLine

LINES_PER_LOOK = 1_000
LINES_CLOSED_AT_ONCE = 1_000


def get_batch(work: Work, batch_id: UUID) -> Batch:
    """One batch of the caller's own.

    Raises: NotFound for one that somebody else sent, or that the same person sent in another capacity.
    """
    batch = work.tx.batches.find(work.veil.identifiers.bucket_of(batch_id), batch_id)
    asks = (work.caller.role, work.caller.organisation, work.veil.fingerprints.person(work.caller))
    if batch is None or asks != (batch.role, batch.organisation, batch.person):
        raise NotFound
    work.object = batch_id
    return batch


def settled_lines(context: Context, batch: Batch) -> Iterator[SettledLine]:
    """What became of the lines of a batch so far, in order.

    Cost: memory for one look's lines; each look is a transaction of its own, so a batch that runs may end meanwhile.
    """
    last = 0
    while True:
        with context.store.reading() as tx:
            lines = tx.batches.settled(batch.shard, batch.id, LINES_PER_LOOK, last)
        if not lines:
            return
        last = lines[-1].number
        yield from lines


def cancel_batch(work: Work, batch_id: UUID) -> Batch:
    """Cancel what is not done of a batch; what is done stays, and a batch that has ended stays as it ended.

    Shape: of a long one the worker closes the lines, some at a time; nothing more of it is done from here on.
    Raises: NotFound.
    """
    batch = get_batch(work, batch_id)
    locked = work.tx.batches.lock(batch.shard, batch_id)
    if locked is not None:
        if locked.waits > LINES_CLOSED_AT_ONCE:
            work.tx.batches.cancel(batch.shard, batch_id, work.real_now)
        else:
            work.tx.batches.close_lines(batch.shard, batch_id, LineOutcome.CANCELLED, LINES_CLOSED_AT_ONCE)
            work.tx.batches.end(batch.shard, batch_id, State.CANCELLED, work.real_now)
    return get_batch(work, batch_id)

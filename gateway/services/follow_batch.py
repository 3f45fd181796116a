"""Follow a batch: how far it is, what became of its lines; or cancel what is not done."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.domain.batches import State
from gateway.domain.errors import NotFound
from gateway.services.context import Work
from gateway.store.batches import Batch, SettledLine


@dataclass(frozen=True, slots=True)
class Results:
    """A batch with what became of its lines so far, in order."""

    batch: Batch
    lines: list[SettledLine]


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


def get_batch_results(work: Work, batch_id: UUID) -> Results:
    """What became of the lines of a batch so far.

    Raises: NotFound.
    """
    batch = get_batch(work, batch_id)
    return Results(batch, work.tx.batches.settled(batch.shard, batch_id))


def cancel_batch(work: Work, batch_id: UUID) -> Batch:
    """Cancel what is not done of a batch; what is done stays, and a batch that has ended stays as it ended.

    Raises: NotFound.
    """
    batch = get_batch(work, batch_id)
    if batch.state in (State.QUEUED, State.RUNNING):
        work.tx.batches.cancel_lines(batch.shard, batch_id)
        work.tx.batches.end(batch.shard, batch_id, State.CANCELLED)
    return get_batch(work, batch_id)

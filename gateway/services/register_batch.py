"""Register a batch whose lines have all arrived: from here on it is the worker's, and communicated."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from gateway.domain.access import Caller, Role
from gateway.domain.batches import LineOutcome, State
from gateway.domain.errors import IdempotencyKeyInFlight, StoreUnavailable
from gateway.pseudonyms.veil import Veil
from gateway.services.context import Work
from gateway.services.stage_batch import CALLER, place_of
from gateway.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Upload:
    """What was handed in, once it was read to its end.

    Shape: `batch` is the one that was opened for it; `is_staged` says that its lines are in there, and not only
    counted; `is_known` that its key was there before, which is why they are not.
    """

    batch: Batch
    lines: int
    refused: int
    encoding: str | None = None
    delimiter: str | None = None
    is_staged: bool = True
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class RegisteredBatch:
    """A batch that was just queued, with the receipt for it."""

    batch: Batch
    receipt: str


def register_batch(work: Work, upload: Upload) -> RegisteredBatch:
    """Queue a batch for the worker; this instant is when its lines are communicated.

    Source: CONTRACT 5.3, V1, G1, G15; DECISIONS 27.
    Raises: IdempotencyKeyInFlight when its key was there before and is not any more; StoreUnavailable when the batch
    was given up meanwhile.
    """
    if upload.is_known:
        raise IdempotencyKeyInFlight
    whole = replace(
        upload.batch,
        state=State.QUEUED,
        lines=upload.lines,
        encoding=upload.encoding,
        delimiter=upload.delimiter,
        counts={LineOutcome.REFUSED: upload.refused} if upload.refused else {},
        created_at=work.real_now,
        communicated_at=work.tx.stamp(),
    )
    if upload.is_staged:
        work.object = whole.id
        if not work.tx.batches.enter(whole):
            raise StoreUnavailable
    return RegisteredBatch(whole, _receipt(work, whole))


def _receipt(work: Work, batch: Batch) -> str:
    """The signed receipt: how many lines were handed in, and when.

    Not: a digest of the lines. They hold numbers of persons, which could be tried against it.
    """
    counted = {"mode": batch.mode.value, "lines": batch.lines, "refused": batch.counts.get(LineOutcome.REFUSED, 0)}
    return work.sign("batch", batch.id, {"communicated_at": batch.communicated_at, **counted})


def caller_of(veil: Veil, batch: Batch) -> Caller:
    """Who handed in a batch that has not ended."""
    if batch.sealed_caller is None:
        raise AssertionError("a batch that runs knows whose it is")
    members = json.loads(veil.sealer.unseal_bytes(batch.sealed_caller, place_of(batch.id, CALLER)))
    return Caller(**{**members, "role": Role(members["role"])})

"""Register a batch: its lines are kept, sealed, before anybody is told that they came; the worker does them later."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from gateway.domain.access import Caller, Role
from gateway.domain.batches import LineOutcome, State, described
from gateway.domain.errors import Problem
from gateway.pseudonyms.veil import Veil
from gateway.services.context import Work
from gateway.store.batches import Batch, SettledLine, WaitingLine

SHARDS = 4096
CALLER = "sealed_caller"


@dataclass(frozen=True, slots=True)
class Upload:
    """What was handed in, cut into lines.

    Stage: identified.
    Shape: `lines` are JSON documents by number from 1, not read yet; `refused` are numbers that hold none.
    """

    media_type: str
    lines: Sequence[tuple[int, bytes]]
    refused: Sequence[tuple[int, Problem]] = ()
    delimiter: str | None = None


def register_batch(work: Work, upload: Upload) -> Batch:
    """Keep a batch for the worker.

    Cost: one sealing and one row a line.
    Source: CONTRACT 5.3, G15.
    """
    shard = secrets.randbelow(SHARDS)
    batch_id = work.veil.identifiers.new(shard)
    work.object = batch_id
    refused = [SettledLine(number, LineOutcome.REFUSED, problem=described(one)) for number, one in upload.refused]
    seal = work.veil.sealer.seal_bytes
    batch = Batch(
        shard=shard,
        id=batch_id,
        state=State.QUEUED,
        role=work.caller.role.value,
        organisation=work.caller.organisation,
        person=work.veil.fingerprints.person(work.caller),
        sealed_caller=seal(json.dumps(asdict(work.caller)).encode(), place_of(batch_id, CALLER)),
        media_type=upload.media_type,
        delimiter=upload.delimiter,
        lines=len(upload.lines) + len(refused),
        created_at=work.real_now,
        counts={LineOutcome.REFUSED: len(refused)},
    )
    waiting = [WaitingLine(number, seal(line, place_of(batch_id, number))) for number, line in upload.lines]
    work.tx.batches.add(batch, waiting, refused)
    return batch


def caller_of(veil: Veil, batch: Batch) -> Caller:
    """Who handed in a batch that has not ended."""
    if batch.sealed_caller is None:
        raise AssertionError("a batch that runs knows whose it is")
    members = json.loads(veil.sealer.unseal_bytes(batch.sealed_caller, place_of(batch.id, CALLER)))
    return Caller(**{**members, "role": Role(members["role"])})


def place_of(batch_id: UUID, part: str | int) -> str:
    """Where a part of a batch is sealed: a line by its number, or the caller."""
    return f"batch|{batch_id}|{part}"

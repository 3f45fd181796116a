"""Stage an upload: its lines are sealed and stored as they arrive, in a batch that nobody sees before its last one.

open ─ lines … ─ flush ─ lines … ─ flush ─ [ register_batch: whole, and visible ]
                  └ cut, too long, refused, or sent before: dropped; killed: swept after an hour

Stage: identified, until a line is sealed.
Cost: memory for one chunk of lines; each chunk is a short transaction, so that others write between two of them.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from gateway.domain.access import Caller
from gateway.domain.batches import LineOutcome, Mode, State, described
from gateway.domain.errors import Problem, StoreUnavailable
from gateway.services.context import Context
from gateway.services.count_seals import count_seals
from gateway.store.batches import Batch, SettledLine, WaitingLine

SHARDS = 4096
CALLER = "sealed_caller"
LINES_PER_CHUNK = 500
BYTES_PER_CHUNK = 512 * 1024
LINES_FORGOTTEN_AT_ONCE = 2_000
ARRIVES_WITHIN = timedelta(hours=1)
BREATH_SECONDS = 0.001
"""Between two chunks, so that whoever waits to write has a turn."""


class Staging:
    """One upload on its way in."""

    def __init__(self, context: Context, caller: Caller, media_type: str, mode: Mode) -> None:
        context = context.renewed()
        shard = secrets.randbelow(SHARDS)
        veil = context.veil
        batch_id = veil.identifiers.new(shard)
        members = json.dumps(asdict(caller)).encode()
        self.batch = Batch(
            shard=shard,
            id=batch_id,
            state=State.ARRIVING,
            role=caller.role.value,
            organisation=caller.organisation,
            person=veil.fingerprints.person(caller),
            sealed_caller=veil.sealer.seal_bytes(members, place_of(batch_id, CALLER)),
            media_type=media_type,
            mode=mode,
            encoding=None,
            delimiter=None,
            lines=0,
            created_at=context.real_now(),
            communicated_at=None,
            counts={},
        )
        self._context = context
        self._is_open = False
        self._waiting: list[WaitingLine] = []
        self._refused: list[SettledLine] = []
        self._bytes = 0

    def add(self, number: int, line: bytes | Problem) -> None:
        """Take the next line, or why there is none under its number.

        Raises: StoreUnavailable.
        """
        if isinstance(line, Problem):
            self._refused.append(SettledLine(number, LineOutcome.REFUSED, problem=described(line)))
        else:
            sealed = self._context.veil.sealer.seal_bytes(line, place_of(self.batch.id, number))
            self._waiting.append(WaitingLine(number, sealed))
            self._bytes += len(sealed)
        if len(self._waiting) + len(self._refused) >= LINES_PER_CHUNK or self._bytes >= BYTES_PER_CHUNK:
            self.flush()

    def flush(self) -> None:
        """Store the lines at hand.

        Raises: StoreUnavailable; also when it took so long that the batch was swept.
        """
        with self._context.store.transaction() as tx:
            if not self._is_open:
                tx.batches.open(self.batch)
            place = (self.batch.shard, self.batch.id)
            if not tx.batches.stage(place, self._context.real_now(), self._waiting, self._refused):
                raise StoreUnavailable
        self._is_open = True
        self._waiting, self._refused, self._bytes = [], [], 0
        count_seals(self._context)
        time.sleep(BREATH_SECONDS)

    def drop(self) -> None:
        """Forget the batch unless it was registered."""
        if not self._is_open:
            return
        with self._context.store.reading() as tx:
            arrives = tx.batches.arrives(self.batch.shard, self.batch.id)
        if arrives:
            forget_batch(self._context, self.batch.shard, self.batch.id)


def forget_batch(context: Context, shard: int, batch_id: UUID, *, keep_accepted: bool = False) -> None:
    """Remove a batch and its lines, some at a time; a line that was accepted stays where it is to be known again.

    Shape: the batch's own row goes last, so that whoever is killed in between is followed by another.
    """
    with context.store.reading() as tx:
        last = tx.batches.last_number(shard, batch_id)
    for after in range(0, last, LINES_FORGOTTEN_AT_ONCE):
        with context.store.transaction() as tx:
            until = after + LINES_FORGOTTEN_AT_ONCE
            tx.batches.forget_lines(shard, batch_id, after, until, keep_accepted=keep_accepted)
        time.sleep(BREATH_SECONDS)
    with context.store.transaction() as tx:
        tx.batches.forget(shard, batch_id)


def sweep_batches(context: Context) -> int:
    """Remove what uploads that died left behind, and the batches that ended long ago; how many.

    Shape: of the latter the accepted lines stay, as a keyed fingerprint, a `ref` and an id: the same line sent again
    is a duplicate however late (DECISIONS 24).
    """
    now = context.real_now()
    with context.store.reading() as tx:
        left, old = tx.batches.left_behind(now - ARRIVES_WITHIN), tx.batches.old(now - context.batches_kept_for)
    for shard, batch_id in left:
        forget_batch(context, shard, batch_id)
    for shard, batch_id in old:
        forget_batch(context, shard, batch_id, keep_accepted=True)
    return len(left) + len(old)


def place_of(batch_id: UUID, part: str | int) -> str:
    """Where a part of a batch is sealed: a line by its number, or the caller."""
    return f"batch|{batch_id}|{part}"

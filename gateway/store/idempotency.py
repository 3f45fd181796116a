"""Idempotency rows: one per key, committed with the effect, holding the first answer.

Source: draft-ietf-httpapi-idempotency-key-header; GUARANTEES G3, G4. Times are real time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, null, select, update
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from gateway.store import dialects
from gateway.store.prepared import Prepared
from gateway.store.schema import Removal
from gateway.store.tables import idempotency

KEPT_FOR = timedelta(days=7)
_ROW = (idempotency.c.shard == bindparam("b_shard"), idempotency.c.key_hash == bindparam("b_key"))
_PURGE = Removal(idempotency, idempotency.c.created_at < bindparam("before"))
_FIND = Prepared(select(idempotency).where(*_ROW))
_KEEP = Prepared(
    update(idempotency)
    .where(*_ROW)
    .values(status=bindparam("b_status"), headers=bindparam("b_headers"), body=bindparam("b_body"))
)


def _take(insert: Any) -> Any:
    """Insert a row; over a forgotten one of the same key when there is one."""
    statement = insert(idempotency).values(
        {name: bindparam(name) for name in ("shard", "key_hash", "fingerprint", "created_at")}
    )
    return statement.on_conflict_do_update(
        index_elements=["shard", "key_hash"],
        set_={
            "fingerprint": statement.excluded.fingerprint,
            "created_at": statement.excluded.created_at,
            "status": null(),
        },
        where=idempotency.c.created_at < bindparam("forgotten_before"),
    ).returning(idempotency.c.shard)


_TAKE = Prepared(_take)


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key in its scope, and the request it came with, both as keyed hashes of 32 bytes."""

    key_hash: bytes
    fingerprint: bytes

    @property
    def shard(self) -> int:
        """Where the row lives: 0 to 4095 (SCALE 3)."""
        return int.from_bytes(self.key_hash[:2], "big") % 4096


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The first answer to a request, as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Idempotency:
    """The idempotency rows inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, key: Key, now: datetime) -> KeptAnswer | None:
        """Take a key for this transaction, or give the answer that it got before.

        Raises: IdempotencyKeyReused for another request; IdempotencyKeyInFlight when one with it runs for long.
        """
        row = {
            "shard": key.shard,
            "key_hash": key.key_hash,
            "fingerprint": key.fingerprint,
            "created_at": now,
            "forgotten_before": now - KEPT_FOR,
        }
        try:
            if _TAKE.ask(self._connection, row):
                return None
        except DBAPIError as error:
            if dialects.is_lock_timeout(error):
                raise IdempotencyKeyInFlight from None
            raise
        return self._kept(key)

    def is_known(self, key_hash: bytes, now: datetime) -> bool:
        """Whether a request with this key was answered, and is not forgotten; a look, which takes nothing."""
        row = {"b_shard": Key(key_hash, b"").shard, "b_key": key_hash}
        return any(found.created_at >= now - KEPT_FOR for found in _FIND.ask(self._connection, row))

    def _kept(self, key: Key) -> KeptAnswer:
        [row] = _FIND.ask(self._connection, {"b_shard": key.shard, "b_key": key.key_hash})
        if row.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        return KeptAnswer(row.status, row.headers, row.body)

    def keep(self, key: Key, answer: KeptAnswer) -> None:
        """Keep the answer with its effect."""
        _KEEP.tell(
            self._connection,
            {
                "b_shard": key.shard,
                "b_key": key.key_hash,
                "b_status": answer.status,
                "b_headers": dict(answer.headers),
                "b_body": answer.body,
            },
        )

    def purge(self, now: datetime, limit: int) -> int:
        """Forget some keys whose week is over; how many."""
        return _PURGE.some(self._connection, limit, {"before": now - KEPT_FOR})

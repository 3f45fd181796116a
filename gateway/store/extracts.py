"""Extracts: what was asked for, how far it is, and the manifest of what was made.

Stage: anonymous; who asked is named by role, organisation and a fingerprint.
Shape: a row outlives its files for a while, so that an increment may name an extract whose files are gone. Times are
real time, but `transaction_time`, which is the legal instant of what was read.
Cost: by (shard, id); what waits and what has files have an index each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, text, update

from gateway.store.schema import Removal
from gateway.store.tables import extract
from gateway.store.waits import NEVER, is_due


class ExtractState(StrEnum):
    """Where an extract stands.

    queued ──claimed──▶ running ──▶ done | failed          any but cancelled ──by its owner──▶ cancelled
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = (ExtractState.DONE, ExtractState.CANCELLED)
"""What ends an extract for good; one that failed may still be cancelled."""
_HAS_NOT_ENDED = text("extract.state IN ('queued', 'running')")  # as the index says it, or else it would not be used
_HAS_FILES = text("extract.expires_at IS NOT NULL")
_DUE = (_HAS_NOT_ENDED, is_due(extract))
_ONE = (extract.c.shard == bindparam("e_shard"), extract.c.id == bindparam("e_id"))
_OURS = (*_ONE, extract.c.state == ExtractState.RUNNING.value, extract.c.leased_until == bindparam("held"))
_FIND = select(extract).where(*_ONE)
_NEXT = select(extract.c.shard, extract.c.id).where(*_DUE).order_by(extract.c.next_attempt_at).limit(1)
_EXPIRED = select(extract.c.shard, extract.c.id).where(_HAS_FILES, extract.c.expires_at <= bindparam("now")).limit(10)
_CLAIM = (
    update(extract)
    .where(*_ONE, *_DUE)
    .values(
        state=ExtractState.RUNNING.value,
        leased_until=bindparam("until"),
        started_at=bindparam("now"),
        attempts=extract.c.attempts + 1,
        progress=0.0,
    )
    .returning(extract)
)
_END = (
    update(extract)
    .where(*_ONE, extract.c.state.in_([one.value for one in ExtractState if one not in ENDED]))
    .values(state=bindparam("e_state"), leased_until=None)
)
_UNMADE = or_(*(extract.c.state == one.value for one in (ExtractState.CANCELLED, ExtractState.FAILED)))
_PURGE = Removal(
    extract,
    extract.c.expires_at.is_(None),
    or_(
        and_(_UNMADE, extract.c.created_at < bindparam("unmade_before")),
        and_(extract.c.state == ExtractState.DONE.value, extract.c.created_at < bindparam("made_before")),
    ),
)


@dataclass(frozen=True, slots=True)
class Extract:
    """One extract: whose it is, what was asked for, and how far it is.

    Shape: `releases` are the ids of all releases whose records the owner then holds, those of the extract that it
    goes on from included; it and `manifest` are None until it is done. `expires_at` is None without files.
    """

    shard: int
    id: UUID
    state: ExtractState
    role: str
    organisation: str
    person: str
    request: Mapping[str, str]
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None
    started_at: datetime | None = None
    attempts: int = 0
    progress: float = 0.0
    transaction_time: datetime | None = None
    expires_at: datetime | None = None
    releases: Sequence[str] | None = None
    manifest: Mapping[str, Any] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nobody will work on it any more."""
        return self.state not in (ExtractState.QUEUED, ExtractState.RUNNING)


class Extracts:
    """The extracts inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Extract) -> None:
        """Add an extract that waits."""
        self._connection.execute(insert(extract), {name: getattr(new, name) for name in Extract.__slots__})

    def find(self, shard: int, extract_id: UUID) -> Extract | None:
        """One extract, or None."""
        row = self._connection.execute(_FIND, {"e_shard": shard, "e_id": extract_id}).one_or_none()
        return None if row is None else _extract_of(row)

    def due(self, now: datetime, latest: datetime = NEVER) -> tuple[int, UUID] | None:
        """Shard and id of the extract that waits longest and is nobody's, or None; an unlocked look.

        Shape: what waits or is leased beyond `latest` is due as well.
        """
        row = self._connection.execute(_NEXT, {"now": now, "latest": latest}).one_or_none()
        return None if row is None else (row.shard, row.id)

    def claim(
        self, shard: int, extract_id: UUID, now: datetime, until: datetime, latest: datetime = NEVER
    ) -> Extract | None:
        """Lease a due extract until an instant, once more from the start; None when another worker was faster."""
        row = self._connection.execute(
            _CLAIM, {"e_shard": shard, "e_id": extract_id, "now": now, "until": until, "latest": latest}
        ).one_or_none()
        return None if row is None else _extract_of(row)

    def beat(self, claimed: Extract, until: datetime, progress: float) -> bool:
        """Lengthen a lease and say how far it is; False when it is no longer ours."""
        return self._ours(claimed, leased_until=until, progress=progress)

    def finish(
        self,
        claimed: Extract,
        manifest: Mapping[str, Any],
        releases: Sequence[str],
        transaction_time: datetime,
        expires_at: datetime,
    ) -> bool:
        """Say that its files are there; False when it is no longer ours."""
        return self._ours(
            claimed,
            state=ExtractState.DONE.value,
            leased_until=None,
            progress=1.0,
            manifest=manifest,
            releases=list(releases),
            transaction_time=transaction_time,
            expires_at=expires_at,
        )

    def rest(self, claimed: Extract, next_attempt_at: datetime) -> None:
        """Give a lease back; the extract is due again at an instant."""
        self._ours(claimed, leased_until=None, next_attempt_at=next_attempt_at)

    def put_back(self, claimed: Extract) -> None:
        """Give a lease back as if the extract had not been claimed."""
        self._ours(claimed, leased_until=None, attempts=claimed.attempts - 1)

    def end(self, shard: int, extract_id: UUID, state: ExtractState) -> None:
        """End an extract that is neither done nor cancelled."""
        self._connection.execute(_END, {"e_shard": shard, "e_id": extract_id, "e_state": state.value})

    def remove(self, shard: int, extract_id: UUID, now: datetime) -> None:
        """Let the files of an extract that is done expire at once."""
        self._connection.execute(
            update(extract).where(*_ONE, _HAS_FILES).values(expires_at=now, state=ExtractState.CANCELLED.value),
            {"e_shard": shard, "e_id": extract_id},
        )

    def expired(self, now: datetime) -> list[tuple[int, UUID]]:
        """Some extracts whose files have had their time."""
        return [(row.shard, row.id) for row in self._connection.execute(_EXPIRED, {"now": now})]

    def purged(self, shard: int, extract_id: UUID) -> None:
        """Say that the files are gone; what was asked for and from which releases it came stays."""
        self._connection.execute(
            update(extract).where(*_ONE).values(expires_at=None, manifest=None), {"e_shard": shard, "e_id": extract_id}
        )

    def purge(self, unmade_before: datetime, made_before: datetime, limit: int) -> int:
        """Remove some extracts that have no files any more and were asked for long ago; how many."""
        return _PURGE.some(self._connection, limit, {"unmade_before": unmade_before, "made_before": made_before})

    def _ours(self, claimed: Extract, **values: Any) -> bool:
        held = {"e_shard": claimed.shard, "e_id": claimed.id, "held": claimed.leased_until}
        return self._connection.execute(update(extract).where(*_OURS).values(**values), held).rowcount == 1


def _extract_of(row: Row[Any]) -> Extract:
    return Extract(**{**row._mapping, "state": ExtractState(row.state)})

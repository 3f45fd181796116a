"""Inclusions as append-only versions: what is known now, and what was known at an instant.

Stage: pseudonymous.
Cost: by (bucket, id), by (bucket, project, pseudonym) or by (project, id); each is an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, RowMapping, and_, bindparam, or_, select, update

from gateway.domain.errors import AlreadyIncluded
from gateway.domain.inclusion import Agreement, Exit, Inclusion
from gateway.store.prepared import Prepared
from gateway.store.tables import delivery_failure, inclusion, outbox

_WITH_DELIVERY = select(inclusion, outbox.c.state, outbox.c.reason, outbox.c.answered_at).outerjoin(
    outbox, and_(outbox.c.bucket == inclusion.c.bucket, outbox.c.id == inclusion.c.message_id)
)
_AS_KNOWN = _WITH_DELIVERY.add_columns(delivery_failure.c.reason.label("failure")).outerjoin(
    delivery_failure,
    and_(
        delivery_failure.c.bucket == inclusion.c.bucket,
        delivery_failure.c.message == inclusion.c.message_id,
        delivery_failure.c.failed_at <= bindparam("known_at"),
        or_(delivery_failure.c.retried_at.is_(None), delivery_failure.c.retried_at > bindparam("known_at")),
    ),
)
_CURRENT = inclusion.c.superseded_at.is_(None)
_BY_ID = Prepared(
    _WITH_DELIVERY.where(inclusion.c.bucket == bindparam("b_bucket"), inclusion.c.id == bindparam("b_id"), _CURRENT)
)
_OF_PERSON = Prepared(
    _WITH_DELIVERY.where(
        inclusion.c.bucket == bindparam("b_bucket"),
        inclusion.c.project == bindparam("b_project"),
        inclusion.c.pseudonym == bindparam("b_pseudonym"),
        _CURRENT,
    ).order_by(inclusion.c.communicated_at.desc(), inclusion.c.id.desc())
)
_SUPERSEDE = Prepared(
    update(inclusion)
    .where(
        inclusion.c.bucket == bindparam("b_bucket"),
        inclusion.c.id == bindparam("b_id"),
        inclusion.c.version == bindparam("b_version"),
    )
    .values(superseded_at=bindparam("b_at"))
)

_ADD = Prepared(lambda insert: insert(inclusion).on_conflict_do_nothing().returning(inclusion.c.id))
_ADD_VERSION = Prepared(inclusion.insert())


@dataclass(frozen=True, slots=True)
class KnownInclusion:
    """An inclusion with where its last message stands."""

    inclusion: Inclusion
    delivery_state: str
    delivery_reason: str | None = None


@dataclass(frozen=True, slots=True)
class InclusionFilter:
    """Which inclusions of a project to list; None means all."""

    project: str
    status: str | None = None
    valid_on: date | None = None
    known_at: datetime | None = None


class Inclusions:
    """The inclusions inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Inclusion, recorded_at: datetime | None = None) -> None:
        """Add the first version of an inclusion, recorded when it was communicated unless another instant is given.

        Raises: AlreadyIncluded when another one is open; the database's constraint decides (I3).
        """
        values = {**_columns(new, recorded_at or new.communicated_at), "asked_at": new.communicated_at}
        if not _ADD.ask(self._connection, values):
            raise AlreadyIncluded(self._open_one(new))

    def _open_one(self, new: Inclusion) -> UUID:
        known = self.of_person(new.bucket, new.project, new.pseudonym)
        return next(one.inclusion.id for one in known if one.inclusion.status == "open")

    def supersede(self, changed: Inclusion, at: datetime, asked_at: datetime | None = None) -> Inclusion:
        """Close the current version at an instant and add the next one.

        Shape: `asked_at` is when what the new version asks MyCareNet for was communicated; None when it asks nothing.
        """
        _SUPERSEDE.tell(
            self._connection,
            {"b_bucket": changed.bucket, "b_id": changed.id, "b_version": changed.version, "b_at": at},
        )
        values = {**_columns(changed, at), "version": changed.version + 1, "asked_at": asked_at}
        _ADD_VERSION.change(self._connection, values)
        return _inclusion_of(values)

    def find(self, bucket: int, inclusion_id: UUID) -> KnownInclusion | None:
        """The current version of one inclusion, or None."""
        found = _BY_ID.ask(self._connection, {"b_bucket": bucket, "b_id": inclusion_id})
        return _known(found[0]) if found else None

    def of_person(self, bucket: int, project: str, pseudonym: bytes) -> list[KnownInclusion]:
        """Every inclusion of a beneficiary in a project, newest first."""
        person = {"b_bucket": bucket, "b_project": project, "b_pseudonym": pseudonym}
        return [_known(row) for row in _OF_PERSON.ask(self._connection, person)]

    def list(self, chosen: InclusionFilter, after: UUID | None, limit: int) -> list[KnownInclusion]:
        """A project's inclusions in order of id, after one of them.

        Shape: with `known_at`, versions and deliveries as they were known then, before anything recorded later.
        """
        known_at = chosen.known_at
        looked_up = _WITH_DELIVERY if known_at is None else _AS_KNOWN.params(known_at=known_at)
        query = looked_up.where(inclusion.c.project == chosen.project, *_conditions(chosen))
        if after is not None:
            query = query.where(inclusion.c.id > after)
        rows = self._connection.execute(query.order_by(inclusion.c.id).limit(limit))
        return [_known(row, chosen.known_at) for row in rows]


def _conditions(chosen: InclusionFilter) -> list[Any]:
    conditions: list[Any] = [_CURRENT]
    if chosen.known_at is not None:
        conditions = [
            inclusion.c.recorded_at <= chosen.known_at,
            or_(inclusion.c.superseded_at.is_(None), inclusion.c.superseded_at > chosen.known_at),
        ]
    if chosen.status is not None:
        conditions.append(inclusion.c.status == chosen.status)
    if chosen.valid_on is not None:
        conditions += [
            inclusion.c.status.in_(("open", "exited")),
            inclusion.c.valid_from <= chosen.valid_on,
            or_(inclusion.c.valid_until.is_(None), inclusion.c.valid_until >= chosen.valid_on),
        ]
    return conditions


def _columns(one: Inclusion, recorded_at: datetime) -> dict[str, Any]:
    ending = one.exit
    return {
        "bucket": one.bucket,
        "id": one.id,
        "version": one.version,
        "recorded_at": recorded_at,
        "superseded_at": None,
        "project": one.project,
        "pseudonym": one.pseudonym,
        "status": one.status,
        "communicated_at": one.communicated_at,
        "communicated_by": one.communicated_by,
        "agreed_on": one.agreement.agreed_on,
        "municipality": one.municipality,
        "valid_from": one.valid_from,
        "valid_until": one.exit_valid_until,
        "evidence": one.evidence,
        "exit_reason": None if ending is None else ending.reason,
        "exit_left_on": None if ending is None else ending.left_on,
        "exit_communicated_at": None if ending is None else ending.communicated_at,
        "annulment_reason": one.annulment_reason,
        "rejection_code": one.rejection_code,
        "message_id": one.message_id,
    }


def _known(row: Row[Any], known_at: datetime | None = None) -> KnownInclusion:
    if known_at is None or (row.answered_at is not None and row.answered_at <= known_at):
        return KnownInclusion(_inclusion_of(row._mapping), row.state or "pending", row.reason)
    if row.failure is not None:
        return KnownInclusion(_inclusion_of(row._mapping), "failed", row.failure)
    return KnownInclusion(_inclusion_of(row._mapping), "pending")


def _inclusion_of(row: Mapping[str, Any] | RowMapping) -> Inclusion:
    ended_at = row["exit_communicated_at"]
    return Inclusion(
        id=row["id"],
        bucket=row["bucket"],
        project=row["project"],
        pseudonym=row["pseudonym"],
        status=row["status"],
        communicated_at=row["communicated_at"],
        communicated_by=row["communicated_by"],
        agreement=Agreement(row["agreed_on"]),
        municipality=row["municipality"],
        exit=None if ended_at is None else Exit(row["exit_reason"], ended_at, row["exit_left_on"]),
        annulment_reason=row["annulment_reason"],
        rejection_code=row["rejection_code"],
        message_id=row["message_id"],
        evidence=row["evidence"],
        version=row["version"],
    )

"""Actions as append-only versions.

Stage: pseudonymous.
Cost: by (bucket, id) or by (project, performed_on, id); each is an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, and_, bindparam, select, tuple_, update

from gateway.domain.action import Action
from gateway.domain.errors import DuplicateAction
from gateway.store.prepared import Prepared
from gateway.store.tables import action, outbox

_CURRENT = action.c.superseded_at.is_(None)
_WITH_DELIVERY = select(action, outbox.c.state, outbox.c.reason).outerjoin(
    outbox, and_(outbox.c.bucket == action.c.bucket, outbox.c.id == action.c.message_id)
)
_BY_ID = Prepared(
    _WITH_DELIVERY.where(action.c.bucket == bindparam("b_bucket"), action.c.id == bindparam("b_id"), _CURRENT)
)
_SAME = select(action.c.id).where(
    action.c.bucket == bindparam("b_bucket"),
    action.c.project == bindparam("b_project"),
    action.c.pseudonym == bindparam("b_pseudonym"),
    action.c.pseudocode == bindparam("b_pseudocode"),
    action.c.performed_by == bindparam("b_performed_by"),
    action.c.performed_on == bindparam("b_performed_on"),
    action.c.occurrence == bindparam("b_occurrence"),
    action.c.status == "recorded",
    _CURRENT,
)
_SUPERSEDE = Prepared(
    update(action)
    .where(
        action.c.bucket == bindparam("b_bucket"),
        action.c.id == bindparam("b_id"),
        action.c.version == bindparam("b_version"),
    )
    .values(superseded_at=bindparam("b_at"))
)

_ADD = Prepared(lambda insert: insert(action).on_conflict_do_nothing().returning(action.c.id))
_ADD_VERSION = Prepared(action.insert())


@dataclass(frozen=True, slots=True)
class KnownAction:
    """An action with where its last message stands."""

    action: Action
    delivery_state: str
    delivery_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions of a project to list; None means all."""

    project: str
    performed_by: str | None = None
    first: date | None = None
    last: date | None = None
    pseudocode: str | None = None


class Actions:
    """The actions inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Action, recorded_at: datetime | None = None) -> None:
        """Add the first version of an action, recorded when it was communicated unless another instant is given.

        Raises: DuplicateAction when the same one is recorded; the database's constraint decides (P6).
        """
        values = {**_columns(new, recorded_at or new.communicated_at), "asked_at": new.communicated_at}
        if not _ADD.ask(self._connection, values):
            raise DuplicateAction(self._same(new))

    def _same(self, new: Action) -> UUID:
        names = ("bucket", "project", "pseudonym", "pseudocode", "performed_by", "performed_on", "occurrence")
        same: UUID = self._connection.execute(_SAME, {f"b_{name}": getattr(new, name) for name in names}).scalar_one()
        return same

    def supersede(self, changed: Action, at: datetime, asked_at: datetime | None = None) -> Action:
        """Close the current version at an instant and add the next one.

        Shape: `asked_at` is when what the new version asks MyCareNet for was communicated; None when it asks nothing.
        """
        _SUPERSEDE.tell(
            self._connection,
            {"b_bucket": changed.bucket, "b_id": changed.id, "b_version": changed.version, "b_at": at},
        )
        values = {**_columns(changed, at), "version": changed.version + 1, "asked_at": asked_at}
        _ADD_VERSION.change(self._connection, values)
        return _action_of(values)

    def find(self, bucket: int, action_id: UUID) -> KnownAction | None:
        """The current version of one action, or None."""
        found = _BY_ID.ask(self._connection, {"b_bucket": bucket, "b_id": action_id})
        return _known(found[0]) if found else None

    def list(self, chosen: ActionFilter, after: tuple[date, UUID] | None, limit: int) -> list[KnownAction]:
        """A project's actions by day performed, after one of them."""
        query = _WITH_DELIVERY.where(action.c.project == chosen.project, _CURRENT)
        if chosen.performed_by is not None:
            query = query.where(action.c.performed_by == chosen.performed_by)
        if chosen.first is not None:
            query = query.where(action.c.performed_on >= chosen.first)
        if chosen.last is not None:
            query = query.where(action.c.performed_on <= chosen.last)
        if chosen.pseudocode is not None:
            query = query.where(action.c.pseudocode == chosen.pseudocode)
        if after is not None:
            query = query.where(tuple_(action.c.performed_on, action.c.id) > after)
        rows = self._connection.execute(query.order_by(action.c.performed_on, action.c.id).limit(limit))
        return [_known(row) for row in rows]


def _known(row: Any) -> KnownAction:
    return KnownAction(_action_of(row._mapping), row.state or "pending", row.reason)


def _columns(one: Action, recorded_at: datetime) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "id": one.id,
        "version": one.version,
        "recorded_at": recorded_at,
        "superseded_at": None,
        "project": one.project,
        "pseudonym": one.pseudonym,
        "inclusion": one.inclusion,
        "pseudocode": one.pseudocode,
        "performed_on": one.performed_on,
        "performed_by": one.performed_by,
        "occurrence": one.occurrence,
        "communicated_at": one.communicated_at,
        "evidence": one.evidence,
        "status": one.status,
        "annulment_reason": one.annulment_reason,
        "rejection_code": one.rejection_code,
        "message_id": one.message_id,
    }


def _action_of(row: Mapping[str, Any] | RowMapping) -> Action:
    return Action(
        id=row["id"],
        bucket=row["bucket"],
        project=row["project"],
        pseudonym=row["pseudonym"],
        inclusion=row["inclusion"],
        pseudocode=row["pseudocode"],
        performed_on=row["performed_on"],
        performed_by=row["performed_by"],
        occurrence=row["occurrence"],
        communicated_at=row["communicated_at"],
        status=row["status"],
        annulment_reason=row["annulment_reason"],
        rejection_code=row["rejection_code"],
        message_id=row["message_id"],
        evidence=row["evidence"],
        version=row["version"],
    )

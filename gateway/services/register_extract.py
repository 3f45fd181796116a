"""Register an extract: what is asked for is kept, and the worker makes it later."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from gateway.domain.access import Role
from gateway.domain.errors import ExtractNotDone, NotFound, RoleNotAllowed
from gateway.domain.ladder import Recipient
from gateway.services.context import Work
from gateway.store.extracts import Extract, ExtractState

SHARDS = 4096
KINDS: Mapping[Role, Recipient] = MappingProxyType(
    {Role.INSURER: Recipient.INSURER, Role.POLICY_MAKER: Recipient.POLICY}
)


def register_extract(work: Work, request: Mapping[str, str]) -> Extract:
    """Keep a request for the worker.

    Shape: `request` has `kind`, `from`, `to`, `format`, `purpose`, and for an increment `since`, all as text.
    Source: CONTRACT 6.3.
    Raises: RoleNotAllowed for another role's kind; NotFound and ExtractNotDone for the extract to go on from.
    """
    if request["kind"] != KINDS[work.caller.role]:
        raise RoleNotAllowed
    if "since" in request and own_extract(work, UUID(request["since"])).releases is None:
        raise ExtractNotDone
    shard = secrets.randbelow(SHARDS)
    new = Extract(
        shard=shard,
        id=work.veil.identifiers.new(shard),
        state=ExtractState.QUEUED,
        role=work.caller.role.value,
        organisation=work.caller.organisation,
        person=work.veil.fingerprints.person(work.caller),
        request=dict(request),
        created_at=work.real_now,
        next_attempt_at=work.real_now,
    )
    work.object = new.id
    work.tx.extracts.add(new)
    return new


def own_extract(work: Work, extract_id: UUID) -> Extract:
    """An extract that the caller asked for, in the same capacity; whether its files are there or gone.

    Raises: NotFound.
    """
    found = work.tx.extracts.find(work.veil.identifiers.bucket_of(extract_id), extract_id)
    asks = (work.caller.role, work.caller.organisation, work.veil.fingerprints.person(work.caller))
    if found is None or asks != (found.role, found.organisation, found.person):
        raise NotFound
    return found

"""The route: one transaction, committed before the answer is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers import rules, veil
from bench.peers.fastapi_peer.forms import Delivery, InclusionReceipt, InclusionRequest
from bench.peers.fastapi_peer.models import (
    AuditEntry,
    Beneficiary,
    Idempotency,
    Inclusion,
    Outbox,
    Partner,
    Project,
    Sessions,
    Vault,
    engine,
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The issuer's keys are fetched before the first request."""
    veil.fetch_keys()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
bearer = HTTPBearer()
Claims = dict[str, Any]


async def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> Claims:
    """The claims of a provider's token; verified here, as a thread would cost more than it takes."""
    try:
        claims = veil.verified(credentials.credentials)
    except jwt.PyJWTError:
        raise HTTPException(401, "invalid-token") from None
    if claims.get("role") != "provider":
        raise HTTPException(403, "role-not-allowed")
    return claims


@app.get("/live")
async def live() -> dict[str, bool]:
    """Whether it runs."""
    return {"live": True}


@app.post("/v1/inclusions", status_code=201, response_model=InclusionReceipt)
async def register(
    wanted: InclusionRequest,
    claims: Annotated[Claims, Depends(caller)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> Response:
    """Register an inclusion, or give the first answer again."""
    try:
        async with Sessions() as session, session.begin():
            return await _register(session, wanted, claims, idempotency_key)
    except rules.Refused as refused:
        raise HTTPException(refused.status, refused.code) from None
    except IntegrityError:
        raise HTTPException(409, "conflict") from None


async def _register(session: AsyncSession, wanted: InclusionRequest, claims: Claims, key_text: str) -> Response:
    now, day = rules.now_and_day()
    scope = f"{claims['iss']}|{claims['sub']}|POST /v1/inclusions|{key_text}"
    key_hash = veil.keyed("key", scope.encode())
    fingerprint = veil.keyed("fingerprint", wanted.model_dump_json().encode())
    shard = int.from_bytes(key_hash[:2]) % veil.BUCKETS
    kept = await session.get(Idempotency, (shard, key_hash))
    if kept is not None:
        if kept.fingerprint != fingerprint:
            raise rules.Refused(422, "idempotency-key-reused")
        return Response(kept.body, kept.status or 201, {**(kept.headers or {}), "Idempotent-Replayed": "true"})
    kept = Idempotency(shard=shard, key_hash=key_hash, fingerprint=fingerprint, created_at=now)
    session.add(kept)
    await session.flush()
    answer = await _included(session, wanted, claims, now, day)
    kept.status, kept.body = 201, answer.model_dump_json().encode()
    kept.headers = {"Location": f"/v1/inclusions/{answer.id}", "ETag": '"1"', "Content-Type": "application/json"}
    return Response(kept.body, 201, kept.headers)


async def _included(
    session: AsyncSession, wanted: InclusionRequest, claims: Claims, now: Any, day: Any
) -> InclusionReceipt:
    provider = str(claims["nihii"])[:8]
    project = await session.get(Project, wanted.project)
    if project is None:
        raise rules.Refused(404, "unknown-project")
    member = await session.scalar(
        select(Partner.provider).where(
            Partner.project == project.id,
            Partner.provider == provider,
            Partner.member_from <= day,
            or_(Partner.member_until.is_(None), Partner.member_until >= day),
        )
    )
    valid_from = rules.check(
        rules.Convention(project.effective_from, project.last_day),
        wanted.agreement.agreed_on,
        day,
        informed=wanted.agreement.informed,
        in_target_group=wanted.agreement.in_target_group,
        is_partner=member is not None,
    )
    bucket, pseudonym = veil.pseudonym_of(wanted.ssin, project.id)
    person = {"bucket": bucket, "project": project.id, "pseudonym": pseudonym}
    sequence = await _next(session, person, wanted.ssin)
    inclusion = Inclusion(
        **person,
        id=uuid4(),
        recorded_at=now,
        status="open",
        communicated_at=now,
        communicated_by=provider,
        agreed_on=wanted.agreement.agreed_on,
        municipality=wanted.municipality,
        valid_from=valid_from,
        message_id=uuid4(),
        asked_at=now,
    )
    content = {"communicated_at": now.isoformat(), "valid_from": str(valid_from), "agreed_on": str(inclusion.agreed_on)}
    message = Outbox(
        **person,
        id=inclusion.message_id,
        sequence=sequence,
        kind="inclusion",
        reference=inclusion.id,
        content=content,
        created_at=now,
        next_attempt_at=now,
    )
    entry = AuditEntry(
        **person,
        id=uuid4(),
        at=now,
        role="provider",
        organisation=provider,
        person=veil.keyed("person", f"{claims['iss']}|{claims['sub']}".encode()).hex()[:32],
        verb="register_inclusion",
        outcome="done",
        object=inclusion.id,
        request_id=str(uuid4()),
    )
    session.add_all([inclusion, message, entry])
    signed = veil.receipt({"id": inclusion.id, "kind": "inclusion", "audit_entry": entry.id, **content})
    return InclusionReceipt(
        id=inclusion.id,
        project=project.id,
        status="open",
        communicated_at=now,
        valid_from=valid_from,
        valid_until=None,
        convention_last_day=project.last_day,
        agreement=wanted.agreement,
        delivery=Delivery(),
        receipt=signed,
    )


async def _next(session: AsyncSession, person: dict[str, Any], ssin: str) -> int:
    """The number of the next message about a person, whose row is locked; refused while an inclusion is open (I3)."""
    beneficiary = await session.get(Beneficiary, tuple(person.values()), with_for_update=True)
    if beneficiary is None:
        beneficiary = Beneficiary(**person, sequence=0)
        session.add(beneficiary)
        session.add(Vault(**person, sealed_ssin=veil.sealed(ssin, person["project"], person["pseudonym"])))
    else:
        standing = select(Inclusion.id).filter_by(**person, status="open", superseded_at=None)
        if await session.scalar(standing) is not None:
            raise rules.Refused(409, "already-included")
    beneficiary.sequence += 1
    return beneficiary.sequence

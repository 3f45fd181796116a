"""The view: one transaction, committed before the answer is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.peers import rules, veil
from bench.peers.django_peer.models import (
    AuditEntry,
    Beneficiary,
    Idempotency,
    Inclusion,
    Outbox,
    Partner,
    Project,
    Vault,
)
from bench.peers.django_peer.serializers import InclusionReceiptSerializer, InclusionRequestSerializer

Claims = Mapping[str, Any]


class Refusal(APIException):
    """A rule's refusal with its own status."""

    def __init__(self, refused: rules.Refused) -> None:
        super().__init__(refused.code)
        self.status_code = refused.status


class Inclusions(APIView):
    """Inclusions."""

    def post(self, request: Request) -> HttpResponse | Response:
        """Register an inclusion, or give the first answer again."""
        key_text = request.headers.get("Idempotency-Key", "")
        if not 1 <= len(key_text) <= 255:
            raise ValidationError("no-idempotency-key")
        wanted = InclusionRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                return _registered(wanted.validated_data, request.auth, key_text)
        except rules.Refused as refused:
            raise Refusal(refused) from None
        except IntegrityError:
            raise Refusal(rules.Refused(409, "conflict")) from None


def _registered(wanted: Claims, claims: Claims, key_text: str) -> HttpResponse:
    now, day = rules.now_and_day()
    scope = f"{claims['iss']}|{claims['sub']}|POST /v1/inclusions|{key_text}"
    key_hash = veil.keyed("key", scope.encode())
    fingerprint = veil.keyed("fingerprint", JSONRenderer().render(wanted))
    shard = int.from_bytes(key_hash[:2]) % veil.BUCKETS
    kept, is_new = Idempotency.objects.get_or_create(
        shard=shard, key_hash=key_hash, defaults={"fingerprint": fingerprint, "created_at": now}
    )
    if not is_new:
        if bytes(kept.fingerprint) != fingerprint:
            raise rules.Refused(422, "idempotency-key-reused")
        return HttpResponse(
            bytes(kept.body), status=kept.status, headers={**kept.headers, "Idempotent-Replayed": "true"}
        )
    answer = _included(wanted, claims, now, day)
    kept.status, kept.body = 201, JSONRenderer().render(InclusionReceiptSerializer(answer).data)
    kept.headers = {"Location": f"/v1/inclusions/{answer['id']}", "ETag": '"1"', "Content-Type": "application/json"}
    kept.save(update_fields=["status", "headers", "body"])
    return HttpResponse(kept.body, status=201, headers=kept.headers)


def _included(wanted: Claims, claims: Claims, now: Any, day: Any) -> dict[str, Any]:
    provider, agreement = str(claims["nihii"])[:8], wanted["agreement"]
    project = Project.objects.filter(id=wanted["project"]).first()
    if project is None:
        raise rules.Refused(404, "unknown-project")
    until = Q(member_until__isnull=True) | Q(member_until__gte=day)
    member = Partner.objects.filter(until, project=project.id, provider=provider, member_from__lte=day)
    valid_from = rules.check(
        rules.Convention(project.effective_from, project.last_day),
        agreement["agreed_on"],
        day,
        informed=agreement["informed"],
        in_target_group=agreement["in_target_group"],
        is_partner=member.exists(),
    )
    bucket, pseudonym = veil.pseudonym_of(wanted["ssin"], project.id)
    person = {"bucket": bucket, "project": project.id, "pseudonym": pseudonym}
    sequence = _next(person, wanted["ssin"])
    inclusion = Inclusion.objects.create(
        **person,
        id=uuid4(),
        recorded_at=now,
        status="open",
        communicated_at=now,
        communicated_by=provider,
        agreed_on=agreement["agreed_on"],
        municipality=wanted.get("municipality"),
        valid_from=valid_from,
        message_id=uuid4(),
        asked_at=now,
    )
    content = {"communicated_at": now.isoformat(), "valid_from": str(valid_from), "agreed_on": str(inclusion.agreed_on)}
    Outbox.objects.create(
        **person,
        id=inclusion.message_id,
        sequence=sequence,
        kind="inclusion",
        reference=inclusion.id,
        content=content,
        created_at=now,
        next_attempt_at=now,
    )
    entry = AuditEntry.objects.create(
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
    return {
        "id": inclusion.id,
        "project": project.id,
        "status": "open",
        "communicated_at": now,
        "valid_from": valid_from,
        "valid_until": None,
        "convention_last_day": project.last_day,
        "agreement": agreement,
        "delivery": {"status": "pending"},
        "receipt": veil.receipt({"id": inclusion.id, "kind": "inclusion", "audit_entry": entry.id, **content}),
    }


def _next(person: dict[str, Any], ssin: str) -> int:
    """The number of the next message about a person, whose row is locked; refused while an inclusion is open (I3)."""
    beneficiary, is_new = Beneficiary.objects.select_for_update().get_or_create(**person, defaults={"sequence": 1})
    if is_new:
        Vault.objects.create(**person, sealed_ssin=veil.sealed(ssin, person["project"], person["pseudonym"]))
        return 1
    if Inclusion.objects.filter(**person, status="open", superseded_at__isnull=True).exists():
        raise rules.Refused(409, "already-included")
    beneficiary.sequence += 1
    beneficiary.save(update_fields=["sequence"])
    return int(beneficiary.sequence)

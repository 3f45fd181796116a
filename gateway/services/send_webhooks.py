"""Send webhooks: the events that are due, one after another, each signed and under the same id on every try.

Stage: pseudonymous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, Protocol
from uuid import UUID

from gateway.domain.circuit import Circuit, CircuitState
from gateway.domain.webhook import TRIED_FOR
from gateway.pseudonyms.keyring import KeyringError
from gateway.pseudonyms.sealing import BrokenSeal
from gateway.pseudonyms.webhook_secrets import place_of, signed_headers
from gateway.services.context import Context
from gateway.services.deliver_outbox import Pace
from gateway.store.webhooks import Event, EventState, Webhook
from schemas import strict_json

EVENTS_PER_ROUND = 50
_chance = SystemRandom().random


class Poster(Protocol):
    """Who posts to a receiver."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Post one event; None when it was taken, else why not."""
        ...


@dataclass(slots=True)
class HookWatch:
    """What the lane of webhooks keeps from round to round: a circuit for each receiver, so that none delays another."""

    is_stopping: Callable[[], bool] = lambda: False
    circuits: dict[UUID, Circuit] = field(default_factory=dict)

    def resting(self, now: datetime) -> list[UUID]:
        """The webhooks whose receivers are left alone."""
        return [hook for hook, circuit in self.circuits.items() if circuit.state(now) is CircuitState.OPEN]


def send_webhooks(context: Context, poster: Poster, pace: Pace, watch: HookWatch | None = None) -> int:
    """One round: due events of receivers that do not rest, those of one delivery in order; how many were tried.

    Shape: an event is tried until a receiver takes it with a 2xx, for thirty days at most; then it is given up, and
    stays in the list.
    """
    watch, now = watch or HookWatch(), context.real_now()
    with context.store.reading() as tx:
        due = tx.webhooks.due(now, watch.resting(now), EVENTS_PER_ROUND, pace.latest(now))
    return sum(_try(context, poster, pace, watch, bucket, event_id) for bucket, event_id in due)


def _try(context: Context, poster: Poster, pace: Pace, watch: HookWatch, bucket: int, event_id: UUID) -> bool:
    """Claim an event, post it and record what came of it; whether it was tried."""
    now = context.real_now()
    if watch.is_stopping():
        return False
    with context.store.transaction() as tx:
        event = tx.webhooks.claim(bucket, event_id, now, now + pace.lease, pace.latest(now))
        hook = None if event is None else tx.webhooks.find(event.webhook)
        if event is not None and (hook is None or hook.id in watch.resting(now)):
            tx.webhooks.settle(event, EventState.WAITING, now, now + timedelta(seconds=1), event.failure)
    if event is None or hook is None or hook.id in watch.resting(now):
        return False
    failure = _post(context, poster, hook, event)
    now, circuit = context.real_now(), watch.circuits.get(hook.id, Circuit())
    watch.circuits[hook.id] = circuit.after(failure is None, now, pace.backoff, _chance())
    state = EventState.DELIVERED if failure is None else EventState.WAITING
    if failure is not None and now - event.created_at > TRIED_FOR:
        state = EventState.GIVEN_UP
    with context.store.transaction() as tx:
        tx.webhooks.settle(event, state, now, now + pace.backoff.delay(event.attempts, _chance()), failure)
    return True


def _post(context: Context, poster: Poster, hook: Webhook, event: Event) -> str | None:
    try:
        secret = context.veil.sealer.unseal_bytes(hook.sealed_secret or b"", place_of(hook.id)).decode()
    except (BrokenSeal, KeyringError):
        return "secret-unreadable"
    body = strict_json.dumps(payload_of(event))
    return poster.post(hook.url, signed_headers(secret, event.id, int(context.real_now().timestamp()), body), body)


def payload_of(event: Event) -> dict[str, Any]:
    """What a receiver is told; the same bytes on every try."""
    told = {
        "id": str(event.id),
        "project": event.project,
        "message": str(event.message),
        "kind": event.kind,
        "reference": str(event.reference),
        "status": event.status,
        "reason": event.reason,
    }
    at = event.at.isoformat().replace("+00:00", "Z")
    return {"type": "delivery.changed", "timestamp": at, "data": told}

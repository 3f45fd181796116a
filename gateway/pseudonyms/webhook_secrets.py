"""Secrets of webhooks: made once, sealed at rest, and what they sign.

Source: Standard Webhooks 1.0, "Signature scheme": HMAC-SHA-256 over id, timestamp and body, joined by full stops.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from uuid import UUID

PREFIX = "whsec_"


def new_secret() -> str:
    """A fresh secret of 32 random bytes, as it is shown once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def place_of(webhook: UUID) -> str:
    """The place that a webhook's secret is sealed for."""
    return f"webhook|{webhook}|sealed_secret"


def signed_headers(secret: str, event: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one try: the event's id, which is the same on every try, the second of this one, the signature."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{event}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": str(event),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }

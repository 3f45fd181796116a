"""Fingerprints: keyed hashes of callers, idempotency keys and requests, which nobody without the key can test."""

from __future__ import annotations

import hmac
from uuid import UUID

from gateway.domain.access import Caller
from gateway.pseudonyms.keyring import Keyring, Purpose

SHARDS = 4096


class Fingerprints:
    """HMAC-SHA-256 under the fingerprint key, with a label per use."""

    def __init__(self, keyring: Keyring) -> None:
        self._secret = keyring.newest(Purpose.FINGERPRINT).secret

    def _digest(self, label: str, *parts: bytes) -> bytes:
        framed = b"".join(len(part).to_bytes(8, "big") + part for part in (label.encode(), *parts))
        return hmac.digest(self._secret, framed, "sha256")

    def person(self, caller: Caller) -> str:
        """Who asked, for the audit: 32 hexadecimal digits."""
        return self._digest("person", caller.issuer.encode(), caller.subject.encode()).hex()[:32]

    def claim(self, name: str, value: str) -> str:
        """What a refused token says, for the log: 16 hexadecimal digits."""
        return self._digest("claim", name.encode(), value.encode()).hex()[:16]

    def asker(self, *names: str) -> bytes:
        """Whose requests are counted together."""
        return self._digest("asker", *(name.encode() for name in names))

    def key(self, caller: Caller, route: str, key: str) -> bytes:
        """The idempotency key in its scope: caller and route."""
        return self._digest("key", caller.issuer.encode(), caller.subject.encode(), route.encode(), key.encode())

    def line(self, caller: Caller, line: bytes) -> bytes:
        """A line of a batch, without its `ref` and in canonical form, as an organisation says it in a role."""
        return self._digest("line", caller.role.encode(), caller.organisation.encode(), line)

    def message(self, body: bytes) -> UUID:
        """A message's body, as the reference by which its answer is known again.

        Shape: UUIDv8 of 122 bits of the hash. Without the key no SSIN can be tried against it.
        Source: RFC 9562 §5.8.
        """
        number = int.from_bytes(self._digest("message", body)[:16], "big")
        return UUID(int=number & ~(0xF << 76 | 0b11 << 62) | 8 << 76 | 0b10 << 62)

    def request(self, path: str, payload: bytes) -> bytes:
        """A request: its path with query, and its body in canonical form."""
        return self._digest("request", path.encode(), payload)

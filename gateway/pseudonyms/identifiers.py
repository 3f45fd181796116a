"""Identifiers of things: UUIDs ordered in time that hide the bucket they route to.

Shape: UUIDv8: 48 bits of milliseconds, version, 12 bits of bucket XOR a keyed function of all other bits, variant,
62 random bits.
Source: RFC 9562 §5.8; SCALE 2.
"""

from __future__ import annotations

import hmac
import secrets
from uuid import UUID

from gateway.clock import real_now
from gateway.pseudonyms.keyring import Keyring, Purpose

_BUCKET_MASK = 0xFFF << 64
_FIXED = (8 << 76) | (2 << 62)


class Identifiers:
    """Makes identifiers, and finds the bucket of one it made."""

    def __init__(self, keyring: Keyring) -> None:
        self._secret = keyring.newest(Purpose.IDENTIFIER).secret

    def new(self, bucket: int) -> UUID:
        """A fresh identifier of something in a bucket."""
        return self.at(bucket, int(real_now().timestamp() * 1000))

    def at(self, bucket: int, milliseconds: int) -> UUID:
        """A fresh identifier as of a time since 1970, in milliseconds."""
        number = (milliseconds & (2**48 - 1)) << 80 | _FIXED | secrets.randbits(62)
        return UUID(int=number | (bucket ^ self._mask(number)) << 64)

    def bucket_of(self, identifier: UUID) -> int:
        """The bucket to which an identifier routes.

        Not: whether anything has this identifier; a foreign one gives an arbitrary bucket.
        """
        number = identifier.int & ~_BUCKET_MASK
        return (identifier.int >> 64 & 0xFFF) ^ self._mask(number)

    def _mask(self, number: int) -> int:
        return int.from_bytes(hmac.digest(self._secret, number.to_bytes(16, "big"), "sha256")[:2], "big") & 0xFFF

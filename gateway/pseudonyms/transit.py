"""Pseudonyms in transit: what a domain's owner needs to take the protection off.

A domain's keys come encrypted for its owners (RSA-OAEP); with one of them the service encrypts, for each pseudonym, the
scalar that it was divided by for its way.
Stage: pseudonymous.
Source: RFC 7516 (JWE), RFC 7518 §4.3 and 4.5; https://github.com/smals-belgium/shared-pseudo-helper-java.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.pseudonyms.curve import ORDER
from gateway.pseudonyms.keyring import KeyringError
from schemas import strict_json

SKEW_SECONDS = 60
_ENCRYPTION = "A256GCM"
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class UnknownTransitKey(Exception):
    """What came is encrypted with a key that the domain had not when it was asked; it may have it now."""


class BrokenTransit(Exception):
    """A domain or a transit is ill-formed, for somebody else, too old, or was changed."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What is known of the service's domain: how values become points, for whom transits are, and their keys by id."""

    buffer_bytes: int
    audience: str
    keys: Mapping[str, bytes] = field(repr=False)


def read_owner_key(path: Path) -> RSAPrivateKey:
    """The private key of the domain's owner, from a PEM file that its owner alone may read.

    Raises: KeyringError.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyringError(f"others than the owner may read {path}: chmod 400 {path}")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise KeyringError(f"the private key at {path} cannot be read: a PEM file without a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyringError(f"the private key at {path} is not an RSA key")
    return key


def open_domain(document: Mapping[str, Any], owner_key: RSAPrivateKey) -> Domain:
    """The domain as the service describes it, with those of its keys that are encrypted for this owner.

    Raises: BrokenTransit when none is.
    """
    found = {one["kid"]: _transit_key(one["encoded"], owner_key) for one in document["secret_keys"]}
    keys = {kid: key for kid, key in found.items() if key is not None}
    if not keys:
        raise BrokenTransit("no key of the domain is encrypted for this owner")
    return Domain(document["buffer_bytes"], document["audience"], keys)


def _transit_key(encoded: Mapping[str, Any], owner_key: RSAPrivateKey) -> bytes | None:
    """One key of a domain, or None when it is not encrypted for this owner."""
    try:
        sealed = _decoded(encoded["ciphertext"]) + _decoded(encoded["tag"])
        for recipient in encoded["recipients"]:
            content_key = _unwrapped(_decoded(recipient["encrypted_key"]), owner_key)
            if content_key is not None:
                plain = AESGCM(content_key).decrypt(_decoded(encoded["iv"]), sealed, _associated(encoded))
                return _decoded(_members(plain)["k"])
    except (InvalidTag, KeyError, TypeError, ValueError):
        return None
    return None


def _unwrapped(wrapped: bytes, owner_key: RSAPrivateKey) -> bytes | None:
    try:
        return owner_key.decrypt(wrapped, _OAEP)
    except ValueError:
        return None  # it is for another owner


def scalar_of(transit: str, domain: Domain, now: datetime) -> int:
    """The scalar that takes the protection off a pseudonym.

    Shape: 1 to `ORDER` - 1; a minute of skew either way.
    Raises: UnknownTransitKey; BrokenTransit.
    """
    try:
        protected, _, iv, ciphertext, tag = transit.split(".")
        header = _members(_decoded(protected))
        if (header["alg"], header["enc"], header["aud"]) != ("dir", _ENCRYPTION, domain.audience):
            raise BrokenTransit("the transit is of another kind, or for somebody else")
        if header["kid"] not in domain.keys:
            raise UnknownTransitKey
        cipher = AESGCM(domain.keys[header["kid"]])
        said = _members(cipher.decrypt(_decoded(iv), _decoded(ciphertext) + _decoded(tag), protected.encode()))
        scalar, seconds = int.from_bytes(base64.b64decode(said["scalar"]), "big"), now.timestamp()
        if not said["iat"] - SKEW_SECONDS <= seconds <= said["exp"] + SKEW_SECONDS:
            raise BrokenTransit("the transit is too old, or not valid yet")
    except (InvalidTag, KeyError, TypeError, ValueError):
        raise BrokenTransit("the transit is ill-formed, or was changed") from None
    if not 0 < scalar < ORDER:
        raise BrokenTransit("the scalar is out of range")
    return scalar


def _associated(encoded: Mapping[str, Any]) -> bytes:
    """What a JWE authenticates beside its ciphertext. Source: RFC 7516 §5.1, step 14."""
    protected, aad = encoded["protected"], encoded.get("aad")
    return (f"{protected}.{aad}" if aad else protected).encode()


def _members(raw: bytes) -> dict[str, Any]:
    document = strict_json.loads(raw)
    if not isinstance(document, dict):
        raise TypeError("not an object")
    return document


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""Receipts: what the gateway signs for whoever communicated.

Source: RFC 7515 (JWS), RFC 7518 §3.4 (ES256), RFC 7517 (JWK).
Stage: pseudonymous; never an identity, never a pseudonym.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.pseudonyms.keyring import Key, Keyring, Purpose, public_half, receipt_key

_TYPE = "receipt+jws"
_MANIFEST_TYPE = "extract-manifest+jws"
_CHECKPOINT_TYPE = "audit-checkpoint+jws"


class BrokenReceipt(Exception):
    """The receipt was not signed by one of these keys, or was changed."""


class Receipts:
    """Signs receipts with the newest key, and publishes the public half of every version."""

    def __init__(self, keyring: Keyring) -> None:
        newest = keyring.newest(Purpose.RECEIPT)
        self._kid, self._key = newest.kid, _private(newest)
        self._public = {key.kid: _public(key) for key in keyring.versions(Purpose.RECEIPT)}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS (ES256) over the claims of a receipt."""
        return self._signed(_TYPE, _canonical(claims))

    def sign_checkpoint(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS (ES256) over where the chains of the audit end."""
        return self._signed(_CHECKPOINT_TYPE, _canonical(claims))

    def sign_manifest(self, manifest: bytes) -> str:
        """A compact JWS (ES256) over the manifest of an extract, its content detached: the middle part is empty.

        Source: RFC 7515, appendix F.
        """
        header, _, signature = self._signed(_MANIFEST_TYPE, manifest).split(".")
        return f"{header}..{signature}"

    def _signed(self, kind: str, payload: bytes) -> str:
        headers = {"typ": kind, "kid": self._kid}
        return jwt.api_jws.encode(payload, self._key, algorithm="ES256", headers=headers)

    def jwks(self) -> dict[str, Any]:
        """The public keys, old ones included, as a JWK set."""
        return {
            "keys": [
                {**ECAlgorithm.to_jwk(key, as_dict=True), "kid": kid, "alg": "ES256", "use": "sig"}
                for kid, key in self._public.items()
            ]
        }


def _canonical(claims: Mapping[str, Any]) -> bytes:
    return json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()


def _private(key: Key) -> ec.EllipticCurvePrivateKey:
    private = receipt_key(key.secret)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("a key that signs receipts is a P-256 private key")
    return private


def _public(key: Key) -> ec.EllipticCurvePublicKey:
    public = receipt_key(public_half(key).secret)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError("a key of receipts is a P-256 key")
    return public


def verify_receipt(receipt: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a receipt, checked against a JWK set and nothing else.

    Raises: BrokenReceipt.
    """
    return _claims(receipt, jwks, _TYPE)


def verify_checkpoint(checkpoint: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a checkpoint of the audit, checked against a JWK set and nothing else.

    Raises: BrokenReceipt.
    """
    return _claims(checkpoint, jwks, _CHECKPOINT_TYPE)


def _claims(token: str, jwks: Mapping[str, Any], kind: str) -> dict[str, Any]:
    try:
        return dict(json.loads(_verified(token, jwks, kind)["payload"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise BrokenReceipt from None


def verify_manifest(signature: str, manifest: bytes, jwks: Mapping[str, Any]) -> str:
    """The id of the key that signed a manifest, checked against a JWK set and nothing else.

    Raises: BrokenReceipt.
    """
    header, _, rest = signature.partition(".")
    payload = base64.urlsafe_b64encode(manifest).rstrip(b"=").decode()
    try:
        if not rest.startswith("."):
            raise BrokenReceipt
        return str(_verified(f"{header}.{payload}{rest}", jwks, _MANIFEST_TYPE)["header"]["kid"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise BrokenReceipt from None


def _verified(token: str, jwks: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The header and payload of a JWS of a kind, signed by one of the keys."""
    key = jwt.PyJWKSet.from_dict(dict(jwks))[jwt.get_unverified_header(token)["kid"]]
    verified: dict[str, Any] = jwt.api_jws.decode_complete(token, key, algorithms=["ES256"])
    if verified["header"].get("typ") != kind:
        raise BrokenReceipt
    return verified

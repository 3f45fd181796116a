"""What both peers do with a person: number checked, pseudonym, seal, keyed hashes, signed receipt; by one secret.

The primitives are those of the gateway: HMAC-SHA-256 under a key derived for each project, AES-256-GCM bound to its
row, ES256.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET = bytes.fromhex(os.environ["PEER_SECRET"])
AUDIENCE = "chroniccare-gateway"
BUCKETS = 4096
_keys = jwt.PyJWKClient(f"{os.environ['ISSUER']}/jwks", cache_keys=True, lifespan=3600)


@cache
def _key(purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(SECRET)


@cache
def _cipher() -> AESGCM:
    return AESGCM(_key("vault"))


@cache
def _signer() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(_key("receipt")) >> 1, ec.SECP256R1())


def is_ssin(text: str) -> bool:
    """Whether eleven digits end in those that check the others, for whoever was born before 2000 or after."""
    number, check = int(text[:9]), int(text[9:])
    return check in (97 - number % 97, 97 - (2_000_000_000 + number) % 97)


def fetch_keys() -> None:
    """Have the issuer's keys at hand."""
    _keys.get_signing_keys()


def verified(token: str) -> dict[str, Any]:
    """The claims of a token of the issuer.

    Raises: jwt.PyJWTError.
    """
    return dict(
        jwt.decode(
            token,
            _keys.get_signing_key_from_jwt(token),
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=os.environ["ISSUER"],
            leeway=30,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]},
        )
    )


def pseudonym_of(ssin: str, project: str) -> tuple[int, bytes]:
    """The pseudonym of a person in a project, and the bucket that it lives in."""
    pseudonym = hmac.digest(_key(f"pseudonym|{project}"), ssin.encode(), "sha256")
    return int.from_bytes(keyed("bucket", pseudonym)[:2]) % BUCKETS, pseudonym


def sealed(ssin: str, project: str, pseudonym: bytes) -> bytes:
    """A number under lock for its row."""
    nonce = secrets.token_bytes(12)
    place = f"vault|{project}|{pseudonym.hex()}|sealed_ssin".encode()
    return nonce + _cipher().encrypt(nonce, ssin.encode(), place)


def keyed(purpose: str, content: bytes) -> bytes:
    """A keyed hash of 32 bytes."""
    return hmac.digest(_key(purpose), content, "sha256")


def receipt(claims: Mapping[str, Any]) -> str:
    """A signed receipt."""
    payload = json.dumps(claims, separators=(",", ":"), sort_keys=True, default=str).encode()
    return jwt.api_jws.encode(payload, _signer(), algorithm="ES256", headers={"typ": "receipt+jws", "kid": "peer"})

"""The sandbox's identity provider: discovery, keys, and tokens for whoever asks.

It signs what it is told, nonsense included, because the tests of a gateway need tokens that no honest provider gives.
"""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from time import time
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from flask import Blueprint
from jwt.algorithms import ECAlgorithm

from mock_mycarenet.bodies import load_body
from schemas.mycarenet.stand_in import TokenRequest

AUDIENCE: Final = "chroniccare-gateway"
LIFETIME_SECONDS: Final = 3600
FURTHER_CLAIMS: Final = ("nihii", "project", "insurer")
ES256: Final = ECAlgorithm(ECAlgorithm.SHA256)
TOKEN_REQUEST: Final = TokenRequest()


def identity_door(issuer: str, key: EllipticCurvePrivateKey) -> Blueprint:
    """Discovery, JWKS and `POST /auth/token`, for `issuer` with its one `key`."""
    door = Blueprint("identity", __name__)
    public = published(key)

    @door.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, str]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "token_endpoint": f"{issuer}/auth/token",
        }

    @door.get("/.well-known/jwks.json")
    def keys() -> dict[str, Any]:
        return {"keys": [public]}

    @door.post("/auth/token")
    def token() -> dict[str, str]:
        asked = load_body(TOKEN_REQUEST, parse=json.loads)
        header = _overwritten({"typ": "at+jwt", "alg": "ES256", "kid": public["kid"]}, asked.get("header"))
        claims = _overwritten(_claims(issuer, asked), asked.get("claims"))
        return {"access_token": sign(header, claims, key)}

    return door


def published(key: EllipticCurvePrivateKey) -> dict[str, str]:
    """The public half as a JWK; its `kid` is the RFC 7638 thumbprint, so it stays while the key stays."""
    jwk: dict[str, str] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    needed = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    kid = _base64url(sha256(_json(needed)).digest())
    return {**needed, "use": "sig", "alg": "ES256", "kid": kid}


def sign(header: dict[str, Any], claims: dict[str, Any], key: EllipticCurvePrivateKey) -> str:
    """A compact JWS over exactly these members, signed with ES256 whatever its header says.

    Written by hand: a JWT library refuses the odd claims that are asked for here.
    """
    signed = f"{_base64url(_json(header))}.{_base64url(_json(claims))}"
    return f"{signed}.{_base64url(ES256.sign(signed.encode(), key))}"


def _claims(issuer: str, asked: dict[str, Any]) -> dict[str, Any]:
    further: dict[str, Any] = {name: asked[name] for name in FURTHER_CLAIMS if name in asked}
    now = int(time())
    return {
        "iss": issuer,
        "sub": "-".join(["sandbox", asked["role"], *further.values()]),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid4()),
        "role": asked["role"],
        **further,
    }


def _overwritten(members: dict[str, Any], changes: dict[str, Any] | None) -> dict[str, Any]:
    """`members` with `changes` written over them; a null takes a member away."""
    changed = {**members, **(changes or {})}
    removed = {name for name, value in (changes or {}).items() if value is None}
    return {name: value for name, value in changed.items() if name not in removed}


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

"""eHealth's blind pseudonymisation, played: it multiplies points that it cannot read, for whoever asks.

Every name is a domain, whose secrets follow from the one that is kept in the file. Whoever says so owns it, and each
time that somebody does, it has a new key for its transits.
"""

import base64
import hmac
import json
import secrets
from time import time
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Blueprint, abort
from jwt import InvalidKeyError
from jwt.algorithms import RSAAlgorithm

from mock_mycarenet.bodies import load_body
from mock_mycarenet.curve import ORDER, is_on_curve, times
from mock_mycarenet.problems import problem
from mock_mycarenet.scenarios import Stage
from mock_mycarenet.storage import Storage
from schemas.mycarenet.ehealth import COORDINATE_BYTES, CURVE, BlindedPoint, OwnerRequest

BUFFER_BYTES: Final = 8
LIFETIME_SECONDS: Final = 600
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_BLINDED_POINT: Final = BlindedPoint()
_OWNER: Final = OwnerRequest()
_OWN: Final = (
    "INSERT INTO owner (domain, public_key, version) VALUES (?, ?, 1) "
    "ON CONFLICT (domain) DO UPDATE SET public_key = excluded.public_key, version = version + 1"
)


def pseudonymisation_door(storage: Storage, stage: Stage) -> Blueprint:
    """A domain, its owner, and `pseudonymize`, under the addresses that eHealth has."""
    door = Blueprint("pseudonymisation", __name__, url_prefix="/pseudo/v1/domains/<domain>")

    @door.put("/owner")
    def own(domain: str) -> dict[str, Any]:
        jwk = load_body(_OWNER)["public_key"]
        _public_key(jwk)
        with storage.transaction() as tx:
            tx.execute(_OWN, (domain, json.dumps(jwk)))
        return {"domain": domain}

    @door.get("")
    def describe(domain: str) -> dict[str, Any]:
        stage.scenario.arrive()
        jwk, kid = _owned(storage, domain)
        secret = {"kty": "oct", "k": _text(_secret(storage, domain, kid)), "alg": "A256GCM"}
        return {
            "domain": domain,
            "crv": CURVE,
            "audience": domain,
            "bufferSize": BUFFER_BYTES,
            "timeToLiveInTransit": "PT10M",
            "secretKeys": [{"kid": kid, "active": True, "encoded": _for_owner(secret, _public_key(jwk))}],
        }

    @door.post("/pseudonymize")
    def pseudonymize(domain: str) -> dict[str, Any]:
        stage.scenario.arrive()
        _jwk, kid = _owned(storage, domain)
        asked = load_body(_BLINDED_POINT)
        point = int.from_bytes(asked["x"], "big"), int.from_bytes(asked["y"], "big")
        if not is_on_curve(point):
            abort(problem(400, "not-on-curve", "The point is not on the curve."))
        secret = int.from_bytes(_secret(storage, domain, "scalar"), "big") % (ORDER - 1) + 1
        protection = secrets.randbelow(ORDER - 1) + 1
        x, y = times(secret * pow(protection, -1, ORDER) % ORDER, point)
        return {
            "id": str(asked["id"]),
            "domain": domain,
            "crv": CURVE,
            "x": _coordinate(x),
            "y": _coordinate(y),
            "transitInfo": _transit(_secret(storage, domain, kid), kid, domain, protection),
        }

    return door


def _owned(storage: Storage, domain: str) -> tuple[dict[str, Any], str]:
    """The public key of a domain's owner, and the id of the domain's key; aborts with 404 where nobody owns it."""
    with storage.reading() as connection:
        rows = connection.execute("SELECT public_key, version FROM owner WHERE domain = ?", (domain,)).fetchall()
    if not rows:
        abort(problem(404, "unknown-domain", "Nobody owns this domain."))
    ((jwk, version),) = rows
    return json.loads(jwk), f"transit-{version}"


def _secret(storage: Storage, domain: str, use: str) -> bytes:
    """32 bytes that belong to a domain and a use, always the same."""
    with storage.transaction() as tx:
        tx.execute("INSERT OR IGNORE INTO secret (only, bytes) VALUES (1, ?)", (secrets.token_bytes(32),))
        ((root,),) = tx.execute("SELECT bytes FROM secret").fetchall()
    return hmac.digest(root, f"{use}|{domain}".encode(), "sha256")


def _public_key(jwk: dict[str, Any]) -> RSAPublicKey:
    try:
        key = RSAAlgorithm.from_jwk(jwk)
    except InvalidKeyError:
        abort(problem(400, "invalid-key", "The key is not an RSA key as a JWK."))
    if not isinstance(key, RSAPublicKey):
        abort(problem(400, "invalid-key", "The key is not a public one."))
    return key


def _transit(key: bytes, kid: str, audience: str, protection: int) -> str:
    """The scalar as a compact JWE, encrypted with the domain's key itself."""
    life = {"iat": int(time()), "exp": int(time()) + LIFETIME_SECONDS}
    header = _text(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid, "aud": audience, **life}).encode())
    scalar = base64.b64encode(protection.to_bytes(COORDINATE_BYTES, "big")).decode()
    iv, sealed = _sealed(key, json.dumps({**life, "scalar": scalar}).encode(), header)
    return f"{header}..{_text(iv)}.{_text(sealed[:-16])}.{_text(sealed[-16:])}"


def _for_owner(jwk: dict[str, str], owner: RSAPublicKey) -> dict[str, Any]:
    """A key as a JWE of one recipient."""
    content_key, protected = secrets.token_bytes(32), _text(b'{"enc":"A256GCM"}')
    iv, sealed = _sealed(content_key, json.dumps(jwk).encode(), protected)
    recipient = {"encrypted_key": _text(owner.encrypt(content_key, _OAEP)), "header": {"alg": "RSA-OAEP-256"}}
    parts = {"iv": _text(iv), "ciphertext": _text(sealed[:-16]), "tag": _text(sealed[-16:])}
    return {"protected": protected, "aad": "", "recipients": [recipient], **parts}


def _sealed(key: bytes, plain: bytes, associated: str) -> tuple[bytes, bytes]:
    iv = secrets.token_bytes(12)
    return iv, AESGCM(key).encrypt(iv, plain, associated.encode())


def _coordinate(number: int) -> str:
    return base64.b64encode(number.to_bytes(COORDINATE_BYTES, "big")).decode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

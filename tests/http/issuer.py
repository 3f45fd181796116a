"""A token issuer of our own: real keys, a JWK set over real HTTP, and tokens signed exactly as told."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.builders import PROJECT, PROVIDER

AUDIENCE = "chroniccare-gateway"
CLAIMS_OF: Mapping[str, Mapping[str, str]] = {
    "provider": {"nihii": PROVIDER},
    "project_admin": {"project": PROJECT},
    "coordinator": {"project": PROJECT},
    "insurer": {"insurer": "100"},
    "policy_maker": {},
    "registrar": {},
    "auditor": {},
}
ROLES = tuple(CLAIMS_OF)
DISCOVERY, JWKS = "/.well-known/openid-configuration", "/jwks"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def an_ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1, number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def an_rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def public_jwk(key: PrivateKey, kid: str | None, **changes: Any) -> dict[str, Any]:
    """The public half of a key as a JWK; a change to None leaves a member out."""
    if isinstance(key, rsa.RSAPrivateKey):
        jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return without_none({**jwk, "kid": kid, **changes})


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], key: Any, algorithm: str) -> str:
    """A compact JWS over exactly this header and payload, whatever they say."""
    raw_header = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw_payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    text = f"{base64url(raw_header)}.{base64url(raw_payload)}"
    method = jwt.get_algorithm_by_name(algorithm)
    return f"{text}.{base64url(method.sign(text.encode(), key))}"


@dataclass
class Issuer:
    """The issuer: what it serves (`answers`), what was asked of it (`asked`), and its three keys."""

    url: str = ""
    answers: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, {"Content-Length": str(len(body)), **headers}, body)

    def serve_keys(self, *jwks: Mapping[str, Any]) -> None:
        self.serve(DISCOVERY, {"issuer": self.url, "jwks_uri": self.url + JWKS})
        self.serve(JWKS, {"keys": list(jwks)})

    def serve_own_keys(self) -> None:
        self.serve_keys(public_jwk(an_ec_key(), "ec-1", alg="ES256", use="sig"), public_jwk(an_rsa_key(), "rsa-1"))

    def claims(self, role: str = "auditor", /, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; a change to None leaves one out."""
        now = int(time.time())
        own = CLAIMS_OF.get(role, {})
        names = {**own, **changes}
        subject = "-".join([role, *(str(names[name]) for name in own)])
        times = {"iat": now - 5, "exp": now + 3595}
        good = {"iss": self.url, "sub": subject, "aud": AUDIENCE, **times, "jti": str(uuid4()), "role": role}
        return without_none({**good, **names})

    def header(self, **changes: Any) -> dict[str, Any]:
        return without_none({"typ": "at+jwt", "alg": "ES256", "kid": "ec-1", **changes})

    def token(self, role: str = "auditor", /, **changes: Any) -> str:
        """A good token (ES256) for a role; claims may be changed or, by None, left out."""
        return signed(self.header(), self.claims(role, **changes), an_ec_key(), "ES256")


@contextmanager
def an_issuer() -> Iterator[Issuer]:
    """An issuer that listens on 127.0.0.1 until the block ends."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            status, headers, body = issuer.answers.get(self.path, (404, {"Content-Length": "0"}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    issuer.serve_own_keys()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

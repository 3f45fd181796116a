"""The token issuer's public keys: fetched by discovery, kept, refreshed one at a time.

Source: RFC 7517, OpenID Connect Discovery 1.0 §4, RFC 8725 §3.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import requests
import structlog
from jwt.utils import base64url_decode

from gateway.upstream.bodies import read_at_most
from gateway.upstream.deadlines import timed_session
from schemas import strict_json

LARGEST_SET_BYTES = 256 * 1024
COOL_DOWN_SECONDS = 5.0
FIRST_COOL_DOWN_SECONDS = 1.0
PATIENCE_SECONDS = 2.0
MAX_AGE_SECONDS = 600.0
TOTAL_SECONDS = 10.0
HARD_AGE_SECONDS = 24 * 3600.0
SMALLEST_RSA_BITS = 2048
ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
KID = re.compile(r"[A-Za-z0-9_-]{1,64}")
log = structlog.get_logger("chroniccare.issuer")


class KeysUnavailable(Exception):
    """No keys that are young enough could be had."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """The issuer being asked, since when on the monotonic clock; whoever needs the answer waits for `is_over`."""

    is_over: threading.Event
    began_at: float


class IssuerKeys:
    """The verification keys of one issuer, by kid and algorithm.

    Shape: an unknown kid, or a set past its age, asks the issuer again: one thread at a time, however many wait for
    it, and not again before a cool-down. Nobody waits longer than `PATIENCE_SECONDS` after that thread set out; when
    the issuer is out of reach the last set serves up to its hard age.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: Mapping[tuple[str, str], jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = threading.Lock()
        self._asking: _Asking | None = None

    def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key with a kid that may verify an algorithm, or None.

        Raises: KeysUnavailable when no set young enough is known.
        """
        known = self._keys.get((kid, algorithm))
        if known is None or time.monotonic() - self._fetched_at > MAX_AGE_SECONDS:
            self._refresh()
            known = self._keys.get((kid, algorithm))
        if time.monotonic() - self._fetched_at > HARD_AGE_SECONDS:
            raise KeysUnavailable
        return known

    def has(self, kid: object) -> bool:
        """Whether the last set has a key of that kid; the issuer is not asked."""
        return any(kid == known for known, _ in self._keys)

    def _refresh(self) -> None:
        with self._lock:
            if self._asking is None:
                cool_down = COOL_DOWN_SECONDS if self._keys else FIRST_COOL_DOWN_SECONDS
                if time.monotonic() - self._tried_at < cool_down:
                    return
                self._asking = _Asking(threading.Event(), time.monotonic())
                threading.Thread(target=self._ask, args=(self._asking,), daemon=True).start()
            asking = self._asking
        asking.is_over.wait(max(0.0, asking.began_at + PATIENCE_SECONDS - time.monotonic()))

    def _ask(self, asking: _Asking) -> None:
        try:
            keys = keys_of(self._fetch_set())
            if keys:
                self._keys, self._fetched_at = keys, time.monotonic()
        except (requests.RequestException, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            log.warning("issuer_unavailable", kind=type(error).__name__)
        finally:
            with self._lock:
                self._asking, self._tried_at = None, time.monotonic()
            asking.is_over.set()

    def _fetch_set(self) -> Mapping[str, Any]:
        discovery = _get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery["issuer"] != self._issuer:
            raise ValueError("another issuer answers there")
        return _get(discovery["jwks_uri"])


def _get(url: str) -> Mapping[str, Any]:
    with (
        timed_session(TOTAL_SECONDS) as session,
        session.get(url, timeout=(3.0, 5.0), allow_redirects=False, stream=True) as response,
    ):
        body = read_at_most(response, LARGEST_SET_BYTES)
    document = strict_json.loads(body)
    if response.status_code != requests.codes.ok or len(body) > LARGEST_SET_BYTES or not isinstance(document, dict):
        raise ValueError("not a document of the issuer")
    return document


def keys_of(jwks: Mapping[str, Any]) -> dict[tuple[str, str], jwt.PyJWK]:
    """The usable verification keys of a JWK set, by kid and algorithm.

    Shape: private, symmetric, weak, oddly named or otherwise purposed keys are left out.
    Raises: ValueError, KeyError, TypeError or PyJWTError for a set that is none, or names a kid twice.
    """
    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    for jwk in jwks["keys"]:
        if not isinstance(jwk, dict):
            raise TypeError("a key is an object")
        if not _is_usable(jwk):
            continue
        for algorithm in (jwk["alg"],) if "alg" in jwk else ALGORITHMS[jwk["kty"]]:
            if (jwk["kid"], algorithm) in keys:
                raise ValueError("a kid comes twice")
            keys[jwk["kid"], algorithm] = jwt.PyJWK(jwk, algorithm)
    return keys


def _is_usable(jwk: Mapping[str, Any]) -> bool:
    if jwk.get("kty") not in ALGORITHMS or {"d", "k", "p", "q"} & set(jwk):
        return False
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return False
    if jwk.get("alg") not in (None, *ALGORITHMS[jwk["kty"]]) or not KID.fullmatch(str(jwk.get("kid", ""))):
        return False
    if jwk["kty"] == "EC":
        return jwk.get("crv") == "P-256"
    bits = int.from_bytes(base64url_decode(jwk["n"]), "big").bit_length()  # not its length: zeros may lead
    return bits >= SMALLEST_RSA_BITS and jwk["e"] == "AQAB"

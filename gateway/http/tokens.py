"""The guard around PyJWT: shape, header, key, signature, claims, in that order.

Source: RFC 8725, RFC 9068; CONTRACT 3. Nothing of a payload is used before its signature holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from datetime import datetime
from typing import Any

import jwt

from gateway.domain.access import Caller, Role
from gateway.domain.errors import ExpiredToken, InvalidToken, IssuerUnavailable
from gateway.upstream.jwks import KID, IssuerKeys, KeysUnavailable
from schemas import checks, strict_json

LARGEST_TOKEN_BYTES = 8192
LONGEST_LIFE_SECONDS = 3600
LEEWAY_SECONDS = 30
ALGORITHMS = frozenset({"RS256", "PS256", "ES256"})
TYPES = frozenset({"at+jwt", "application/at+jwt"})
INSURERS = frozenset({"100", "200", "300", "400", "500", "600", "900"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_NAME = re.compile(r"[\x21-\x7e]{1,255}")


class TokenGuard:
    """Verifies the tokens of one issuer for one audience."""

    def __init__(
        self,
        keys: IssuerKeys,
        issuer: str,
        audience: str,
        real_now: Callable[[], datetime],
        denied: Container[str] = frozenset(),
    ) -> None:
        self._keys = keys
        self._denied = denied
        self._issuer = issuer
        self._audience = audience
        self._real_now = real_now

    def key_of(self, token: str) -> jwt.PyJWK:
        """The key that must have signed a token, by its header alone.

        Raises: InvalidToken, IssuerUnavailable; StoreUnavailable when it cannot be told whether the key is denied.
        """
        if len(token) > LARGEST_TOKEN_BYTES or not _SHAPE.fullmatch(token):
            raise InvalidToken("shape")
        kid, algorithm = _header(token.partition(".")[0])
        if kid in self._denied:
            raise InvalidToken("denied")
        try:
            key = self._keys.find(kid, algorithm)
        except KeysUnavailable:
            raise IssuerUnavailable from None
        if key is None:
            raise InvalidToken("key")
        return key

    def verify(self, token: str) -> tuple[Caller, int]:
        """The caller that a token names, and when it expires, in seconds since 1970.

        Raises: InvalidToken, ExpiredToken, IssuerUnavailable.
        """
        key = self.key_of(token)
        try:
            verified = jwt.api_jws.decode_complete(token, key, algorithms=[key.algorithm_name])
        except (jwt.PyJWTError, TypeError, ValueError):
            raise InvalidToken("signature") from None
        claims = _parse(verified["payload"])
        expires_at = self._check_times(claims)
        if claims.get("iss") != self._issuer or claims.get("aud") != self._audience:
            raise InvalidToken("issuer or audience")
        return _caller(claims), expires_at

    def told_of(self, token: str, hashed: Callable[[str, str], str]) -> dict[str, str]:
        """What a log may tell of a token that was refused: its issuer, key and id, as far as it has them.

        Shape: the issuer's name and the ids of its keys as they are; any other text, which could be anything, and the
        id of the token as a hash. Nothing of a token of another shape or size.
        """
        if len(token) > LARGEST_TOKEN_BYTES or not _SHAPE.fullmatch(token):
            return {}
        header, payload = (_read(segment) for segment in token.split(".")[:2])
        said = {"iss": payload.get("iss"), "kid": header.get("kid"), "jti": payload.get("jti")}
        is_known = {"iss": said["iss"] == self._issuer, "kid": self._keys.has(said["kid"]), "jti": False}
        return {
            name: value if is_known[name] else hashed(name, value)
            for name, value in said.items()
            if isinstance(value, str)
        }

    def check_age(self, expires_at: int) -> None:
        """Refuse a token whose life is over.

        Raises: ExpiredToken.
        """
        if self._real_now().timestamp() >= expires_at + LEEWAY_SECONDS:
            raise ExpiredToken

    def _check_times(self, claims: dict[str, Any]) -> int:
        issued_at, expires_at = claims.get("iat"), claims.get("exp")
        starts_at = claims.get("nbf", issued_at)
        if type(issued_at) is not int or type(expires_at) is not int or type(starts_at) is not int:
            raise InvalidToken("times")
        if not 0 < expires_at - issued_at <= LONGEST_LIFE_SECONDS:
            raise InvalidToken("life")
        if max(issued_at, starts_at) > self._real_now().timestamp() + LEEWAY_SECONDS:
            raise InvalidToken("early")
        self.check_age(expires_at)
        return expires_at


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        parsed = strict_json.loads(raw)
    except strict_json.StrictJsonError:
        raise InvalidToken("json") from None
    if not isinstance(parsed, dict):
        raise InvalidToken("json")
    return parsed


def _read(segment: str) -> dict[str, Any]:
    """A part of a token that nothing rests on; empty for one that cannot be read."""
    try:
        return _parse(jwt.utils.base64url_decode(segment))
    except (InvalidToken, ValueError):
        return {}


def _header(segment: str) -> tuple[str, str]:
    try:
        header = _parse(jwt.utils.base64url_decode(segment))
    except ValueError:
        raise InvalidToken("base64") from None
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
    if set(header) != {"typ", "alg", "kid"} or not isinstance(kind, str) or kind.lower() not in TYPES:
        raise InvalidToken("header")
    if not isinstance(kid, str) or not KID.fullmatch(kid) or not isinstance(algorithm, str):
        raise InvalidToken("header")
    if algorithm not in ALGORITHMS:
        raise InvalidToken("algorithm")
    return kid, algorithm


def _caller(claims: dict[str, Any]) -> Caller:
    """The caller that claims name, each claim of its exact type and form.

    Raises: InvalidToken.
    """
    issuer, subject, role = claims["iss"], _name(claims.get("sub")), claims.get("role")
    _name(claims.get("jti"))
    match role:
        case Role.PROVIDER:
            return Caller(issuer, subject, Role.PROVIDER, nihii=_checked(claims, "nihii", checks.is_nihii))
        case Role.PROJECT_ADMIN | Role.COORDINATOR:
            return Caller(issuer, subject, Role(role), project=_checked(claims, "project", checks.is_project_id))
        case Role.INSURER:
            return Caller(issuer, subject, Role.INSURER, insurer=_checked(claims, "insurer", INSURERS.__contains__))
        case Role.POLICY_MAKER | Role.REGISTRAR | Role.AUDITOR:
            return Caller(issuer, subject, Role(role))
        case _:
            raise InvalidToken("role")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidToken("name")
    return value


def _checked(claims: dict[str, Any], name: str, is_right: Callable[[str], bool]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not is_right(value):
        raise InvalidToken(name)
    return value

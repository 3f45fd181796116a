"""From a request's token to its caller; a verified token is remembered by digest until it expires or its key goes."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from werkzeug.wrappers import Request

from gateway.domain.access import Caller
from gateway.domain.errors import InvalidToken, NoToken
from gateway.http.tokens import TokenGuard

REMEMBERED = 4096
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([!-~]+)")


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires_at: int
    key: jwt.PyJWK


class Callers:
    """Authenticates requests.

    Cost: the first use of a token verifies its signature; later ones are a digest, an expiry and a key comparison.
    """

    def __init__(self, guard: TokenGuard) -> None:
        self._guard = guard
        self._known: OrderedDict[bytes, _Verified] = OrderedDict()
        self._lock = threading.Lock()

    def authenticate(self, request: Request) -> Caller:
        """The caller of a request.

        Raises: NoToken, InvalidToken, ExpiredToken, IssuerUnavailable.
        """
        header = request.headers.get("Authorization")
        if header is None:
            raise NoToken
        match = _BEARER.fullmatch(header)
        if match is None:
            raise InvalidToken("scheme")
        return self._caller(match[1])

    def told_of(self, request: Request, hashed: Callable[[str, str], str]) -> dict[str, str]:
        """What a log may tell of the token of a request that was refused for it."""
        match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        return {} if match is None else self._guard.told_of(match[1], hashed)

    def _caller(self, token: str) -> Caller:
        digest = hashlib.sha256(token.encode("ascii")).digest()
        known = self._known.get(digest)
        if known is not None and known.key is self._guard.key_of(token):
            self._guard.check_age(known.expires_at)
            return known.caller
        caller, expires_at = self._guard.verify(token)
        with self._lock:
            self._known[digest] = _Verified(caller, expires_at, self._guard.key_of(token))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return caller

"""Bearer tokens, and the one role that may register here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jwt
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from bench.peers import veil


class BearerAuthentication(BaseAuthentication):
    """Verifies a token of the issuer."""

    def authenticate(self, request: Request) -> tuple[Any, dict[str, Any]] | None:
        """Who asks, with the claims."""
        kind, _, token = get_authorization_header(request).decode("ascii", "replace").partition(" ")
        if kind.lower() != "bearer":
            return None
        try:
            claims = veil.verified(token)
        except jwt.PyJWTError:
            raise AuthenticationFailed("invalid-token") from None
        return SimpleNamespace(is_authenticated=True), claims

    def authenticate_header(self, request: Request) -> str:
        """What is asked for, so that a refusal is a 401."""
        del request
        return "Bearer"


class IsProvider(BasePermission):
    """Providers alone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the token names that role."""
        del view
        return bool(request.auth) and request.auth.get("role") == "provider"

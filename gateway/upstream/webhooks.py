"""The sender of events to a project's own software.

Stage: pseudonymous: an event names no person. Nothing that is sent or received is ever logged.
Shape: a name is resolved here, every address of it has to be public, and the connection goes to the address that was
looked at, so that a name which answers otherwise a moment later gains nothing. No redirect is followed.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from gateway.domain.webhook import SANDBOX_HOST, is_public
from gateway.upstream.bodies import read_at_most
from gateway.upstream.deadlines import timed_session

TOTAL_SECONDS = 5.0
LARGEST_ANSWER_BYTES = 64 * 1024
_TIMEOUT_SECONDS = (3.0, 5.0)
_JSON = {"Content-Type": "application/json", "User-Agent": "chroniccare-gateway"}


class Postman:
    """Posts events over HTTPS; in the sandbox also over HTTP to 127.0.0.1."""

    def __init__(self, *, is_sandbox: bool) -> None:
        self._is_sandbox = is_sandbox

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Post one event; None when it was taken, else why not."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address(host, port)
        if address is None:
            return "address-refused"
        at = f"[{address}]" if ":" in address else address
        pinned = parts._replace(netloc=f"{at}:{port}").geturl()
        with timed_session(TOTAL_SECONDS) as session:
            adapter = session.get_adapter(pinned)
            if isinstance(adapter, HTTPAdapter) and parts.scheme == "https":
                adapter.poolmanager.connection_pool_kw |= {"server_hostname": host, "assert_hostname": host}
            try:
                with session.post(
                    pinned,
                    data=body,
                    headers={**_JSON, **headers, "Host": parts.netloc},
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    read_at_most(response, LARGEST_ANSWER_BYTES)
            except requests.RequestException:
                return "unreachable"
        return None if 200 <= response.status_code < 300 else f"http-{response.status_code}"

    def _address(self, host: str, port: int) -> str | None:
        """The address to connect to; None when the name has none, or one that nothing must be sent to."""
        if self._is_sandbox and host == SANDBOX_HOST:
            return host
        try:
            found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except OSError:
            return None
        return found[0] if found and all(is_public(one) for one in found) else None

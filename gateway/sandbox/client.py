"""A thin HTTP client: one kept-alive connection, one write a request, and patience with a gateway that restarts."""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit


class Raw(NamedTuple):
    """A body that is sent as it is, where it is no JSON document."""

    media_type: str
    content: bytes


class Answer(NamedTuple):
    """What came back; `headers` in lower case, `body` parsed when it is JSON, else its text."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str | None:
        """The stable code of a problem; that of its only ill-formed field, where there is just one."""
        if not isinstance(self.body, dict) or self.status < 400:
            return None
        errors = self.body.get("errors") or []
        code = errors[0].get("code") if len(errors) == 1 else None
        return str(code or self.body.get("code"))


class Unreachable(Exception):
    """No usable answer before the deadline, or before it was told to stop."""


class Client:
    """Speaks with one server over one connection, mostly JSON; over TLS when its URL says `https`.

    Shape: once `stop` is set, nothing is tried again.
    Units: seconds; `patience` is how long one request is tried again, `timeout` how long one answer is awaited.
    Not: safe for several threads at once; give each its own.
    """

    def __init__(
        self, base_url: str, *, patience: float = 60.0, timeout: float = 60.0, stop: threading.Event | None = None
    ) -> None:
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._patience, self._timeout = patience, timeout
        self._stop = stop or threading.Event()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> Answer:
        """Send a request and give its answer.

        It is sent again, with the same `Idempotency-Key`, after a broken connection, a 503, a 429, and a key still in
        flight (409 with `Retry-After`): everything sent here may safely be sent twice.
        Raises: Unreachable when the patience is over.
        """
        request = self._request(method, path, body, token, key)
        give_up_at = time.monotonic() + self._patience
        pause = 0.0
        while True:
            try:
                answer = self._exchange(method, request)
                if not comes_back(answer):
                    return answer
                cause = f"{answer.status} {answer.code}"
            except (OSError, HTTPException) as broken:
                self.close()
                cause = type(broken).__name__
            if time.monotonic() + pause > give_up_at or self._stop.is_set():
                raise Unreachable(f"{method} {path}: {cause}")
            self._stop.wait(pause * random.uniform(0.7, 1.0))  # noqa: S311 - spreads retries, not cryptography
            pause = min(max(pause * 2, 0.05), 2.0)

    def _request(self, method: str, path: str, body: Any, token: str | None, key: str | None) -> bytes:
        lines = [
            f"{method} {self._prefix}{path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Accept: application/json",
        ]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if key is not None:
            lines.append(f"Idempotency-Key: {key}")
        content = b""
        if body is not None:
            kind, content = body if isinstance(body, Raw) else Raw("application/json", _encoded(body))
            lines.append(f"Content-Type: {kind}")
        if method != "GET":
            lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join([*lines, "", ""]).encode() + content

    def _exchange(self, method: str, request: bytes) -> Answer:
        """One write, one answer, over the connection at hand or a new one."""
        if self._socket is None:
            self._socket = socket.create_connection((self._host, self._port), self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._host)
        self._socket.sendall(request)
        with HTTPResponse(self._socket, method=method) as response:
            response.begin()
            answer = answer_of(response)
            if response.will_close:
                self.close()
        return answer


def _encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def answer_of(response: HTTPResponse) -> Answer:
    """A response, read to its end."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, _parsed(headers.get("content-type", ""), response.read()))


def comes_back(answer: Answer) -> bool:
    """Whether a request with this answer is to be sent again, with its key."""
    return answer.status in (429, 503) or (answer.status == 409 and "retry-after" in answer.headers)


def _parsed(content_type: str, content: bytes) -> Any:
    if content_type.partition(";")[0].strip().endswith(("/json", "+json")) and content:
        return json.loads(content)
    return content.decode("utf-8", "replace")

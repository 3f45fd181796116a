"""HTTP sessions whose answers have a deadline as a whole: a time-out per read lets one byte a second go on for ever.

The deadline runs from the end of the request, over the head and the body of its answer.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class TimedReader(io.RawIOBase):
    """What a socket sends, for so many seconds in all; each read waits no longer than is left of them."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, seconds: float) -> None:
        self._raw = raw
        self._connection = connection
        self._patience = connection.gettimeout()
        self._ends_at = time.monotonic() + seconds

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is. Raises: TimeoutError."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._connection.settimeout(left if self._patience is None else min(left, self._patience))
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        """Close the socket's own reader, which counts who still reads."""
        self._raw.close()
        super().close()


def _response_class(total_seconds: float) -> type[http.client.HTTPResponse]:
    class TimedResponse(http.client.HTTPResponse):
        """An answer that must be there in time."""

        def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
            super().__init__(sock, *arguments, **named)
            self.fp = io.BufferedReader(TimedReader(self.fp.detach(), sock, total_seconds))

    return TimedResponse


class TimedAdapter(HTTPAdapter):
    """Connections of requests whose answers have a deadline."""

    def __init__(self, total_seconds: float) -> None:
        self._total_seconds = total_seconds
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Make the pools, of connections of our own kind."""
        super().init_poolmanager(*arguments, **named)
        timed = _response_class(self._total_seconds)

        class TimedConnection(HTTPConnection):
            """A connection whose answers have a deadline."""

            response_class = timed

        class TimedSecureConnection(HTTPSConnection):
            """The same, over TLS."""

            response_class = timed

        class Pool(HTTPConnectionPool):
            """A pool of them."""

            ConnectionCls = TimedConnection

        class SecurePool(HTTPSConnectionPool):
            """A pool of those over TLS."""

            ConnectionCls = TimedSecureConnection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}


def timed_session(total_seconds: float) -> requests.Session:
    """A session that takes nothing from the environment, and waits so long for the whole of any answer.

    Raises: requests.RequestException from its requests, where the deadline passes.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", TimedAdapter(total_seconds))
    session.mount("https://", TimedAdapter(total_seconds))
    return session

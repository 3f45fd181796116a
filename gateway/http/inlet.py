"""What a connection has sent, kept until a request's head is whole; only then is a thread given to it.

Without it a client that sends a byte now and then holds a thread, and as many of them as there are threads hold all.
Units: seconds of monotonic time.
"""

from __future__ import annotations

import errno
import socket
import time

HEAD_SECONDS = 10.0
"""How long a request's head may take from its first byte, or from the beginning of its connection."""
BODY_SECONDS = 10.0
LEAST_BYTES_PER_SECOND = 8192
"""A body has `BODY_SECONDS`, and a second more for each so many bytes that came."""
SEND_SECONDS = 30.0
"""How long a client may leave a part of an answer untaken."""
MOST_HELD_BYTES = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Inlet:
    """The reading side of a connection, as gunicorn's parser asks for it.

    Shape: `is_over` when the client will send no more.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""
        self.is_over = False
        self._began_at = 0.0
        self._read = 0
        self._owes_continue = False

    def fill(self) -> None:
        """Take what has come, without waiting, unless a head is there already."""
        if self.is_ready():
            return
        self._connection.setblocking(False)
        try:
            came = self._connection.recv(MOST_HELD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        self._held += came
        self.is_over = not came

    def is_ready(self) -> bool:
        """Whether a whole head is there, or more than one may be."""
        return _END_OF_HEAD in self._held or len(self._held) >= MOST_HELD_BYTES

    def head(self) -> bytes:
        """The first head that is held, with its last line's end."""
        return self._held[: self._held.find(_END_OF_HEAD) + 2]

    def holds_more(self) -> bool:
        """Whether bytes of a next request came with the last one."""
        return bool(self._held)

    def begin(self) -> None:
        """Count the time of the request that a thread now reads."""
        self._began_at, self._read, self._owes_continue = time.monotonic(), 0, False

    def expect_continue(self) -> None:
        """Tell the client to go on as soon as somebody waits for its body: whoever is refused before sends none."""
        self._owes_continue = True

    def recv(self, size: int) -> bytes:
        """The next bytes: what is held, or what comes in time.

        Raises: TimeoutError for a client that is too slow.
        """
        if self._held:
            given, self._held = self._held[:size], self._held[size:]
            self._connection.settimeout(SEND_SECONDS)
            return given
        self._connection.settimeout(self._left())
        if self._owes_continue:
            self._owes_continue = False
            self._connection.sendall(_CONTINUE)
        try:
            given = self._connection.recv(size)
        except TimeoutError:
            raise _too_slow() from None
        finally:
            self._connection.settimeout(SEND_SECONDS)
        self._read += len(given)
        return given

    def _left(self) -> float:
        left = self._began_at + BODY_SECONDS + self._read / LEAST_BYTES_PER_SECOND - time.monotonic()
        if left <= 0:
            raise _too_slow()
        return left


def _too_slow() -> TimeoutError:
    """The error; numbered like a reset, because the server is to close the connection without a word in its log."""
    return TimeoutError(errno.ECONNRESET, "too slow")

"""The load: connections that send their next request as soon as they have an answer (closed loop), or when it is due.

All of them are served by one thread that waits for whichever is ready: threads of Python would take turns, and their
switching would cost the cores that the system under test needs. What the load itself uses is told.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil, inf

WARM_SECONDS = 0.5
DRAIN_SECONDS = 120.0
_END, _LENGTH = b"\r\n\r\n", b"\r\ncontent-length:"


@dataclass(frozen=True, slots=True)
class Drive:
    """What came of a drive: latencies of the answers that were hoped for, in order, and how often each status came.

    Shape: `all_statuses` counts the answers before and after the time that counts too.
    Units: seconds; `load` is the share of one core that the load itself used.
    """

    seconds: float
    latencies: tuple[float, ...]
    statuses: Counter[int]
    all_statuses: Counter[int]
    load: float

    @property
    def per_second(self) -> float:
        """Answers that were hoped for, a second."""
        return len(self.latencies) / self.seconds


def milliseconds(latencies: tuple[float, ...], share: float) -> float:
    """The latency that a share of the answers did not exceed.

    Shape: more than any when there was none.

    >>> milliseconds((0.001, 0.002, 0.003, 0.004), 0.5)
    2.0
    """
    return latencies[max(0, ceil(len(latencies) * share) - 1)] * 1000 if latencies else inf


@dataclass(slots=True, eq=False)
class _Line:
    """A connection with the request that it waits for."""

    socket: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        self.received.clear()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> int | None:
        """Take what came; the status once the answer is whole."""
        came = self.socket.recv(65536)
        if not came:
            raise ConnectionError("the server closed a connection that was to be kept")
        self.received += came
        return status_of(self.received)


def status_of(received: bytes | bytearray) -> int | None:
    """The status of a whole answer with its length in its head; None while some of it lacks.

    >>> status_of(b"HTTP/1.1 201 Created\\r\\nContent-Length: 2\\r\\n\\r\\n{")
    >>> status_of(b"HTTP/1.1 201 Created\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    201
    """
    end = received.find(_END)
    if end < 0:
        return None
    head = bytes(received[: end + 2]).lower()
    at = head.index(_LENGTH) + len(_LENGTH)
    length = int(head[at : head.index(b"\r\n", at)])
    return int(head[9:12]) if len(received) >= end + len(_END) + length else None


def drive(port: int, connections: int, seconds: float, requests: Iterator[bytes], hoped_for: int) -> Drive:
    """Send requests over so many connections for so long, after a moment that does not count."""
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    all_statuses: Counter[int] = Counter()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for line in (_connected(stack, port) for _ in range(connections)):
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.ask(next(requests))
        used, began = time.process_time(), time.perf_counter()
        begin, end, waiting = began + WARM_SECONDS, began + WARM_SECONDS + seconds, connections
        while waiting:
            ready = selector.select(1.0)
            now = time.perf_counter()
            if now > end + DRAIN_SECONDS:
                raise TimeoutError(f"{waiting} requests were not answered within {DRAIN_SECONDS:.0f} s")
            for key, _ in ready:
                line = key.data
                if (status := line.take()) is None:
                    continue
                all_statuses[status] += 1
                if begin <= now <= end:
                    statuses[status] += 1
                    latencies += [time.perf_counter() - line.sent_at] if status == hoped_for else []
                if now < end:
                    line.ask(next(requests))
                else:
                    waiting -= 1
        load = (time.process_time() - used) / (time.perf_counter() - began)
    return Drive(seconds, tuple(sorted(latencies)), statuses, all_statuses, load)


_Due = tuple[bytes, float]
"""A request, and the moment at which it is due."""


def drive_open(
    port: int, connections: int, per_second: float, seconds: float, requests: Iterator[bytes], hoped_for: int
) -> Drive:
    """Send requests at a rate, whatever becomes of them (open loop), over so many connections at most.

    Shape: a latency counts from the moment at which the request was due, so that one that waited for a free connection
    has waited too. Each goes over the connection that rested longest, as of many clients that seldom come; one on a
    connection that the server had just closed is sent again on another.
    """
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    total, sent, busy = round(per_second * seconds), 0, dict[_Line, _Due]()
    due, free = deque[_Due](), deque[_Line]()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        used, began = time.process_time(), time.perf_counter()
        while sent < total or due or busy:
            now = time.perf_counter()
            if now > began + seconds + DRAIN_SECONDS:
                raise TimeoutError(f"{len(busy)} requests were not answered within {DRAIN_SECONDS:.0f} s")
            while sent < total and began + sent / per_second <= now:
                due.append((next(requests), began + sent / per_second))
                sent += 1
            while due and (free or len(busy) < connections):
                line = free.popleft() if free else _registered(stack, selector, port)
                busy[line] = due.popleft()
                with _kept(line, selector, busy, due, free):
                    line.ask(busy[line][0])
            rest = began + sent / per_second - time.perf_counter() if sent < total else 1.0
            for key, _ in selector.select(max(0.0, rest)):
                line = key.data
                with _kept(line, selector, busy, due, free):
                    if (status := line.take()) is not None:
                        statuses[status] += 1
                        _, due_at = busy.pop(line)
                        latencies += [time.perf_counter() - due_at] if status == hoped_for else []
                        free.append(line)
        load = (time.process_time() - used) / (time.perf_counter() - began)
    return Drive(seconds, tuple(sorted(latencies)), statuses, statuses, load)


@contextmanager
def _kept(
    line: _Line, selector: selectors.BaseSelector, busy: dict[_Line, _Due], due: deque[_Due], free: deque[_Line]
) -> Iterator[None]:
    """A block that uses a connection; one that the server closed is let go, and what it bore waits for another."""
    try:
        yield
    except ConnectionError:
        selector.unregister(line.socket)
        if line in busy:
            due.appendleft(busy.pop(line))
        else:
            free.remove(line)


def _registered(stack: ExitStack, selector: selectors.BaseSelector, port: int) -> _Line:
    line = _connected(stack, port)
    selector.register(line.socket, selectors.EVENT_READ, line)
    return line


def _connected(stack: ExitStack, port: int) -> _Line:
    opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), DRAIN_SECONDS))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Line(opened)


def request(method: str, path: str, port: int, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole request as it goes over the wire."""
    named = {"Host": f"127.0.0.1:{port}", **headers}
    if body:
        named |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body

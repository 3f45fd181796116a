"""One caller who asks at a steady rate, whatever is answered: `python -m tests.http.hostile.flooder PORT PER_SECOND`.

Shape: the request comes on the first line of standard input, as JSON, with `{KEY}` for a key of its own each time. It
goes on until standard input ends, and prints how often it got which status, and how often without `Retry-After`.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from threading import Event, Thread

PAUSE_SECONDS = 0.005
LAST_SECONDS = 10.0


def flood(port: int, per_second: float, raw: str, stop: Event) -> Counter[str]:
    """The answers to requests that are each sent on a connection of its own when it is due."""
    waiting: deque[socket.socket] = deque()
    answers: Counter[str] = Counter()
    began, sent = time.monotonic(), 0
    while not stop.wait(PAUSE_SECONDS):
        for number in range(sent, int((time.monotonic() - began) * per_second)):
            connection = socket.create_connection(("127.0.0.1", port), timeout=LAST_SECONDS)
            connection.sendall(raw.replace("{KEY}", f"flood-{began}-{number}").encode())
            waiting.append(connection)
            sent += 1
        while waiting and _is_answered(waiting[0]):
            answers.update(_told(waiting.popleft()))
    for connection in waiting:
        answers.update(_told(connection))
    return answers


def _is_answered(connection: socket.socket) -> bool:
    asked = select.poll()
    asked.register(connection, select.POLLIN)
    return bool(asked.poll(0))


def _told(connection: socket.socket) -> list[str]:
    """The status of an answer, and whether it lacks when to come again."""
    with connection:
        head = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[0]
    status = head.split(b" ", 2)[1].decode() if head else "closed"
    return [status] if b"\r\nRetry-After: " in head or not head else [status, "untold"]


def _wait(stop: Event) -> None:
    sys.stdin.read()
    stop.set()


def main() -> None:
    """Flood until standard input ends."""
    stop = Event()
    raw = json.loads(sys.stdin.readline())
    Thread(target=_wait, args=(stop,), daemon=True).start()
    print(json.dumps(flood(int(sys.argv[1]), float(sys.argv[2]), raw, stop)))


if __name__ == "__main__":
    main()

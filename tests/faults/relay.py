"""A relay of TCP connections that can be broken: between clients and gateway, gateway and database, worker and mock.

`python -m tests.faults.relay '{"front": [18080, "127.0.0.1", 8080]}'`; then a line such as `front cut` on its standard
input changes a line's mode, which is answered with `done`. (`tc netem` does not work everywhere; this does.)

| mode | what it does |
|---|---|
| `pass` | hands on |
| `cut` | breaks every connection, and every new one at once |
| `freeze` | hands nothing on, and keeps connections open |
| `slow` | hands on each piece late |
| `deaf` | hands requests on; breaks the connection instead of giving the answer |
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, cast

MODES = ("pass", "cut", "freeze", "slow", "deaf")
LATE_SECONDS = 0.05
Route = tuple[int, str, int]
"""Where to listen, on 127.0.0.1, and where to hand on to."""


class Side(asyncio.Protocol):
    """One side of a connection; `other` is the side that its bytes go to."""

    def __init__(self, line: Line, *, is_server: bool) -> None:
        self.line, self.is_server = line, is_server
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.waiting: list[bytes] = []
        self.is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.is_server:
            self.line.accept(self)

    def data_received(self, data: bytes) -> None:
        if self.line.mode == "deaf" and self.is_server:
            self.break_off()
            return
        self.waiting.append(data)
        if self.line.mode == "slow":
            asyncio.get_running_loop().call_later(LATE_SECONDS, self.hand_on)
        else:
            self.hand_on()

    def hand_on(self) -> None:
        """Give the other side what waits for it, unless the line is frozen."""
        if self.line.mode != "freeze" and self.other is not None and self.other.transport is not None:
            for piece in self.waiting:
                if not self.other.transport.is_closing():
                    self.other.transport.write(piece)
            self.waiting.clear()
            if self.is_over:
                self.other.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self.line.sides.discard(self)
        self.hand_on()

    def break_off(self) -> None:
        """Reset both sides."""
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                opened = side.transport.get_extra_info("socket")
                if opened is not None and opened.fileno() >= 0:
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.transport.abort()


class Line:
    """One relayed address, its mode and its open connections."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.mode = "pass"
        self.sides: set[Side] = set()
        self.opening: set[asyncio.Task[None]] = set()

    def accept(self, side: Side) -> None:
        """Take a client's new connection."""
        self.sides.add(side)
        if self.mode == "cut":
            side.break_off()
            return
        task = asyncio.get_running_loop().create_task(self._open(side))
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def _open(self, side: Side) -> None:
        try:
            _, server = await asyncio.get_running_loop().create_connection(
                lambda: Side(self, is_server=True), *self.target
            )
        except OSError:
            side.break_off()
            return
        side.other, server.other = server, side
        self.sides.add(server)
        side.hand_on()

    def choose(self, mode: str) -> None:
        """Change the mode; what was frozen goes on."""
        self.mode = mode
        for side in list(self.sides):
            if mode == "cut":
                side.break_off()
            else:
                side.hand_on()


async def relay(routes: Mapping[str, Route]) -> None:
    """Relay until standard input ends."""
    loop = asyncio.get_running_loop()
    lines = {name: Line(host, port) for name, (_, host, port) in routes.items()}
    for name, (listen, _, _) in routes.items():
        line = lines[name]
        await loop.create_server(lambda line=line: Side(line, is_server=False), "127.0.0.1", listen)  # type: ignore[misc]  # mypy infers no lambda with defaults
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("done", flush=True)
    while command := (await commands.readline()).decode():
        name, mode = command.split()
        lines[name].choose(mode)
        print("done", flush=True)


class Relay:
    """A relay in a process of its own, and its control."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.relay", json.dumps(routes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is for the rig, which ends everything in its order
        )
        self._confirm()

    def choose(self, name: str, mode: str) -> None:
        """Change the mode of a line; it has changed when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name} {mode}\n")
        self._process.stdin.flush()
        self._confirm()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _confirm(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"


def _main() -> None:
    routes: dict[str, Any] = json.loads(sys.argv[1])
    asyncio.run(relay({name: (listen, host, port) for name, (listen, host, port) in routes.items()}))


if __name__ == "__main__":
    _main()

"""Checkpoints of the audit: where its chains end, signed, in a file that nobody who writes to the register can change.

Shape: one line each, a compact JWS over number, instant, every chain's end and the hash of the line before. Processes
of one folder take turns at the file. What a crash left of a line is no checkpoint, and the next one takes it away.
Stage: none; hashes and positions alone.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.domain.audit import Head

FILE = "audit.jws"
Ends = Mapping[int, Head]
"""Where each chain that has begun ends."""


class CheckpointRefused(Exception):
    """A chain ends before its last checkpoint or with another hash, or the file became shorter: somebody was there."""


class BrokenCheckpoints(Exception):
    """A line is not signed by our keys, or does not follow the one before it; `number` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class Log:
    """What the lines of a file say together: how many they are, the last of them, and where the chains ended then."""

    number: int = 0
    last: str = ""
    at: str = ""
    ends: Ends = field(default_factory=dict)

    def add(self, line: str, claims: Mapping[str, Any]) -> None:
        """Take the next line.

        Raises: BrokenCheckpoints.
        """
        number = self.number + 1
        try:
            ends, at = ends_of(claims), str(claims["at"])
            follows = claims["number"] == number and claims["previous"] == _digest(self.last)
        except (KeyError, TypeError, ValueError):
            raise BrokenCheckpoints(number) from None
        if not follows or not is_after(ends, self.ends):
            raise BrokenCheckpoints(number)
        self.number, self.last, self.at, self.ends = number, line, at, ends


def ends_of(claims: Mapping[str, Any]) -> Ends:
    """Where a checkpoint says that the chains end.

    Raises: ValueError for what is no checkpoint.
    """
    try:
        return {int(chain): Head(int(end[0]), bytes.fromhex(end[1])) for chain, end in claims["chains"].items()}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise ValueError("this is no checkpoint") from None


def is_after(ends: Ends, earlier: Ends) -> bool:
    """Whether chains may have grown from one state to another.

    >>> is_after({0: Head(2, b"b")}, {0: Head(1, b"a")}), is_after({0: Head(1, b"b")}, {0: Head(1, b"a")})
    (True, False)
    """
    for chain, before in earlier.items():
        now = ends.get(chain)
        if now is None or now.position < before.position or (now.position == before.position and now != before):
            return False
    return True


class CheckpointFile:
    """The checkpoints in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._log = Log()
        self._read_until = 0

    def lines(self) -> list[str]:
        """Every whole line; none where there is no file."""
        with suppress(FileNotFoundError):
            return self._path.read_text(encoding="ascii").split("\n")[:-1]
        return []

    def append(self, look: Callable[[], Ends], now: datetime, sign: Callable[[Mapping[str, Any]], str]) -> Ends | None:
        """Write a checkpoint, unless the last one says the same; what it says. It is on disk when this ends.

        Shape: it looks where the chains end when nobody else writes, so that no writer comes with an older look.
        Raises: whatever `look` raises; CheckpointRefused; BrokenCheckpoints; OSError when the file cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file.fileno())
            ends = look()
            if not is_after(ends, self._log.ends):
                raise CheckpointRefused
            if ends == self._log.ends:
                return None
            chains = {str(chain): [end.position, end.hash.hex()] for chain, end in sorted(ends.items())}
            claims = {"number": self._log.number + 1, "at": _text(now), "chains": chains}
            line = sign({**claims, "previous": _digest(self._log.last)})
            file.write(f"{line}\n".encode("ascii"))
            os.fsync(file.fileno())
        return ends

    def _catch_up(self, file: int) -> None:
        """Read what came since the last look, also from other processes, and cut off what has no end.

        Raises: CheckpointRefused when the file became shorter; BrokenCheckpoints.
        """
        size = os.fstat(file).st_size
        if size < self._read_until:
            raise CheckpointRefused
        rest = os.pread(file, size - self._read_until, self._read_until)
        whole = rest[: rest.rfind(b"\n") + 1]
        if len(whole) < len(rest):
            os.ftruncate(file, self._read_until + len(whole))
        for line in whole.decode("ascii").splitlines():
            self._log.add(line, _unverified(line))
        self._read_until += len(whole)


def _digest(line: str) -> str:
    return sha256(line.encode("ascii")).hexdigest()


def _text(now: datetime) -> str:
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")


def _unverified(line: str) -> Any:
    """What a line says, its signature not looked at: to go on from, not to believe; None where it says nothing."""
    middle = f"{line}..".split(".")[1]
    with suppress(ValueError):
        return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return None

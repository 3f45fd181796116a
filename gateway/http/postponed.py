"""Who was told to come again later: until then they are told so again by their token alone, before a thread looks.

Not: who it is. That was found out when they were told first, and a token always names the same caller.
Cost: a search in the head of a request, a hash and a look-up.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from hashlib import sha256
from math import ceil

REMEMBERED = 10_000
_SAID = re.compile(rb"\r\nauthorization:[ \t]*([^\r\n]+?)[ \t]*\r\n", re.IGNORECASE)


class Postponed:
    """The digests of credentials whose callers are over their rate, each with the end of its wait."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, authorization: str, seconds: int) -> None:
        """Remember whoever sent these credentials for so many seconds."""
        digest = _digest(authorization.encode("latin-1"))
        self._until[digest] = time.monotonic() + seconds
        self._until.move_to_end(digest)
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)

    def seconds_left(self, head: bytes) -> int:
        """How many whole seconds the sender of a request has yet to wait; 0 for everybody else."""
        said = _SAID.search(head) if self._until else None
        if said is None:
            return 0
        return max(0, ceil(self._until.get(_digest(said[1]), 0.0) - time.monotonic()))


def _digest(authorization: bytes) -> bytes:
    return sha256(authorization).digest()

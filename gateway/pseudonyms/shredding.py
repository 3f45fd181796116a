"""A key for every person, from one secret, of which each can be destroyed alone.

root ─┬─ 0 ─┬─ …
      ├─ 1  ├─ …  ─ a key
      ├─ 2  ├─ …
      └─ 3  └─ …

A tree of keyed hashes, two bits a level: who holds a node makes what is below it, and nothing else. To destroy one key,
the nodes above it give way to all others beside them: the rest can still be made, and this one by nobody.

Source: Goldreich, Goldwasser and Micali, "How to construct random functions" (1986); puncturing after Boneh and Waters,
"Constrained pseudorandom functions and their applications" (2013).
Stage: identified in (a label), secrets out.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import count

LABEL_BYTES = 8
LEVELS = 32
SECRET_BYTES = 32
REMEMBERED_KEYS = 1024
_NODE_BYTES = 1 + LABEL_BYTES + SECRET_BYTES
_ROOT = (0, 0)
_DIGITS = (b"\0", b"\1", b"\2", b"\3")
Nodes = Mapping[tuple[int, int], bytes]
"""Secrets by their level and the way to them, two bits a level."""


class Destroyed(Exception):
    """The key of a label was destroyed."""


class Tree:
    """The secrets below which every key that was not destroyed can be made.

    Cost: 32 hashes a key, which is remembered for as long as the tree is: a message is opened to be addressed and again
    to be sent; each destroyed key adds 95 secrets of 41 bytes to the ring.
    """

    def __init__(self, label_secret: bytes, nodes: Nodes) -> None:
        self._label_secret = label_secret
        self._nodes = nodes
        self.key = lru_cache(REMEMBERED_KEYS)(self._key)

    def label_of(self, person: bytes) -> bytes:
        """The label of a person's key: the first of theirs that was not destroyed, always the same until it is."""
        return next(label for label in self._labels(person) if self._above(label) is not None)

    def _labels(self, person: bytes) -> Iterator[bytes]:
        for number in count():
            digest = hmac.digest(self._label_secret, number.to_bytes(4, "big") + person, "sha256")
            yield digest[:LABEL_BYTES]

    def _key(self, label: bytes) -> bytes:
        """The key of a label.

        Raises: Destroyed.
        """
        level = self._above(label)
        if level is None:
            raise Destroyed
        secret, way = self._nodes[level, _way(label, level)], int.from_bytes(label, "big")
        for left in range(LEVELS - level - 1, -1, -1):  # without `_child`, whose calls cost as much as its hashes
            secret = hmac.digest(secret, _DIGITS[way >> 2 * left & 3], "sha256")
        return secret

    def without(self, label: bytes) -> Tree:
        """The tree that cannot make the key of a label any more; the same where it cannot already."""
        level = self._above(label)
        if level is None:
            return self
        nodes = dict(self._nodes)
        secret = nodes.pop((level, _way(label, level)))
        for below in range(level + 1, LEVELS + 1):
            way = _way(label, below)
            for digit in range(4):
                if digit != way & 3:
                    nodes[below, way & ~3 | digit] = _child(secret, digit)
            secret = _child(secret, way & 3)
        return Tree(self._label_secret, nodes)

    def _above(self, label: bytes) -> int | None:
        """The level of the secret below which a label's key is, or None."""
        return next((level for level in range(LEVELS + 1) if (level, _way(label, level)) in self._nodes), None)

    def to_bytes(self) -> bytes:
        """The tree as the ring keeps it: the secret of the labels, then level, way and secret of each node."""
        nodes = sorted(self._nodes.items())
        return self._label_secret + b"".join(
            bytes([level]) + way.to_bytes(LABEL_BYTES, "big") + secret for (level, way), secret in nodes
        )


def tree_of(kept: bytes) -> Tree:
    """A tree as the ring keeps it.

    Raises: ValueError.
    """
    label_secret, rest = kept[:SECRET_BYTES], kept[SECRET_BYTES:]
    if len(label_secret) != SECRET_BYTES or not rest or len(rest) % _NODE_BYTES:
        raise ValueError("a tree is a secret and some nodes")
    nodes = {}
    for first in range(0, len(rest), _NODE_BYTES):
        node = rest[first : first + _NODE_BYTES]
        nodes[node[0], int.from_bytes(node[1 : 1 + LABEL_BYTES], "big")] = node[1 + LABEL_BYTES :]
    return Tree(label_secret, nodes)


def new_tree(label_secret: bytes, root: bytes) -> Tree:
    """A tree of which nothing was destroyed."""
    return Tree(label_secret, {_ROOT: root})


def _way(label: bytes, level: int) -> int:
    return int.from_bytes(label, "big") >> 2 * (LEVELS - level)


def _child(secret: bytes, digit: int) -> bytes:
    return hmac.digest(secret, _DIGITS[digit], "sha256")

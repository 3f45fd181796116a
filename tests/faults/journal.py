"""What the clients of a campaign saw, written down as it happens: in a file, so that memory does not grow with it.

Not: the bodies of requests, in which SSINs are, and tokens.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from sys import intern
from typing import Any

from gateway.sandbox.client import Answer
from tests.faults.history import Attempt, Request, is_good
from tests.faults.orders import Order

RECENT = 20_000
"""Of how many acknowledged keys the ids are known at once; the load chooses among fewer."""


class Journal:
    """The clients' notes; one lock for all of them."""

    def __init__(self, file: Path) -> None:
        self.acknowledged = 0
        self.good_at: dict[int, float] = {}
        """When the newest request was sent that each gateway answered well."""
        self._file = file.open("w+", encoding="ascii")
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._others = 0
        self._lock = threading.Lock()

    def note(self, order: Order, due_at: float, attempts: Sequence[Attempt], answer: Answer | None) -> None:
        """Note how a request ended, and every attempt at it."""
        body = answer.body if answer is not None and 200 <= answer.status < 300 else {}
        with self._lock:
            for one in filter(is_good, attempts):
                self.good_at[one.gateway] = max(one.sent_at, self.good_at.get(one.gateway, 0.0))
            key = order.key
            if order.noun == "misuse" or order.method == "GET":
                self._others += 1
                key = f"{key} {order.noun if order.method == 'POST' else 'read'} {self._others}"
            elif body and key not in self._recent:
                self.acknowledged += 1
                self._recent[key] = body["id"]
                if len(self._recent) > RECENT:
                    self._recent.popitem(last=False)
            noted = {
                "key": key,
                "noun": order.noun,
                "person": order.person,
                "facts": order.facts,
                "due_at": due_at,
                "id": body.get("id"),
                "shown": _shown(order, body),
                "expected": order.expected,
                "attempts": [[*one[:4], one.content.hex(), one.code] for one in attempts],
                "is_read": order.method == "GET",
            }
            self._file.write(json.dumps(noted, separators=(",", ":")) + "\n")

    def id_of(self, key: str) -> str | None:
        """The id that was acknowledged under a key, if it is one of the recent ones."""
        with self._lock:
            return self._recent.get(key)

    def requests(self) -> tuple[tuple[Request, ...], tuple[Request, ...]]:
        """Every request, and every read, as the checker takes them; attempts in the order of their answers."""
        requests: dict[str, Request] = {}
        reads: list[Request] = []
        for noted in self._lines():
            found = _request(noted)
            if noted["is_read"]:
                reads.append(found)
            else:
                before = requests.get(found.key)
                requests[found.key] = found if before is None else _joined(before, found)
        return tuple(requests.values()), tuple(reads)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._lock:
            self._file.flush()
            self._file.seek(0)
            for line in self._file:
                yield json.loads(line)
            self._file.seek(0, 2)


def _shown(order: Order, body: Mapping[str, Any]) -> dict[str, str]:
    names = {"exit": ("valid_from",)}.get(order.noun, ("communicated_at", "valid_from"))
    if order.method == "GET":
        names = ("status",)
    return {name: str(body[name]) for name in names if name in body}


def _request(noted: Mapping[str, Any]) -> Request:
    attempts = [
        Attempt(gateway, sent_at, ended_at, status, bytes.fromhex(content), code and intern(code))
        for gateway, sent_at, ended_at, status, content, code in noted["attempts"]
    ]
    return Request(
        noted["key"],
        intern(noted["noun"]),
        intern(noted["person"]),
        _shared(noted["facts"]),
        tuple(attempts),
        noted["due_at"],
        noted["id"] and intern(noted["id"]),
        _shared(noted["shown"]),
        _EXPECTED.setdefault(tuple(noted["expected"]), tuple(noted["expected"])),
    )


_EXPECTED: dict[tuple[int, ...], tuple[int, ...]] = {}


def _shared(facts: Mapping[str, str]) -> dict[str, str]:
    """The same, with what is said again and again kept once."""
    return {intern(name): intern(value) for name, value in facts.items()}


def _joined(first: Request, again: Request) -> Request:
    attempts = tuple(sorted((*first.attempts, *again.attempts), key=lambda one: one.ended_at))
    good = first if first.id is not None else again
    return Request(
        first.key, first.noun, first.person, first.facts, attempts, first.due_at, good.id, good.shown, first.expected
    )

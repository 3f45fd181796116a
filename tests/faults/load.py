"""The load: clients that send when it is time, whoever is slow, and note every attempt (open loop).

What is sent follows from the seed. A client sends again, under the same key and to the next gateway, until it gets an
answer that is not to be sent again: 2xx, or a refusal.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPException
from random import Random
from typing import Any

from gateway.sandbox.client import Answer, Client
from tests.faults.history import Attempt
from tests.faults.journal import Journal
from tests.faults.orders import Order
from tests.live.catalogue import CODE, CONVENTIONS, NIHII, OTHER_CODE, an_action, an_inclusion
from tests.sandboxes import synthetic_ssin

PROJECTS = tuple(CONVENTIONS)
MONTHS = ("2021-10", "2021-11", "2021-12", "2022-01")
"""In which actions are performed; the legal clock stands later."""
ANSWER_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 1.0
SEEDING_SECONDS = 600.0
SHARES = {"include": 20, "act": 56, "exit": 4, "repeat": 6, "misuse": 3, "race": 7, "read": 4}
CONFLICT = (201, 409)
REMEMBERED = 5_000
"""From how many of the latest orders one is chosen to be repeated, misused or read."""
PLACES = {"inclusion": "/v1/inclusions", "exit": "/v1/inclusions", "action": "/v1/actions"}
MISUSED: Mapping[str, Mapping[str, Any]] = {
    "inclusion": {"municipality": "11100"},
    "exit": {"reason": "other"},
    "action": {"occurrence": 2**31 - 1},
}
"""What is another request under a key that was used."""


def inclusion(key: str, number: int, expected: tuple[int, ...] = (201,)) -> Order:
    """The inclusion of the so-manieth person."""
    project, ssin = PROJECTS[number % len(PROJECTS)], synthetic_ssin(number)
    body = an_inclusion(project, ssin, municipality=f"{11001 + number % 89}")
    facts = {"project": project, "agreed_on": body["agreement"]["agreed_on"], "municipality": body["municipality"]}
    return Order(key, "inclusion", "/v1/inclusions", body, str(number), facts, expected)


def action(key: str, number: int, occurrence: int, month: str, dice: Random) -> Order:
    """An action for the so-manieth person; no two have the same occurrence."""
    project, ssin = PROJECTS[number % len(PROJECTS)], synthetic_ssin(number)
    performed_on = f"{month}-{dice.randint(1, 28):02}"
    code = dice.choice((CODE, OTHER_CODE))
    body = an_action(project, ssin, performed_on, pseudocode=code, occurrence=occurrence)
    facts = {name: str(body[name]) for name in ("project", "pseudocode", "performed_on", "occurrence")}
    return Order(key, "action", "/v1/actions", body, str(number), {**facts, "performed_by": NIHII[:8]})


def leaving(key: str, number: int, inclusion_id: str) -> Order:
    """The exit of somebody who is included."""
    path = f"/v1/inclusions/{inclusion_id}/exit"
    return Order(key, "exit", path, {"reason": "moved"}, str(number), {"id": inclusion_id}, (200,))


def _again(what: str, order: Order) -> Order:
    """An order that was made, once more: as it is, misused, or to be read."""
    if what == "misuse":
        return replace(order, noun="misuse", body={**order.body, **MISUSED[order.noun]}, expected=(422,))
    return replace(order, body={}, expected=(200,), method="GET") if what == "read" else order


class Plan:
    """What is sent, one order after another, from a seed.

    Shape: `included` are the ids of people who were included before, by number; newcomers begin after the last.
    Actions are performed in `months`, for three in five of them: a group in which everybody has one is not published.
    """

    def __init__(self, seed: int, included: Mapping[int, str], months: Sequence[str]) -> None:
        self._dice = Random(seed)
        self._months = months
        self._seed = seed
        self._people = sorted(included)
        self._active = [number for number in self._people if number % 5 < 3]
        self._included = included
        self._leavers = [number for number in self._people if self._dice.random() < 0.5]
        self._newcomer = max(self._people, default=-1) + 1
        self._made: deque[Order] = deque(maxlen=REMEMBERED)
        self._count = 0

    def __iter__(self) -> Iterator[list[Order]]:
        """Orders to be sent at the same time: one, or two rivals; an earlier one again where it is repeated."""
        for number in iter(int, 1):
            del number
            yield self._next(self._dice.choices(list(SHARES), list(SHARES.values()))[0])

    def _next(self, what: str) -> list[Order]:
        key = f"s{self._seed}-{self._count}"
        if what == "exit" and self._leavers:
            number = self._leavers.pop()
            return self._keep(leaving(key, number, self._included[number]))
        if what in ("repeat", "misuse", "read") and self._made:
            return [_again(what, self._dice.choice(self._made))]
        if what in ("include", "race"):
            self._newcomer += 1
            if what == "include":
                return self._keep(inclusion(key, self._newcomer))
            return self._keep(*(inclusion(f"{key}-{one}", self._newcomer, CONFLICT) for one in "ab"))
        month, number = self._dice.choice(self._months), self._dice.choice(self._active)
        return self._keep(action(key, number, self._count + 1, month, self._dice))

    def _keep(self, *orders: Order) -> list[Order]:
        self._made += orders
        self._count += len(orders)
        return list(orders)


class Witness(Client):
    """One client: it sends one request after another, and notes each attempt with its instants."""

    def __init__(self, ports: Sequence[int], stop: threading.Event, first: int = 0) -> None:
        super().__init__(f"http://127.0.0.1:{ports[0]}", timeout=ANSWER_SECONDS, stop=stop)
        self._ports = ports
        self._home = first % len(ports)
        self._turn_to(self._home)

    def ask(self, order: Order, token: str) -> tuple[list[Attempt], Answer | None]:
        """Send a request until it is answered for good, or the campaign is given up."""
        attempts: list[Attempt] = []
        pause = 0.02
        self._turn_to(self._home)
        while True:
            attempt, answer = self._attempt(order, token)
            attempts.append(attempt)
            if answer is not None and not _comes_back(answer):
                return attempts, answer
            if self._stop.wait(pause):
                return attempts, None
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._turn_to((self._gateway + 1) % len(self._ports))

    def _attempt(self, order: Order, token: str) -> tuple[Attempt, Answer | None]:
        is_read = order.method == "GET"
        body, key = (None, None) if is_read else (dict(order.body), order.key)
        request = self._request(order.method, order.path, body, token, key)
        gateway, sent_at = self._gateway, time.monotonic()
        try:
            answer = self._exchange(order.method, request)
        except (OSError, HTTPException, ValueError):
            self.close()
            return Attempt(gateway, sent_at, time.monotonic()), None
        content = sha256(json.dumps(answer.body, sort_keys=True).encode()).digest()[:8]
        return Attempt(gateway, sent_at, time.monotonic(), answer.status, content, answer.code), answer

    def _turn_to(self, gateway: int) -> None:
        if self._port != self._ports[gateway]:
            self.close()
        self._gateway, self._port = gateway, self._ports[gateway]


def _comes_back(answer: Answer) -> bool:
    """Whether the same request may be answered otherwise a little later; 401 while somebody's clock is wrong."""
    return answer.status >= 500 or answer.status in (401, 429) or "retry-after" in answer.headers


class Load:
    """Clients at work on a plan, so many requests a second, until told to stop."""

    def __init__(self, ports: Sequence[int], token: str, journal: Journal, clients: int) -> None:
        self.journal = journal
        self.over = threading.Event()
        self.given_up = threading.Event()
        self.failures: list[BaseException] = []
        self.token = token
        self._ports, self._clients = ports, clients
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, orders: Iterator[list[Order]], per_second: float) -> None:
        """Begin; an order becomes due whether or not the one before it was answered."""
        due = self._due(orders, per_second)
        for number in range(self._clients):
            thread = threading.Thread(target=self._work, args=(due, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self, seconds: float, *, drop: bool = True) -> None:
        """Wait until what was sent is answered, and give it up after so long; drop what is not due yet, or send it."""
        if drop:
            self.over.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.given_up.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _due(self, orders: Iterator[list[Order]], per_second: float) -> Iterator[tuple[float, Order]]:
        at = time.monotonic()
        for together in orders:
            for order in together:
                yield at, order
            at += len(together) / per_second

    def _work(self, due: Iterator[tuple[float, Order]], number: int) -> None:
        try:
            with Witness(self._ports, self.given_up, number) as client:
                while (one := self._take(due)) is not None:
                    self._send(client, *one)
        except BaseException as failure:  # noqa: BLE001 - raised again by whoever ends the load
            self.failures.append(failure)

    def _take(self, due: Iterator[tuple[float, Order]]) -> tuple[float, Order] | None:
        """The next order when it is due; the queue of those who wait is the lock's."""
        with self._lock:
            if self.over.is_set():
                return None
            one = next(due, None)
        if one is None or self.over.wait(one[0] - time.monotonic()):
            return None
        return one

    def _send(self, client: Witness, due_at: float, order: Order) -> None:
        known = self.journal.id_of(order.key)
        if order.noun == "misuse" and known is None:
            return  # it would be that key's first request
        if order.method == "GET":
            if known is None:
                return
            order = replace(order, path=f"{PLACES[order.noun]}/{known}")
        attempts, answer = client.ask(order, self.token)
        self.journal.note(order, due_at, attempts, answer)


def seeded(ports: Sequence[int], token: str, journal: Journal, people: int, clients: int = 8) -> dict[int, str]:
    """Include so many people, as fast as it goes; their ids by number."""
    load = Load(ports, token, journal, clients)
    load.start(iter([[inclusion(f"seed-{number}", number)] for number in range(people)]), 1e6)
    load.finish(SEEDING_SECONDS, drop=False)
    found = {number: journal.id_of(f"seed-{number}") for number in range(people)}
    assert all(found.values()), "not everybody could be included"
    return {number: id for number, id in found.items() if id is not None}

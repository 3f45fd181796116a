"""While one caller asks far beyond its rate, the answers to everybody else take at most twice as long."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles

import pytest

from gateway.pseudonyms.keyring import Keyring, write_keyring
from gateway.sandbox.client import Client
from tests.http.hostile.carriers import Server, served
from tests.http.wire import Gateway, an_inclusion_request
from tests.sandboxes import synthetic_ssin

RATE = 1
FLOOD = 100
"""Requests a second: a hundred times the rate."""
ROUNDS = 5
ASKED = 30
"""Requests of others in each half of a round: fewer than their burst."""


@pytest.fixture(scope="module")
def server(shared_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Iterator[Server]:
    """The production server, which lets each caller ask once a second, and a minute's worth at once."""
    home = tmp_path_factory.mktemp("flood")
    write_keyring(keyring, home / "keys.json")
    with served(shared_gateway, "", home, CALLER_RATE=RATE) as opened:
        yield opened


def registration(token: str, key: str, number: int) -> str:
    """The bytes of a registration."""
    body = json.dumps(an_inclusion_request(ssin=synthetic_ssin(number)))
    head = [
        "POST /v1/inclusions HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        f"Authorization: Bearer {token}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", body])


@contextmanager
def flooded(server: Server, per_second: float) -> Iterator[Counter[str]]:
    """One caller asks at a rate, by a process of its own; its answers are there when the block has ended."""
    token = server.issuer.token("provider", sub="flood")
    answers: Counter[str] = Counter()
    command = [sys.executable, "-m", "tests.http.hostile.flooder", str(server.port), str(per_second)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(registration(token, "{KEY}", 0)) + "\n")
        process.stdin.flush()
        yield answers
        answers.update(json.loads(process.communicate()[0]))


def slowest_of_others(server: Server, turn: int) -> float:
    """The 95th percentile of the seconds that another caller's registrations take, all of which are done."""
    token = server.issuer.token("provider", sub=f"other-{turn}")
    took = []
    with Client(f"http://127.0.0.1:{server.port}") as client:
        for number in range(1 + turn * ASKED, 1 + (turn + 1) * ASKED):
            body = an_inclusion_request(ssin=synthetic_ssin(number))
            began = time.perf_counter()
            answer = client.send("POST", "/v1/inclusions", body, token=token, key=f"other-{number}")
            took.append(time.perf_counter() - began)
            assert answer.status == 201, answer.body
    return quantiles(took, n=20)[-1]


def test_flood_of_one_caller_is_refused_and_others_are_answered_at_most_twice_as_slowly(
    server: Server,
) -> None:
    with flooded(server, FLOOD) as spent:
        time.sleep(2)

    calm, busy, told = [], [], Counter[str]()
    for turn in range(ROUNDS):
        calm.append(slowest_of_others(server, 2 * turn))
        with flooded(server, FLOOD) as answers:
            time.sleep(0.2)
            busy.append(slowest_of_others(server, 2 * turn + 1))
        told += answers

    assert spent["429"] > 0
    assert told.keys() <= {"429", "201", "409", "untold"}
    assert told["429"] > 0.9 * (told.total() - told["untold"])
    assert told["untold"] == told["201"] + told["409"]
    assert median(busy) < 2 * median(calm), (calm, busy)

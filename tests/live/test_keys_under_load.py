"""G3 to G5 under load: 1 000 keys, 20 clients that all send every one of them, 1 000 effects and one answer each."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select

from gateway.sandbox.client import Client
from gateway.store.tables import action, inclusion, outbox
from tests.live import catalogue
from tests.live.register import rows
from tests.sandboxes import STORES, Sandbox, live_database, sandbox, synthetic_ssin

KEYS = 1000
CLIENTS = 20


class Answers:
    """Every answer that a key ever got."""

    def __init__(self) -> None:
        self.bodies: dict[int, set[bytes]] = {number: set() for number in range(KEYS)}
        self.replays = 0
        self._lock = threading.Lock()

    def note(self, number: int, status: int, body: bytes, is_replay: bool) -> None:
        assert status == 201, body
        with self._lock:
            self.bodies[number].add(body)
            self.replays += is_replay


def send_all(box: Sandbox, token: str, client_number: int, answers: Answers) -> None:
    """Send every key once, in an order of this client's own."""
    numbers = list(range(KEYS))
    Random(client_number).shuffle(numbers)
    with Client(box.gateway) as client:
        for number in numbers:
            body = catalogue.an_inclusion(catalogue.LONG, synthetic_ssin(number))
            answer = client.send("POST", "/v1/inclusions", body, token=token, key=f"key-{number}")
            replayed = answer.headers.get("idempotent-replayed") == "true"
            answers.note(number, answer.status, str(answer.body["receipt"]).encode(), replayed)


@pytest.mark.parametrize("live_url", STORES, indirect=True)
def test_a_thousand_keys_sent_by_twenty_clients_leave_a_thousand_effects(live_url: str, tmp_path: Path) -> None:
    answers = Answers()

    with sandbox(tmp_path / "s", live_url, workers=2 if live_url else 1) as box:
        catalogue.enter(box)
        token = box.token("provider", nihii=catalogue.NIHII)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda client: send_all(box, token, client, answers), range(CLIENTS)))
        ports = box.ports
        box.kill()
    with sandbox(tmp_path / "s", live_url, ports=ports) as box:
        send_all(box, box.token("provider", nihii=catalogue.NIHII), CLIENTS, answers)

        assert all(len(bodies) == 1 for bodies in answers.bodies.values())
        assert answers.replays == KEYS * CLIENTS
        effects = select(func.count()).select_from(inclusion)
        assert rows(box.store_url, effects) == [(KEYS,)]
        assert rows(box.store_url, select(func.count()).select_from(outbox)) == [(KEYS,)]
        assert rows(box.store_url, select(func.count()).select_from(action)) == [(0,)]


@pytest.fixture
def live_url(request: pytest.FixtureRequest) -> object:
    """The database of a sandbox, on each store."""
    with live_database(request) as url:
        yield url

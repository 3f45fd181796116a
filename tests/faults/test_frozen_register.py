"""A PostgreSQL that stands still with its connections open: 503 in bounded time, nothing called done, well again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from gateway.http import watch as watching
from gateway.pseudonyms.veil import Veil
from gateway.store.dialects import GATEWAY
from gateway.store.migrate import migrate
from tests.faults.server import Server, server
from tests.http.conftest import issuer, serving_its_own_keys
from tests.http.issuer import Issuer
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway, a_gateway, an_inclusion_request, seed
from tests.sandboxes import await_that, synthetic_ssin

__all__ = ["issuer", "serving_its_own_keys"]

THREADS = 16
LONGEST_SECONDS = 15.0


@pytest.fixture
def standing() -> Iterator[Server]:
    """A server that can stand still; it goes on at the end in any case."""
    with server() as opened:
        yield opened
        opened.wake()


@pytest.fixture
def gateway(standing: Server, veil: Veil, issuer: Issuer, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on it, in the role and with the connections that one has."""
    migrate(standing.url())
    clock = tmp_path / "clock"
    with a_gateway(standing.url(), veil, issuer, clock, connections=THREADS, role=GATEWAY) as opened:
        seed(opened)
        yield opened


def test_register_that_stands_still_is_given_up_without_anything_being_called_done(
    gateway: Gateway, standing: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FRESH_SECONDS", 0.0)
    done, over = dict[int, float](), threading.Event()

    def include(number: int) -> tuple[TestResponse, float]:
        began = time.monotonic()
        body = an_inclusion_request(ssin=synthetic_ssin(number))
        return gateway.send("POST", "/v1/inclusions", body, role="provider", key=f"{number}"), time.monotonic() - began

    def go_on(first: int) -> tuple[int, TestResponse, float]:
        for number in range(first, 10_000, THREADS):
            answer, seconds = include(number)
            if answer.status_code != 201:
                return number, answer, seconds
            done[number] = time.monotonic()
            if over.is_set():
                break
        raise AssertionError("it was not refused")

    with ThreadPoolExecutor(THREADS) as clients:
        refused: list[Future[tuple[int, TestResponse, float]]] = [clients.submit(go_on, one) for one in range(THREADS)]
        await_that(lambda: len(done) > 2 * THREADS, "every client was answered")

        standing.freeze()
        frozen_at = time.monotonic()

        given_up, hanging = wait(refused, LONGEST_SECONDS + 5)
        if hanging:
            over.set()
            standing.wake()  # or else nothing would end
        assert not hanging
        for number, answer, seconds in (one.result() for one in given_up):
            assert_problem(answer, 503, "store-unavailable")
            assert answer.headers["Retry-After"] == "5"
            assert seconds < LONGEST_SECONDS, number
        later = [one.result() for one in [clients.submit(include, 20_000 + one) for one in range(THREADS)]]
        assert [(answer.status_code, seconds < LONGEST_SECONDS) for answer, seconds in later] == [(503, True)] * THREADS
        assert gateway.send("GET", "/ready").status_code == 503
        assert max(done.values()) < frozen_at + 1  # what was on its way when it froze

        standing.wake()

        await_that(lambda: gateway.send("GET", "/ready").status_code == 200, "the gateway is ready")
        repeated = [one.result()[0] for one in [clients.submit(include, one.result()[0]) for one in given_up]]
    assert [answer.status_code for answer in repeated] == [201] * THREADS
    assert gateway.counts()["inclusion"] == len(done) + THREADS

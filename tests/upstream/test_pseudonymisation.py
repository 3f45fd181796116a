"""The pseudonymisation service as it answers, wrongly, or not at all."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain.circuit import FAILURES_TO_OPEN
from gateway.domain.errors import PseudonymiserUnavailable
from gateway.pseudonyms.curve import point_of, y_of
from gateway.upstream.pseudonymisation import LARGEST_ANSWER_BYTES, PseudonymisationService
from tests.pseudonyms.services import DOMAIN, Played, a_service
from tests.upstream.raw import an_answer, raw_server

X = point_of(b"85073003328", 8)
GOOD = {"domain": DOMAIN, **dict.fromkeys("xy", base64.b64encode(X).decode()), "transitInfo": "a..b.c.d"}


def a_body(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **changes}.items() if value is not None}).encode()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Played]:
    with a_service(tmp_path) as played:
        played.owner()
        yield played


@pytest.fixture
def client(service: Played) -> PseudonymisationService:
    return PseudonymisationService(f"{service.url}/pseudo/v1/domains/{DOMAIN}/", service.now)


def ask(client: PseudonymisationService) -> tuple[bytes, str]:
    return client.pseudonymise(X, y_of(X))


def answers(client: PseudonymisationService) -> bool:
    try:
        ask(client)
    except PseudonymiserUnavailable:
        return False
    return True


def test_a_domain_and_a_pseudonym_in_transit_are_asked_for(service: Played, client: PseudonymisationService) -> None:
    domain, (x, transit) = client.domain(), ask(client)

    assert (domain["domain"], domain["buffer_bytes"], len(domain["secret_keys"])) == (DOMAIN, 8, 1)
    assert y_of(x)
    assert transit.count(".") == 4
    assert {name for name, _ in service.sent[-1][1].items()} == {"id", "crv", "x", "y"}


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(a_body(), status="500 Internal Server Error"),
        an_answer(a_body(), status="302 Found"),
        an_answer(a_body(), length=1000),
        an_answer(b"<!doctype html>"),
        an_answer(a_body() + b" " * LARGEST_ANSWER_BYTES),
        an_answer(a_body(domain="another")),
        an_answer(a_body(x=None)),
        an_answer(a_body(x="!")),
        an_answer(a_body(x=base64.b64encode(b"\x01" * 67).decode())),
        an_answer(a_body(transitInfo="a.b.c.d.e")),
        an_answer(b"[]"),
    ],
    ids=["500", "302", "cut", "page", "huge", "domain", "no x", "not base64", "long x", "no transit", "no object"],
)
def test_a_wrong_answer_is_none(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(PseudonymiserUnavailable):
        ask(PseudonymisationService(f"{url}/{DOMAIN}", real_now))


def test_a_right_answer_is_taken() -> None:
    with raw_server(an_answer(a_body())) as url:
        assert ask(PseudonymisationService(f"{url}/{DOMAIN}", real_now)) == (X, "a..b.c.d")


def test_a_service_that_fails_is_left_alone_then_probed(service: Played, client: PseudonymisationService) -> None:
    service.play("outage")
    assert [answers(client) for _ in range(FAILURES_TO_OPEN + 3)] == [False] * (FAILURES_TO_OPEN + 3)
    assert len(service.sent) == FAILURES_TO_OPEN

    service.ahead = timedelta(minutes=1)
    service.meanwhile = lambda: probed.append(answers(client))  # whoever comes during the probe
    probed: list[bool] = []
    failed = answers(client)
    service.play("accept")
    service.ahead = timedelta(minutes=3)

    assert (failed, probed) == (False, [False])
    service.meanwhile = lambda: None
    assert [answers(client), answers(client)] == [True, True]
    assert len(service.sent) == FAILURES_TO_OPEN + 3


def test_requests_that_fail_together_make_one_pause(service: Played, client: PseudonymisationService) -> None:
    service.play("outage")
    together = threading.Barrier(3 * FAILURES_TO_OPEN)
    service.meanwhile = together.wait
    with ThreadPoolExecutor(together.parties) as pool:
        assert not any(pool.map(answers, [client] * together.parties))

    service.meanwhile = lambda: None
    service.play("accept")
    service.ahead = timedelta(seconds=1)  # the first pause is half a second at most

    assert answers(client)

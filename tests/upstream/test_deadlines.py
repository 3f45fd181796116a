"""Answers that come a byte at a time: each byte in good time, and yet the whole never."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
import requests

from gateway.domain.delivery import Message, Unavailable
from gateway.upstream import client, jwks
from gateway.upstream.client import MailboxUnavailable, MyCareNet
from gateway.upstream.deadlines import timed_session
from gateway.upstream.jwks import IssuerKeys, KeysUnavailable
from tests.builders import PROJECT, an_ssin
from tests.upstream.raw import an_answer, dripping_server, raw_server

CONTENT = {"reason": "moved", "communicated_at": "2022-01-15T09:00:00Z"}
MESSAGE = Message(UUID(int=1), 5, PROJECT, b"\x01" * 32, 1, "exit", UUID(int=2), CONTENT)
HEAD = b"HTTP/1.1 202 Accepted\r\n" + b"X-Slow: " + b"y" * 4000
BODY = an_answer(b'{"items": ' + b" " * 4000)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every deadline is short."""
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.4)
    monkeypatch.setattr(jwks, "TOTAL_SECONDS", 0.4)


@pytest.mark.parametrize("answer", [HEAD, BODY], ids=["head", "body"])
def test_acknowledgement_that_drips_is_given_up(answer: bytes) -> None:
    began = time.monotonic()
    with dripping_server(answer) as url:
        outcome = MyCareNet(url).send(MESSAGE, an_ssin())

        assert outcome == Unavailable("unreachable")
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("answer", [HEAD, BODY], ids=["head", "body"])
def test_mailbox_that_drips_is_given_up(answer: bytes) -> None:
    with dripping_server(answer) as url, pytest.raises(MailboxUnavailable):
        MyCareNet(url).fetch()


def test_issuer_that_drips_gives_no_keys() -> None:
    with dripping_server(BODY) as url, pytest.raises(KeysUnavailable):
        IssuerKeys(url).find("ec-1", "ES256")


def test_answer_that_is_there_in_time_is_whole() -> None:
    body = b'{"items": []}'
    with raw_server(an_answer(body, "Connection: close")) as url, timed_session(5.0) as session:
        response = session.get(url, stream=True, timeout=(1.0, 1.0))

        assert b"".join(response.iter_content(4)) == body


def test_answer_that_stops_is_given_up_at_its_deadline_although_each_read_might_wait_longer() -> None:
    began = time.monotonic()
    with (
        dripping_server(BODY[:60], pause_seconds=0.05) as url,
        timed_session(0.4) as session,
        pytest.raises(requests.RequestException),
        session.get(url, stream=True, timeout=(5.0, None)) as response,
    ):
        list(response.iter_content(65536))

    assert time.monotonic() - began < 4

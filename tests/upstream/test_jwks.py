"""The issuer's keys at the wire: which are taken, when they are asked for again, and how long they serve."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.upstream import jwks
from gateway.upstream.jwks import (
    COOL_DOWN_SECONDS,
    FIRST_COOL_DOWN_SECONDS,
    HARD_AGE_SECONDS,
    LARGEST_SET_BYTES,
    MAX_AGE_SECONDS,
    IssuerKeys,
    KeysUnavailable,
    keys_of,
)
from tests.upstream.raw import an_answer, raw_server

ISSUER = "https://issuer.example/realm"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = "https://issuer.example/keys"


def _rsa(bits: int = 2048) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "key_ops": ["verify"]}


def _ec(curve: ec.EllipticCurve | None = None) -> dict[str, Any]:
    return dict(ECAlgorithm.to_jwk(ec.generate_private_key(curve or ec.SECP256R1()).public_key(), as_dict=True))


RSA, EC = {**_rsa(), "kid": "rsa-1", "use": "sig"}, {**_ec(), "kid": "ec-1", "alg": "ES256"}


def test_keys_are_named_by_kid_and_algorithm() -> None:
    found = keys_of({"keys": [RSA, EC, {**RSA, "kid": "rsa-2", "alg": "PS256"}]})

    assert set(found) == {("rsa-1", "RS256"), ("rsa-1", "PS256"), ("ec-1", "ES256"), ("rsa-2", "PS256")}
    assert all(isinstance(key, jwt.PyJWK) for key in found.values())


def _padded(bits: int) -> dict[str, Any]:
    """A weak key whose number is written as long as a strong one's."""
    weak = _rsa(bits)
    number = base64.urlsafe_b64decode(weak["n"] + "==")
    return {**weak, "n": base64.urlsafe_b64encode(number.rjust(256, b"\0")).decode().rstrip("=")}


LEFT_OUT: dict[str, dict[str, Any]] = {
    "weak": {**_rsa(1024), "kid": "k"},
    "weak behind zeros": {**_padded(1024), "kid": "k"},
    "odd exponent": {**RSA, "kid": "k", "e": "Aw"},
    "private": {**RSA, "kid": "k", "d": "AQAB"},
    "prime": {**RSA, "kid": "k", "p": "AQAB"},
    "symmetric": {"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
    "for encryption": {**RSA, "kid": "k", "use": "enc"},
    "for signing": {**RSA, "kid": "k", "key_ops": ["sign"]},
    "another curve": {**_ec(ec.SECP384R1()), "kid": "k"},
    "another algorithm": {**RSA, "kid": "k", "alg": "RS512"},
    "algorithm of another kind": {**EC, "kid": "k", "alg": "RS256"},
    "no kind": {"kid": "k"},
    "no kid": {name: value for name, value in RSA.items() if name != "kid"},
    "odd kid": {**RSA, "kid": "../../etc"},
    "long kid": {**RSA, "kid": "k" * 65},
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_key_that_verifies_nothing_safely_is_left_out(case: str) -> None:
    assert set(keys_of({"keys": [LEFT_OUT[case], EC]})) == {("ec-1", "ES256")}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": None},
        {"keys": 1},
        {"keys": ["key"]},
        {"keys": [{**RSA, "kty": ["RSA"]}]},
        {"keys": [RSA, RSA]},
        {"keys": [{**EC, "x": "AA"}]},
        {"keys": [{name: value for name, value in RSA.items() if name != "n"}]},
    ],
    ids=["no keys", "null", "number", "text", "odd kind", "kid twice", "no point", "no number"],
)
def test_set_that_is_none_is_refused_whole(document: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, jwt.PyJWTError)):
        keys_of(document)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The machine's monotonic clock, moved by hand."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(jwks, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def _answer(wire: responses.RequestsMock, *keys: dict[str, Any]) -> None:
    """The issuer publishes these keys from now on."""
    wire.upsert(responses.GET, DISCOVERY, json={"issuer": ISSUER, "jwks_uri": KEYS})
    wire.upsert(responses.GET, KEYS, json={"keys": keys})


def _asked(wire: responses.RequestsMock) -> int:
    return len([call for call in wire.calls if call.request.url == DISCOVERY])


def test_keys_are_found_by_discovery_and_kept(wire: responses.RequestsMock, ticks: SimpleNamespace) -> None:
    _answer(wire, RSA, EC)
    issuer = IssuerKeys(ISSUER)

    assert issuer.find("ec-1", "ES256") is not None
    assert issuer.find("rsa-1", "PS256") is not None
    assert _asked(wire) == 1


def test_key_is_found_for_its_own_algorithm_alone(wire: responses.RequestsMock, ticks: SimpleNamespace) -> None:
    _answer(wire, RSA, EC)

    assert IssuerKeys(ISSUER).find("ec-1", "RS256") is None


def test_unknown_kid_asks_again_once_per_cool_down(wire: responses.RequestsMock, ticks: SimpleNamespace) -> None:
    _answer(wire, EC)
    issuer = IssuerKeys(ISSUER)
    issuer.find("ec-1", "ES256")
    _answer(wire, EC, RSA)

    ticks.now += COOL_DOWN_SECONDS - 0.1
    assert [issuer.find("rsa-1", "RS256") for _ in range(10)] == [None] * 10
    ticks.now += 0.1
    assert issuer.find("rsa-1", "RS256") is not None
    assert _asked(wire) == 2


def test_keys_are_asked_for_again_at_their_age_and_a_withdrawn_one_is_gone(
    wire: responses.RequestsMock, ticks: SimpleNamespace
) -> None:
    _answer(wire, EC, RSA)
    issuer = IssuerKeys(ISSUER)
    issuer.find("ec-1", "ES256")
    _answer(wire, RSA)

    ticks.now += MAX_AGE_SECONDS
    assert issuer.find("ec-1", "ES256") is not None
    ticks.now += 0.1
    assert issuer.find("ec-1", "ES256") is None
    assert _asked(wire) == 2


def test_outage_of_the_issuer_keeps_the_old_keys_up_to_their_hard_age(
    wire: responses.RequestsMock, ticks: SimpleNamespace
) -> None:
    _answer(wire, EC)
    issuer = IssuerKeys(ISSUER)
    issuer.find("ec-1", "ES256")
    wire.upsert(responses.GET, DISCOVERY, body=requests.ConnectionError())

    ticks.now += HARD_AGE_SECONDS
    assert issuer.find("ec-1", "ES256") is not None
    ticks.now += 0.1
    with pytest.raises(KeysUnavailable):
        issuer.find("ec-1", "ES256")
    _answer(wire, EC)
    ticks.now += COOL_DOWN_SECONDS
    assert issuer.find("ec-1", "ES256") is not None


def test_issuer_that_was_never_reached_is_asked_once_per_short_cool_down(
    wire: responses.RequestsMock, ticks: SimpleNamespace
) -> None:
    wire.get(DISCOVERY, body=requests.ConnectionError())
    issuer = IssuerKeys(ISSUER)

    for _ in range(3):
        for _ in range(5):
            with pytest.raises(KeysUnavailable):
                issuer.find("ec-1", "ES256")
        ticks.now += FIRST_COOL_DOWN_SECONDS

    assert _asked(wire) == 3


class SlowIssuer:
    """Answers `responses` only when told to, and counts who asked."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0

    def __call__(self, _request: object) -> tuple[int, dict[str, str], str]:
        self.asked += 1
        self.may_answer.wait(10)
        return 200, {}, json.dumps({"issuer": ISSUER, "jwks_uri": KEYS})


def test_issuer_is_asked_once_however_many_wait_and_all_get_the_answer(
    wire: responses.RequestsMock, ticks: SimpleNamespace
) -> None:
    _answer(wire, EC)
    slow = SlowIssuer()
    wire.remove(responses.GET, DISCOVERY)
    wire.add_callback(responses.GET, DISCOVERY, slow)
    issuer = IssuerKeys(ISSUER)

    with ThreadPoolExecutor(20) as pool:
        found = [pool.submit(issuer.find, "ec-1", "ES256") for _ in range(20)]
        slow.may_answer.set()

    assert all(one.result() is not None for one in found)
    assert slow.asked == 1


def test_nobody_waits_for_an_issuer_beyond_its_patience(
    wire: responses.RequestsMock, ticks: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(wire, EC)
    issuer = IssuerKeys(ISSUER)
    issuer.find("ec-1", "ES256")
    slow = SlowIssuer()
    wire.remove(responses.GET, DISCOVERY)
    wire.add_callback(responses.GET, DISCOVERY, slow)
    monkeypatch.setattr(jwks, "PATIENCE_SECONDS", 0.05)

    ticks.now += MAX_AGE_SECONDS + 1
    known = [issuer.find("ec-1", "ES256") for _ in range(3)]
    unknown = [issuer.find("ec-2", "ES256") for _ in range(3)]
    asking = issuer._asking
    slow.may_answer.set()

    assert None not in known
    assert unknown == [None] * 3
    assert slow.asked == 1
    assert asking is not None
    assert asking.is_over.wait(10)


@pytest.mark.parametrize(
    "discovery",
    [
        {"json": {"issuer": "https://other.example", "jwks_uri": KEYS}},
        {"json": {"issuer": f"{ISSUER}/", "jwks_uri": KEYS}},
        {"json": {"issuer": ISSUER}},
        {"json": {"issuer": ISSUER, "jwks_uri": "no address"}},
        {"json": [ISSUER]},
        {"status": 302, "headers": {"Location": KEYS}, "json": {"issuer": ISSUER, "jwks_uri": KEYS}},
        {"status": 500, "json": {"issuer": ISSUER, "jwks_uri": KEYS}},
        {"body": b"<html></html>"},
        {"body": json.dumps({"issuer": ISSUER, "jwks_uri": KEYS}).encode() + b" " * LARGEST_SET_BYTES},
        {"body": b'{"issuer": "https://other.example", "issuer": "https://issuer.example/realm"}'},
        {"body": requests.ReadTimeout()},
    ],
    ids=[
        "another issuer",
        "almost the issuer",
        "no address of keys",
        "ill-formed address",
        "a list",
        "redirect",
        "500",
        "HTML",
        "huge",
        "a member twice",
        "timeout",
    ],
)
def test_discovery_that_is_not_the_issuers_gives_no_keys(
    wire: responses.RequestsMock, ticks: SimpleNamespace, discovery: dict[str, Any]
) -> None:
    _answer(wire, EC)
    wire.upsert(responses.GET, DISCOVERY, **discovery)

    with pytest.raises(KeysUnavailable):
        IssuerKeys(ISSUER).find("ec-1", "ES256")


@pytest.mark.parametrize(
    "answer",
    [{"json": {"keys": []}}, {"json": {"keys": ["x"]}}, {"json": {"keys": [EC, EC]}}, {"status": 301}, {"body": b"x"}],
    ids=["empty", "text for a key", "kid twice", "redirect", "no JSON"],
)
def test_set_that_is_none_leaves_the_keys_as_they_were(
    wire: responses.RequestsMock, ticks: SimpleNamespace, answer: dict[str, Any]
) -> None:
    _answer(wire, EC)
    issuer = IssuerKeys(ISSUER)
    issuer.find("ec-1", "ES256")
    wire.upsert(responses.GET, KEYS, **answer)

    ticks.now += MAX_AGE_SECONDS + 1

    assert issuer.find("ec-1", "ES256") is not None


def test_set_that_breaks_off_gives_no_keys() -> None:
    with raw_server(an_answer(b'{"issuer": "x"}', length=1000)) as url, pytest.raises(KeysUnavailable):
        IssuerKeys(url).find("ec-1", "ES256")

"""The issuer's keys: rotated, out of reach, or not to be trusted (K01 to K06, A30 to A32)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.http import callers
from gateway.upstream import jwks
from tests.http.issuer import (
    DISCOVERY,
    JWKS,
    Issuer,
    PrivateKey,
    an_ec_key,
    an_rsa_key,
    base64url,
    public_jwk,
    signed,
)
from tests.http.test_tokens import ask, assert_refused
from tests.http.wire import Gateway


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are asked for again at once, whatever their age."""
    monkeypatch.setattr(jwks, "COOL_DOWN_SECONDS", 0.0)
    monkeypatch.setattr(jwks, "MAX_AGE_SECONDS", 0.0)


def token_by(issuer: Issuer, key: PrivateKey, kid: str, algorithm: str = "ES256") -> str:
    return signed(issuer.header(kid=kid, alg=algorithm), issuer.claims(), key, algorithm)


@pytest.mark.usefixtures("eager")
def test_new_key_is_found_and_the_old_one_forgotten_even_for_a_remembered_token(
    light_gateway: Gateway, issuer: Issuer
) -> None:
    old, new = issuer.token(), token_by(issuer, an_ec_key(number=1), "ec-2")
    assert [ask(light_gateway, token).status_code for token in (old, new)] == [200, 401]

    issuer.serve_keys(public_jwk(an_ec_key(), "ec-1"), public_jwk(an_ec_key(number=1), "ec-2"))
    both = [ask(light_gateway, token).status_code for token in (old, new)]
    issuer.serve_keys(public_jwk(an_ec_key(number=1), "ec-2"))
    last = [ask(light_gateway, token).status_code for token in (old, new)]

    assert (both, last) == ([200, 200], [401, 200])


@pytest.mark.usefixtures("eager")
def test_other_key_under_the_same_name_ends_the_tokens_of_the_first(light_gateway: Gateway, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(light_gateway, token).status_code == 200

    issuer.serve_keys(public_jwk(an_ec_key(number=1), "ec-1"))

    assert_refused(ask(light_gateway, token))


def test_unknown_keys_make_the_gateway_ask_once_per_cool_down(light_gateway: Gateway, issuer: Issuer) -> None:
    assert ask(light_gateway, issuer.token()).status_code == 200
    issuer.asked.clear()

    for number in range(20):
        assert_refused(ask(light_gateway, token_by(issuer, an_ec_key(), f"other-{number}")))

    assert issuer.asked == []


def test_start_without_the_issuer_is_503_and_heals_alone(
    light_gateway: Gateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FIRST_COOL_DOWN_SECONDS", 0.0)
    issuer.answers.clear()

    answer = ask(light_gateway, issuer.token())
    live = light_gateway.send("GET", "/live")
    issuer.serve_own_keys()
    healed = ask(light_gateway, issuer.token())

    assert (answer.status_code, answer.get_json()["code"]) == (503, "issuer-unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert (live.status_code, healed.status_code) == (200, 200)


@pytest.mark.usefixtures("eager")
def test_keys_serve_until_their_hard_age_and_no_longer(
    light_gateway: Gateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token()
    assert ask(light_gateway, token).status_code == 200
    issuer.answers.clear()

    down = ask(light_gateway, token), ask(light_gateway, token_by(issuer, an_ec_key(), "unknown"))
    monkeypatch.setattr(jwks, "HARD_AGE_SECONDS", 0.0)
    too_old = ask(light_gateway, token)

    assert [answer.status_code for answer in down] == [200, 401]
    assert (too_old.status_code, too_old.get_json()["code"]) == (503, "issuer-unavailable")


def _discovery(of: Issuer, **changes: Any) -> Mapping[str, Any]:
    return {"issuer": of.url, "jwks_uri": of.url + JWKS, **changes}


OTHER = public_jwk(an_ec_key(number=1), "ec-1")
ANSWERS: Mapping[str, Callable[[Issuer], None]] = {
    "500": lambda issuer: issuer.serve(JWKS, {"keys": [OTHER]}, 500),
    "404": lambda issuer: issuer.answers.pop(JWKS) and None,
    "HTML": lambda issuer: issuer.serve(JWKS, b"<html></html>"),
    "empty": lambda issuer: issuer.serve(JWKS, b""),
    "no keys": lambda issuer: issuer.serve(JWKS, {"keys": []}),
    "keys missing": lambda issuer: issuer.serve(JWKS, {}),
    "keys null": lambda issuer: issuer.serve(JWKS, {"keys": None}),
    "a list": lambda issuer: issuer.serve(JWKS, [OTHER]),
    "cut": lambda issuer: issuer.serve(JWKS, json.dumps({"keys": [OTHER]}).encode()[:-9]),
    "a member twice": lambda issuer: issuer.serve(JWKS, b'{"keys": [], "keys": []}'),
    "a kid twice": lambda issuer: issuer.serve(JWKS, {"keys": [OTHER, OTHER]}),
    "over 256 KiB": lambda issuer: issuer.serve(JWKS, {"keys": [OTHER], "padding": "p" * 300_000}),
    "elsewhere": lambda issuer: issuer.serve(JWKS, b"", 302, Location=f"{issuer.url}/canary"),
    "no curve point": lambda issuer: issuer.serve(JWKS, {"keys": [{**OTHER, "x": OTHER["y"]}]}),
    "discovery elsewhere": lambda issuer: issuer.serve(DISCOVERY, b"", 302, Location=f"{issuer.url}/canary"),
    "discovery of another issuer": lambda issuer: issuer.serve(DISCOVERY, _discovery(issuer, issuer="https://other")),
    "discovery without address": lambda issuer: issuer.serve(DISCOVERY, {"issuer": issuer.url}),
    "discovery to a file": lambda issuer: issuer.serve(DISCOVERY, _discovery(issuer, jwks_uri="file:///etc/passwd")),
    "discovery to nobody": lambda issuer: issuer.serve(DISCOVERY, _discovery(issuer, jwks_uri="http://127.0.0.1:9")),
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("case", ANSWERS)
def test_bad_answer_of_the_issuer_leaves_the_old_keys(light_gateway: Gateway, issuer: Issuer, case: str) -> None:
    token = issuer.token()
    assert ask(light_gateway, token).status_code == 200
    issuer.serve("/canary", {"keys": [OTHER]})

    ANSWERS[case](issuer)

    assert ask(light_gateway, token).status_code == 200
    assert_refused(ask(light_gateway, token_by(issuer, an_ec_key(number=1), "ec-1")))
    assert "/canary" not in issuer.asked


def _private(kid: str) -> dict[str, Any]:
    jwk: dict[str, Any] = ECAlgorithm.to_jwk(an_ec_key(number=1), as_dict=True)
    return {**jwk, "kid": kid}


ODD_KEYS: Mapping[str, tuple[dict[str, Any], PrivateKey, str]] = {
    "A30 another curve": (public_jwk(an_ec_key(ec.SECP384R1), "odd"), an_ec_key(ec.SECP384R1), "ES384"),
    "A30 the curve of bitcoin": (public_jwk(an_ec_key(ec.SECP256K1), "odd"), an_ec_key(ec.SECP256K1), "ES256K"),
    "A31 1024 bits": (public_jwk(an_rsa_key(1024), "odd"), an_rsa_key(1024), "RS256"),
    "A31 exponent 3": (public_jwk(an_rsa_key(2048, 3), "odd"), an_rsa_key(2048, 3), "RS256"),
    "A31 for encryption": (public_jwk(an_ec_key(number=1), "odd", use="enc"), an_ec_key(number=1), "ES256"),
    "A31 for signing only": (public_jwk(an_ec_key(number=1), "odd", key_ops=["sign"]), an_ec_key(number=1), "ES256"),
    "A31 another algorithm": (public_jwk(an_ec_key(number=1), "odd", alg="ES384"), an_ec_key(number=1), "ES256"),
    "A31 RS256 for a key of PS256": (public_jwk(an_rsa_key(), "odd", alg="PS256"), an_rsa_key(), "RS256"),
    "A32 private": (_private("odd"), an_ec_key(number=1), "ES256"),
    "A31 named oddly": (public_jwk(an_ec_key(number=1), "od/d"), an_ec_key(number=1), "ES256"),
    "A31 without name": (public_jwk(an_ec_key(number=1), None), an_ec_key(number=1), "ES256"),
}


@pytest.mark.parametrize("case", ODD_KEYS)
def test_odd_key_of_the_issuer_verifies_nothing(light_gateway: Gateway, issuer: Issuer, case: str) -> None:
    jwk, key, algorithm = ODD_KEYS[case]
    issuer.serve_keys(public_jwk(an_ec_key(), "ec-1"), jwk)
    token = signed(issuer.header(kid=jwk.get("kid", "odd"), alg=algorithm), issuer.claims(), key, algorithm)

    assert ask(light_gateway, issuer.token()).status_code == 200
    assert_refused(ask(light_gateway, token))


@pytest.mark.usefixtures("eager")
def test_planned_rotation_refuses_no_valid_token_and_ends_with_the_old_key(
    light_gateway: Gateway, issuer: Issuer
) -> None:
    """K01: the new key is published, then used, then the old one is removed."""
    old, new = public_jwk(an_ec_key(), "ec-1"), public_jwk(an_ec_key(number=1), "ec-2")

    issuer.serve_keys(old, new)
    published = [ask(light_gateway, token_by(issuer, an_ec_key(), "ec-1")).status_code for _ in range(20)]
    used = [ask(light_gateway, token_by(issuer, an_ec_key(number=1), "ec-2")).status_code for _ in range(20)]
    issuer.serve_keys(new)
    kept = [ask(light_gateway, token_by(issuer, an_ec_key(number=1), "ec-2")).status_code for _ in range(20)]

    assert {*published, *used, *kept} == {200}
    assert_refused(ask(light_gateway, token_by(issuer, an_ec_key(), "ec-1")))


def test_symmetric_key_of_the_issuer_verifies_nothing(light_gateway: Gateway, issuer: Issuer) -> None:
    secret = b"s" * 32
    issuer.serve_keys(public_jwk(an_ec_key(), "ec-1"), {"kty": "oct", "kid": "odd", "k": base64url(secret)})

    assert_refused(ask(light_gateway, signed(issuer.header(kid="odd", alg="HS256"), issuer.claims(), secret, "HS256")))


def test_only_so_many_tokens_are_remembered(
    light_gateway: Gateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REMEMBERED", 2)
    tokens = [issuer.token() for _ in range(4)]

    first, again = ([ask(light_gateway, token).status_code for token in tokens] for _ in range(2))

    assert first == again == [200] * 4

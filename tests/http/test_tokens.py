"""Tokens: what is accepted, and every attack on header, signature and presentation answered by the same 401."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.test import TestResponse

from tests.http.issuer import (
    Issuer,
    PrivateKey,
    an_ec_key,
    an_rsa_key,
    base64url,
    from_base64url,
    public_jwk,
    signed,
)
from tests.http.wire import Gateway

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Forge = Callable[[Issuer], str]


def ask(gateway: Gateway, token: str) -> TestResponse:
    return gateway.send("GET", "/v1/projects", token=token)


def assert_refused(answer: TestResponse, code: str = "invalid-token") -> None:
    document = answer.get_json()
    assert (answer.status_code, document["code"], document["status"]) == (401, code, 401), answer.text
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert answer.content_type == "application/problem+json"


def with_header(**changes: Any) -> Forge:
    """A token signed by the real key over a header with these changes (None leaves a member out)."""
    return lambda issuer: signed(issuer.header(**changes), issuer.claims(), an_ec_key(), "ES256")


def with_raw_header(text: bytes) -> Forge:
    return lambda issuer: signed(text, issuer.claims(), an_ec_key(), "ES256")


def signed_by(key: Any, algorithm: str, **header: Any) -> Forge:
    return lambda issuer: signed(issuer.header(alg=algorithm, **header), issuer.claims(), key, algorithm)


def public_pem() -> bytes:
    return an_ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der() -> bytes:
    return an_ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def hmac_with(secret: bytes) -> Forge:
    """HS256 with a public value as the secret, made by hand because PyJWT refuses to."""

    def forge(issuer: Issuer) -> str:
        text = f"{base64url(json.dumps(issuer.header(alg='HS256')).encode())}.{_claims(issuer)}"
        return f"{text}.{base64url(hmac.digest(secret, text.encode(), 'sha256'))}"

    return forge


def unsigned(algorithm: str) -> Forge:
    return lambda issuer: f"{base64url(json.dumps(issuer.header(alg=algorithm)).encode())}.{_claims(issuer)}."


def reshaped(change: Callable[[str], str]) -> Forge:
    return lambda issuer: change(issuer.token())


def _claims(issuer: Issuer) -> str:
    return base64url(json.dumps(issuer.claims()).encode())


def _other_spare_bits(token: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


JSON_SERIALISATION = '{"payload":"e30","protected":"e30","signature":"AA"}'
DEEP = b'{"typ":' + b"[" * 50_000 + b"]" * 50_000 + b"}"

FORGED: Mapping[str, Forge] = {
    "A01 none, no signature": unsigned("none"),
    "A01 none, with a signature": with_header(alg="none"),
    "A02 nOnE": unsigned("nOnE"),
    "A02 NONE": unsigned("NONE"),
    "A02 none with a space": unsigned("none "),
    "A03 HS256 over the PEM": hmac_with(public_pem()),
    "A04 HS256 over the DER": hmac_with(public_der()),
    "A04 HS256 over the PEM without newline": hmac_with(public_pem().strip()),
    "A04 HS256 over the JWK": hmac_with(json.dumps(public_jwk(an_ec_key(), "ec-1")).encode()),
    "A05 RS256 named over the EC key": signed_by(an_rsa_key(), "RS256", kid="ec-1"),
    "A05 PS256 named over the EC key": signed_by(an_rsa_key(), "PS256", kid="ec-1"),
    "A05 ES256 named over the RSA key": signed_by(an_ec_key(), "ES256", kid="rsa-1"),
    "A05 RSA signature under an EC header": lambda issuer: signed(
        issuer.header(), issuer.claims(), an_rsa_key(), "RS256"
    ),
    "A05 PS256 signature under an RS256 header": lambda issuer: signed(
        issuer.header(alg="RS256", kid="rsa-1"), issuer.claims(), an_rsa_key(), "PS256"
    ),
    "A06 ES384 of an attacker": signed_by(an_ec_key(ec.SECP384R1), "ES384"),
    "A06 ES256 of an attacker": signed_by(an_ec_key(number=1), "ES256"),
    "A06 RS384 of the real key": signed_by(an_rsa_key(), "RS384", kid="rsa-1"),
    "A08 jku": lambda issuer: with_header(jku=f"{issuer.url}/canary")(issuer),
    "A08 jku of a metadata service": with_header(jku="http://169.254.169.254/keys"),
    "A08 x5u of a file": with_header(x5u="file:///etc/passwd"),
    "A08 x5c": with_header(x5c=["AAAA"]),
    "A08 jwk of an attacker": lambda issuer: signed(
        issuer.header(jwk=public_jwk(an_ec_key(number=1), "ec-1")), issuer.claims(), an_ec_key(number=1), "ES256"
    ),
    "A10 kid is a path": with_header(kid="../../../../dev/null"),
    "A10 kid is a file": with_header(kid="/proc/self/environ"),
    "A11 kid is SQL": with_header(kid="' UNION SELECT 'secret'--"),
    "A11 kid is a command": with_header(kid="|id"),
    "A11 kid is a line break": with_header(kid="%0d%0a"),
    "A11 kid has a NUL": with_header(kid="ec-1\x00"),
    "A11 kid has a newline": with_header(kid="ec-1\n"),
    "A11 kid is not ASCII": with_header(kid="ｅc-1"),
    "A12 kid is a number": with_header(kid=1),
    "A12 kid is a list": with_header(kid=["ec-1"]),
    "A12 kid is null": with_raw_header(b'{"typ":"at+jwt","alg":"ES256","kid":null}'),
    "A12 kid is missing": with_header(kid=None),
    "A12 kid is empty": with_header(kid=""),
    "A12 kid is long": with_header(kid="e" * 65),
    "A12 kid is unknown": with_header(kid="ec-2"),
    "A14 crit foo": with_header(crit=["foo"]),
    "A14 crit exp": with_header(crit=["exp"]),
    "A14 crit empty": with_header(crit=[]),
    "A14 crit text": with_header(crit="b64"),
    "A15 b64 false": with_header(b64=False),
    "A15 b64 false and crit": with_header(b64=False, crit=["b64"]),
    "A16 zip": with_header(zip="DEF"),
    "A17 typ JWT": with_header(typ="JWT"),
    "A17 typ missing": with_header(typ=None),
    "A17 typ logout": with_header(typ="logout+jwt"),
    "A17 typ dpop": with_header(typ="dpop+jwt"),
    "A17 typ receipt": with_header(typ="receipt+jws"),
    "A17 typ number": with_header(typ=1),
    "A18 cty": with_header(cty="JWT"),
    "A24 spare bits": reshaped(_other_spare_bits),
    "A26 alg twice": with_raw_header(b'{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"ec-1"}'),
    "A26 kid twice": with_raw_header(b'{"typ":"at+jwt","alg":"ES256","kid":"x","kid":"ec-1"}'),
    "A26 alg twice, once escaped": with_raw_header(b'{"typ":"at+jwt","alg":"ES256","kid":"ec-1","\\u0061lg":"ES256"}'),
    "A27 alg list": with_header(alg=["ES256"]),
    "A27 alg null": with_raw_header(b'{"typ":"at+jwt","alg":null,"kid":"ec-1"}'),
    "A27 alg number": with_header(alg=256),
    "A27 alg object": with_header(alg={}),
    "A27 alg long": with_header(alg="E" * 5000),
    "A28 header is a list": with_raw_header(b"[]"),
    "A28 header is null": with_raw_header(b"null"),
    "A28 header is no JSON": with_raw_header(b"\xff\xfe"),
    "A28 header is UTF-16": with_raw_header('{"typ":"at+jwt","alg":"ES256","kid":"ec-1"}'.encode("utf-16")),
    "A28 header is deep": with_raw_header(DEEP),
    "A28 header has a BOM": with_raw_header(b'\xef\xbb\xbf{"typ":"at+jwt","alg":"ES256","kid":"ec-1"}'),
    "A28 header is not base64url": reshaped(lambda token: "A" + token),
    "A29 five parts": reshaped(lambda token: f"{token}.AA.AA"),
    "A29 four parts": reshaped(lambda token: f"{token}.AA"),
    "A29 two parts": reshaped(lambda token: token.rpartition(".")[0]),
    "A29 dots": lambda _: "..",
    "A29 JSON": lambda _: JSON_SERIALISATION,
    "A29 padding": reshaped(lambda token: f"{token}=="),
    "A29 standard base64": reshaped(lambda token: token[:-2] + "+/"),
    "A29 a space inside": reshaped(lambda token: token.replace(".", " .", 1)),
    "A29 longer than 8 KiB": lambda issuer: issuer.token(padding="p" * 8192),
}


@pytest.mark.parametrize("attack", FORGED)
def test_forged_token_is_refused(shared_gateway: Gateway, issuer: Issuer, attack: str) -> None:
    before = shared_gateway.counts()

    answer = ask(shared_gateway, FORGED[attack](issuer))

    assert_refused(answer)
    assert shared_gateway.counts() == before
    assert "/canary" not in issuer.asked


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(an_ec_key(), "ES256", "ec-1"), (an_rsa_key(), "RS256", "rsa-1"), (an_rsa_key(), "PS256", "rsa-1")],
)
def test_token_of_each_allowed_algorithm_is_accepted(
    shared_gateway: Gateway, issuer: Issuer, key: PrivateKey, algorithm: str, kid: str
) -> None:
    token = signed(issuer.header(alg=algorithm, kid=kid), issuer.claims("registrar"), key, algorithm)

    assert ask(shared_gateway, token).status_code == 200


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_type_of_the_token_is_compared_without_case(shared_gateway: Gateway, issuer: Issuer, kind: str) -> None:
    assert ask(shared_gateway, with_header(typ=kind)(issuer)).status_code == 200


def test_second_signature_of_the_same_token_names_the_same_caller_or_nobody(
    shared_gateway: Gateway, issuer: Issuer
) -> None:
    """A22: an ECDSA signature (r, s) has a twin (r, n - s)."""
    text, _, signature = issuer.token().rpartition(".")
    raw = from_base64url(signature)
    twin = P256_ORDER - int.from_bytes(raw[32:], "big")
    token = f"{text}.{base64url(raw[:32] + twin.to_bytes(32, 'big'))}"

    assert ask(shared_gateway, token).status_code in (200, 401)


@pytest.mark.parametrize("hours", [-2, 2])
def test_clock_that_was_wrong_lets_nobody_in_once_it_is_right(
    light_gateway: Gateway, issuer: Issuer, hours: int
) -> None:
    """B23: what was taken, or refused, by a clock two hours off."""
    now = int(time.time())
    over = issuer.token(iat=now - 7300, exp=now - 3700)
    current = issuer.token(iat=now - 10, exp=now + 600)

    light_gateway.real_clock.ahead = timedelta(hours=hours)
    wrongly = [ask(light_gateway, token).status_code for token in (over, current)]
    light_gateway.real_clock.ahead = timedelta()

    assert wrongly == ([200, 401] if hours < 0 else [401, 401])
    assert_refused(ask(light_gateway, over), "token-expired")
    assert ask(light_gateway, current).status_code == 200


PRESENTED: Mapping[str, tuple[Callable[[str], str], str]] = {
    "C02 Basic": (lambda _: "Basic dXNlcjpwYXNz", "invalid-token"),
    "C02 JWT": (lambda token: f"JWT {token}", "invalid-token"),
    "C02 no scheme": (lambda token: token, "invalid-token"),
    "C02 scheme alone": (lambda _: "Bearer", "invalid-token"),
    "C02 scheme and space": (lambda _: "Bearer ", "invalid-token"),
    "C02 two spaces": (lambda token: f"Bearer  {token}", "invalid-token"),
    "C02 tab": (lambda token: f"Bearer\t{token}", "invalid-token"),
    "C02 two tokens": (lambda token: f"Bearer {token}, Bearer {token}", "invalid-token"),
    "C02 joined headers": (lambda token: f"Bearer {token},Bearer {token}", "invalid-token"),
    "C02 trailing comma": (lambda token: f"Bearer {token},", "invalid-token"),
    "C02 not ASCII": (lambda token: f"Bearer {token}é", "invalid-token"),
    "C02 empty": (lambda _: "", "invalid-token"),
}


@pytest.mark.parametrize("case", PRESENTED)
def test_token_presented_otherwise_is_refused(shared_gateway: Gateway, case: str) -> None:
    present, code = PRESENTED[case]
    header = {"Authorization": present(shared_gateway.token("auditor"))}

    assert_refused(shared_gateway.send("GET", "/v1/projects", headers=header), code)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_is_compared_without_case(shared_gateway: Gateway, scheme: str) -> None:
    header = {"Authorization": f"{scheme} {shared_gateway.token('auditor')}"}

    assert shared_gateway.send("GET", "/v1/projects", headers=header).status_code == 200


@pytest.mark.parametrize("name", ["access_token", "token", "authorization"])
def test_token_elsewhere_than_in_the_header_is_none(shared_gateway: Gateway, name: str) -> None:
    token = shared_gateway.token("auditor")

    answers = [
        shared_gateway.send("GET", f"/v1/projects?{name}={token}"),
        shared_gateway.send("GET", "/v1/projects", headers={"Cookie": f"{name}={token}"}),
        shared_gateway.send("GET", "/v1/projects", headers={"X-Authorization": f"Bearer {token}"}),
    ]

    assert [(answer.status_code, answer.get_json()["code"]) for answer in answers] == [(401, "no-token")] * 3
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert not any(token in answer.text for answer in answers)

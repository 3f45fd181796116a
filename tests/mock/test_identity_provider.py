from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from mock_mycarenet.app import create_app
from mock_mycarenet.identity_provider import published
from mock_mycarenet.signing_key import signing_key
from schemas.mycarenet.stand_in import Token
from tests.mock.builders import ISSUER

NIHII = "12345625"


def token(client: FlaskClient, **asked: Any) -> str:
    answer = client.post("/auth/token", json={"role": "provider", "nihii": NIHII, **asked})
    assert answer.status_code == 200, answer.text
    access_token: str = Token().load(answer.get_json())["access_token"]
    return access_token


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parts(access_token: str) -> tuple[Any, Any]:
    header, claims, _ = access_token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(claims))


def signature_holds(client: FlaskClient, access_token: str) -> bool:
    [jwk] = client.get("/.well-known/jwks.json").get_json()["keys"]
    signed, _, signature = access_token.rpartition(".")
    key = jwt.PyJWK(jwk)
    return bool(key.Algorithm.verify(signed.encode(), key.key, decoded(signature)))


def test_discovery_leads_to_keys_that_verify_a_token(client: FlaskClient) -> None:
    discovery = client.get("/.well-known/openid-configuration").get_json()
    keys = client.get(discovery["jwks_uri"].removeprefix(ISSUER)).get_json()
    access_token = token(client)

    key_set = jwt.PyJWKSet.from_dict(keys)
    kid = jwt.get_unverified_header(access_token)["kid"]
    claims = jwt.decode(
        access_token, key_set[kid], algorithms=["ES256"], audience="chroniccare-gateway", issuer=discovery["issuer"]
    )

    assert discovery["token_endpoint"] == f"{ISSUER}/auth/token"
    assert claims["role"] == "provider"
    assert claims["nihii"] == NIHII


def test_token_has_exactly_the_agreed_header_and_claims(client: FlaskClient) -> None:
    before = int(time.time())

    header, claims = parts(token(client))

    assert list(header) == ["typ", "alg", "kid"]
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "role", "nihii"}
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == 3600


def test_key_set_holds_one_public_key(client: FlaskClient) -> None:
    [jwk] = client.get("/.well-known/jwks.json").get_json()["keys"]

    assert set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (jwk["kty"], jwk["crv"], jwk["use"], jwk["alg"]) == ("EC", "P-256", "sig", "ES256")


@pytest.mark.parametrize(
    ("asked", "sub"),
    [
        ({"role": "provider", "nihii": NIHII}, f"sandbox-provider-{NIHII}"),
        ({"role": "project_admin", "project": "demo-nord"}, "sandbox-project_admin-demo-nord"),
        ({"role": "insurer", "insurer": "100"}, "sandbox-insurer-100"),
        ({"role": "registrar"}, "sandbox-registrar"),
    ],
)
def test_sub_is_fixed_per_role_and_claim(client: FlaskClient, asked: dict[str, str], sub: str) -> None:
    tokens = [client.post("/auth/token", json=asked).get_json()["access_token"] for _ in range(2)]

    claims = [parts(each)[1] for each in tokens]

    assert [each["sub"] for each in claims] == [sub, sub]
    assert claims[0]["jti"] != claims[1]["jti"]


def test_claims_and_header_overwrite_and_null_removes(client: FlaskClient) -> None:
    access_token = token(
        client,
        claims={"aud": ["a", "b"], "exp": "1795281724", "jti": None, "iat": True, "organisation": {"x": [1.5]}},
        header={"kid": None, "typ": 7, "jku": "http://127.0.0.1:1/keys", "crit": []},
    )

    header, claims = parts(access_token)

    assert header == {"typ": 7, "alg": "ES256", "jku": "http://127.0.0.1:1/keys", "crit": []}
    assert (claims["aud"], claims["exp"], claims["iat"]) == (["a", "b"], "1795281724", True)
    assert "jti" not in claims
    assert claims["organisation"] == {"x": [1.5]}
    assert signature_holds(client, access_token)


@pytest.mark.parametrize("alg", ["none", "HS256", "nOnE", ["ES256"], 1])
def test_another_alg_is_only_said(client: FlaskClient, alg: object) -> None:
    access_token = token(client, header={"alg": alg})

    assert parts(access_token)[0]["alg"] == alg
    assert signature_holds(client, access_token)


@pytest.mark.parametrize("claim", ['"\\ud800"', "1" + "0" * 30, "NaN", "-Infinity", '"\\u0000"', "[" * 100 + "]" * 100])
def test_nonsense_that_strict_json_refuses_is_signed_too(client: FlaskClient, claim: str) -> None:
    body = f'{{"role": "provider", "nihii": "{NIHII}", "claims": {{"sub": {claim}}}}}'

    answer = client.post("/auth/token", data=body)

    assert answer.status_code == 200
    assert signature_holds(client, answer.get_json()["access_token"])


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", "{}", '{"role": 1}', '{"role": "provider", "claims": []}', '{"role"', "\xff", "[" * 100_000],
)
def test_what_is_no_token_request_is_400(client: FlaskClient, body: str) -> None:
    answer = client.post("/auth/token", data=body.encode("latin-1"))

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"


def test_no_depth_of_claims_is_more_than_a_400(client: FlaskClient) -> None:
    for depth in range(850, 1010):
        body = f'{{"role": "provider", "nihii": "{NIHII}", "claims": {{"x": {"[" * depth}{"]" * depth}}}}}'
        assert client.post("/auth/token", data=body).status_code in (200, 400)


def test_key_is_kept_and_only_its_owner_may_read_it(data_dir: Path) -> None:
    first = create_app(data_dir, ISSUER).test_client().get("/.well-known/jwks.json").get_json()

    second = create_app(data_dir, ISSUER).test_client().get("/.well-known/jwks.json").get_json()

    assert first == second
    assert (data_dir / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in data_dir.iterdir()) == ["mock.sqlite3", "signing-key.pem"]


def test_of_those_who_make_the_key_at_once_one_wins(tmp_path: Path) -> None:
    barrier = Barrier(4)

    def make(_: int) -> str:
        barrier.wait(timeout=10)
        return published(signing_key(tmp_path / "signing-key.pem"))["kid"]

    with ThreadPoolExecutor(4) as threads:
        kids = set(threads.map(make, range(4)))

    assert len(kids) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["signing-key.pem"]

"""Claims: each of its exact type and form, none twice, times within their edges; anything else is nobody's token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import PROVIDER
from tests.http.issuer import ROLES, Issuer, an_ec_key, signed
from tests.http.test_tokens import ask, assert_refused
from tests.http.wire import FOREIGN_PROJECT, Gateway

Change = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]

REFUSED: Mapping[str, tuple[str, Change]] = {
    "B03 exp is text": ("auditor", lambda good: {"exp": str(good["exp"])}),
    "B03 iat is text": ("auditor", lambda good: {"iat": str(good["iat"])}),
    "B04 exp is a float": ("auditor", lambda good: {"exp": good["exp"] + 0.5}),
    "B04 exp is a whole float": ("auditor", lambda good: {"exp": float(good["exp"])}),
    "B04 iat is a float": ("auditor", lambda good: {"iat": float(good["iat"])}),
    "B05 exp is huge": ("auditor", {"exp": 10**30}),
    "B05 exp is the largest integer": ("auditor", {"exp": 2**63 - 1}),
    "B05 life of ten years": ("auditor", lambda good: {"exp": good["iat"] + 315_360_000}),
    "B05 life of 3601 s": ("auditor", lambda good: {"exp": good["iat"] + 3601}),
    "B06 exp is iat": ("auditor", lambda good: {"exp": good["iat"]}),
    "B06 exp before iat": ("auditor", lambda good: {"exp": good["iat"] - 1}),
    "B07 exp missing": ("auditor", {"exp": None}),
    "B07 iat missing": ("auditor", {"iat": None}),
    "B07 jti missing": ("auditor", {"jti": None}),
    "B07 jti number": ("auditor", {"jti": 1}),
    "B07 exp true": ("auditor", {"exp": True}),
    "B08 iat in the future": ("auditor", lambda good: {"iat": good["iat"] + 120}),
    "B09 nbf in the future": ("auditor", lambda good: {"nbf": good["iat"] + 120}),
    "B09 nbf is text": ("auditor", {"nbf": "0"}),
    "B09 nbf is a float": ("auditor", {"nbf": 0.5}),
    "B10 aud missing": ("auditor", {"aud": None}),
    "B11 aud is a list": ("auditor", {"aud": ["chroniccare-gateway"]}),
    "B11 aud is a list with another": ("auditor", {"aud": ["chroniccare-gateway", "other"]}),
    "C06 aud of another gateway": ("auditor", {"aud": "chroniccare-gateway-acc"}),
    "C06 aud with a newline": ("auditor", {"aud": "chroniccare-gateway\n"}),
    "C10 aud of the web app": ("auditor", {"aud": "chroniccare-web"}),
    "B12 iss with a slash": ("auditor", lambda good: {"iss": good["iss"] + "/"}),
    "B12 iss in capitals": ("auditor", lambda good: {"iss": good["iss"].upper()}),
    "B12 iss cut": ("auditor", lambda good: {"iss": good["iss"][:-1]}),
    "B12 iss longer": ("auditor", lambda good: {"iss": good["iss"] + "0"}),
    "B12 iss is a list": ("auditor", lambda good: {"iss": [good["iss"]]}),
    "B12 iss missing": ("auditor", {"iss": None}),
    "B13 sub missing": ("auditor", {"sub": None}),
    "B13 sub number": ("auditor", {"sub": 1}),
    "B13 sub empty": ("auditor", {"sub": ""}),
    "B13 sub long": ("auditor", {"sub": "s" * 256}),
    "B13 sub has a control character": ("auditor", {"sub": "a\x07b"}),
    "B13 sub has a newline": ("auditor", {"sub": "ab\n"}),
    "B13 sub has a space": ("auditor", {"sub": "a b"}),
    "B18 sub is not ASCII": ("auditor", {"sub": "provider-é"}),
    "B20 role missing": ("auditor", {"role": None}),
    "B20 role is a list": ("auditor", {"role": ["auditor"]}),
    "B20 role is an object": ("auditor", {"role": {"auditor": True}}),
    "B20 two roles": ("auditor", {"role": "auditor registrar"}),
    "B20 two roles, comma": ("auditor", {"role": "auditor,registrar"}),
    "B20 unknown role": ("auditor", {"role": "admin"}),
    "B20 role in capitals": ("auditor", {"role": "Auditor"}),
    "B20 role with a space": ("auditor", {"role": "auditor "}),
    "B20 role is the name of the member": ("auditor", {"role": "AUDITOR"}),
    "B20 role empty": ("auditor", {"role": ""}),
    "B21 provider without number": ("provider", {"nihii": None}),
    "B21 number is a number": ("provider", {"nihii": int(PROVIDER)}),
    "B21 number with wrong digits": ("provider", {"nihii": "10000107"}),
    "B21 number of nine digits": ("provider", {"nihii": PROVIDER + "0"}),
    "B21 number with a newline": ("provider", {"nihii": PROVIDER + "\n"}),
    "B21 number in full-width digits": ("provider", {"nihii": "１００００１０６"}),
    "B21 two numbers": ("provider", {"nihii": [PROVIDER, "20000212"]}),
    "B21 administrator without project": ("project_admin", {"project": None}),
    "B21 project is a list": ("project_admin", {"project": ["demo-nord"]}),
    "B21 project is no id": ("project_admin", {"project": "demo nord"}),
    "B21 project is a pattern": ("coordinator", {"project": "%"}),
    "B21 coordinator without project": ("coordinator", {"project": None}),
    "B21 insurer without number": ("insurer", {"insurer": None}),
    "B21 insurer is a number": ("insurer", {"insurer": 100}),
    "B21 insurer is unknown": ("insurer", {"insurer": "700"}),
    "B21 insurer is everyone": ("insurer", {"insurer": "*"}),
}
RAW: Mapping[str, Callable[[str], str]] = {
    "B15 sub twice": lambda text: text.replace('"sub"', '"sub": "first", "sub"'),
    "B15 role twice": lambda text: text.replace('"role"', '"role": "registrar", "role"'),
    "B15 role twice, once escaped": lambda text: text.replace('"role"', '"\\u0072ole": "registrar", "role"'),
    "B15 sub twice, once escaped": lambda text: text.replace('"sub"', '"\\u0073ub": "first", "sub"'),
    "B17 list": lambda text: f"[{text}]",
    "B17 null": lambda _: "null",
    "B17 text": json.dumps,
    "B17 empty": lambda _: "",
    "B17 deep": lambda text: text[:-1] + ',"x":' + "[" * 3000 + "]" * 3000 + "}",
    "B09 NaN": lambda text: text[:-1] + ',"nbf": NaN}',
    "B09 minus infinity": lambda text: text[:-1] + ',"nbf": -Infinity}',
    "B18 lone surrogate": lambda text: text[:-1] + ',"name": "\\ud800"}',
    "B17 trailing text": lambda text: text + "x",
    "B17 byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("case", REFUSED)
def test_token_with_wrong_claims_is_refused(shared_gateway: Gateway, issuer: Issuer, case: str) -> None:
    role, change = REFUSED[case]
    good = issuer.claims(role)
    changes = change(good) if callable(change) else change
    claims = {name: value for name, value in {**good, **changes}.items() if value is not None}

    answer = ask(shared_gateway, signed(issuer.header(), claims, an_ec_key(), "ES256"))

    assert_refused(answer)


@pytest.mark.parametrize("case", RAW)
def test_token_with_ill_formed_claims_is_refused(shared_gateway: Gateway, issuer: Issuer, case: str) -> None:
    payload = RAW[case](json.dumps(issuer.claims())).encode()

    assert_refused(ask(shared_gateway, signed(issuer.header(), payload, an_ec_key(), "ES256")))


@pytest.mark.parametrize("role", ROLES)
def test_token_of_each_role_is_accepted_with_whatever_else_it_says(shared_gateway: Gateway, role: str) -> None:
    token = shared_gateway.token(role, scope="openid", name="É. Dupont", nbf=0, roles=["registrar"])

    assert ask(shared_gateway, token).status_code == 200


@pytest.mark.parametrize("nihii", [PROVIDER, f"{PROVIDER}001"])
def test_number_of_a_provider_has_eight_or_eleven_digits(shared_gateway: Gateway, nihii: str) -> None:
    answer = shared_gateway.send("GET", "/v1/actions?project=demo-nord", role="provider", nihii=nihii)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("issued", "life", "nbf", "accepted"),
    [
        (0, 3600, None, True),
        (0, 1, None, True),
        (-3600, 3600, None, True),
        (-3628, 3600, None, True),
        (-3631, 3600, None, False),
        (-100, 70, None, False),
        (25, 3600, None, True),
        (40, 3600, None, False),
        (0, 3600, 25, True),
        (0, 3600, 40, False),
    ],
)
def test_life_of_a_token_has_thirty_seconds_of_leeway(
    shared_gateway: Gateway, issuer: Issuer, issued: int, life: int, nbf: int | None, accepted: bool
) -> None:
    now = int(time.time())
    times = {"iat": now + issued, "exp": now + issued + life, "nbf": None if nbf is None else now + nbf}

    assert ask(shared_gateway, issuer.token(**times)).status_code == (200 if accepted else 401)


def test_token_is_refused_at_its_expiry_and_leeway_to_the_second(light_gateway: Gateway, issuer: Issuer) -> None:
    now = int(time.time())
    fresh, cached = (issuer.token(iat=now, exp=now + 600) for _ in range(2))
    assert ask(light_gateway, cached).status_code == 200

    light_gateway.real_clock.ahead = timedelta(seconds=620)
    within = [ask(light_gateway, token).status_code for token in (fresh, cached)]
    light_gateway.real_clock.ahead = timedelta(seconds=630)
    after = [ask(light_gateway, token) for token in (fresh, cached, issuer.token(iat=now, exp=now + 600))]

    assert within == [200, 200]
    for answer in after:
        assert_refused(answer, "token-expired")


def test_callers_are_told_apart_by_their_claims_not_by_their_token(shared_gateway: Gateway) -> None:
    own = shared_gateway.send("GET", "/v1/inclusions", role="project_admin")
    foreign = shared_gateway.send(
        "GET", "/v1/inclusions?project=demo-nord", role="project_admin", project=FOREIGN_PROJECT
    )

    assert (own.status_code, foreign.status_code) == (200, 403)

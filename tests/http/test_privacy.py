"""A planted SSIN comes back nowhere: not in an answer, a header, a log line, a metric or a receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from tests.builders import PROJECT, PROVIDER, SSIN
from tests.http.issuer import an_ec_key, from_base64url, signed
from tests.http.wire import Gateway, a_project_request, an_action_request, an_inclusion_request

FORMS = (SSIN, "85.07.30-033.28", "850730 033 28", "８５０７３００３３２８", "850730-03328")
TOKEN_NAMES = ("nihii", "project", "sub", "jti", "role", "aud")


def every_request(gateway: Gateway, planted: str) -> Iterator[TestResponse]:
    """The SSIN wherever a request has room for a text."""
    body = json.dumps(an_inclusion_request(ssin=planted))
    headers = ("If-Match", "Idempotency-Key", "X-Request-ID", "Accept-Language", "Accept", "Content-Digest", "Referer")
    written = quote(planted)
    send = gateway.send
    yield send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")
    yield send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")
    yield send("POST", "/v1/inclusions/find", {"project": PROJECT, "ssin": SSIN}, role="provider")
    yield send("POST", "/v1/actions", an_action_request(), role="provider")
    yield send("POST", "/v1/actions", an_action_request(performed_on="2022-03-01"), role="provider")
    yield send("GET", "/v1/inclusions", role="project_admin")
    yield send("POST", "/v1/inclusions", body[:-2].encode(), role="provider")
    yield send("POST", "/v1/inclusions", body.encode() * 2, role="provider")
    yield send("POST", "/v1/inclusions", body.encode(), role="provider", headers={"Content-Type": "text/plain"})
    for change in ({planted: 1}, {"project": planted}, {"municipality": planted}, {"agreement": planted}):
        yield send("POST", "/v1/inclusions", an_inclusion_request(**change), role="provider")
    names = {"fr": planted, "nl": f"M. {planted}, x"}
    yield send("POST", "/v1/projects", a_project_request(id="demo-est", name=names), role="registrar")
    for path in ("/v1/inclusions/{}", "/v1/actions/{}", "/v1/projects/{}", "/problems/{}", "/{}", "/v1/{}/x"):
        yield send("GET", path.format(written), role="project_admin")
    yield send("PUT", f"/v1/projects/{PROJECT}/pseudocodes/{written}", {}, role="registrar")
    yield send("PUT", f"/v1/projects/{PROJECT}/partners/{written}", {}, role="registrar")
    for query in ("{}=1", "ssin={}", "project={}", "cursor={}", "limit={}", "status={}", "valid_on={}"):
        yield send("GET", f"/v1/inclusions?{query.format(written)}", role="project_admin")
    for query in ("{}=1", "by=month,{}", "by=month&project={}", "by=month&colour={}", "month={}", "by=month&{0}={0}"):
        yield send("GET", f"/v1/aggregates?{query.format(written)}", role="policy_maker")
    for name in headers:
        environ = {f"HTTP_{name.upper().replace('-', '_')}": planted.encode().decode("latin-1")}
        yield send("POST", "/v1/inclusions", body.encode(), role="provider", environ=environ)
        yield send("GET", "/v1/projects", role="auditor", environ=environ)
    for name in TOKEN_NAMES:
        yield send("GET", "/v1/projects", token=gateway.issuer.token("provider", **{name: planted}))
    yield send("GET", "/v1/projects", headers={"Authorization": f"Bearer {SSIN}"})
    yield send("PUT", "/sandbox/clock", {"now": planted})
    yield send("POST", "/sandbox/release", {"convention": planted, planted: planted})
    yield send("GET", "/metrics")


@pytest.mark.parametrize("planted", FORMS)
def test_planted_identity_comes_back_nowhere(light_gateway: Gateway, planted: str) -> None:
    forms = {SSIN, planted, json.dumps(planted).strip('"'), quote(planted)}
    with capture_logs() as lines:
        answers = list(every_request(light_gateway, planted))

    for answer in answers:
        shown = answer.text + str(answer.headers)
        assert not [form for form in forms if form in shown], answer.text
        assert answer.status_code < 500
    logged = json.dumps(lines, default=str, ensure_ascii=False)
    assert len(lines) >= len(answers)
    assert not [form for form in forms if form in logged]


def test_log_line_names_the_request_and_nobody(light_gateway: Gateway) -> None:
    with capture_logs() as lines:
        answer = light_gateway.send("GET", f"/v1/inclusions/{SSIN}?x={SSIN}", role="provider")

    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "answered",
        "log_level": "info",
        "request_id": answer.headers["X-Request-ID"],
        "route": "GET /v1/inclusions/<inclusion_id>",
        "status": 400,
        "code": "unknown-parameter",
        "role": "provider",
    }


def refused(gateway: Gateway, token: str) -> dict[str, Any]:
    """What is logged of a token that is refused, once, without its request's id."""
    with capture_logs() as lines:
        assert gateway.send("GET", "/v1/projects", token=token).status_code == 401

    (line,) = [line for line in lines if line["event"] == "auth_failed"]
    assert not any(part in str(lines) for part in token.split("."))
    return {name: value for name, value in line.items() if name not in ("event", "log_level", "request_id")}


def test_refused_token_is_logged_once_with_its_reason_issuer_key_and_hashed_id_and_never_itself(
    light_gateway: Gateway,
) -> None:
    issuer = light_gateway.issuer
    hashed = light_gateway.context.veil.fingerprints.claim

    said = refused(light_gateway, issuer.token(role="admin", jti="one"))
    late = refused(light_gateway, issuer.token(iat=1, exp=2, jti="two"))

    known = {"iss": issuer.url, "kid": "ec-1"}
    assert said == {"reason": "role", **known, "jti": hashed("jti", "one")}
    assert late == {"reason": "expired", **known, "jti": hashed("jti", "two")}
    assert len(said["jti"]) == 16


def test_what_a_refused_token_says_is_logged_as_a_hash_where_it_could_be_anything(light_gateway: Gateway) -> None:
    issuer = light_gateway.issuer
    forged = signed(issuer.header(kid=SSIN), issuer.claims(iss=SSIN, jti=SSIN), an_ec_key(), "ES256")
    odd = signed(issuer.header(kid=7), {"iss": ["x"], "jti": None}, an_ec_key(), "ES256")
    half = signed(issuer.header(), b'{"jti": "\\ud800"}', an_ec_key(), "ES256")

    said = refused(light_gateway, forged)

    assert said.pop("reason") == "key"
    assert len({*said.values()}) == len(said) == 3
    assert SSIN not in str(said)
    assert refused(light_gateway, odd) == {"reason": "header"}
    assert refused(light_gateway, half) == {"reason": "json", "kid": "ec-1"}
    assert refused(light_gateway, "qqqqq.wwwww.zzzzz") == {"reason": "base64"}
    assert refused(light_gateway, "x" * 9000) == {"reason": "shape"}
    assert refused(light_gateway, "no-token") == {"reason": "shape"}


def test_surprise_is_logged_by_its_place_and_kind_without_its_text(
    light_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SSIN)

    monkeypatch.setattr("gateway.store.transaction.Transaction.__init__", fail)
    with capture_logs() as lines:
        light_gateway.send("GET", "/v1/projects", role="auditor")

    (line,) = [line for line in lines if line["event"] == "unexpected"]
    assert line["kind"] == "RuntimeError"
    assert any(where.startswith("transaction.py:") for where in line["where"])
    assert SSIN not in str(lines)


def test_receipts_and_cursors_hold_no_identity(light_gateway: Gateway) -> None:
    receipts = [light_gateway.include()["receipt"], light_gateway.at("2022-03-01T09:00:00+00:00").act()["receipt"]]
    light_gateway.include("85473003317")
    pages: list[Any] = [
        light_gateway.send("GET", f"/v1/{noun}?limit=1", role="project_admin").get_json()
        for noun in ("inclusions", "actions")
    ]

    opened = [from_base64url(part) for receipt in receipts for part in receipt.split(".")]
    opened += [from_base64url(page["next"]) for page in pages if page["next"]]
    assert len(opened) == 7
    assert not [raw for raw in opened if SSIN.encode() in raw or PROVIDER.encode() in raw]


def test_audit_names_a_refusal_of_a_known_caller_but_no_401(gateway: Gateway) -> None:
    before = gateway.counts()["audit_entry"]

    gateway.send("GET", "/v1/projects")
    gateway.send("POST", "/v1/inclusions", {}, role="provider")
    unchained = gateway.counts()["audit_entry"]
    gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="auditor")
    gateway.send("GET", "/v1/releases", role="auditor")
    gateway.send("GET", f"/v1/inclusions/{SSIN}", role="provider")

    assert unchained == before
    assert gateway.counts()["audit_entry"] == before + 3

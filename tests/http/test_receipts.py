"""Receipts: whoever registers something gets one for it, which the published keys alone verify."""

from __future__ import annotations

from typing import Any

from gateway.pseudonyms.receipts import verify_receipt
from tests.builders import PROJECT
from tests.http.test_batches import a_line, ndjson, post
from tests.http.wire import Body, Gateway
from tests.mock.builders import generated_ssins

OTHER, BOTCHED = generated_ssins(2)
REASON = {"reason": "other"}
SUCCESSES = range(200, 300)


def test_every_registration_has_a_receipt_that_names_it_and_its_audit_entry(light_gateway: Gateway) -> None:
    gateway = light_gateway
    inclusion = gateway.include()
    one = f"/v1/inclusions/{inclusion['id']}"

    def done(method: str, path: str, body: Body, role: str = "provider", **headers: str) -> dict[str, Any]:
        answer = gateway.send(method, path, body, role=role, headers=headers)
        assert answer.status_code in SUCCESSES, answer.text
        return dict(answer.get_json())

    answers = {"inclusion": inclusion}
    answers["inclusion-correction"] = done("PATCH", one, {"municipality": "25112"}, **{"If-Match": '"1"'})
    answers["identity-change"] = done("POST", f"{one}/identity", {"ssin": OTHER, "reason": "mistyped"}, "project_admin")
    answers["exit"] = done("POST", f"{one}/exit", {"reason": "moved"})
    answers["exit-annulment"] = done("POST", f"{one}/exit/annulment", REASON)
    gateway.at("2022-02-15T09:00:00+00:00")
    answers["action"] = gateway.act(OTHER)
    answers["action-annulment"] = done("POST", f"/v1/actions/{answers['action']['id']}/annulment", REASON)
    answers["inclusion-annulment"] = done("POST", f"{one}/annulment", REASON)
    answers["batch"] = post(gateway, ndjson(a_line(ssin=BOTCHED))).get_json()

    jwks = gateway.send("GET", "/.well-known/jwks.json").get_json()
    for kind, answer in answers.items():
        claims = verify_receipt(answer["receipt"], jwks)
        assert (claims["kind"], claims["id"]) == (kind, answer["id"])
        assert claims.get("project") == (None if kind == "batch" else PROJECT)
        assert {"audit_entry", "rules"} < claims.keys()
        assert {"communicated_at", "recorded_at"} & claims.keys()

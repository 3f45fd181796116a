"""What the gateway answers to real requests is what the document says, on both stores."""

from __future__ import annotations

from typing import Any

from gateway.app import ROUTES
from gateway.http.openapi.document import document
from tests.builders import PROJECT, PROVIDER, SSIN
from tests.http.conftest import gateway, issuer, seeded_postgresql, seeded_sqlite, serving_its_own_keys
from tests.http.wire import Gateway, an_inclusion_request
from tests.openapi.conforming import check

__all__ = ["gateway", "issuer", "seeded_postgresql", "seeded_sqlite", "serving_its_own_keys"]

DOCUMENT = document(ROUTES, is_sandbox=True)
AS_PROVIDER: dict[str, Any] = {"role": "provider", "nihii": PROVIDER}


def test_an_inclusion_its_reading_and_its_refusals_are_as_described(gateway: Gateway) -> None:
    made = gateway.send("POST", "/v1/inclusions", an_inclusion_request(ssin=SSIN), **AS_PROVIDER)
    one = f"/v1/inclusions/{made.get_json()['id']}"

    assert made.status_code == 201
    check(DOCUMENT, "POST", "/v1/inclusions", made)
    check(DOCUMENT, "GET", "/v1/inclusions/{inclusion_id}", gateway.send("GET", one, **AS_PROVIDER))
    explained = gateway.send("GET", f"{one}/explanation", **AS_PROVIDER)
    check(DOCUMENT, "GET", "/v1/inclusions/{inclusion_id}/explanation", explained)
    again = gateway.send("POST", "/v1/inclusions", an_inclusion_request(ssin=SSIN), **AS_PROVIDER)
    assert again.status_code == 409
    check(DOCUMENT, "POST", "/v1/inclusions", again)


def test_what_is_only_checked_is_as_described(gateway: Gateway) -> None:
    checked = gateway.send("POST", "/v1/inclusions?validate_only=true", an_inclusion_request(ssin=SSIN), **AS_PROVIDER)

    assert checked.status_code == 200
    check(DOCUMENT, "POST", "/v1/inclusions", checked)


def test_problems_of_form_right_and_place_are_as_described(gateway: Gateway) -> None:
    ill_formed = gateway.send("POST", "/v1/inclusions", {"ssin": "1"}, **AS_PROVIDER)
    nobody = gateway.send("GET", "/v1/inclusions")
    unknown = gateway.send("GET", f"/v1/projects/{PROJECT}-unknown", **AS_PROVIDER)
    forbidden = gateway.send("POST", "/v1/pseudocodes", {**PSEUDOCODE}, **AS_PROVIDER)

    assert (ill_formed.status_code, nobody.status_code) == (400, 401)
    assert (unknown.status_code, forbidden.status_code) == (404, 403)
    check(DOCUMENT, "POST", "/v1/inclusions", ill_formed)
    check(DOCUMENT, "GET", "/v1/inclusions", nobody)
    check(DOCUMENT, "GET", "/v1/projects/{project_id}", unknown)
    check(DOCUMENT, "POST", "/v1/pseudocodes", forbidden)


def test_lists_and_open_doors_are_as_described(gateway: Gateway) -> None:
    for path in ("/v1/projects", "/v1/pseudocodes"):
        check(DOCUMENT, "GET", path, gateway.send("GET", path, **AS_PROVIDER))
    for path in ("/live", "/ready", "/problems", "/v1/rules", "/.well-known/jwks.json", "/sandbox/clock"):
        check(DOCUMENT, "GET", path, gateway.send("GET", path))
    check(DOCUMENT, "GET", "/problems/{problem_code}", gateway.send("GET", "/problems/not-informed"))


PSEUDOCODE: dict[str, Any] = {
    "code": "794050",
    "label": {"fr": "Bilan", "nl": "Balans"},
    "level": "population",
    "components": [3],
}

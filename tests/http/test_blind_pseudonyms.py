"""The journey of a person whose pseudonym another service makes, over HTTP, and what happens while it is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from jwt.algorithms import RSAAlgorithm

from gateway.pseudonyms.keyring import Keyring
from gateway.pseudonyms.veil import veil_of
from tests.builders import PROJECT, SSIN
from tests.http.issuer import an_rsa_key
from tests.http.wire import FOREIGN_PROJECT, Gateway, a_gateway, a_partner_request, an_inclusion_request
from tests.pseudonyms.services import Played, a_service

OTHER = "85073003427"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Played]:
    with a_service(tmp_path / "service") as played:
        yield played


@pytest.fixture
def blind(gateway: Gateway, service: Played, keyring: Keyring) -> Iterator[Gateway]:
    """The seeded gateway, on either engine, with pseudonyms of the service."""
    veil = veil_of(keyring, service.owner())
    with a_gateway(gateway.database_url, veil, gateway.issuer, gateway.clock_path) as opened:
        yield opened


def find(gateway: Gateway, ssin: str = SSIN, project: str = PROJECT, role: str = "provider") -> Any:
    return gateway.send("POST", "/v1/inclusions/find", {"project": project, "ssin": ssin}, role=role, key=None)


def asked(service: Played) -> int:
    return sum(path.endswith("/pseudonymize") for path, _ in service.sent)


def test_a_person_is_included_found_and_acted_for(blind: Gateway, service: Played) -> None:
    included = blind.include()
    acted = blind.at("2022-02-14T10:00:00+00:00").act()
    again = blind.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")

    assert acted["inclusion"] == included["id"]
    assert [one["id"] for one in find(blind).get_json()["items"]] == [included["id"]]
    assert find(blind, OTHER).get_json()["items"] == []
    assert (again.status_code, again.get_json()["existing"]) == (409, included["id"])
    assert asked(service) == 5
    changed = {"ssin": OTHER, "reason": "mistyped"}
    moved = blind.send("POST", f"/v1/inclusions/{included['id']}/identity", changed, role="project_admin")
    assert moved.status_code == 200, moved.text
    assert [len(find(blind, ssin).get_json()["items"]) for ssin in (SSIN, OTHER)] == [0, 1]


def test_nothing_is_held_while_the_service_is_asked(blind: Gateway, service: Played) -> None:
    written: list[int] = []

    def write() -> None:
        answer = blind.send("PUT", f"/v1/projects/{PROJECT}/partners/10000106", a_partner_request(), role="registrar")
        written.append(answer.status_code)

    service.meanwhile = write
    blind.include()

    assert written == [200, 200]  # beside the questions for the domain and for the person


def test_nobody_is_asked_about_by_who_has_no_right(blind: Gateway, service: Played) -> None:
    answers = [find(blind, role="coordinator"), find(blind, project=FOREIGN_PROJECT, role="project_admin")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert service.sent == []


def test_an_outage_of_the_service_is_told_and_has_no_effect(blind: Gateway, service: Played) -> None:
    service.play("outage")
    before, request = blind.counts(), an_inclusion_request()

    answers = [blind.send("POST", "/v1/inclusions", request, role="provider", key="key-1") for _ in range(7)]
    looked = find(blind)

    for answer in (*answers, looked):
        assert (answer.status_code, answer.get_json()["code"]) == (503, "pseudonymiser-unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert blind.counts() == before
    assert len(service.sent) < 7  # the circuit opened
    service.play("accept")
    service.ahead = timedelta(minutes=2)
    done = blind.send("POST", "/v1/inclusions", request, role="provider", key="key-1")
    assert done.status_code == 201, done.text


def test_a_gateway_without_the_service_does_not_know_its_people(blind: Gateway, gateway: Gateway) -> None:
    blind.include()

    assert find(gateway).get_json()["items"] == []


def test_the_service_plays_an_unknown_domain_and_a_wrong_point(service: Played) -> None:
    domain = f"{service.url}/pseudo/v1/domains/unowned"
    point = {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "crv": "P-521", "x": "AQ==", "y": "AQ=="}
    service.owner("owned")

    assert requests.get(domain, timeout=10).status_code == 404
    assert requests.post(f"{domain}/pseudonymize", json=point, timeout=10).status_code == 404
    answer = requests.post(f"{service.url}/pseudo/v1/domains/owned/pseudonymize", json=point, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "not-on-curve")
    for key in ({"kty": "RSA"}, {"kty": "oct", "k": "AA"}, RSAAlgorithm.to_jwk(an_rsa_key(), as_dict=True)):
        assert requests.put(f"{domain}/owner", json={"public_key": key}, timeout=10).status_code == 400

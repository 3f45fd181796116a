"""Paths, queries and cursors: what nobody knows is refused, and nothing of it comes back."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from tests.builders import PROJECT, SSIN
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway, a_partner_request, an_assignment_request, an_inclusion_request


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


REFUSED = {
    "limit 0": ("/v1/projects?limit=0", "invalid-parameter"),
    "limit 1001": ("/v1/projects?limit=1001", "invalid-parameter"),
    "limit 10^9": ("/v1/projects?limit=1000000000", "invalid-parameter"),
    "limit negative": ("/v1/projects?limit=-1", "invalid-parameter"),
    "limit with a sign": ("/v1/projects?limit=%2B5", "invalid-parameter"),
    "limit with a zero": ("/v1/projects?limit=05", "invalid-parameter"),
    "limit with a fraction": ("/v1/projects?limit=1.0", "invalid-parameter"),
    "limit with an underscore": ("/v1/projects?limit=1_0", "invalid-parameter"),
    "limit in full-width digits": ("/v1/projects?limit=%EF%BC%91", "invalid-parameter"),
    "limit empty": ("/v1/projects?limit=", "invalid-parameter"),
    "limit with a newline": ("/v1/projects?limit=5%0A", "invalid-parameter"),
    "limit twice": ("/v1/projects?limit=5&limit=5", "invalid-parameter"),
    "a list": ("/v1/projects?limit[]=5", "unknown-parameter"),
    "in capitals": ("/v1/projects?Limit=5", "unknown-parameter"),
    "a sort": ("/v1/projects?sort=nihii", "unknown-parameter"),
    "an SSIN": (f"/v1/projects?ssin={SSIN}", "unknown-parameter"),
    "an SSIN as a name": (f"/v1/projects?{SSIN}=1", "unknown-parameter"),
    "an SSIN twice as a name": (f"/v1/projects?{SSIN}=1&{SSIN}=2", "invalid-parameter"),
    "an SSIN for an inclusion": (f"/v1/inclusions?ssin={SSIN}", "unknown-parameter"),
    "an SSIN as a project": (f"/v1/inclusions?project={SSIN}x.", "invalid-request"),
    "a role": ("/v1/projects?role=registrar", "unknown-parameter"),
    "a trial that writes nothing": ("/v1/projects?validate_only=true", "unknown-parameter"),
    "where there is none": ("/v1/releases?limit=5", "unknown-parameter"),
    "of one object": (f"/v1/projects/{PROJECT}?fields=name", "unknown-parameter"),
    "an empty name": ("/v1/projects?=1", "unknown-parameter"),
    "a day that is none": ("/v1/inclusions?valid_on=2022-02-30", "invalid-request"),
    "a day before all": ("/v1/inclusions?valid_on=1899-12-31", "invalid-request"),
    "a week date": ("/v1/inclusions?valid_on=2022-W05-1", "invalid-request"),
    "an instant without zone": ("/v1/inclusions?known_at=2022-02-01T00:00:00", "invalid-request"),
    "an instant whose plus is a space": ("/v1/inclusions?known_at=2022-02-01T00:00:00+01:00", "invalid-request"),
    "a status that is none": ("/v1/inclusions?status=deleted", "invalid-request"),
    "a project in capitals": ("/v1/inclusions?project=Demo-Nord", "invalid-request"),
    "a project with a NUL": ("/v1/inclusions?project=demo%00", "invalid-request"),
    "a pseudocode of five": ("/v1/actions?pseudocode=79401", "malformed-pseudocode"),
    "a from that is none": ("/v1/actions?from=2022-02-30", "invalid-request"),
    "a broken escape": ("/v1/inclusions?project=%zz", "invalid-request"),
    "no UTF-8": ("/v1/inclusions?project=%ff", "invalid-request"),
    "a cursor with a space": ("/v1/projects?cursor=a%20b", "invalid-parameter"),
    "a cursor too long": (f"/v1/projects?cursor={'A' * 513}", "invalid-parameter"),
    "a cursor empty": ("/v1/projects?cursor=", "invalid-parameter"),
    "a cursor that is none": ("/v1/projects?cursor=AAAAA", "invalid-cursor"),
    "a cursor with padding": ("/v1/projects?cursor=ZA==", "invalid-cursor"),
    "a cursor with spare bits": ("/v1/projects?cursor=ZB", "invalid-cursor"),
    "a cursor outside ASCII": (f"/v1/projects?cursor={cursor('é')}", "invalid-cursor"),
    "a cursor of no alphabet": ("/v1/projects?cursor=*", "invalid-cursor"),
    "a cursor of another list": (f"/v1/inclusions?cursor={cursor('demo-nord')}", "invalid-cursor"),
    "a cursor without its day": (f"/v1/actions?cursor={cursor(str(SSIN))}", "invalid-cursor"),
    "a cursor with half a day": (f"/v1/actions?cursor={cursor('2022-02-30/x')}", "invalid-cursor"),
    "a cursor without its id": (f"/v1/actions?cursor={cursor('2022-02-14/x')}", "invalid-cursor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_query_that_is_not_understood_is_400(shared_gateway: Gateway, case: str) -> None:
    path, code = REFUSED[case]
    before = shared_gateway.counts()

    assert_problem(shared_gateway.send("GET", path, role="project_admin"), 400, code)
    assert shared_gateway.counts() == before


@pytest.mark.parametrize("value", ["yes", "1", "True", "", "true&validate_only=true", "true&validate_only=false"])
def test_trial_is_true_or_false_once(shared_gateway: Gateway, value: str) -> None:
    path = f"/v1/inclusions?validate_only={value}"

    answer = shared_gateway.send("POST", path, an_inclusion_request(), role="provider")

    assert_problem(answer, 400, "invalid-parameter")
    assert answer.get_json()["errors"][0]["pointer"] == "?validate_only"


def test_every_parameter_at_fault_is_named_at_once(shared_gateway: Gateway) -> None:
    path = "/v1/inclusions?status=deleted&valid_on=x&limit=0&nonsense=1"

    answer = shared_gateway.send("GET", path, role="project_admin").get_json()

    assert [(error["pointer"], error["code"]) for error in answer["errors"]] == [
        ("?limit", "invalid-parameter"),
        ("?nonsense", "unknown-parameter"),
        ("?status", "unknown-value"),
        ("?valid_on", "invalid-day"),
    ]


NO_IDS = [
    SSIN,
    "1",
    "-1",
    "00000000-0000-0000-0000-000000000000",
    "01a1ffd3-9d73-8040-9e4b-349e59c7974",
    "01a1ffd39d7380409e4b349e59c79749",
    "{01a1ffd3-9d73-8040-9e4b-349e59c79749}",
    "urn:uuid:01a1ffd3-9d73-8040-9e4b-349e59c79749",
    "01a1ffd3-9d73-8040-9e4b-349e59c79749 ",
    "01a1ffd3-9d73-8040-9e4b-349e59c79749\x00",
    "０1a1ffd3-9d73-8040-9e4b-349e59c79749",
    "../projects",
    "..%2fprojects",
    ";x",
    "' OR 1=1--",
    "\ud7ff",
    "a" * 3000,
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
]


@pytest.mark.parametrize("number", range(len(NO_IDS)))
@pytest.mark.parametrize("path", ["/v1/inclusions/{}", "/v1/actions/{}", "/v1/projects/{}", "/problems/{}"])
def test_path_that_names_nothing_is_404(shared_gateway: Gateway, path: str, number: int) -> None:
    answer = shared_gateway.send("GET", path.format(quote(NO_IDS[number], safe="")), role="project_admin")

    assert_problem(answer, 404, "unknown-project" if "projects" in path and "/" not in NO_IDS[number] else "not-found")


@pytest.mark.parametrize("number", range(len(NO_IDS)))
def test_path_that_names_nothing_is_404_for_a_change_too(gateway: Gateway, number: int) -> None:
    path = f"/v1/inclusions/{quote(NO_IDS[number], safe='')}/annulment"

    assert_problem(gateway.send("POST", path, {"reason": "other"}, role="provider"), 404, "not-found")


@pytest.mark.parametrize("code", ["79401", "7940100", "abcdef", "７９４０１０", "794010\n", SSIN])
def test_pseudocode_of_a_path_has_six_digits(shared_gateway: Gateway, code: str) -> None:
    path = f"/v1/projects/{PROJECT}/pseudocodes/{quote(code)}"

    assert_problem(
        shared_gateway.send("PUT", path, an_assignment_request(), role="registrar"), 400, "malformed-pseudocode"
    )


@pytest.mark.parametrize("nihii", ["1", "10000107", "100001060", "10000106\n", "１００００１０６", SSIN])
def test_number_of_a_path_is_a_right_one(shared_gateway: Gateway, nihii: str) -> None:
    path = f"/v1/projects/{PROJECT}/partners/{quote(nihii)}"

    assert_problem(shared_gateway.send("PUT", path, a_partner_request(), role="registrar"), 400, "invalid-nihii")


def test_identifier_is_found_in_either_case(light_gateway: Gateway) -> None:
    inclusion_id = light_gateway.include()["id"]

    answer = light_gateway.send("GET", f"/v1/inclusions/{inclusion_id.upper()}", role="provider")

    assert answer.get_json()["id"] == inclusion_id

"""Methods, paths and hosts in odd forms: answered as the plain form is, or refused; never 5xx, never a redirect."""

from __future__ import annotations

import json
import random
import string

import pytest

from tests.builders import SSIN
from tests.http.test_bodies import assert_problem
from tests.http.truth import TRUTH
from tests.http.wire import Gateway, an_inclusion_request

ROUTED = {"/v1/projects": {"GET", "HEAD", "OPTIONS", "POST"}, "/live": {"GET", "HEAD", "OPTIONS"}}
FORMS = {
    "trailing slash": "/v1/projects/",
    "two slashes inside": "/v1//projects",
    "two slashes before an SSIN": f"/v1/inclusions//{SSIN}",
    "capitals": "/V1/projects",
    "capitals inside": "/v1/Projects",
    "a dot": "/v1/./projects",
    "dots": "/v1/inclusions/../projects",
    "a parameter": "/v1/projects;x=1",
    "a space": "/v1/projects ",
    "a NUL": "/v1/projects\x00",
    "an extension": "/v1/projects.json",
    "a backslash": "/v1\\projects",
    "no version": "/projects",
    "another version": "/v2/projects",
    "nothing": "/",
    "empty": "",
    "static": "/static/x",
    "a file": "/favicon.ico",
    "a console": "/console",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_path_of_another_form_is_404_and_no_redirect(shared_gateway: Gateway, method: str, form: str) -> None:
    answer = shared_gateway.send(method, "/", role="registrar", environ={"PATH_INFO": FORMS[form]})

    assert_problem(answer, 404, "not-found")
    assert "Location" not in answer.headers


def test_slashes_before_a_path_open_nothing(shared_gateway: Gateway) -> None:
    answers = [
        shared_gateway.send("GET", "/", role=role, environ={"PATH_INFO": "//v1/releases"}) for role in (None, "auditor")
    ]

    assert [answer.status_code for answer in answers] == [401, 403]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 100])
@pytest.mark.parametrize("path", ROUTED)
def test_method_that_a_resource_does_not_have_is_405_with_those_it_has(
    shared_gateway: Gateway, path: str, method: str
) -> None:
    answer = shared_gateway.send("GET", path, role="registrar", environ={"REQUEST_METHOD": method})

    if method == "get":
        assert answer.status_code in (200, 405)
    else:
        assert_problem(answer, 405, "method-not-allowed")
        assert set(answer.headers["Allow"].split(", ")) == ROUTED[path]


@pytest.mark.parametrize("route", TRUTH)
def test_head_needs_what_get_needs_and_options_gives_methods_alone(shared_gateway: Gateway, route: str) -> None:
    path = route.partition(" ")[2]
    for name in ("inclusion_id", "action_id", "project_id", "batch_id", "code", "nihii"):
        path = path.replace(f"<{name}>", "x")

    head, options = (shared_gateway.send(method, path) for method in ("HEAD", "OPTIONS"))

    assert head.status_code in (401, 405)
    assert (options.status_code, options.data) == (200, b"")
    assert route.partition(" ")[0] in options.headers["Allow"].split(", ")
    assert not [name for name, _ in options.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/inclusions", "/live", "/absent"])
def test_other_sites_are_allowed_nothing_by_a_preflight(shared_gateway: Gateway, path: str) -> None:
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }

    answer = shared_gateway.send("OPTIONS", path, headers=asked)

    assert answer.status_code in (200, 404)
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(("path", "role"), [("/v1/projects", "auditor"), ("/v1/projects", None), ("/x", None)])
def test_every_answer_tells_browsers_to_do_nothing_with_it(
    shared_gateway: Gateway, path: str, role: str | None
) -> None:
    headers = shared_gateway.send("GET", path, role=role).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_head_is_get_without_its_body(shared_gateway: Gateway) -> None:
    get, head = (shared_gateway.send(method, "/v1/projects", role="auditor") for method in ("GET", "HEAD"))

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-HTTP-Method": "PUT"},
        {"X-Method-Override": "PATCH"},
        {"X-Original-URL": "/v1/releases"},
        {"X-Rewrite-URL": "/v1/releases"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Prefix": "/evil"},
        {"Forwarded": "host=evil.example"},
        {"X-Remote-User": "admin", "X-User-ID": "1", "X-Role": "registrar"},
        {"Range": "bytes=0-0,0-0,0-0"},
        {"If-None-Match": "*"},
        {"Expect": "100-continue"},
        {"Cookie": "role=registrar; " + "x=1; " * 100},
        {"Origin": "https://evil.example"},
        {"Upgrade": "h2c"},
    ],
)
def test_header_that_claims_something_changes_nothing(light_gateway: Gateway, headers: dict[str, str]) -> None:
    read = light_gateway.send("GET", "/v1/projects", role="auditor", headers=headers)
    refused = light_gateway.send("GET", "/v1/releases", role="auditor", headers=headers)
    written = light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", headers=headers)

    assert [answer.status_code for answer in (read, refused, written)] == [200, 403, 201]
    assert read.get_json()["items"]
    assert written.headers["Location"] == f"/v1/inclusions/{written.get_json()['id']}"
    assert "evil" not in str(written.headers) + written.text
    assert "Access-Control-Allow-Origin" not in read.headers


def test_method_in_the_query_or_body_is_no_method(shared_gateway: Gateway) -> None:
    assert_problem(shared_gateway.send("GET", "/v1/projects?_method=POST", role="registrar"), 400, "unknown-parameter")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
        "[::1]",
        "a b",
        "@localhost",
        "",
    ],
)
def test_host_that_is_not_ours_is_400(shared_gateway: Gateway, host: str) -> None:
    for method, path in (("GET", "/live"), ("GET", "/v1/projects"), ("POST", "/v1/inclusions"), ("GET", "/absent")):
        answer = shared_gateway.send(method, path, role="auditor", environ={"HTTP_HOST": host})

        assert_problem(answer, 400, "untrusted-host")
        assert "evil" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "localhost:8080", "127.0.0.1:1", "LocalHost", "LOCALHOST:80"]
)
def test_host_that_is_ours_is_served_on_any_port(shared_gateway: Gateway, host: str) -> None:
    assert shared_gateway.send("GET", "/live", environ={"HTTP_HOST": host}).status_code == 200


def test_nothing_that_is_thrown_at_it_is_a_server_error(shared_gateway: Gateway) -> None:
    """Two thousand requests of random methods, paths, queries, headers and bodies, from one seed."""
    dice = random.Random(20220201)
    letters = string.printable + "é\x00\x7f\ud7ff"
    paths = [route.partition(" ")[2] for route in TRUTH] + ["/problems/<code>", "/sandbox/clock", "/sandbox/release"]
    bodies: list[object] = [an_inclusion_request(), [], {}, None, 1, "x", {"reason": "other"}, {"now": 1}, [[[[]]]]]

    def noise(size: int) -> str:
        return "".join(dice.choices(letters, k=dice.randrange(size)))

    for _ in range(2_000):
        path = "/".join(noise(12) if part.startswith("<") else part for part in dice.choice(paths).split("/"))
        body = json.dumps(dice.choice(bodies)).encode()
        place = dice.randrange(len(body) + 1)
        answer = shared_gateway.send(
            dice.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
            "/",
            body[:place] + noise(4).encode() + body[place:],
            role=dice.choice(["provider", "project_admin", "registrar", "policy_maker", "coordinator"]),
            key=dice.choice(["k", "fresh", None]),
            headers={"If-Match": '"7"'},
            environ={
                "PATH_INFO": path.encode().decode("latin-1"),
                "QUERY_STRING": dice.choice(["", "by=month", "limit=1", noise(30).encode().decode("latin-1")]),
                "HTTP_ACCEPT_LANGUAGE": noise(10).encode().decode("latin-1"),
                "HTTP_ACCEPT": noise(10).encode().decode("latin-1"),
            },
        )
        assert answer.status_code < 500, (path, answer.text)
        assert answer.status_code not in (301, 302, 307, 308)

"""Problems: every class of the error tree has its status, four texts and a page; refusals name their facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

import schemas
from gateway.domain import errors
from gateway.http.api.open import leaves
from gateway.http.problems import MEDIA_TYPE, problem_response
from gateway.http.statuses import STATUSES, retry_after, status_of
from gateway.http.texts import LANGUAGES, problem_texts
from tests.builders import COLLEAGUE, SSIN
from tests.http.wire import (
    EARLY_PSEUDOCODE,
    Gateway,
    a_project_request,
    an_action_request,
    an_inclusion_request,
)

TREE = [kind for kind in leaves(errors.Problem) if kind.__module__.startswith(f"{errors.__name__}.")]
FIELD_CODES = re.compile(
    r'(?:ValidationError\(\s*|FieldError\([^,]+, |code: ClassVar\[str\] = |    code = )"([a-z-]+)"'
)
WRITTEN_BY_HAND = {
    "no-token": 401,
    "invalid-token": 401,
    "token-expired": 401,
    "malformed-json": 400,
    "duplicate-member": 400,
    "too-deep": 400,
    "body-incomplete": 400,
    "digest-mismatch": 400,
    "invalid-request": 400,
    "invalid-cursor": 400,
    "idempotency-key-missing": 400,
    "idempotency-key-invalid": 400,
    "invalid-ssin": 400,
    "invalid-nihii": 400,
    "invalid-cbe": 400,
    "malformed-pseudocode": 400,
    "identity-in-text": 400,
    "unknown-parameter": 400,
    "invalid-parameter": 400,
    "length-required": 411,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "method-not-allowed": 405,
    "untrusted-host": 400,
    "precondition-required": 428,
    "precondition-failed": 412,
    "not-found": 404,
    "role-not-allowed": 403,
    "foreign-project": 403,
    "unknown-project": 404,
    "not-a-partner": 403,
    "not-informed": 422,
    "agreement-in-future": 422,
    "not-in-target-group": 422,
    "convention-not-in-force": 422,
    "valid-after-convention-end": 422,
    "already-included": 409,
    "already-exited": 409,
    "already-annulled": 409,
    "already-rejected": 409,
    "performed-in-future": 422,
    "outside-convention": 422,
    "unknown-pseudocode": 422,
    "pseudocode-not-of-project": 422,
    "pseudocode-not-valid-then": 422,
    "project-level-pseudocode": 422,
    "not-included": 422,
    "outside-validity": 422,
    "registration-closed": 422,
    "duplicate-action": 409,
    "already-exists": 409,
    "not-in-lattice": 422,
    "not-released": 404,
    "already-released": 409,
    "already-revised": 409,
    "not-due": 422,
    "clock-runs-forward": 409,
    "idempotency-key-reused": 422,
    "idempotency-key-in-flight": 409,
    "issuer-unavailable": 503,
    "store-unavailable": 503,
    "commit-too-late": 503,
    "not-ready": 503,
    "unexpected": 503,
}


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_class_of_the_tree_has_a_status_texts_and_a_page(shared_gateway: Gateway, kind: type[errors.Problem]) -> None:
    status, texts = status_of(kind), problem_texts()[kind.code]

    page = shared_gateway.send("GET", f"/problems/{kind.code}").get_json()

    assert kind.__doc__
    assert 400 <= status < 600
    assert page == {"code": kind.code, "type": f"/problems/{kind.code}", "status": status, **texts}
    for part in ("title", "detail", "remedy"):
        assert set(texts[part]) == set(LANGUAGES)
        assert all(text.strip() for text in texts[part].values())


def test_every_status_of_the_contract_is_the_one_written_by_hand(shared_gateway: Gateway) -> None:
    listed = shared_gateway.send("GET", "/problems").get_json()

    statuses = {item["code"]: item["status"] for item in listed["items"]}
    assert listed["next"] is None
    assert list(statuses) == sorted(statuses)
    assert {code: statuses.get(code) for code in WRITTEN_BY_HAND} == WRITTEN_BY_HAND


def test_every_problem_with_a_status_is_in_the_tree() -> None:
    assert set(STATUSES) <= set(_all(errors.Problem))


def _all(kind: type[errors.Problem]) -> list[type[errors.Problem]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all(child))]


def test_every_code_of_a_field_has_its_texts() -> None:
    wire = Path(str(schemas.__file__)).parent
    homes = (wire, Path(str(errors.__file__)).parents[1] / "http" / "api")
    paths = [path for home in homes for path in home.rglob("*.py")]
    # What MyCareNet and the gateway tell each other has codes that no client gets: no door imports it.
    sources = [path.read_text(encoding="utf-8") for path in paths if path.parent != wire / "mycarenet"]
    used = {code for source in sources for code in FIELD_CODES.findall(source)}
    strict_json = {"malformed-json", "duplicate-member", "too-deep"}
    types = {"required", "null-not-allowed", "wrong-type", "not-an-object", "unknown-member"}

    texts = problem_texts()["field"]

    assert (used | types) - strict_json <= set(texts)
    assert all(set(text["detail"]) == set(LANGUAGES) for text in texts.values())


def test_page_of_a_problem_is_html_for_a_browser(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("GET", "/problems/outside-validity", headers={"Accept": "text/html,*/*;q=0.8"})

    assert answer.content_type == "text/html; charset=utf-8"
    assert all(f'lang="{language}"' in answer.text for language in LANGUAGES)
    assert "outside-validity (422)" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("fr", "fr"),
        ("nl", "nl"),
        ("de", "de"),
        ("en", "en"),
        ("fr-BE", "fr"),
        ("nl-BE, fr;q=0.5", "nl"),
        ("de-DE;q=0.4, nl;q=0.6", "nl"),
        ("es", "en"),
        ("es, de;q=0.1", "de"),
        ("fr;q=0", "en"),
        ("../../etc/passwd", "en"),
        ("x" * 5000, "en"),
        ("fr;q=abc", "en"),
        ("", "en"),
    ],
)
def test_problem_is_told_in_the_language_asked_for(
    shared_gateway: Gateway, accepted: str | None, language: str
) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}

    answer = shared_gateway.send("GET", "/v1/projects/absent", role="auditor", headers=headers)

    texts = problem_texts()["unknown-project"]
    assert answer.headers["Content-Language"] == language
    assert answer.get_json()["title"] == texts["title"][language]
    assert answer.get_json()["detail"] == texts["detail"][language]
    assert answer.get_json()["code"] == "unknown-project"


FACTS: Mapping[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "not-informed": (
        "2022-01-15",
        an_inclusion_request(agreement={"agreed_on": "2022-01-10", "informed": False, "in_target_group": True}),
        {"rule": "I1", "source": "C 5 §2; D 1, 12°"},
    ),
    "agreement-in-future": (
        "2022-01-15",
        an_inclusion_request(agreement={"agreed_on": "2022-01-16", "informed": True, "in_target_group": True}),
        {"rule": "I1", "allowed_until": "2022-01-15"},
    ),
    "convention-not-in-force": (
        "2023-01-15",
        an_inclusion_request(),
        {"rule": "I5", "allowed_from": "2021-09-01", "allowed_until": "2022-12-31"},
    ),
    "valid-after-convention-end": (
        "2022-12-15",
        an_inclusion_request(),
        {"rule": "V6", "source": "C 16 §1", "allowed_until": "2022-11-30"},
    ),
    "performed-in-future": (
        "2022-03-01",
        an_action_request(performed_on="2022-03-02"),
        {"rule": "P4", "allowed_until": "2022-03-01"},
    ),
    "outside-convention": (
        "2022-03-01",
        an_action_request(performed_on="2021-08-31"),
        {"rule": "P4", "allowed_from": "2021-09-01", "allowed_until": "2022-12-31"},
    ),
    "unknown-pseudocode": (
        "2022-03-01",
        an_action_request(pseudocode="794011"),
        {"rule": "P2", "nearest": ["794010", "794032"]},
    ),
    "pseudocode-not-valid-then": (
        "2022-03-01",
        an_action_request(pseudocode=EARLY_PSEUDOCODE),
        {"rule": "P2", "allowed_from": "2021-09-01", "allowed_until": "2022-02-10"},
    ),
    "not-included": ("2022-03-01", an_action_request(ssin="85473003317"), {"rule": "P3"}),
    "outside-validity": (
        "2022-03-01",
        an_action_request(performed_on="2022-01-31"),
        {"rule": "P3", "source": "C 5 §3, 9 §1", "allowed_from": "2022-02-01"},
    ),
    "registration-closed": ("2023-03-01", an_action_request(), {"rule": "P9", "allowed_until": "2023-02-28"}),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", FACTS)
def test_refusal_names_its_rule_source_and_facts(shared_gateway: Gateway, code: str, language: str) -> None:
    now, body, facts = FACTS[code]
    path = "/v1/actions" if "pseudocode" in body else "/v1/inclusions"
    shared_gateway.at("2022-01-15T09:00:00+00:00")
    shared_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider")
    shared_gateway.at(f"{now}T09:00:00+00:00")

    answer = shared_gateway.send("POST", path, body, role="provider", headers={"Accept-Language": language})

    document = answer.get_json()
    assert document["code"] == code
    assert {name: document[name] for name in facts} == facts
    assert all(str(fact) in document["detail"] for name, fact in facts.items() if name.startswith("allowed_f"))
    assert "{" not in document["detail"]
    assert SSIN not in answer.text


def test_conflict_names_what_exists(gateway: Gateway) -> None:
    inclusion = gateway.include()["id"]
    gateway.at("2022-03-01T09:00:00+00:00")
    action = gateway.act()["id"]

    included = gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="project_admin")
    acted = gateway.send("POST", "/v1/actions", an_action_request(), role="provider")

    assert (included.status_code, included.get_json()["existing"]) == (409, inclusion)
    assert (acted.status_code, acted.get_json()["existing"]) == (409, action)


def test_partner_of_other_days_is_told_which(light_gateway: Gateway) -> None:
    path = f"/v1/projects/demo-nord/partners/{COLLEAGUE}"
    days = {"from": "2021-09-01", "until": "2021-12-31", "category": "first_line", "discipline": "nurse"}
    assert light_gateway.send("PUT", path, days, role="registrar").status_code == 200

    answer = light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), role="provider", nihii=COLLEAGUE)

    document = answer.get_json()
    assert (document["code"], document["rule"], document["source"]) == ("not-a-partner", "I4", "C 5 §3, 4")
    assert (document["allowed_from"], document["allowed_until"]) == ("2021-09-01", "2021-12-31")


def test_members_that_do_not_apply_are_left_out(shared_gateway: Gateway) -> None:
    answer = shared_gateway.send("GET", "/v1/projects/absent", role="auditor")

    assert set(answer.get_json()) == {"type", "title", "status", "detail", "code", "instance"}


@pytest.mark.parametrize(
    ("problem", "seconds"),
    [(errors.StoreUnavailable(), "5"), (errors.Unexpected(), "5"), (errors.IdempotencyKeyInFlight(), "1")],
)
def test_problem_that_passes_says_when_to_ask_again(problem: errors.Problem, seconds: str) -> None:
    answer = problem_response(problem, "en", "1")

    assert answer.headers["Retry-After"] == seconds
    assert retry_after(errors.NotFound) is None


def test_store_out_of_reach_is_503_with_retry_after(light_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("", None, Exception("disk I/O error"))

    token = light_gateway.token("provider")
    monkeypatch.setattr("gateway.store.transaction.Transaction.__init__", fail)

    answers = [
        light_gateway.send("POST", "/v1/inclusions", an_inclusion_request(), token=token),
        light_gateway.send("GET", "/v1/projects", token=token),
    ]
    metrics = light_gateway.send("GET", "/metrics")

    for answer in answers:
        assert (answer.status_code, answer.get_json()["code"]) == (503, "store-unavailable")
        assert (answer.headers["Retry-After"], answer.content_type) == ("5", MEDIA_TYPE)
        assert "disk" not in answer.text
    assert metrics.status_code == 200
    assert "chroniccare_outbox" not in metrics.text


def test_surprise_is_503_and_says_nothing_of_itself(light_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SSIN)

    monkeypatch.setattr("gateway.store.transaction.Transaction.__init__", fail)

    answer = light_gateway.send("GET", "/v1/projects", role="auditor")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "unexpected")
    assert not any(word in answer.text for word in (SSIN, "RuntimeError", "Traceback", ".py"))


def test_surprise_while_telling_a_problem_is_a_problem_too(
    light_gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise errors.InvalidRequest([errors.FieldError("#/x", "no-such-code")])

    monkeypatch.setattr("gateway.store.transaction.Transaction.__init__", fail)

    answer = light_gateway.send("GET", "/v1/projects", role="auditor")

    assert (answer.status_code, answer.get_json()["code"]) == (503, "unexpected")


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/v1/projects", "auditor"),
        ("GET", "/v1/projects", None),
        ("GET", "/absent", None),
        ("DELETE", "/v1/projects", None),
        ("GET", "/live", None),
        ("GET", "/metrics", None),
        ("GET", "/problems/not-found", None),
        ("OPTIONS", "/v1/projects", None),
    ],
)
def test_every_answer_bears_the_security_headers_and_its_id(
    shared_gateway: Gateway, method: str, path: str, role: str | None
) -> None:
    answer = shared_gateway.send(method, path, role=role, headers={"X-Request-ID": "mine"})

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["X-Request-ID"])
    assert not {"Server", "X-Powered-By", "Set-Cookie", "Access-Control-Allow-Origin"} & set(answer.headers.keys())
    if answer.status_code >= 400:
        assert answer.get_json()["instance"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 428, "precondition-required"),
        ('"2"', 412, "precondition-failed"),
        ('"stale"', 412, "precondition-failed"),
        ("1", 412, "precondition-failed"),
        ('W/"1"', 412, "precondition-failed"),
        ('"01"', 412, "precondition-failed"),
        ('"1", "2"', 412, "precondition-failed"),
        ("*", 412, "precondition-failed"),
        ("", 412, "precondition-failed"),
        (f'"{"9" * 30}"', 412, "precondition-failed"),
    ],
)
def test_replacement_needs_the_version_last_read(gateway: Gateway, header: str | None, status: int, code: str) -> None:
    headers = {} if header is None else {"If-Match": header}

    answer = gateway.send("PUT", "/v1/projects/demo-nord", a_project_request(), role="registrar", headers=headers)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)

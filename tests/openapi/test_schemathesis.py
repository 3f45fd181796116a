"""schemathesis, with the sandbox's tokens, finds nothing on either store.

It makes requests from the document, well-formed and ill-formed ones, sends each to a sandbox on either store, and
compares every answer with the document. To make them costs more than to send them, so it is done once, and not before
the test runs: in parallel runs every process collects every test.
Shape: `CHRONICCARE_SCHEMATHESIS_EXAMPLES` is how many random requests each operation gets besides the systematic ones.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, CheckContext
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test  # the decorator makes all requests at collection
from schemathesis.python._constants.orchestrator import make_constants_value_source

from gateway.app import ROUTES
from gateway.domain.access import ACCESS, Role
from gateway.http.openapi.document import document
from gateway.http.openapi.examples import example_of
from schemas import catalogue
from tests.openapi import strategies
from tests.sandboxes import STORES, Sandbox, live_sandbox

pytestmark = pytest.mark.repetitive  # its process is a client alone
EXAMPLES = int(os.environ.get("CHRONICCARE_SCHEMATHESIS_EXAMPLES", "15"))
PROJECT, PARTNER = "demo-nord", "12345625001"
NOW = "2022-02-14T10:00:00Z"
CLAIMS: dict[Role, dict[str, Any]] = {
    Role.REGISTRAR: {},
    Role.PROJECT_ADMIN: {"project": PROJECT},
    Role.POLICY_MAKER: {},
    Role.PROVIDER: {"nihii": PARTNER},
    Role.AUDITOR: {},
}
"""The roles whose tokens are used, the farthest reaching first."""
NOT_ASKED = ("positive_data_acceptance",)
"""A well-formed request may break a rule, or name what is not there."""
Case = schemathesis.Case[Any]
SENT: Counter[str] = Counter()
"""How many requests each store got."""

strategies.register()
CONFIG = schemathesis.Config()
CONFIG.projects.default.generation.with_security_parameters = False
DOCUMENT = document(ROUTES, is_sandbox=True)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
VERBS = {route.verb for route in ROUTES}
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]


@dataclass(frozen=True)
class Stand:
    """A sandbox with the project, pseudocode and partner of the document's examples, and tokens for it."""

    store: str
    box: Sandbox
    tokens: Mapping[Role, str]

    def headers(self, case: Case) -> dict[str, str]:
        verb = case.operation.definition.raw["operationId"]
        return {"Authorization": f"Bearer {self.tokens[a_role(verb)]}"} if verb in VERBS else {}

    def check(self, case: Case, session: requests.Session) -> None:
        """Send a request, and compare the answer with the document."""
        headers = self.headers(case)
        answer = case.call(base_url=self.box.gateway, headers=dict(headers), session=session)
        SENT[self.store] += 1
        case.validate_response(answer, excluded_checks=unasked(case), headers=headers)


@pytest.fixture(scope="module")
def stands(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stand]]:
    """A sandbox on each store."""
    with ExitStack() as opened:
        boxes = {store: opened.enter_context(live_sandbox(request, tmp_path_factory, store)) for store in STORES}
        for box in boxes.values():
            seed(box)
        yield [
            Stand(store, box, {role: box.token(role.value, **claims) for role, claims in CLAIMS.items()})
            for store, box in boxes.items()
        ]


def seed(box: Sandbox) -> None:
    registrar = box.token("registrar")
    box.move_clock(NOW)
    for method, path, schema in (
        ("POST", "/v1/projects", catalogue.ProjectRequest),
        ("POST", "/v1/pseudocodes", catalogue.PseudocodeRequest),
        ("PUT", f"/v1/projects/{PROJECT}/pseudocodes/794010", catalogue.AssignmentRequest),
        ("PUT", f"/v1/projects/{PROJECT}/partners/{PARTNER}", catalogue.PartnerRequest),
    ):
        answer = box.send(method, path, example_of(schema), token=registrar)
        assert answer.status_code < 300, answer.text


def a_role(verb: str) -> Role:
    return next(role for role in CLAIMS if role in ACCESS[verb])


@schemathesis.check
def documented_code(ctx: CheckContext, response: schemathesis.Response, case: Case) -> None:
    """A problem's code is one of those that the document names for the operation and status."""
    is_problem = response.headers.get("content-type", [""])[0] == "application/problem+json"
    if not is_problem or case.method != case.operation.method.upper():
        return
    answer = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    codes = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    code = response.json()["code"]
    assert code in codes, f"{response.status_code} {code} is not in the document"


def needs_no_key(case: Case) -> bool:
    """Whether it is only checked: then a key is not looked at, which OpenAPI has no words for."""
    return str((case.query or {}).get("validate_only")).lower() == "true"


def unasked(case: Case) -> Any:
    """The checks that would ask what is not promised."""
    keyless = ["negative_data_rejection", "missing_required_header"] if needs_no_key(case) else []
    textual = ["negative_data_rejection"] if case.media_type in strategies.TEXT_TYPES else []  # any text is a text
    shadowed = ["unsupported_method", "allow_header_conformance"] if is_shadowed(case.operation.path) else []
    return CHECKS.get_by_names([*NOT_ASKED, *keyless, *textual, *shadowed])


def is_shadowed(path: str) -> bool:
    """Whether a path is one that another path with a parameter takes too: then that one answers its other methods."""
    others = (re.sub(r"\{\w+\}", "[^/]+", other) for other in DOCUMENT["paths"] if other != path)
    return any(re.fullmatch(other, path) for other in others)


@cache
def feedback() -> FeedbackSources:
    return FeedbackSources(constants_value_source=make_constants_value_source(SCHEMA))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def asked(case: Case, stands: list[Stand], session: requests.Session) -> None:
    for stand in stands:
        stand.check(case, session)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_gateway_keeps_to_its_document(operation: str, stands: list[Stand]) -> None:
    method, path = operation.split()
    every = build_operation_test(
        config=SCHEMA.config,
        operation=SCHEMA[path][method],
        test_func=asked,
        given_kwargs={},
        feedback=feedback(),
    )

    with requests.Session() as session:
        session.trust_env = False  # it would look for proxies in the environment before each request
        every(stands=stands, session=session)


def test_it_asked_every_operation_more_than_once_on_either_store(stands: list[Stand]) -> None:
    for stand in stands:
        assert SENT[stand.store] > 10 * len(OPERATIONS)
    print(f"schemathesis sent {SENT} requests")

"""The README's table of endpoints is what the gateway answers, and what is said to be missing is missing."""

from __future__ import annotations

import re
from typing import Any, cast

from flask import Flask

from gateway.app import ROUTES
from gateway.domain.access import ACCESS, Role
from gateway.http.api.docs import add_docs
from gateway.http.api.open import add_open_doors
from gateway.http.api.sandbox import add_sandbox_doors
from tests.documents.test_commands import commands
from tests.documents.texts import quoted, read, rows, section

ROLES = {
    "provider": Role.PROVIDER,
    "administrative responsible": Role.PROJECT_ADMIN,
    "coordinator": Role.COORDINATOR,
    "insurer": Role.INSURER,
    "policy maker": Role.POLICY_MAKER,
    "registrar": Role.REGISTRAR,
    "auditor": Role.AUDITOR,
}


def open_doors() -> set[str]:
    """The doors without a token, those of the sandbox included."""
    nothing = cast(Any, None)
    app = Flask("documents", static_folder=None)
    add_open_doors(app, nothing, nothing, nothing)
    add_sandbox_doors(app, nothing, nothing)
    add_docs(app, ROUTES, is_sandbox=True)
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/docs/")  # what the page is made of
    }


def documented() -> dict[str, str]:
    """Who may ask, by method and path."""
    table = rows(section(read("README.md"), "Endpoints"))
    return {request: who for row in table for request, who in [(one, row[2]) for one in quoted(row[0])]}


def test_the_table_has_every_endpoint_and_no_other() -> None:
    answered = {f"{route.method} {route.path}" for route in ROUTES} | open_doors()

    assert set(documented()) == answered


def test_the_table_says_who_may_ask() -> None:
    said = {request: set(map(str.strip, who.replace(" (own)", "").split(","))) for request, who in documented().items()}

    for route in ROUTES:
        request = f"{route.method} {route.path}"
        named = set(Role) if said[request] == {"any token"} else {ROLES[who] for who in said[request]}
        assert named == set(ACCESS[route.verb]), request
    assert {who for request, who in documented().items() if request in open_doors()} == {"no token"}


def test_what_is_said_to_be_missing_is_missing() -> None:
    missing = quoted(section(read("README.md"), "What is not done yet"))
    answered = {_shape(f"{route.method} {route.path}") for route in ROUTES} | open_doors()
    told = [one for one in missing if re.match(r"[A-Z]+ /|chroniccare ", one)]

    assert told
    assert [one for one in told if _shape(one) in answered or one in commands()] == []


def _shape(request: str) -> str:
    return re.sub(r"<\w+>", "<>", request)

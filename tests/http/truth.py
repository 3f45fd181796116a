"""The truth table of access: for every route, role and project the status, written by hand.

A cell is the status that a role gets in its own project and in another one; a role that a row does not name gets 403.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.http.api.docs import FROM_PACKAGE, OURS
from tests.builders import PROVIDER, SSIN
from tests.http.wire import (
    JSON,
    Body,
    a_partner_request,
    a_project_request,
    a_pseudocode_request,
    an_action_request,
    an_assignment_request,
    an_inclusion_request,
)

NDJSON = "application/x-ndjson"
NEW_SSIN = "85473003317"
ABSENT = "01a1ffd3-9d73-8040-9e4b-349e59c79749"


@dataclass(frozen=True)
class Place:
    """A project with an inclusion and an action in it, a batch that a provider of it sent, and an extract."""

    project: str
    pseudocode: str
    inclusion: str
    action: str
    batch: str
    extract: str
    webhook: str


NOWHERE = Place("", "", "", "", "", "", "")


@dataclass(frozen=True)
class Row:
    """One route: how to ask it about a place, and what each role gets there."""

    path: str
    body: Callable[[Place], Body] | None = None
    own: Mapping[str, int] | None = None
    foreign: Mapping[str, int] | None = None
    writes: bool = False
    content_type: str = JSON


PARTNER_OR_ADMIN = {"provider": 200, "project_admin": 200}
NEITHER_FOREIGN = {"provider": 403, "project_admin": 403}
UNKNOWN_TO_THEM = {"provider": 404, "project_admin": 404}
REGISTRAR = {"registrar": 200}
SENDERS = {"provider": 200, "project_admin": 200, "registrar": 200}
WHO_SENT_IT = {"provider": 200, "project_admin": 404, "registrar": 404}
NOT_WHO_SENT_IT = dict.fromkeys(SENDERS, 404)
WHO_ASKED_FOR_IT = {"policy_maker": 200, "insurer": 404}
NOT_WHO_ASKED_FOR_IT = {"policy_maker": 404, "insurer": 404}
EVERYONE = {
    "provider": 200,
    "project_admin": 200,
    "coordinator": 200,
    "insurer": 200,
    "policy_maker": 200,
    "registrar": 200,
    "auditor": 200,
}


def _inclusion(place: Place) -> Body:
    return an_inclusion_request(project=place.project, ssin=NEW_SSIN)


def _action(place: Place) -> Body:
    return an_action_request(project=place.project, pseudocode=place.pseudocode, performed_by=PROVIDER, occurrence=2)


def some_lines(place: Place) -> Body:
    return json.dumps({"type": "action", **an_action_request(project=place.project)}).encode() + b"\n"


def an_extract(place: Place) -> Body:
    return {"kind": "policy", "from": "2022-01", "to": "2022-06", "format": "csv", "purpose": "policy"}


def _reason(reason: str) -> Callable[[Place], Body]:
    return lambda _: {"reason": reason}


TRUTH = {
    "POST /v1/inclusions": Row("/v1/inclusions", _inclusion, PARTNER_OR_ADMIN, NEITHER_FOREIGN, writes=True),
    "GET /v1/inclusions": Row("/v1/inclusions?project={p.project}", None, {"project_admin": 200}, {}),
    "POST /v1/inclusions/find": Row(
        "/v1/inclusions/find", lambda p: {"project": p.project, "ssin": SSIN}, PARTNER_OR_ADMIN, NEITHER_FOREIGN
    ),
    "GET /v1/inclusions/<inclusion_id>": Row("/v1/inclusions/{p.inclusion}", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM),
    "POST /v1/inclusions/<inclusion_id>/exit": Row(
        "/v1/inclusions/{p.inclusion}/exit", _reason("moved"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "POST /v1/inclusions/<inclusion_id>/annulment": Row(
        "/v1/inclusions/{p.inclusion}/annulment", _reason("other"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "GET /v1/inclusions/<inclusion_id>/explanation": Row(
        "/v1/inclusions/{p.inclusion}/explanation", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM
    ),
    "PATCH /v1/inclusions/<inclusion_id>": Row(
        "/v1/inclusions/{p.inclusion}",
        lambda _: {"agreement": {"agreed_on": "2022-01-11"}},
        PARTNER_OR_ADMIN,
        UNKNOWN_TO_THEM,
        writes=True,
    ),
    "POST /v1/inclusions/<inclusion_id>/exit/annulment": Row(
        "/v1/inclusions/{p.inclusion}/exit/annulment",
        _reason("other"),
        {"provider": 409, "project_admin": 409},
        UNKNOWN_TO_THEM,
        writes=True,
    ),
    "POST /v1/inclusions/<inclusion_id>/identity": Row(
        "/v1/inclusions/{p.inclusion}/identity",
        lambda _: {"ssin": NEW_SSIN, "reason": "mistyped"},
        {"project_admin": 200},
        {"project_admin": 404},
        writes=True,
    ),
    "POST /v1/actions": Row("/v1/actions", _action, PARTNER_OR_ADMIN, NEITHER_FOREIGN, writes=True),
    "GET /v1/actions": Row("/v1/actions?project={p.project}", None, PARTNER_OR_ADMIN, NEITHER_FOREIGN),
    "GET /v1/actions/<action_id>": Row("/v1/actions/{p.action}", None, PARTNER_OR_ADMIN, UNKNOWN_TO_THEM),
    "POST /v1/actions/<action_id>/annulment": Row(
        "/v1/actions/{p.action}/annulment", _reason("other"), PARTNER_OR_ADMIN, UNKNOWN_TO_THEM, writes=True
    ),
    "POST /v1/batches": Row("/v1/batches", some_lines, SENDERS, SENDERS, writes=True, content_type=NDJSON),
    "GET /v1/batches/<batch_id>": Row("/v1/batches/{p.batch}", None, WHO_SENT_IT, NOT_WHO_SENT_IT),
    "GET /v1/batches/<batch_id>/results": Row("/v1/batches/{p.batch}/results", None, WHO_SENT_IT, NOT_WHO_SENT_IT),
    "DELETE /v1/batches/<batch_id>": Row("/v1/batches/{p.batch}", None, WHO_SENT_IT, NOT_WHO_SENT_IT, writes=True),
    "GET /v1/projects": Row("/v1/projects", None, EVERYONE, EVERYONE),
    "GET /v1/projects/<project_id>": Row("/v1/projects/{p.project}", None, EVERYONE, EVERYONE),
    "POST /v1/projects": Row(
        "/v1/projects", lambda _: a_project_request(id="demo-est"), REGISTRAR, REGISTRAR, writes=True
    ),
    "PUT /v1/projects/<project_id>": Row(
        "/v1/projects/{p.project}", lambda p: a_project_request(id=p.project), REGISTRAR, REGISTRAR, writes=True
    ),
    "GET /v1/pseudocodes": Row("/v1/pseudocodes?project={p.project}", None, EVERYONE, EVERYONE),
    "POST /v1/pseudocodes": Row(
        "/v1/pseudocodes", lambda _: a_pseudocode_request(code="794055"), REGISTRAR, REGISTRAR, writes=True
    ),
    "PUT /v1/projects/<project_id>/pseudocodes/<code>": Row(
        "/v1/projects/{p.project}/pseudocodes/{p.pseudocode}",
        lambda _: an_assignment_request(),
        REGISTRAR,
        REGISTRAR,
        writes=True,
    ),
    "PUT /v1/projects/<project_id>/partners/<nihii>": Row(
        f"/v1/projects/{{p.project}}/partners/{PROVIDER}",
        lambda _: a_partner_request(),
        {"registrar": 200, "project_admin": 200},
        {"registrar": 200, "project_admin": 403},
        writes=True,
    ),
    "GET /v1/aggregates": Row(
        "/v1/aggregates?by=month&project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200, "insurer": 403},
        {"coordinator": 403, "policy_maker": 200, "insurer": 403},
    ),
    "GET /v1/deliveries": Row(
        "/v1/deliveries?project={p.project}",
        None,
        {"project_admin": 200, "auditor": 200},
        {"project_admin": 403, "auditor": 200},
    ),
    "GET /v1/audit": Row("/v1/audit?limit=1", None, {"auditor": 200}, {"auditor": 200}),
    "POST /v1/webhooks": Row(
        "/v1/webhooks",
        lambda _: {"url": "https://software.example/hook"},
        {"project_admin": 200},
        {"project_admin": 200},
        writes=True,
    ),
    "GET /v1/webhooks": Row(
        "/v1/webhooks?project={p.project}",
        None,
        {"project_admin": 200, "auditor": 200},
        {"project_admin": 403, "auditor": 200},
    ),
    "GET /v1/reconciliation": Row(
        "/v1/reconciliation?month=2022-01&project={p.project}",
        None,
        {"project_admin": 200, "auditor": 200},
        {"project_admin": 403, "auditor": 200},
    ),
    "GET /v1/webhooks/<webhook_id>/events": Row(
        "/v1/webhooks/{p.webhook}/events",
        None,
        {"project_admin": 200, "auditor": 200},
        {"project_admin": 404, "auditor": 200},
    ),
    "DELETE /v1/webhooks/<webhook_id>": Row(
        "/v1/webhooks/{p.webhook}", None, {"project_admin": 200}, {"project_admin": 404}, writes=True
    ),
    "GET /v1/operations": Row(
        "/v1/operations?project={p.project}", None, {"project_admin": 200}, {"project_admin": 403}
    ),
    "GET /v1/month-end": Row("/v1/month-end?project={p.project}", None, {"project_admin": 200}, {"project_admin": 403}),
    "GET /v1/months-lost": Row(
        "/v1/months-lost?project={p.project}", None, {"project_admin": 200}, {"project_admin": 403}
    ),
    "GET /v1/progress": Row(
        "/v1/progress?project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200},
        {"coordinator": 403, "policy_maker": 200},
    ),
    "GET /v1/forecast": Row(
        "/v1/forecast?project={p.project}",
        None,
        {"coordinator": 200, "policy_maker": 200},
        {"coordinator": 403, "policy_maker": 200},
    ),
    "GET /v1/releases": Row(
        "/v1/releases", None, {"coordinator": 200, "policy_maker": 200}, {"coordinator": 200, "policy_maker": 200}
    ),
    "POST /v1/extracts": Row("/v1/extracts", an_extract, {"policy_maker": 200}, {"policy_maker": 200}, writes=True),
    "GET /v1/extracts/<extract_id>": Row("/v1/extracts/{p.extract}", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT),
    "GET /v1/extracts/<extract_id>/files/<file_name>": Row(
        "/v1/extracts/{p.extract}/files/manifest.json", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT
    ),
    "DELETE /v1/extracts/<extract_id>": Row(
        "/v1/extracts/{p.extract}", None, WHO_ASKED_FOR_IT, NOT_WHO_ASKED_FOR_IT, writes=True
    ),
    "POST /v1/simulation": Row(
        "/v1/simulation", lambda _: {"action": {"performed_on": "2022-02-14"}}, EVERYONE, EVERYONE
    ),
}
OPEN = {
    "GET /v1/rules": ("/v1/rules", 200),
    "GET /live": ("/live", 200),
    "GET /ready": ("/ready", 200),
    "GET /.well-known/jwks.json": ("/.well-known/jwks.json", 200),
    "GET /metrics": ("/metrics", 200),
    "GET /openapi.json": ("/openapi.json", 200),
    "GET /docs": ("/docs", 200),
    **{f"GET /docs/{name}": (f"/docs/{name}", 200) for name in (*OURS, *FROM_PACKAGE)},
    "GET /problems": ("/problems", 200),
    "GET /problems/<code>": ("/problems/not-found", 200),
}
SANDBOX = {
    "GET /sandbox/clock": ("/sandbox/clock", None, 200),
    "PUT /sandbox/clock": ("/sandbox/clock", {"now": "2022-03-01T08:00:00Z"}, 200),
    "POST /sandbox/release": ("/sandbox/release", {"month": "2021-09"}, 200),
}

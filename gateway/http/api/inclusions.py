"""The door of inclusions (CONTRACT 4): each route loads, calls one verb, dumps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gateway.domain.access import Role
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.domain.identity import Ssin
from gateway.domain.inclusion import Agreement
from gateway.domain.submissions import Beneficiary, Import, InclusionSubmission
from gateway.http import bodies
from gateway.http.api import cursors
from gateway.http.deliveries import delivery
from gateway.http.routes import Incoming, Outgoing, Route, identifier, refuse
from gateway.services.change_identity import change_identity
from gateway.services.change_inclusion import annul_exit, annul_inclusion, correct_inclusion, register_exit
from gateway.services.context import Work
from gateway.services.find_inclusions import InclusionView, Page, find_inclusions, get_inclusion, list_inclusions
from gateway.services.register_inclusion import register_inclusion
from gateway.store.inclusions import InclusionFilter
from schemas.inclusion import (
    BeneficiaryRequest,
    ExitAnnulmentRequest,
    ExitRequest,
    IdentityRequest,
    InclusionAnnulmentRequest,
    InclusionCorrection,
    InclusionList,
    InclusionQuery,
    InclusionReceipt,
    InclusionRequest,
)


def registration(incoming: Incoming) -> Any:
    """The verb that registers an inclusion, for a request or a line of a batch."""
    if "communicated_by" in incoming.payload and incoming.caller.role is not Role.PROJECT_ADMIN:
        raise InvalidRequest([FieldError("#/communicated_by", "unknown-member")])
    return partial(register_inclusion, submission=submission_of(incoming.payload))


def submission_of(payload: Mapping[str, Any], imported: Import | None = None) -> InclusionSubmission:
    """An inclusion as its schema loaded it."""
    return InclusionSubmission(
        project=payload["project"],
        ssin=Ssin(payload["ssin"]),
        agreement=Agreement(**payload["agreement"]),
        municipality=payload.get("municipality"),
        communicated_by=payload.get("communicated_by"),
        imported=imported,
    )


def _find(incoming: Incoming) -> Any:
    return partial(
        find_inclusions, beneficiary=Beneficiary(incoming.payload["project"], Ssin(incoming.payload["ssin"]))
    )


def _get(incoming: Incoming) -> Any:
    return lambda work: get_inclusion(work, identifier(incoming.path["inclusion_id"]))


def _list(incoming: Incoming) -> Any:
    query = incoming.query
    after = cursors.decode_id(query.get("cursor"))
    project = query.get("project", incoming.caller.project)
    if project is None:
        return refuse(InvalidRequest([FieldError("?project", "required")]))
    chosen = InclusionFilter(project, query.get("status"), query.get("valid_on"), query.get("known_at"))
    return partial(list_inclusions, chosen=chosen, after=after, limit=query["limit"])


def _exit(incoming: Incoming) -> Any:
    def verb(work: Work) -> InclusionView:
        payload = incoming.payload
        inclusion_id = identifier(incoming.path["inclusion_id"])
        return register_exit(work, inclusion_id, payload["reason"], payload.get("left_on"))

    return verb


def _annul(incoming: Incoming) -> Any:
    return lambda work: annul_inclusion(work, identifier(incoming.path["inclusion_id"]), incoming.payload["reason"])


def _annul_exit(incoming: Incoming) -> Any:
    return lambda work: annul_exit(work, identifier(incoming.path["inclusion_id"]), incoming.payload["reason"])


def _correct(incoming: Incoming) -> Any:
    def verb(work: Work) -> InclusionView:
        payload = incoming.payload
        agreed_on = payload.get("agreement", {}).get("agreed_on")
        version = bodies.if_match(incoming.headers)
        inclusion_id = identifier(incoming.path["inclusion_id"])
        return correct_inclusion(work, inclusion_id, version, agreed_on, payload.get("municipality"))

    return verb


def _change_identity(incoming: Incoming) -> Any:
    def verb(work: Work) -> InclusionView:
        payload = incoming.payload
        inclusion_id = identifier(incoming.path["inclusion_id"])
        return change_identity(work, inclusion_id, Ssin(payload["ssin"]), payload["reason"])

    return verb


def document(view: InclusionView, language: str) -> dict[str, Any]:
    """An inclusion as the members of its receipt."""
    one = view.known.inclusion
    ending = one.exit
    capped = view.valid.last if ending is not None and view.valid is not None else one.exit_valid_until
    return {
        "id": one.id,
        "project": one.project,
        "status": one.status,
        "communicated_at": one.communicated_at,
        "valid_from": one.valid_from,
        "valid_until": capped,
        "convention_last_day": view.project.convention.last_day,
        "agreement": one.agreement,
        "municipality": one.municipality,
        "exit": ending,
        "annulment": None if one.annulment_reason is None else {"reason": one.annulment_reason},
        "rejection": None if one.rejection_code is None else {"code": one.rejection_code},
        "delivery": delivery(view.known.delivery_state, view.known.delivery_reason, language),
        "receipt": view.receipt,
    }


def _dump(view: InclusionView, incoming: Incoming) -> Outgoing:
    return Outgoing(document(view, incoming.language), {"ETag": f'"{view.known.inclusion.version}"'})


def _dump_new(view: InclusionView, incoming: Incoming) -> Outgoing:
    outgoing = _dump(view, incoming)
    return Outgoing(outgoing.document, {**outgoing.headers, "Location": f"/v1/inclusions/{view.known.inclusion.id}"})


def _dump_page(page: Page, incoming: Incoming) -> Outgoing:
    items = [document(view, incoming.language) for view in page.items]
    return Outgoing({"items": items, "next": cursors.encode_id(page.next)})


_ONE = "/v1/inclusions/<inclusion_id>"
ROUTES = (
    Route(
        "POST",
        "/v1/inclusions",
        "register_inclusion",
        registration,
        _dump_new,
        InclusionReceipt,
        body=InclusionRequest,
        status=201,
        writes=True,
    ),
    Route("GET", "/v1/inclusions", "list_inclusions", _list, _dump_page, InclusionList, query=InclusionQuery),
    Route("POST", "/v1/inclusions/find", "find_inclusions", _find, _dump_page, InclusionList, body=BeneficiaryRequest),
    Route("GET", _ONE, "get_inclusion", _get, _dump, InclusionReceipt),
    Route("POST", f"{_ONE}/exit", "register_exit", _exit, _dump, InclusionReceipt, body=ExitRequest, writes=True),
    Route(
        "POST",
        f"{_ONE}/annulment",
        "annul_inclusion",
        _annul,
        _dump,
        InclusionReceipt,
        body=InclusionAnnulmentRequest,
        writes=True,
    ),
    Route(
        "PATCH",
        _ONE,
        "correct_inclusion",
        _correct,
        _dump,
        InclusionReceipt,
        body=InclusionCorrection,
        writes=True,
    ),
    Route(
        "POST",
        f"{_ONE}/exit/annulment",
        "annul_exit",
        _annul_exit,
        _dump,
        InclusionReceipt,
        body=ExitAnnulmentRequest,
        writes=True,
    ),
    Route(
        "POST",
        f"{_ONE}/identity",
        "change_identity",
        _change_identity,
        _dump,
        InclusionReceipt,
        body=IdentityRequest,
        writes=True,
    ),
)

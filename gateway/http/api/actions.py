"""The door of actions (CONTRACT 5.1, 5.2): each route loads, calls one verb, dumps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from gateway.domain.errors import FieldError, InvalidCursor, InvalidRequest
from gateway.domain.identity import Ssin
from gateway.domain.project import is_voluntary
from gateway.domain.submissions import ActionSubmission, Import
from gateway.http.api import cursors
from gateway.http.deliveries import delivery
from gateway.http.routes import Incoming, Outgoing, Route, identifier, refuse
from gateway.services.find_actions import ActionPage, ActionView, get_action, list_actions
from gateway.services.register_action import annul_action, register_action
from gateway.store.actions import ActionFilter
from schemas.action import ActionAnnulmentRequest, ActionList, ActionQuery, ActionReceipt, ActionRequest


def registration(incoming: Incoming) -> Any:
    """The verb that registers an action, for a request or a line of a batch."""
    performed_by = incoming.payload.get("performed_by", incoming.caller.nihii)
    if performed_by is None:
        return refuse(InvalidRequest([FieldError("#/performed_by", "required")]))
    return partial(register_action, submission=submission_of(incoming.payload, performed_by))


def submission_of(payload: Mapping[str, Any], performed_by: str, imported: Import | None = None) -> ActionSubmission:
    """An action as its schema loaded it."""
    return ActionSubmission(
        project=payload["project"],
        ssin=Ssin(payload["ssin"]),
        pseudocode=payload["pseudocode"],
        performed_on=payload["performed_on"],
        performed_by=performed_by,
        occurrence=payload["occurrence"],
        imported=imported,
    )


def _get(incoming: Incoming) -> Any:
    return lambda work: get_action(work, identifier(incoming.path["action_id"]))


def _list(incoming: Incoming) -> Any:
    query = incoming.query
    after = _position(query.get("cursor"))
    project = query.get("project", incoming.caller.project)
    if project is None:
        return refuse(InvalidRequest([FieldError("?project", "required")]))
    chosen = ActionFilter(project, first=query.get("from"), last=query.get("to"), pseudocode=query.get("pseudocode"))
    return partial(list_actions, chosen=chosen, after=after, limit=query["limit"])


def _position(cursor: str | None) -> tuple[date, UUID] | None:
    position = cursors.decode(cursor)
    if position is None:
        return None
    day, _, action_id = position.partition("/")
    try:
        return date.fromisoformat(day), UUID(action_id)
    except ValueError:
        raise InvalidCursor from None


def _annul(incoming: Incoming) -> Any:
    return lambda work: annul_action(work, identifier(incoming.path["action_id"]), incoming.payload["reason"])


def document(view: ActionView, language: str) -> dict[str, Any]:
    """An action as the members of its receipt."""
    one = view.known.action
    return {
        "id": one.id,
        "project": one.project,
        "inclusion": one.inclusion,
        "pseudocode": one.pseudocode,
        "performed_on": one.performed_on,
        "performed_by": one.performed_by,
        "occurrence": one.occurrence,
        "status": one.status,
        "recorded_at": one.communicated_at,  # of this fact, not of its version
        "voluntary": is_voluntary(one.performed_on),
        "annulment": None if one.annulment_reason is None else {"reason": one.annulment_reason},
        "delivery": delivery(view.known.delivery_state, view.known.delivery_reason, language),
        "receipt": view.receipt,
    }


def _dump(view: ActionView, incoming: Incoming) -> Outgoing:
    return Outgoing(document(view, incoming.language), {"ETag": f'"{view.known.action.version}"'})


def _dump_new(view: ActionView, incoming: Incoming) -> Outgoing:
    outgoing = _dump(view, incoming)
    return Outgoing(outgoing.document, {**outgoing.headers, "Location": f"/v1/actions/{view.known.action.id}"})


def _dump_page(page: ActionPage, incoming: Incoming) -> Outgoing:
    position = None if page.next is None else f"{page.next[0]}/{page.next[1]}"
    return Outgoing(
        {"items": [document(view, incoming.language) for view in page.items], "next": cursors.encode(position)}
    )


_ONE = "/v1/actions/<action_id>"
ROUTES = (
    Route(
        "POST",
        "/v1/actions",
        "register_action",
        registration,
        _dump_new,
        ActionReceipt,
        body=ActionRequest,
        status=201,
        writes=True,
    ),
    Route("GET", "/v1/actions", "list_actions", _list, _dump_page, ActionList, query=ActionQuery),
    Route("GET", _ONE, "get_action", _get, _dump, ActionReceipt),
    Route(
        "POST",
        f"{_ONE}/annulment",
        "annul_action",
        _annul,
        _dump,
        ActionReceipt,
        body=ActionAnnulmentRequest,
        writes=True,
    ),
)

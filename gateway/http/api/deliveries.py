"""The door of deliveries (CONTRACT 8): loads, calls one verb, dumps."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.domain.delivery import State
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.http.api import cursors
from gateway.http.deliveries import delivery
from gateway.http.routes import Incoming, Outgoing, Route, refuse
from gateway.services.list_deliveries import DeliveryPage, list_deliveries
from gateway.store.deliveries import Delivery
from schemas.delivery import DeliveryList, DeliveryQuery


def _list(incoming: Incoming) -> Any:
    query = incoming.query
    after = cursors.decode_id(query.get("cursor"))
    project = query.get("project", incoming.caller.project)
    if project is None:
        return refuse(InvalidRequest([FieldError("?project", "required")]))
    return partial(list_deliveries, project_id=project, status=query.get("status"), after=after, limit=query["limit"])


def document(one: Delivery, language: str) -> dict[str, Any]:
    """A delivery as its schema dumps it."""
    is_waiting = one.state is State.PENDING
    return {
        "id": one.id,
        "kind": one.kind,
        "reference": one.reference,
        **delivery(one.state.value, one.reason, language),
        "attempts": one.attempts,
        "created_at": one.created_at,
        "next_attempt_at": one.next_attempt_at if is_waiting else None,
        "answered_at": one.answered_at,
        "output_reference": one.output_reference,
    }


def _dump_page(page: DeliveryPage, incoming: Incoming) -> Outgoing:
    return Outgoing(
        {"items": [document(one, incoming.language) for one in page.items], "next": cursors.encode_id(page.next)}
    )


ROUTES = (Route("GET", "/v1/deliveries", "list_deliveries", _list, _dump_page, DeliveryList, query=DeliveryQuery),)

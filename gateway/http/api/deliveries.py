"""The door of deliveries (CONTRACT 8): loads, calls one verb, dumps."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.domain.delivery import State
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.http.api import cursors
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


def document(delivery: Delivery) -> dict[str, Any]:
    """A delivery as its schema dumps it."""
    is_waiting = delivery.state is State.PENDING
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "reference": delivery.reference,
        "status": delivery.state.shown,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_attempt_at if is_waiting else None,
        "answered_at": delivery.answered_at,
        "output_reference": delivery.output_reference,
    }


def _dump_page(page: DeliveryPage, incoming: Incoming) -> Outgoing:
    return Outgoing({"items": [document(one) for one in page.items], "next": cursors.encode_id(page.next)})


ROUTES = (Route("GET", "/v1/deliveries", "list_deliveries", _list, _dump_page, DeliveryList, query=DeliveryQuery),)

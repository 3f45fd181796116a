"""The door of webhooks (CONTRACT 8): each route loads, calls one verb, dumps."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.domain.errors import FieldError, InvalidRequest
from gateway.http.api import cursors
from gateway.http.routes import Incoming, Outgoing, Route, identifier, refuse
from gateway.services.context import Work
from gateway.services.keep_webhooks import (
    EventPage,
    NewWebhook,
    list_webhook_events,
    list_webhooks,
    register_webhook,
    remove_webhook,
)
from gateway.store.webhooks import Event, Webhook
from schemas import webhook as wire


def _register(incoming: Incoming) -> Any:
    is_sandbox = incoming.context is not None and incoming.context.is_sandbox
    return partial(register_webhook, url=incoming.payload["url"], is_sandbox=is_sandbox)


def _list(incoming: Incoming) -> Any:
    project = incoming.query.get("project", incoming.caller.project)
    if project is None:
        return refuse(InvalidRequest([FieldError("?project", "required")]))
    return partial(list_webhooks, project_id=project)


def _remove(incoming: Incoming) -> Any:
    return lambda work: remove_webhook(work, identifier(incoming.path["webhook_id"]))


def _list_events(incoming: Incoming) -> Any:
    after, limit = cursors.decode_id(incoming.query.get("cursor")), incoming.query["limit"]

    def verb(work: Work) -> EventPage:
        return list_webhook_events(work, identifier(incoming.path["webhook_id"]), after, limit)

    return verb


def document(webhook: Webhook) -> dict[str, Any]:
    """A webhook as its schema dumps it; its secret is not in it."""
    return {name: getattr(webhook, name) for name in ("id", "project", "url", "created_at")}


def _event(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in wire.WebhookEvent().fields}


def _dump_new(new: NewWebhook, incoming: Incoming) -> Outgoing:
    headers = {"Location": f"/v1/webhooks/{new.webhook.id}/events"}
    return Outgoing(document(new.webhook), headers, once={"secret": new.secret})


def _dump(webhook: Webhook, incoming: Incoming) -> Outgoing:
    return Outgoing(document(webhook))


def _dump_list(found: list[Webhook], incoming: Incoming) -> Outgoing:
    return Outgoing({"items": [document(one) for one in found], "next": None})


def _dump_events(page: EventPage, incoming: Incoming) -> Outgoing:
    return Outgoing({"items": [_event(one) for one in page.items], "next": cursors.encode_id(page.next)})


_ALL, _ONE = "/v1/webhooks", "/v1/webhooks/<webhook_id>"
ROUTES = (
    Route(
        "POST",
        _ALL,
        "register_webhook",
        _register,
        _dump_new,
        wire.Webhook,
        body=wire.WebhookRequest,
        status=201,
        writes=True,
    ),
    Route("GET", _ALL, "list_webhooks", _list, _dump_list, wire.WebhookList, query=wire.WebhookQuery),
    Route("DELETE", _ONE, "remove_webhook", _remove, _dump, wire.Webhook, writes=True),
    Route(
        "GET",
        f"{_ONE}/events",
        "list_webhook_events",
        _list_events,
        _dump_events,
        wire.WebhookEventList,
        query=wire.WebhookEventQuery,
    ),
)

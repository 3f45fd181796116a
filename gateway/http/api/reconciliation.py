"""The door of reconciliation (CONTRACT 8): the verb only lets in; the comparing comes after its transaction."""

from __future__ import annotations

from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.domain.delivery import State
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.domain.reconciliation import Difference, Reconciliation
from gateway.http.routes import Incoming, Outgoing, Route, refuse
from gateway.http.texts import difference_text, language_of
from gateway.services.reconcile import reconcile_month, show_reconciliation
from schemas import reconciliation as wire

MOST_SHOWN = 1_000
_SHOWN = {
    "pending": State.PENDING,
    "acknowledged": State.SENT,
    "accepted": State.ACCEPTED,
    "rejected": State.REJECTED,
    "failed": State.FAILED,
}


def _show(incoming: Incoming) -> Any:
    project = incoming.query.get("project", incoming.caller.project)
    if project is None:
        return refuse(InvalidRequest([FieldError("?project", "required")]))
    return partial(show_reconciliation, project_id=project)


def _dump(project: str, incoming: Incoming) -> Outgoing:
    return Outgoing(None, later=partial(_reconciled, project, incoming), project=project)


def _reconciled(project: str, incoming: Incoming) -> Outgoing:
    if incoming.context is None:
        raise AssertionError("a request comes with its context")
    month = incoming.query["month"]
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    found = reconcile_month(incoming.context, project, month)
    shown = {**document(found, language), "project": project, "month": month}
    return Outgoing(shown, {"Content-Language": language, "Vary": "Accept-Language, Authorization"})


def document(found: Reconciliation, language: str) -> dict[str, Any]:
    """A reconciliation as its schema dumps it, but for whose it is."""
    return {
        "as_of": found.at,
        "asked": found.asked,
        "sent": {name: found.sent.get(state, 0) for name, state in _SHOWN.items()},
        "answered": {"accepted": found.listed.get(True, 0), "rejected": found.listed.get(False, 0)},
        "difference_count": len(found.differences),
        "differences": [_difference(one, language) for one in found.differences[:MOST_SHOWN]],
    }


def _difference(one: Difference, language: str) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "remedy": one.remedy.value,
        "message_id": one.message_id,
        "reference": one.reference,
        "message_kind": one.message_kind,
        "text": difference_text(one.kind.value, one.remedy.value, language),
    }


ROUTES = (
    Route(
        "GET",
        "/v1/reconciliation",
        "show_reconciliation",
        _show,
        _dump,
        wire.Reconciliation,
        query=wire.ReconciliationQuery,
    ),
)

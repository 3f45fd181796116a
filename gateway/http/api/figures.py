"""The doors of a project's own figures: the month's end, months lost, operations (CONTRACT 3, 8)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.domain.errors import InvalidCursor
from gateway.http.api import cursors
from gateway.http.routes import Incoming, Outgoing, Route
from gateway.http.texts import language_of, notes
from gateway.services.show_figures import (
    MonthEnd,
    MonthsLost,
    Operations,
    show_month_end,
    show_months_lost,
    show_operations,
)
from gateway.store.figures import RefusedLine
from schemas import figures as wire

_STATUSES = ("open", "exited", "rejected", "annulled")
_LARGEST = 2**31
"""Beyond it no cursor was ever given."""
_STATES = ("pending", "accepted", "rejected", "failed")


def _project(incoming: Incoming) -> str:
    """The project that is asked for; without a word the caller's own."""
    return str(incoming.query.get("project") or incoming.caller.project)


def _near_days(incoming: Incoming) -> int:
    if incoming.context is None:
        raise AssertionError("a request comes with its context")
    return incoming.context.near_days


def _spot(cursor: str | None) -> tuple[UUID, int] | None:
    parts = cursors.decode_parts(cursor)
    try:
        spot = None if parts is None else (UUID(parts[0]), int(parts[1]))
    except ValueError:
        raise InvalidCursor from None
    if spot is not None and not 0 < spot[1] < _LARGEST:
        raise InvalidCursor
    return spot


def _month_end(incoming: Incoming) -> Any:
    query = incoming.query
    page = {"after": _spot(query.get("cursor")), "limit": query["limit"]}
    return partial(show_month_end, project_id=_project(incoming), near_days=_near_days(incoming), **page)


def _months_lost(incoming: Incoming) -> Any:
    query = incoming.query
    page: dict[str, Any] = {"after": cursors.decode_place(query.get("cursor")), "limit": query["limit"]}
    span: dict[str, Any] = {"first": query.get("from"), "last": query.get("to")}
    return partial(show_months_lost, project_id=_project(incoming), **span, **page)


def _operations(incoming: Incoming) -> Any:
    return partial(show_operations, project_id=_project(incoming), near_days=_near_days(incoming))


def _with_note(document: dict[str, Any], note: str, incoming: Incoming) -> Outgoing:
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    shown = {**document, "project": _project(incoming), "note": notes()[note][language]}
    return Outgoing(shown, {"Content-Language": language, "Vary": "Accept-Language, Authorization"})


def _dump_month_end(found: MonthEnd, incoming: Incoming) -> Outgoing:
    document = {
        **asdict(found.countdown),
        "attempts": [
            {"kind": verb.removeprefix("register_"), "code": code, "count": count}
            for verb, code, count in found.attempts
        ],
        "items": [_line(one) for one in found.lines],
        "next": cursors.encode(None if found.next is None else "|".join(map(str, found.next))),
    }
    return _with_note(document, "month-end", incoming)


def _line(one: RefusedLine) -> dict[str, Any]:
    code = "not-done" if one.problem is None else one.problem["code"]
    return {"batch": one.batch, "number": one.number, "ref": one.ref, "code": code}


def _dump_months_lost(found: MonthsLost, incoming: Incoming) -> Outgoing:
    items = [
        {
            "inclusion": one.id,
            "agreed_on": one.agreed_on,
            "communicated_at": one.communicated_at,
            "valid_from": one.valid_from,
            **asdict(cost),
        }
        for one, cost in found.items
    ]
    following = None if found.next is None else f"{found.next[0].isoformat()}|{found.next[1]}"
    document = {"totals": [asdict(one) for one in found.totals], "items": items, "next": cursors.encode(following)}
    return _with_note(document, "months-lost", incoming)


def _dump_operations(found: Operations, incoming: Incoming) -> Outgoing:
    return Outgoing(
        {
            "project": _project(incoming),
            "inclusions": {status: found.inclusions.get(status, 0) for status in _STATUSES},
            "deliveries": {state: found.deliveries.get(state, 0) for state in _STATES},
            "month_end": asdict(found.countdown),
            "begun": found.begun,
            "months_lost": [asdict(one) for one in found.lost],
        }
    )


ROUTES = (
    Route(
        "GET", "/v1/month-end", "show_month_end", _month_end, _dump_month_end, wire.MonthEnd, query=wire.MonthEndQuery
    ),
    Route(
        "GET",
        "/v1/months-lost",
        "show_months_lost",
        _months_lost,
        _dump_months_lost,
        wire.MonthsLost,
        query=wire.MonthsLostQuery,
    ),
    Route(
        "GET",
        "/v1/operations",
        "show_operations",
        _operations,
        _dump_operations,
        wire.Operations,
        query=wire.FiguresQuery,
    ),
)

"""The door of forecasts: what the next closes will probably publish. Stage: anonymous."""

from __future__ import annotations

from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.http.routes import Incoming, Outgoing, Route
from gateway.http.texts import language_of, notes
from gateway.services.show_forecast import Expected, show_forecast
from schemas import forecast as wire


def _show(incoming: Incoming) -> Any:
    return partial(show_forecast, project_id=incoming.query["project"])


def _dump(found: list[Expected], incoming: Incoming) -> Outgoing:
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    items = [
        {"pseudocode": one.pseudocode, **{kind.value: seen.value for kind, seen in one.outlooks.items()}}
        for one in found
    ]
    document = {"project": incoming.query["project"], "items": items, "note": notes()["forecast"][language]}
    return Outgoing(document, {"Content-Language": language, "Vary": "Accept-Language, Authorization"})


ROUTES = (Route("GET", "/v1/forecast", "show_forecast", _show, _dump, wire.Forecast, query=wire.ForecastQuery),)

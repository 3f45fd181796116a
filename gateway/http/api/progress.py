"""The door of progress (CONTRACT 6.2): released figures beside the yardstick of C7. Stage: anonymous."""

from __future__ import annotations

from functools import partial
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.http.routes import Incoming, Outgoing, Route
from gateway.http.texts import language_of, notes
from gateway.services.show_progress import Progress, ProgressPeriod, show_progress
from schemas import aggregate as wire


def _show(incoming: Incoming) -> Any:
    return partial(show_progress, project_id=incoming.query["project"])


def _dump(found: Progress, incoming: Incoming) -> Outgoing:
    language = language_of(parse_accept_header(incoming.headers.get("Accept-Language"), LanguageAccept))
    document = {
        "project": found.project,
        "zone_population": found.zone_population,
        "periods": [_period(one) for one in found.periods],
        "note": notes()["progress"][language],
    }
    return Outgoing(document, {"Content-Language": language, "Vary": "Accept-Language, Authorization"})


def _period(one: ProgressPeriod) -> dict[str, Any]:
    return {
        "from": one.yardstick.days.first,
        "until": one.yardstick.days.last,
        "percentage": one.yardstick.percentage,
        "target": one.yardstick.target,
        "included": one.included,
        "as_of": one.as_of,
        "status": one.status,
        "margin": None if one.margin is None else {"beneficiaries": one.margin},
    }


ROUTES = (Route("GET", "/v1/progress", "show_progress", _show, _dump, wire.Progress, query=wire.ProgressQuery),)

"""The sandbox's doors (CONTRACT 9): the legal clock by hand, and closing a period. They exist in the sandbox only."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from gateway.clock import SandboxClock
from gateway.domain.errors import ClockRunsForward
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.http import bodies
from gateway.services.close_period import Closed, release_period
from gateway.services.context import Context
from schemas import strict_json
from schemas.sandbox import Clock, ClockRequest, ReleaseReceipt, ReleaseRequest

SANDBOX = "sandbox"


def add_sandbox_doors(app: Flask, context: Context, clock: SandboxClock) -> None:
    """Register them on an app."""

    def show_clock() -> Response:
        return _json(Clock().dump({"now": clock()}))

    def move_clock() -> Response:
        now = bodies.load(ClockRequest(), bodies.read_json(request))["now"]
        if not clock.move(now):
            raise ClockRunsForward(clock())
        return show_clock()

    def release() -> Response:
        asked = bodies.load(ReleaseRequest(), bodies.read_json(request))
        kind = next(kind for kind in PeriodKind if kind.value in asked)
        closed = release_period(context, Period(kind, asked[kind.value]), asked.get("measures"), by=SANDBOX)
        return _json(ReleaseReceipt().dump(_receipt(closed)))

    app.add_url_rule("/sandbox/clock", "GET /sandbox/clock", show_clock, methods=["GET"])
    app.add_url_rule("/sandbox/clock", "PUT /sandbox/clock", move_clock, methods=["PUT"])
    app.add_url_rule("/sandbox/release", "POST /sandbox/release", release, methods=["POST"])


def _receipt(closed: list[Closed]) -> dict[str, Any]:
    releases = [one.release for one in closed]
    groups = ["actions" if one.measure == Measure.ACTIONS else "inclusions" for one in releases]
    return {
        "period": releases[0].kind,
        "value": releases[0].period,
        "measures": list(dict.fromkeys(groups)),
        "released_at": releases[0].released_at,
        "releases": [one.id for one in releases],
    }


def _json(document: Any) -> Response:
    return Response(strict_json.dumps(document), content_type="application/json")

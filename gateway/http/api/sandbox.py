"""The sandbox's doors (CONTRACT 9): the legal clock by hand, and closing a period. They exist in the sandbox only."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from gateway.clock import SandboxClock
from gateway.domain.errors import ClockRunsForward
from gateway.domain.lattice import Measure, Period, PeriodKind
from gateway.http import bodies
from gateway.services.close_period import close_period
from gateway.services.context import Context
from schemas import strict_json
from schemas.sandbox import Clock, ClockRequest, ReleaseReceipt, ReleaseRequest


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
        closed = close_period(context, Period(kind, asked[kind.value]), Measure.ACTIONS)
        return _json(ReleaseReceipt().dump(_receipt(closed.release)))

    app.add_url_rule("/sandbox/clock", "GET /sandbox/clock", show_clock, methods=["GET"])
    app.add_url_rule("/sandbox/clock", "PUT /sandbox/clock", move_clock, methods=["PUT"])
    app.add_url_rule("/sandbox/release", "POST /sandbox/release", release, methods=["POST"])


def _receipt(release: Any) -> dict[str, Any]:
    return {
        "period": release.kind,
        "value": release.period,
        "measures": ["actions"],
        "released_at": release.released_at,
        "releases": [release.id],
    }


def _json(document: Any) -> Response:
    return Response(strict_json.dumps(document), content_type="application/json")

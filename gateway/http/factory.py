"""The Flask application: every route in its frame, every problem in its form, every answer logged in one line."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    SecurityError,
)

from gateway.domain import errors
from gateway.http.callers import Callers
from gateway.http.frame import request_id, view_of
from gateway.http.metrics import Metrics
from gateway.http.postponed import Postponed
from gateway.http.problems import ALWAYS, code_of, problem_response
from gateway.http.rates import Rates
from gateway.http.routes import Route
from gateway.http.texts import language_of
from gateway.services.context import Context
from gateway.spans import Fact, Spans

log = structlog.get_logger("chroniccare.http")


def create_flask(
    context: Context,
    callers: Callers,
    routes: Sequence[Route],
    trusted_hosts: Collection[str],
    metrics: Metrics,
    rates: Rates | None = None,
) -> Flask:
    """The application with the routes given; open and sandbox doors are added by whoever composes it."""
    rates = rates or Rates(context)
    app = Flask("chroniccare", static_folder=None)
    app.config["TRUSTED_HOSTS"] = [host.lower() for host in trusted_hosts]
    app.wsgi_app = _with_plain_host(app.wsgi_app)  # type: ignore[method-assign, assignment] # as Flask's own documentation has it
    app.url_map.merge_slashes = False  # its redirect would repeat the path that was sent
    for route in routes:
        app.add_url_rule(
            route.path, f"{route.method} {route.path}", view_of(route, context, callers, rates), methods=[route.method]
        )
    _frame_traces(app, context.spans)
    _frame_requests(app, metrics)
    app.extensions |= {"postponed": Postponed(), "metrics": metrics}
    _frame_problems(app, context, callers, metrics)
    return app


def _with_plain_host(serve: WSGIApplication) -> WSGIApplication:
    """The application, told the host in small letters, because hosts have no case, and none where none was sent.

    Not: the server's own name, which Werkzeug takes for a host that is missing.
    """

    def plain(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["HTTP_HOST"] = environ.get("HTTP_HOST", "").lower()
        return serve(environ, start)

    return plain


def _frame_traces(app: Flask, spans: Spans) -> None:
    """Take the time of every request, from before anything else to after everything else."""

    @app.before_request
    def begin() -> None:
        g.trace = ExitStack()
        g.span = g.trace.enter_context(spans.request(request.headers.get("traceparent")))

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "trace" in g:
            g.pop("trace").close()

    @app.after_request
    def finish(response: Response) -> Response:
        if "span" in g:
            g.span.name(request.endpoint or "unknown")
            g.span.tell(_facts(response.status_code))
        return response


def _facts(status: int) -> dict[Fact, str | int]:
    """What a trace tells of a request: nothing that a client wrote."""
    facts: dict[Fact, str | int] = {"http.response.status_code": status, "chroniccare.request_id": request_id()}
    if request.url_rule is not None:
        facts |= {"http.route": request.url_rule.rule, "http.request.method": request.method}
    if "code" in g:
        facts["chroniccare.problem"] = g.code
    return facts


def _frame_requests(app: Flask, metrics: Metrics) -> None:
    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        clear_contextvars()
        bind_contextvars(request_id=request_id())

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        clear_contextvars()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-ID"] = request_id()
        response.headers.update(g.get("rate", {}))
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        route = request.endpoint or "unknown"
        metrics.answered(route, response.status_code, seconds)
        log.info(
            "answered",
            request_id=request_id(),
            route=route,
            status=response.status_code,
            code=g.get("code"),
            role=g.get("role"),
            milliseconds=round(seconds * 1000, 2),
        )
        return response


def _frame_problems(app: Flask, context: Context, callers: Callers, metrics: Metrics) -> None:
    postponed: Postponed = app.extensions["postponed"]

    def answer(problem: errors.Problem) -> Response:
        g.code = code_of(problem)
        metrics.refused(g.code, problem)
        if isinstance(problem, errors.InvalidToken | errors.ExpiredToken):
            told = callers.told_of(request, context.veil.fingerprints.claim)
            log.info("auth_failed", request_id=request_id(), reason=problem.reason, **told)
        if isinstance(problem, errors.TooManyRequests):
            postponed.add(request.headers["Authorization"], problem.seconds)
        if isinstance(problem, errors.StoreUnavailable):
            log.error("store_unavailable", request_id=request_id(), cause=_cause(problem))
        return problem_response(problem, language_of(request.accept_languages), request_id())

    def translate(error: HTTPException) -> Response:
        if isinstance(error, InternalServerError):
            return surprise(error.original_exception or error)
        return answer(_problem_of(error))

    def surprise(error: BaseException) -> Response:
        log.error("unexpected", request_id=request_id(), kind=type(error).__name__, where=_where(error))
        return answer(errors.Unexpected())

    app.register_error_handler(errors.Problem, answer)
    app.register_error_handler(HTTPException, translate)
    app.register_error_handler(Exception, surprise)


def _problem_of(error: HTTPException) -> errors.Problem:
    match error:
        case MethodNotAllowed():
            return errors.MethodNotAllowed(sorted(error.valid_methods or []))
        case NotFound() if request.method == "CONNECT":
            return errors.MethodNotAllowed([])  # its target is no path
        case SecurityError():
            return errors.UntrustedHost()
        case BadRequest():
            return errors.MalformedJson()
        case _:
            return errors.NotFound()


def _where(error: BaseException) -> list[str]:
    """Where an error came up, without any value: file and line of each frame."""
    return [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
    ]


def _cause(problem: errors.Problem) -> str:
    cause = getattr(problem.__cause__, "orig", problem.__cause__)
    return type(cause).__name__

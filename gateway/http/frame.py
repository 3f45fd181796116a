"""The frame around every route: who, form, verb, answer. The only place that knows both Flask and the verbs.

caller (401) ─ headers, body, query (400) ─ perform: role, project, object, rules ─ answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from flask import Response, g, request
from marshmallow import Schema

from gateway.domain.access import Caller
from gateway.domain.errors import FieldError, InvalidRequest
from gateway.http import bodies
from gateway.http.callers import Callers
from gateway.http.files import file_response
from gateway.http.rates import Rates
from gateway.http.routes import Incoming, Outgoing, Reading, Route
from gateway.services.context import Call, Context
from gateway.services.perform import perform, perform_later
from gateway.store.idempotency import KeptAnswer, Key
from schemas import strict_json

NOT_WHEN_VALIDATING = ("id", "receipt", "delivery")


def view_of(route: Route, context: Context, callers: Callers, rates: Rates) -> Callable[..., Response]:
    """The Flask view of a route."""
    body = route.body() if route.body else None
    query = route.query() if route.query else None
    answer_schema = route.answer()

    def view(**path: str) -> Response:
        caller = callers.authenticate(request)
        g.role = caller.role.value
        g.rate = rates.take(caller)
        validate_only = route.writes and _validate_only()
        key_text = bodies.idempotency_key(request.headers) if route.needs_key and not validate_only else None
        loaded_query = bodies.load_query(query, request, own=("validate_only",) if route.writes else ())
        key_hash = None if key_text is None else _key_hash(context, route, caller, key_text)
        dumped: list[Outgoing] = []
        with _read(route, body, Reading(context, caller, loaded_query, key_hash)) as (payload, raw):
            incoming = Incoming(caller, path, loaded_query, payload, request.headers, context)
            key = None if key_hash is None else Key(key_hash, _fingerprint(context, raw))
            call = Call(caller, route.verb, request_id(), key, validate_only)

            def dump(result: Any) -> KeptAnswer:
                dumped.append(route.dump(result, incoming))
                return _bytes_of(dumped[-1], answer_schema, route.status, validate_only)

            performed = perform(context, call, route.call(incoming), dump)
        last = dumped[-1] if dumped else Outgoing(None)
        if last.file is not None:
            return file_response(context.extracts_dir, last.file, request)
        answer = performed.answer
        if last.later is not None:
            found = perform_later(context, call, last.later, last.project)
            answer = _bytes_of(found, answer_schema, route.status, validate_only=False)
        shown = _with(answer.body, {} if validate_only else last.once)
        response = Response(last.stream or shown, answer.status)
        response.headers.update(answer.headers)
        if performed.is_replay:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    return view


def request_id() -> str:
    """The id of the request at hand, made at its first use."""
    if "request_id" not in g:
        g.request_id = str(uuid4())
    made: str = g.request_id
    return made


def _read(route: Route, schema: Schema | None, reading: Reading) -> AbstractContextManager[tuple[Any, Any]]:
    """A request's body as its route takes it, and as it was sent; kept until the end of a block."""
    if route.reader is not None:
        return route.reader(request, reading)
    raw = None if schema is None else bodies.read_json(request)
    return nullcontext((None if schema is None else bodies.load(schema, raw), raw))


def _validate_only() -> bool:
    given = request.args.getlist("validate_only")
    if given not in ([], ["true"], ["false"]):
        raise InvalidRequest([FieldError("?validate_only", "invalid-parameter")])
    return given == ["true"]


def _key_hash(context: Context, route: Route, caller: Caller, text: str) -> bytes:
    """The key in its scope: caller and route."""
    return context.veil.fingerprints.key(caller, f"{route.method} {route.path}", text)


def _fingerprint(context: Context, raw: Any) -> bytes:
    """The request that a key came with: path, query and body, canonically."""
    asked = f"{request.path}?{request.query_string.decode('ascii', 'replace')}"
    return context.veil.fingerprints.request(asked, raw if isinstance(raw, bytes) else strict_json.canonical(raw))


def _with(body: bytes, once: Mapping[str, str]) -> bytes:
    """An answer with what is shown only once, which was not kept with it."""
    return strict_json.dumps({**dict(strict_json.loads(body)), **once}) if once else body  # type: ignore[call-overload]  # a body of ours is an object


def _bytes_of(outgoing: Outgoing, schema: Any, status: int, validate_only: bool) -> KeptAnswer:
    status = outgoing.status or status
    headers = {"Content-Type": outgoing.content_type, **outgoing.headers}
    if outgoing.stream is not None or outgoing.later is not None:
        return KeptAnswer(status, headers, b"")
    if outgoing.file is not None or (status == HTTPStatus.NO_CONTENT and not validate_only):
        return KeptAnswer(status, dict(outgoing.headers), b"")
    if outgoing.text is not None:
        return KeptAnswer(status, headers, outgoing.text.encode())
    document = schema.dump(outgoing.document)
    if validate_only:
        document = {name: value for name, value in document.items() if name not in NOT_WHEN_VALIDATING}
        return KeptAnswer(200, {"Content-Type": "application/json"}, strict_json.dumps({**document, "validated": True}))
    return KeptAnswer(status, headers, strict_json.dumps(document))

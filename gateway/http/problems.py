"""Problems as answers: RFC 9457, in the caller's language.

Not: it never repeats what a client sent, so no SSIN, token or key can come back.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response

from gateway.domain import errors
from gateway.http.statuses import retry_after, status_of
from gateway.http.texts import problem_texts
from schemas import strict_json
from schemas.problem import Problem as ProblemSchema

MEDIA_TYPE = "application/problem+json"
FACTS = ("allowed_from", "allowed_until", "existing", "nearest", "available_from", "dimension", "now", "nis")
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer; the last two may be replaced by an answer's own."""
_SCHEMA = ProblemSchema()


def problem_response(problem: errors.Problem, language: str, request_id: str) -> Response:
    """The answer that tells a caller of a problem."""
    kind = type(problem)
    response = Response(
        strict_json.dumps(_SCHEMA.dump(document(problem, language, request_id))),
        status=status_of(kind),
        content_type=MEDIA_TYPE,
    )
    response.headers["Content-Language"] = language
    if isinstance(problem, errors.Unauthenticated):
        named = ' error="invalid_token"' if not isinstance(problem, errors.NoToken) else ""
        response.headers["WWW-Authenticate"] = f"Bearer{named}"
    if isinstance(problem, errors.MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(problem.allowed))
    if isinstance(problem, errors.RangeNotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{problem.length}"
    seconds = problem.seconds if isinstance(problem, errors.TooManyRequests) else retry_after(kind)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def document(problem: errors.Problem, language: str, request_id: str) -> dict[str, Any]:
    """A problem as its members, not yet dumped."""
    code = code_of(problem)
    texts = problem_texts()[code]
    facts = {name: getattr(problem, name, None) for name in FACTS}
    return {
        "type": f"/problems/{code}",
        "title": texts["title"][language],
        "status": status_of(type(problem)),
        "detail": texts["detail"][language].format_map({name: _text(value) for name, value in facts.items()}),
        "code": code,
        "instance": request_id,
        "rule": problem.rule,
        "source": problem.source,
        "errors": _field_errors(problem, language),
        "checks": problem.checks if isinstance(problem, errors.NotReady) else None,
        **{name: value for name, value in facts.items() if name in _SCHEMA.fields},
    }


def code_of(problem: errors.Problem) -> str:
    """The stable code: that of the fields when they all share one that has a page of its own."""
    if isinstance(problem, errors.InvalidRequest):
        codes = {error.code for error in problem.errors}
        if len(codes) == 1 and codes <= problem_texts().keys():
            return codes.pop()
    return problem.code


def _field_errors(problem: errors.Problem, language: str) -> list[dict[str, str]] | None:
    if not isinstance(problem, errors.InvalidRequest):
        return None
    texts = problem_texts()["field"]
    return [_field_error(error, texts[error.code]["detail"][language]) for error in problem.errors]


def _field_error(error: errors.FieldError, text: str) -> dict[str, str]:
    told = {"pointer": error.pointer, "code": error.code, "detail": text}
    if error.expected is None:
        return told
    return {**told, "detail": text.replace("{expected}", error.expected), "expected": error.expected}


def _text(value: Any) -> str:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case list():
            return ", ".join(value)
        case UUID():
            return str(value)
        case _:
            return "" if value is None else str(value)

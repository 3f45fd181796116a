"""The parts that many operations refer to: parameters, headers, the scheme of tokens, one example per problem."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from gateway.domain.errors import FieldError, Finding, InvalidRequest, Problem
from gateway.http import problems
from gateway.http.openapi.refusals import leaves
from gateway.http.texts import LANGUAGES, problem_texts
from schemas.fields import Choice, Identifier, Nihii, ProjectId, Pseudocode, StrictSchema, Text, about
from schemas.inclusion import EXAMPLE_ID
from schemas.problem import Problem as ProblemSchema

_KEY_EXAMPLE = "7d9f0a52-3c1e-4b57-9f0e-2a6b8f6f1c11"


class PathParameters(StrictSchema):
    """Every parameter in a path, by its name."""

    inclusion_id = Identifier(metadata=about("Id of the inclusion.", EXAMPLE_ID))
    action_id = Identifier(metadata=about("Id of the action.", EXAMPLE_ID))
    batch_id = Identifier(metadata=about("Id of the batch.", EXAMPLE_ID))
    extract_id = Identifier(metadata=about("Id of the extract.", EXAMPLE_ID))
    webhook_id = Identifier(metadata=about("Id of the webhook.", EXAMPLE_ID))
    file_name = Text(60, metadata=about("Name of a file of it, as the manifest's `url` ends.", "extract.csv"))
    project_id = ProjectId(metadata=about("Id of the project.", "demo-nord"))
    code = Pseudocode(metadata=about("The pseudocode, six digits.", "794010"))
    nihii = Nihii(metadata=about("NIHII number, 8 or 11 digits.", "12345625001"))
    problem_code = Choice(
        sorted(code for code in problem_texts() if code != "field"),
        metadata=about("Code of the problem.", "invalid-ssin"),
    )


PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": (
            "One key per intention, kept for 7 days: the same request under the same key gets the first answer again, "
            "with `Idempotent-Replayed: true`. Needed by every POST that writes, but with `validate_only=true`."
        ),
        "schema": {
            "type": "string",
            "pattern": "^[!-~]+$",
            "minLength": 1,
            "maxLength": 255,
            "examples": [_KEY_EXAMPLE],
        },
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The `ETag` last read; 412 when the object changed since.",
        "schema": {"type": "string", "examples": ['"1"']},
    },
    "ValidateOnly": {
        "name": "validate_only",
        "in": "query",
        "required": False,
        "description": (
            "`true`: the same checks and the same answer, without `id`, `receipt` and `delivery` and with "
            "`validated: true`; status 200, nothing stored or sent."
        ),
        "schema": {"type": "boolean", "default": False, "examples": [False]},
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Language of texts for people: fr, nl, de or en; en when none of them is asked for.",
        "schema": {"type": "string", "examples": list(LANGUAGES)},
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "Id of the request, as logs, the audit and a problem's `instance` name it.",
        "schema": {"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]},
    },
    "Content-Language": {
        "description": "Language of the texts.",
        "schema": {"type": "string", "enum": list(LANGUAGES), "examples": ["en"]},
    },
    "ETag": {
        "description": "Version of the object, for `If-Match`.",
        "schema": {"type": "string", "examples": ['"1"']},
    },
    "Location": {
        "description": "Where the new object is.",
        "schema": {"type": "string", "format": "uri-reference", "examples": [f"/v1/inclusions/{EXAMPLE_ID}"]},
    },
    "Content-Location": {
        "description": "Where the extract can be followed.",
        "schema": {"type": "string", "format": "uri-reference", "examples": [f"/v1/extracts/{EXAMPLE_ID}"]},
    },
    "X-Progress": {
        "description": "How far it is, for people.",
        "schema": {"type": "string", "examples": ["50%"]},
    },
    "Content-Disposition": {
        "description": "The name to save it under.",
        "schema": {"type": "string", "examples": ["attachment; filename=extract.csv"]},
    },
    "Content-Range": {
        "description": "Which part it is, or how long the whole file is.",
        "schema": {"type": "string", "examples": ["bytes 0-99/8192"]},
    },
    "Digest": {
        "description": "SHA-256 of the whole file, base64 (RFC 3230); `Repr-Digest` says the same (RFC 9530).",
        "schema": {"type": "string", "examples": ["sha-256=n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="]},
    },
    "Idempotent-Replayed": {
        "description": "`true` when this is the first answer to the key, given again.",
        "schema": {"type": "string", "enum": ["true"], "examples": ["true"]},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string", "examples": ['Bearer error="invalid_token"']},
    },
    "Retry-After": {
        "description": "After how many seconds to ask again.",
        "schema": {"type": "integer", "minimum": 1, "examples": [5]},
    },
}

SECURITY: dict[str, Any] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT (RFC 9068)",
    "description": (
        "A token of the configured issuer: header `typ` at+jwt, `alg` RS256, PS256 or ES256, `kid`; claims `iss`, "
        "`sub`, `aud`, `exp`, `iat`, `jti` and `role`, with `nihii`, `project` or `insurer` as the role asks. "
        "In the sandbox the mock issues them."
    ),
}

_FACTS: dict[str, Any] = {
    "seconds": 1,
    "allowed_from": date(2022, 2, 1),
    "allowed_until": date(2022, 6, 30),
    "available_from": date(2022, 3, 10),
    "existing": UUID(EXAMPLE_ID),
    "nearest": ["794010"],
    "dimension": "sex",
    "nis": "25112",
    "length": 8192,
    "now": datetime(2022, 2, 14, 10, tzinfo=UTC),
    "errors": [FieldError("#/project", "required")],
    "allowed": ["GET"],
    "checks": [Finding("database", True), Finding("disk", False, "room-short")],
}
"""A value for each fact that a class of problems asks for."""

_POINTERS = {"unknown-parameter": "?page", "invalid-parameter": "?limit", "identity-in-text": "#/name/fr"}


def problem_examples() -> dict[str, dict[str, Any]]:
    """An example of every code, as the gateway itself would answer it in English."""
    kinds = {kind.code: kind for kind in leaves()}
    return {
        code: {"summary": code, "value": _document(_an_instance(kinds[code]) if code in kinds else _a_field(code))}
        for code in sorted(problem_texts().keys() - {"field"})
    }


def _a_field(code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(_POINTERS.get(code, f"#/{code.rpartition('-')[2]}"), code)])


def _an_instance(kind: type[Problem]) -> Problem:
    named = getattr(kind, "__dataclass_fields__", {})
    return kind(**{name: value for name, value in _FACTS.items() if name in named})


def _document(problem: Problem) -> dict[str, Any]:
    dumped: dict[str, Any] = ProblemSchema().dump(problems.document(problem, "en", EXAMPLE_ID))
    return dumped

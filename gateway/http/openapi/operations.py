"""From a route, or a door, to its operation in the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from marshmallow import Schema
from marshmallow.fields import Field

from gateway.domain import errors
from gateway.domain.access import ACCESS, Role, Scope
from gateway.http.frame import NOT_WHEN_VALIDATING
from gateway.http.openapi.converter import Converter, sentence_of
from gateway.http.openapi.doors import Door
from gateway.http.openapi.examples import example_of
from gateway.http.openapi.refusals import codes_by_status, problem_answers, problems_of
from gateway.http.openapi.shared import PathParameters
from gateway.http.openapi.texts import ONLY_TEXT, TEXT_ANSWERS, TEXT_BODIES
from gateway.http.routes import Route
from schemas.action import ActionReceipt
from schemas.catalogue import Project
from schemas.inclusion import InclusionReceipt
from schemas.simulation import Explanation, Simulation

Operation = dict[str, Any]

_NAMED: Mapping[type[Schema], tuple[str, ...]] = {
    InclusionReceipt: ("ETag",),
    ActionReceipt: ("ETag",),
    Project: ("ETag",),
    Explanation: ("Content-Language",),
    Simulation: ("Content-Language",),
}
"""The headers that come with an answer."""

_NAMED_BY_VERB: Mapping[str, tuple[str, ...]] = {
    "register_extract": ("Content-Location",),
    "get_extract_file": ("ETag", "Digest", "Content-Disposition"),
}
"""The headers of an answer that hang on the verb."""

ALSO: Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "get_extract": {"202": ("It is not done yet; ask again.", ("X-Progress", "Retry-After"))},
    "get_extract_file": {
        "206": ("The part that `Range` asks for.", ("Content-Range",)),
        "304": ("It is the file that `If-None-Match` names.", ()),
    },
}
"""Other statuses of a success, by verb: each with what it says and its own headers."""

_PARAMETER = re.compile(r"<(\w+)>")


def template_of(path: str) -> str:
    """The path as OpenAPI writes it.

    >>> template_of("/v1/inclusions/<inclusion_id>/exit")
    '/v1/inclusions/{inclusion_id}/exit'
    """
    return _PARAMETER.sub(r"{\1}", path)


def operation_of(route: Route, converter: Converter) -> Operation:
    """The operation of a route."""
    kinds = problems_of(route)
    return {
        "operationId": route.verb,
        "summary": _plain(route.verb).capitalize(),
        "description": _description(route),
        "tags": [route.path.split("/")[2]],
        "security": [{"bearer": []}],
        "parameters": [
            *_path_parameters(route.path, converter),
            *_query_parameters(route.query, converter),
            *(["ValidateOnly"] if route.writes else []),
            *(["IdempotencyKey"] if route.needs_key else []),
            *(["IfMatch"] if errors.PreconditionRequired in kinds else []),
            "AcceptLanguage",
        ],
        **(_text_body(route.verb) if route.reader else _body(route.body)),
        "responses": {**_successes(route), **problem_answers(codes_by_status(kinds, _given(route)))},
    }


def operation_of_door(door: Door, converter: Converter) -> Operation:
    """The operation of a door without a token."""
    content = {} if door.answer is None else _json(door.answer)
    if door.text_type is not None:
        content[door.text_type] = {"schema": {"type": "string"}}
    answers = {"200": {"description": door.description, "headers": _headers("X-Request-ID"), "content": content}}
    if door.has_tag:
        answers["200"]["headers"] = _headers("X-Request-ID", "ETag")
        answers["304"] = {"description": "It is the version that `If-None-Match` names.", "headers": _headers("ETag")}
    return {
        "operationId": door.name,
        "summary": _plain(door.name).capitalize(),
        "description": f"{door.description} No token is needed.",
        "tags": [door.tag],
        "security": [],
        "parameters": [*_path_parameters(door.path, converter), "AcceptLanguage"],
        **_body(door.body),
        "responses": {**answers, **problem_answers(codes_by_status(door.problems))},
    }


def _description(route: Route) -> str:
    rights = ACCESS[route.verb]
    named = (f"`{role}`{'' if scope is Scope.ANY else f' ({_plain(scope)})'}" for role, scope in rights.items())
    who = "every role" if set(rights) == set(Role) else ", ".join(named)
    taken = f"Takes: {sentence_of(route.body)} " if route.body else ""
    return f"{taken}Answers: {sentence_of(route.answer)}\n\nRoles allowed: {who}."


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _path_parameters(path: str, converter: Converter) -> list[Operation]:
    fields = PathParameters().fields
    return [
        {"name": name, "in": "path", "required": True, **_described(converter.field2property(fields[name]))}
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(query: type[Schema] | None, converter: Converter) -> list[Operation]:
    if query is None:
        return []
    return [
        {"name": name, "in": "query", "required": field.required, **_described(converter.field2property(field))}
        for name, field in query().fields.items()
    ]


def _described(form: dict[str, Any]) -> Operation:
    """A property with its description beside its schema, where parameters have it."""
    schema = {name: value for name, value in form.items() if name != "description"}
    return {"description": form["description"], "schema": schema}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _json(schema: type[Schema], example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example_of(schema) if example is None else example}}


def _body(schema: type[Schema] | None) -> Operation:
    return {} if schema is None else {"requestBody": {"required": True, "content": _json(schema)}}


def _text_body(verb: str) -> Operation:
    return {"requestBody": {"required": True, "content": _text(TEXT_BODIES[verb])}}


def _text(examples: Mapping[str, str]) -> dict[str, Any]:
    """The content that is text, by its media type."""
    return {kind: {"schema": {"type": "string"}, "example": example} for kind, example in examples.items()}


def _successes(route: Route) -> dict[str, Any]:
    """The answers of a success: as stored, and where that has another status, as only checked."""
    content = {} if route.verb in ONLY_TEXT else _json(route.answer)
    content |= _text(TEXT_ANSWERS.get(route.verb, {}))
    names = ["X-Request-ID", *_NAMED.get(route.answer, ())]
    is_made = route.status != HTTPStatus.OK and "id" in route.answer().fields
    names += ["Location"] if is_made and route.verb not in _NAMED_BY_VERB else []
    names += ["Idempotent-Replayed"] if route.needs_key else []
    names += [*_NAMED_BY_VERB.get(route.verb, ())]
    done = {"description": sentence_of(route.answer), "headers": _headers(*names), "content": content}
    if route.status == HTTPStatus.NO_CONTENT:
        gone = {"description": "It is gone.", "headers": _headers("X-Request-ID")}
        return {str(route.status): gone, "200": _checked(route.answer)}
    if route.verb in ALSO:
        return {str(route.status): done, **{status: _also(status, done) for status in ALSO[route.verb]}}
    if not route.writes or route.status == HTTPStatus.OK:
        return {str(route.status): done}
    return {str(route.status): done, "200": _checked(route.answer)}


def _also(status: str, done: Operation) -> Operation:
    """Another answer of a success: the same content, or none where it is not modified."""
    told, names = next(of[status] for of in ALSO.values() if status in of)
    content = {} if status == "304" else {"content": done["content"]}
    return {"description": told, "headers": {**done["headers"], **_headers(*names)}, **content}


def _checked(answer: type[Schema]) -> dict[str, Any]:
    """The answer to `validate_only`."""
    stored = {name: value for name, value in example_of(answer).items() if name not in NOT_WHEN_VALIDATING}
    return {
        "description": "Only checked; nothing is stored.",
        "headers": _headers("X-Request-ID"),
        "content": _json(answer, {**stored, "validated": True}),
    }


def _given(route: Route) -> list[Field[Any]]:
    """The fields of a request: in its path, its query and its body."""
    path = [PathParameters().fields[name] for name in _PARAMETER.findall(route.path)]
    return [*path, *(field for schema in (route.query, route.body) if schema for field in schema().fields.values())]

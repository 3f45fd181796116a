"""The document as a whole.

Shape: the same routes give the same bytes; what a client sends takes no other member, what it gets may gain some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from apispec import APISpec

from gateway.http.openapi import doors, shared
from gateway.http.openapi.converter import Converter, Plugin
from gateway.http.openapi.operations import operation_of, operation_of_door, template_of
from gateway.http.routes import Route
from schemas.problem import Problem

OPENAPI = "3.1.0"
_ABOUT = """\
Registration gateway for Belgium's pilot projects of integrated care: inclusions, actions and anonymous figures.

MyCareNet publishes no machine interface for these projects, so **this interface is our own**, in the style of MyCareNet
and eHealth. All people, numbers and projects in the examples are synthetic.

* JSON in UTF-8, `snake_case`; a member that is not described is refused. Answers may gain members.
* Days are `YYYY-MM-DD`, instants RFC 3339 with zone, ids UUIDs.
* A social security identification number is only ever in a body, never in a URL.
* Problems are `application/problem+json` (RFC 9457) with a stable `code`; `GET /problems` lists them all.
* Lists are `{"items": [...], "next": cursor or null}`; send `next` back as `cursor`.
"""
_TAGS = {
    "inclusions": "Beneficiaries in a project: included, corrected, ended, annulled.",
    "actions": "What was done for an included beneficiary.",
    "batches": "Many inclusions, exits and actions handed in together.",
    "simulation": "What the rules would say; nothing is stored.",
    "projects": "Pilot projects, their conventions, pseudocodes and partners.",
    "pseudocodes": "The codes that INAMI assigned to actions.",
    "aggregates": "Released figures, anonymous.",
    "forecast": "Which cells the next closes will probably publish.",
    "progress": "The included beside the yardstick of each period of twelve months, shown and never divided.",
    "releases": "The ledger of everything released.",
    "extracts": "Released records as files, anonymous, with their dictionary, report and signed manifest.",
    "operations": "How the own project stands, in exact figures.",
    "month-end": "How long the month lasts, and what was begun in it and is not communicated.",
    "months-lost": "What communications after a month's end cost.",
    "reconciliation": "What was asked, sent and answered in a month, and in what the sides differ.",
    "deliveries": "How far each message to MyCareNet is.",
    "audit": "Who did or saw what, about whom, when, and how it ended.",
    "webhooks": "Where a project's own software is told of changed deliveries, and what it was told.",
    "rules": "The rule book.",
    "problems": "Every problem with its remedy.",
    "receipts": "Verifying receipts.",
    "health": "For operators.",
    "description": "The description of this interface.",
    "sandbox": "The sandbox's legal clock and its closing of periods; in the sandbox only.",
}
_METHODS = ("get", "put", "post", "patch", "delete")


def document(routes: Sequence[Route], *, is_sandbox: bool) -> dict[str, Any]:
    """The OpenAPI document of these routes and of the open doors; of the sandbox's too where it is one."""
    plugin = Plugin()
    spec = APISpec(
        title="ChronicCare gateway",
        version=version("chroniccare-gateway"),
        openapi_version=OPENAPI,
        plugins=[plugin],
        info={"description": _ABOUT, "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}},
        servers=[{"url": "/"}],
    )
    _add_components(spec)
    converter = plugin.converter
    if not isinstance(converter, Converter):
        raise AssertionError("a specification gives its plugin a converter")
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(template_of(route.path), {})[route.method.lower()] = operation_of(route, converter)
    for door in (*doors.OPEN, *(doors.SANDBOX if is_sandbox else ())):
        operation = operation_of_door(door, converter)
        paths.setdefault(template_of(door.path), {})[door.method.lower()] = operation
    for path, operations in paths.items():
        spec.path(path, operations={name: operations[name] for name in _METHODS if name in operations})
    made: dict[str, Any] = spec.to_dict()
    _open_answers(made)
    return {**made, "tags": _tags(made)}


def _add_components(spec: APISpec) -> None:
    spec.components.security_scheme("bearer", shared.SECURITY)
    spec.components.schema("Problem", schema=Problem)
    for name, parameter in shared.PARAMETERS.items():
        spec.components.parameter(name, parameter["in"], parameter)
    for name, header in shared.HEADERS.items():
        spec.components.header(name, header)
    for code, example in shared.problem_examples().items():
        spec.components.example(code, example)


def _tags(made: dict[str, Any]) -> list[dict[str, str]]:
    """The tags that are used, described, in the order of the table."""
    used = {tag for operation in _operations(made) for tag in operation["tags"]}
    return [{"name": tag, "description": about} for tag, about in _TAGS.items() if tag in used]


def _operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in made["paths"].values():
        yield from operations.values()


def _open_answers(made: dict[str, Any]) -> None:
    """Let schemas that only answers use gain members later."""
    schemas = made["components"]["schemas"]
    sent: set[str] = set()
    waiting = [name for operation in _operations(made) for name in _refers_to(operation.get("requestBody"))]
    while waiting:
        name = waiting.pop()
        if name not in sent:
            sent.add(name)
            waiting += _refers_to(schemas[name])
    for name in schemas.keys() - sent:
        schemas[name].pop("additionalProperties", None)


def _refers_to(node: Any) -> Iterator[str]:
    """The names of the schemas that a part of the document refers to."""
    match node:
        case {"$ref": str(reference)} if reference.startswith("#/components/schemas/"):
            yield reference.rpartition("/")[2]
        case dict():
            for each in node.values():
                yield from _refers_to(each)
        case list():
            for each in node:
                yield from _refers_to(each)

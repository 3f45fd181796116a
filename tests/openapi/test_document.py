"""The document says what the code does: every route, every field, every example, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from flask import Flask
from jsonschema_rs import Draft202012Validator

from gateway.app import ROUTES
from gateway.clock import real_now
from gateway.domain.access import ACCESS
from gateway.http.api.docs import add_docs
from gateway.http.api.open import add_open_doors
from gateway.http.api.sandbox import add_sandbox_doors
from gateway.http.factory import create_flask
from gateway.http.metrics import Metrics
from gateway.http.openapi.document import document
from gateway.http.openapi.examples import field_example
from gateway.http.openapi.operations import template_of
from gateway.services.context import Context
from schemas import strict_json
from tests.openapi.conforming import refers

DOCUMENT = document(ROUTES, is_sandbox=True)
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
BODIES = {route.verb: route.body for route in ROUTES if route.body}
QUERIES = {route.verb: route.query for route in ROUTES if route.query}
SERVED = ("/docs",)
"""The page and its files, which are no part of the interface."""


def operations(made: dict[str, Any] = DOCUMENT) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, by_method in made["paths"].items():
        for method, operation in by_method.items():
            yield method.upper(), path, operation


def served(*, is_sandbox: bool) -> set[tuple[str, str]]:
    """What the application answers, by its map of URLs."""
    nothing = cast(Any, None)
    app: Flask = create_flask(Context(nothing, nothing, real_now), nothing, ROUTES, [], Metrics())
    add_open_doors(app, nothing, nothing, nothing)
    add_docs(app, ROUTES, is_sandbox=is_sandbox)
    if is_sandbox:
        add_sandbox_doors(app, nothing, nothing)
    return {
        (method, shape_of(template_of(rule.rule)))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(SERVED)
    }


def shape_of(path: str) -> str:
    """A path whatever its parameters are called."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property, and what arrays hold."""
    for name, schema in SCHEMAS.items():
        for member, form in schema["properties"].items():
            yield f"{name}.{member}", form
            if "items" in form:
                yield f"{name}.{member}[]", form["items"]


def test_it_is_valid() -> None:
    from openapi_spec_validator import validate  # noqa: PLC0415 - slow to load, and every process collects every test

    validate(DOCUMENT)

    assert DOCUMENT["openapi"] == "3.1.0"


def test_the_same_routes_give_the_same_bytes() -> None:
    again = document(ROUTES, is_sandbox=True)

    assert strict_json.dumps(again) == strict_json.dumps(DOCUMENT)


@pytest.mark.parametrize("is_sandbox", [True, False])
def test_it_has_every_route_and_no_other(is_sandbox: bool) -> None:
    described = {(method, shape_of(path)) for method, path, _ in operations(document(ROUTES, is_sandbox=is_sandbox))}

    assert described == served(is_sandbox=is_sandbox)


def test_an_operation_is_named_by_its_verb_and_tells_who_may_ask() -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations()}

    assert len(by_name) == len(list(operations()))
    for route in ROUTES:
        told = by_name[route.verb]["description"]
        assert "every role" in told or all(f"`{role}`" in told for role in ACCESS[route.verb]), route.verb
        assert by_name[route.verb]["security"] == [{"bearer": []}]


def test_every_tag_is_described() -> None:
    used = {tag for _, _, operation in operations() for tag in operation["tags"]}

    assert used == {tag["name"] for tag in DOCUMENT["tags"]}


def test_every_property_has_a_description_and_an_example_that_it_takes() -> None:
    for name, form in properties():
        assert form["description"], name
        assert form["examples"], name
        assert conforms(form, form["examples"][0]), name


def test_every_enumeration_has_a_type() -> None:
    forms = [form for form in everything(DOCUMENT) if isinstance(form.get("enum"), list)]

    assert len(forms) > 10
    assert [form for form in forms if "type" not in form] == []


def everything(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from everything(each)
    if isinstance(node, list):
        for each in node:
            yield from everything(each)


def conforms(form: dict[str, Any], value: Any) -> bool:
    return bool(Draft202012Validator(refers(DOCUMENT, form)).is_valid(value))


def test_what_is_sent_is_closed_and_what_is_only_answered_may_gain_members() -> None:
    assert SCHEMAS["InclusionRequest"]["additionalProperties"] is False
    assert SCHEMAS["Agreement"]["additionalProperties"] is False
    assert "additionalProperties" not in SCHEMAS["InclusionReceipt"]
    assert "additionalProperties" not in SCHEMAS["Problem"]


@pytest.mark.parametrize("verb", BODIES)
def test_the_example_of_a_body_is_taken_by_its_schema(verb: str) -> None:
    operation = next(one for _, _, one in operations() if one["operationId"] == verb)
    content = operation["requestBody"]["content"]["application/json"]

    assert BODIES[verb]().load(content["example"])
    assert conforms(content["schema"], content["example"])


@pytest.mark.parametrize("verb", QUERIES)
def test_the_example_of_a_parameter_is_taken_by_its_field(verb: str) -> None:
    for field in QUERIES[verb]().fields.values():
        field.deserialize(str(field_example(field)))


def test_the_example_of_an_answer_conforms_to_it() -> None:
    for _, path, operation in operations():
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if "example" in content:
                    assert conforms(content["schema"], content["example"]), (path, status, kind)


def test_the_example_of_a_problem_conforms_to_it_and_stands_under_its_status() -> None:
    examples = DOCUMENT["components"]["examples"]
    for _, path, operation in operations():
        for status, answer in operation["responses"].items():
            for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {}):
                value = examples[code]["value"]
                assert (value["code"], str(value["status"])) == (code, status), path
                assert conforms({"$ref": "#/components/schemas/Problem"}, value), code

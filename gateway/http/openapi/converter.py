"""From marshmallow schemas to JSON Schema, by apispec, with the exact forms of the strict fields."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import RAISE, Schema, fields

from gateway.http.openapi.examples import field_example
from gateway.http.openapi.forms import Form, form_of, or_null
from schemas import catalogue, inclusion, sandbox, simulation
from schemas.fields import Block, ListOf

MORE: Mapping[type[Schema], Form] = {
    inclusion.InclusionCorrection: {"minProperties": 1},
    simulation.SimulationRequest: {
        "anyOf": [{"required": [part]} for part in ("inclusion", "exit", "action", "termination")]
    },
    sandbox.ReleaseRequest: {
        "oneOf": [{"required": [period]} for period in ("month", "quarter", "year", "convention")]
    },
}
"""What a schema as a whole asks for and JSON Schema can say.

Not: an order of days, or that items differ in one member.
"""


class Converter(OpenAPIConverter):
    """Gives each field its form, its description and its example, and each schema what it asks for as a whole."""

    def field2property(self, field: fields.Field[Any]) -> Form:
        """The property of a field."""
        form = {**self._nested(field), **form_of(field)}
        if field.allow_none:
            form = or_null(form)
        if isinstance(field.load_default, str | int):
            form["default"] = field.load_default
        return {**form, "description": field.metadata["description"], "examples": [field_example(field)]}

    def schema2jsonschema(self, schema: Any) -> Form:
        """The JSON Schema of a schema."""
        instance = resolve_schema_instance(schema)
        kind = type(instance)
        properties = {name: self.field2property(field) for name, field in instance.fields.items()}
        required = [name for name, field in instance.fields.items() if field.required]
        return {
            "type": "object",
            "description": sentence_of(kind),
            "properties": properties,
            **({"required": required} if required else {}),
            **({"additionalProperties": False} if instance.unknown == RAISE else {}),
            **MORE.get(kind, {}),
        }

    def reference(self, schema: type[Schema]) -> Form:
        """A reference to a schema, which is added to the components if it is not there yet."""
        return dict(self.resolve_nested_schema(schema))  # type: ignore[no-untyped-call] # apispec's own gap

    def _nested(self, field: fields.Field[Any]) -> Form:
        """What the schemas or fields inside a field say."""
        match field:
            case Block():
                return self.reference(type(field.schema))
            case ListOf():
                return {"items": self.field2property(field.inner), **self._uniqueness(field)}
            case catalogue.ByYear():
                return {"additionalProperties": self.reference(catalogue.PlannedYear)}
            case _:
                return {}

    def _uniqueness(self, field: ListOf) -> Form:
        return {} if field.unique is None else {"uniqueItems": True}


class Plugin(MarshmallowPlugin):
    """apispec's plugin with that converter."""

    Converter = Converter


def sentence_of(kind: type[Schema]) -> str:
    """The first sentence of a schema's docstring."""
    return (inspect.getdoc(kind) or "").splitlines()[0].partition(" Stage:")[0].partition(" Source:")[0]

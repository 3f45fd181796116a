"""How an object becomes what its schema says: decided once for each schema, where marshmallow looks at every object.

Shape: a None is dumped as null where the field allows null, and left out elsewhere; what is absent is left out.
Not: hooks before or after, and values for what is absent, which no schema here has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from marshmallow import Schema, fields, missing

Convert = Callable[[Any], Any]
_MAPPINGS = (dict, Mapping)
"""dict first, which is what nearly all of them are and is known at once."""


def dumper_of(schema: Schema) -> Callable[[Any], dict[str, Any]]:
    """What dumps an object by a schema: the members of a mapping, or the attributes.

    Shape: members in the order of the fields; never a method of dict that bears the name of a field (`items`).
    """
    members = [
        (field.attribute or name, field.data_key or name, field.allow_none, _converter(field))
        for name, field in schema.dump_fields.items()
    ]

    def dump(given: Any) -> dict[str, Any]:
        find = given.get if isinstance(given, _MAPPINGS) else partial(getattr, given)
        dumped = {}
        for attribute, name, may_be_null, convert in members:
            value = find(attribute, missing)
            if value is missing:
                continue
            if convert is not None and value is not None:
                value = convert(value)
            if value is not None or may_be_null:
                dumped[name] = value
        return dumped

    return dump


def _converter(field: fields.Field[Any]) -> Convert | None:
    """How a field's values are dumped; None: as they are."""
    if isinstance(field, fields.Nested):
        return field.schema.dump
    if isinstance(field, fields.List):
        return _each(_converter(field.inner))
    if type(field)._serialize is fields.Field._serialize:
        return None
    return lambda value: field.serialize("", value, accessor=_itself)


def _each(convert: Convert | None) -> Convert:
    if convert is None:
        return list
    return lambda values: [None if value is None else convert(value) for value in values]


def _itself(value: Any, *_: Any) -> Any:
    return value

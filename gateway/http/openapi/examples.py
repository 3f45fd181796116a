"""Examples of whole documents, put together from the examples of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from schemas import action, batch, catalogue, extract, inclusion, sandbox
from schemas.fields import Block, ListOf

_CHECKED_ONLY = ("validated",)
LEFT_OUT: Mapping[type[Schema], tuple[str, ...]] = {
    inclusion.InclusionRequest: ("communicated_by",),
    inclusion.InclusionReceipt: ("exit", "annulment", "rejection", "validated"),
    inclusion.Delivery: ("reason",),
    action.ActionReceipt: ("annulment", "validated"),
    batch.BatchReceipt: _CHECKED_ONLY,
    extract.ExtractRequest: ("since",),
    extract.Extract: ("progress", *_CHECKED_ONLY),
    catalogue.Project: _CHECKED_ONLY,
    catalogue.Pseudocode: _CHECKED_ONLY,
    catalogue.ListedPseudocode: _CHECKED_ONLY,
    catalogue.Assignment: _CHECKED_ONLY,
    catalogue.Partner: _CHECKED_ONLY,
    sandbox.ReleaseRequest: ("quarter", "year", "convention", "measures"),
}
"""What one document cannot have besides the rest: an open inclusion has no exit, one period is closed at a time."""

NULL_INSTEAD: Mapping[type[Schema], tuple[str, ...]] = {inclusion.InclusionReceipt: ("valid_until",)}


def example_of(schema: type[Schema]) -> dict[str, Any]:
    """A document that the schema takes. Shape: a list's `next` is null, its page being the only one."""
    absent, null = LEFT_OUT.get(schema, ()), NULL_INSTEAD.get(schema, ())
    return {
        name: None if name in null or (name == "next" and field.allow_none) else field_example(field)
        for name, field in schema().fields.items()
        if name not in absent
    }


def field_example(field: fields.Field[Any]) -> Any:
    """A value that the field takes: its own example, or that of the schema it nests where its own is empty."""
    own = field.metadata["example"]
    if isinstance(field, ListOf) and own == []:
        return [field_example(field.inner)]
    if isinstance(field, Block) and own == {}:
        return example_of(type(field.schema))
    return own

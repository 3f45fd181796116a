"""Compare answers with the document; by jsonschema-rs, since to import the one in Python compiles 38 grammars."""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator
from werkzeug.test import TestResponse

NOT_ALWAYS = ("Idempotent-Replayed", "Retry-After")
"""A first answer is no replay; of the conflicts only one is worth asking again."""


def refers(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands alone: the document's components beside it."""
    return {**schema, "components": document["components"]}


def check(document: dict[str, Any], method: str, path: str, answer: TestResponse) -> None:
    """That an answer has a status, type, body and headers which the document gives to the operation."""
    described = document["paths"][path][method.lower()]["responses"][str(answer.status_code)]
    schema = described["content"][answer.mimetype]["schema"]
    Draft202012Validator(refers(document, schema), validate_formats=True).validate(answer.get_json())
    for name in described["headers"]:
        assert name in answer.headers or name in NOT_ALWAYS, name

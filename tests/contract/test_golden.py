"""JSON written by hand, which both sides of the wire must accept and produce."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from marshmallow import Schema

from schemas import (
    action,
    aggregate,
    audit,
    batch,
    catalogue,
    delivery,
    extract,
    figures,
    forecast,
    inclusion,
    problem,
    reconciliation,
    sandbox,
    simulation,
    strict_json,
    webhook,
)
from schemas.fields import Block, ListOf, StrictSchema
from schemas.mycarenet import answers, ehealth, fhir, messages, outcomes, stand_in, statement, values

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
MYCARENET = (values, fhir, outcomes, messages, answers, statement, stand_in, ehealth)
MODULES = (
    *(
        inclusion,
        action,
        batch,
        catalogue,
        aggregate,
        audit,
        delivery,
        extract,
        figures,
        forecast,
        problem,
        reconciliation,
        sandbox,
        simulation,
        webhook,
    ),
    *MYCARENET,
)


def schemas_of(module: ModuleType) -> dict[str, type[Schema]]:
    return {
        name: found
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Schema) and found.__module__ == module.__name__
    }


SCHEMAS = {name: schema for module in MODULES for name, schema in schemas_of(module).items()}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_document_is_accepted_and_reproduced(path: Path) -> None:
    document = strict_json.loads(path.read_bytes())
    schema = SCHEMAS[path.stem.split(".")[0]]()

    loaded = schema.load(document)  # type: ignore[arg-type]  # any JSON value, a schema refuses the rest

    assert strict_json.canonical(schema.dump(loaded)) == strict_json.canonical(document)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_dumped_is_what_marshmallow_dumps_in_its_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = SCHEMAS[path.stem.split(".")[0]]
    loaded: dict[str, Any] = schema().load(strict_json.loads(path.read_bytes()))  # type: ignore[arg-type]  # as above
    given = [loaded, SimpleNamespace(**loaded), *({**loaded, name: None} for name in loaded)]
    dumped = [strict_json.dumps(schema().dump(one)) for one in given]

    monkeypatch.setattr(StrictSchema, "dump", by_marshmallow)

    assert dumped == [strict_json.dumps(schema().dump(one)) for one in given]


def by_marshmallow(schema: Schema, given: Any, *, many: bool | None = None) -> dict[str, Any]:
    """A document by marshmallow's own way, without the nulls that mean nothing."""
    fields = {field.data_key or name: field for name, field in schema.fields.items()}
    dumped = Schema.dump(schema, given, many=many)
    return {name: value for name, value in dumped.items() if value is not None or fields[name].allow_none}


def test_every_request_and_receipt_has_a_golden_document() -> None:
    written = {path.stem.split(".")[0] for path in GOLDEN}
    inner = {
        type(nested.schema).__name__
        for schema in SCHEMAS.values()
        for field in schema().fields.values()
        if isinstance(nested := field.inner if isinstance(field, ListOf) else field, Block)
    }

    by_value_only = {
        "AnswerSchema",
        "PlannedYear",
        "InclusionQuery",
        "ActionQuery",
        "DeliveryQuery",
        "AuditQuery",
        "WebhookQuery",
        "WebhookEventQuery",
        "BatchQuery",
        "PseudocodeQuery",
        "AggregateQuery",
        "StatementQuery",
        "ReconciliationQuery",
        "FiguresQuery",
        "MonthEndQuery",
        "MonthsLostQuery",
    }

    assert set(SCHEMAS) - written - inner == by_value_only


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_says_what_it_is_and_takes_its_own_example(name: str) -> None:
    for member, field in SCHEMAS[name]().fields.items():
        assert field.metadata["description"].endswith("."), member
        field.deserialize(field.metadata["example"])


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"AggregateQuery"}))
def test_a_request_refuses_another_member_and_an_answer_leaves_it_out(name: str) -> None:
    schema = SCHEMAS[name]()
    assert isinstance(schema, StrictSchema)

    errors = schema.validate({"is_admin": True})

    listens_only = issubclass(SCHEMAS[name], values.AnswerSchema)
    assert errors.get("is_admin") == (None if listens_only else ["unknown-member"])

"""What whole documents must hold: required members, lists of values, and days in their order."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from schemas import strict_json
from schemas.action import ActionAnnulmentRequest, ActionQuery, ActionRequest
from schemas.aggregate import AggregateQuery
from schemas.catalogue import (
    AssignmentRequest,
    PartnerRequest,
    ProjectReplacement,
    ProjectRequest,
    PseudocodeQuery,
    PseudocodeRequest,
)
from schemas.fields import pointers
from schemas.inclusion import ExitAnnulmentRequest, ExitRequest, InclusionQuery, InclusionRequest
from schemas.mycarenet.answers import Answer
from schemas.mycarenet.fhir import EpisodeOfCare
from schemas.mycarenet.messages import Message
from schemas.mycarenet.outcomes import OperationOutcome
from schemas.mycarenet.stand_in import ScenarioRequest
from schemas.sandbox import ReleaseRequest

ABSENT = object()


def golden(name: str) -> Any:
    return strict_json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_bytes())


def with_(document: Any, path: str, value: Any) -> Any:
    """The document with one member changed, added or taken away."""
    changed = copy.deepcopy(document)
    *way, last = path.split(".")
    node = changed
    for step in way:
        node = node[int(step) if step.isdigit() and isinstance(node, list) else step]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return changed


def refusals(schema: Schema, document: Any) -> list[tuple[str, str]]:
    try:
        schema.load(document)
    except ValidationError as refused:
        return pointers(refused.messages)
    return []


@pytest.mark.parametrize(
    ("schema", "path", "value", "pointer", "code"),
    [
        (InclusionRequest, "agreement", ABSENT, "#/agreement", "required"),
        (InclusionRequest, "agreement", None, "#/agreement", "null-not-allowed"),
        (InclusionRequest, "agreement", [], "#/agreement", "not-an-object"),
        (InclusionRequest, "agreement.informed", "yes", "#/agreement/informed", "wrong-type"),
        (InclusionRequest, "agreement.in_target_group", ABSENT, "#/agreement/in_target_group", "required"),
        (InclusionRequest, "agreement.agreed_on", "2022-02-30", "#/agreement/agreed_on", "invalid-day"),
        (InclusionRequest, "ssin", "85073003329", "#/ssin", "invalid-ssin"),
        (InclusionRequest, "communicated_at", "2022-01-01T00:00:00Z", "#/communicated_at", "unknown-member"),
        (InclusionRequest, "valid_from", "2022-01-01", "#/valid_from", "unknown-member"),
        (InclusionRequest, "valid_until", "2022-01-01", "#/valid_until", "unknown-member"),
        (InclusionRequest, "municipality", None, "#/municipality", "null-not-allowed"),
        (ExitRequest, "reason", "because", "#/reason", "unknown-value"),
        (ExitRequest, "reason", ABSENT, "#/reason", "required"),
        (ExitAnnulmentRequest, "reason", "wrong-day", "#/reason", "unknown-value"),
        (ActionRequest, "pseudocode", 794010, "#/pseudocode", "wrong-type"),
        (ActionRequest, "pseudocode", "79401", "#/pseudocode", "malformed-pseudocode"),
        (ActionRequest, "occurrence", 0, "#/occurrence", "out-of-range"),
        (ActionRequest, "occurrence", 2**31, "#/occurrence", "out-of-range"),
        (ActionRequest, "occurrence", 1.0, "#/occurrence", "wrong-type"),
        (ActionAnnulmentRequest, "reason", "wrong-project", "#/reason", "unknown-value"),
        (ProjectRequest, "id", ABSENT, "#/id", "required"),
        (ProjectRequest, "nihii", "12345625", "#/nihii", "invalid-nihii"),
        (ProjectRequest, "name.nl", ABSENT, "#/name/nl", "required"),
        (ProjectRequest, "name.fr", "Mme 85.07.30-033.28", "#/name/fr", "identity-in-text"),
        (ProjectRequest, "name.fr", "a" * 201, "#/name/fr", "too-long"),
        (ProjectRequest, "zone", [], "#/zone", "required"),
        (ProjectRequest, "zone", [{"nis": "25112", "population": 1}] * 2, "#/zone", "not-unique"),
        (ProjectRequest, "zone", [{"nis": "25112", "population": -1}], "#/zone/0/population", "out-of-range"),
        (ProjectRequest, "convention.last_day", "2021-08-31", "#/convention/last_day", "ends-before-it-begins"),
        (ProjectRequest, "contractor.cbe", "0403019262", "#/contractor/cbe", "invalid-cbe"),
        (ProjectReplacement, "name", ABSENT, "#/name", "required"),
        (PseudocodeRequest, "components", [], "#/components", "required"),
        (PseudocodeRequest, "components", [3, 3], "#/components", "not-unique"),
        (PseudocodeRequest, "components", [15], "#/components/0", "out-of-range"),
        (PseudocodeRequest, "components", list(range(1, 16)), "#/components", "too-long"),
        (PseudocodeRequest, "cap", 32, "#/cap", "out-of-range"),
        (PseudocodeRequest, "level", "person", "#/level", "unknown-value"),
        (PseudocodeRequest, "tariff.amount", 25.0, "#/tariff/amount", "wrong-type"),
        (PseudocodeRequest, "tariff.amount", "25.0", "#/tariff/amount", "invalid-amount"),
        (AssignmentRequest, "valid_until", ABSENT, "#/valid_until", "required"),
        (AssignmentRequest, "valid_until", "2021-08-31", "#/valid_until", "ends-before-it-begins"),
        (AssignmentRequest, "planned.22", {"beneficiaries": 1, "actions": 1}, "#/planned/22", "invalid-year"),
        (AssignmentRequest, "planned.2022.actions", ABSENT, "#/planned/2022/actions", "required"),
        (AssignmentRequest, "planned.2022", [], "#/planned/2022", "not-an-object"),
        (PartnerRequest, "until", ABSENT, "#/until", "required"),
        (PartnerRequest, "until", "2021-08-31", "#/until", "ends-before-it-begins"),
        (PartnerRequest, "from", None, "#/from", "null-not-allowed"),
        (PartnerRequest, "discipline", "doctor", "#/discipline", "unknown-value"),
        (ReleaseRequest, "year", "2022", "#", "exactly-one-period"),
        (ReleaseRequest, "month", ABSENT, "#", "exactly-one-period"),
        (Message, "destination", "800", "#/destination", "unknown-value"),
        (ScenarioRequest, "name", "explode", "#/name", "unknown-value"),
    ],
)
def test_one_thing_wrong_is_one_error(schema: type[Schema], path: str, value: Any, pointer: str, code: str) -> None:
    document = with_(golden(schema.__name__), path, value)

    assert refusals(schema(), document) == [(pointer, code)]


def test_all_errors_are_named_at_once() -> None:
    assert refusals(InclusionRequest(), {"ssin": 1, "x": 1}) == [
        ("#/agreement", "required"),
        ("#/project", "required"),
        ("#/ssin", "wrong-type"),
        ("#/x", "unknown-member"),
    ]


@pytest.mark.parametrize("until", ["2021-09-01", None])
def test_the_last_day_may_be_the_first_or_none(until: str | None) -> None:
    assert not refusals(AssignmentRequest(), {"valid_from": "2021-09-01", "valid_until": until})
    assert not refusals(PartnerRequest(), with_(golden("PartnerRequest"), "until", until))


def test_a_keyword_of_the_language_is_a_name_on_the_wire() -> None:
    assert PartnerRequest().load(golden("PartnerRequest"))["from"] == date(2021, 9, 1)


def test_an_action_is_the_first_of_its_day_when_nothing_is_said() -> None:
    assert ActionRequest().load(with_(golden("ActionRequest"), "occurrence", ABSENT))["occurrence"] == 1


@pytest.mark.parametrize(
    ("schema", "sent", "loaded"),
    [
        (
            InclusionQuery,
            {"project": "demo-nord", "status": "open", "valid_on": "2022-02-01", "known_at": "2022-02-01T00:00:00Z"},
            {
                "project": "demo-nord",
                "status": "open",
                "valid_on": date(2022, 2, 1),
                "known_at": datetime(2022, 2, 1, tzinfo=UTC),
                "limit": 100,
            },
        ),
        (
            ActionQuery,
            {"from": "2022-02-01", "to": "2022-02-28", "pseudocode": "794010", "cursor": "abc", "limit": "7"},
            {
                "from": date(2022, 2, 1),
                "to": date(2022, 2, 28),
                "pseudocode": "794010",
                "cursor": "abc",
                "limit": 7,
            },
        ),
        (PseudocodeQuery, {"on": "2022-02-01"}, {"on": date(2022, 2, 1), "limit": 100}),
        (
            AggregateQuery,
            {"by": "pseudocode,month", "from": "2022-02", "shoe_size": "42"},
            {"by": "pseudocode,month", "from": "2022-02", "shoe_size": "42", "measure": "actions"},
        ),
    ],
)
def test_a_query_is_loaded_from_strings(schema: type[Schema], sent: dict[str, str], loaded: dict[str, Any]) -> None:
    assert schema().load(sent) == loaded


def test_an_unknown_parameter_of_a_list_is_refused() -> None:
    assert refusals(ActionQuery(), {"ssin": "85073003328"}) == [("#/ssin", "unknown-member")]


def test_an_unknown_measure_is_refused() -> None:
    assert refusals(AggregateQuery(), {"measure": "cost"}) == [("#/measure", "unknown-value")]


@pytest.mark.parametrize(
    ("name", "member", "code"), [("Answer", "member", "not-allowed"), ("Answer.rejected", "error", "required")]
)
def test_a_rejection_says_why_and_an_acceptance_does_not(name: str, member: str, code: str) -> None:
    document = {**golden("Answer"), **golden(name), "error": golden("Answer.rejected")["error"]}
    if code == "required":
        document = with_(document, member, ABSENT)

    assert refusals(Answer(), document) == [("#/error", code)]


@pytest.mark.parametrize(
    "extension",
    [
        {"url": "urn:chroniccare:agreed-on"},
        {"url": "urn:chroniccare:agreed-on", "valuePositiveInt": 1},
        {"url": "urn:chroniccare:occurrence", "valuePositiveInt": 1, "valueDate": "2022-01-10"},
    ],
    ids=["no value", "another's value", "two values"],
)
def test_an_extension_has_the_one_value_of_its_kind(extension: dict[str, Any]) -> None:
    assert refusals(EpisodeOfCare(), with_(golden("EpisodeOfCare"), "extension", [extension])) == [
        ("#/extension/0", "wrong-value")
    ]


@pytest.mark.parametrize("paths", [[], ["a", "b"]], ids=len)
def test_an_error_has_exactly_one_path(paths: list[str]) -> None:
    error = golden("Answer.rejected")["error"]
    document = {**error, "issue": [{**error["issue"][0], "expression": paths}]}

    assert [pointer for pointer, _ in refusals(OperationOutcome(), document)] == ["#/issue/0/expression"]


def test_an_answer_that_says_more_is_read_all_the_same() -> None:
    answer = with_(with_(golden("Answer"), "priority", 1), "member.name", "X")

    assert Answer().dump(Answer().load(answer)) == golden("Answer")

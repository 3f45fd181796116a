"""The one form of every no: a FHIR OperationOutcome with one code, and one path to what it is about.

Stage: anonymous; it never repeats a value that was sent.
"""

from __future__ import annotations

from schemas.fields import Block, Choice, ListOf, Text, about
from schemas.mycarenet.values import AnswerSchema

CODES = "urn:chroniccare:answer-code"
CODING = {"system": CODES, "code": "not-insured"}
ISSUE = {
    "severity": "error",
    "code": "business-rule",
    "details": {"coding": [CODING]},
    "expression": ["Bundle.entry[2].resource.identifier[0].value"],
}


class Coding(AnswerSchema):
    """A code and the list that it is from."""

    system = Text(200, required=True, metadata=about("List of codes.", CODES))
    code = Text(100, required=True, metadata=about("The code.", "not-insured"))


class Details(AnswerSchema):
    """The code of an issue; one."""

    coding = ListOf(
        Block(Coding, metadata=about("The code.", CODING)),
        required=True,
        minimum=1,
        maximum=1,
        metadata=about("Exactly one.", [CODING]),
    )


class Issue(AnswerSchema):
    """What is wrong, and where."""

    severity = Choice(("error",), required=True, metadata=about("Always `error`.", "error"))
    code = Text(40, required=True, metadata=about("FHIR's own kind of issue.", "business-rule"))
    details = Block(Details, required=True, metadata=about("The stable code.", ISSUE["details"]))
    expression = ListOf(
        Text(300, metadata=about("A FHIRPath.", "Bundle.entry[2].resource.identifier[0].value")),
        required=True,
        minimum=1,
        maximum=1,
        metadata=about("Exactly one path, to the member at fault.", ISSUE["expression"]),
    )


class OperationOutcome(AnswerSchema):
    """Why a message, or a request, was not taken; one issue."""

    resource_type = Choice(
        ("OperationOutcome",),
        required=True,
        data_key="resourceType",
        metadata=about("Kind of resource.", "OperationOutcome"),
    )
    issue = ListOf(
        Block(Issue, metadata=about("The issue.", ISSUE)),
        required=True,
        minimum=1,
        maximum=1,
        metadata=about("Exactly one.", [ISSUE]),
    )


def code_of(outcome: dict[str, object]) -> str:
    """The one code of a loaded OperationOutcome.

    >>> code_of({"issue": [{"details": {"coding": [{"code": "deceased"}]}}]})
    'deceased'
    """
    issue: dict[str, dict[str, list[dict[str, str]]]] = outcome["issue"][0]  # type: ignore[index]  # by its schema
    return issue["details"]["coding"][0]["code"]

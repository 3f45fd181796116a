"""The body of a message: a FHIR R4 Bundle of type `message`, with its header first. Stage: identified.

Shape: three entries: MessageHeader, then what it is about (EpisodeOfCare or Procedure), then the Patient.
Source: FHIR R4 (4.0.1), Messaging; CONTRACT 10 for the systems of identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from schemas.action import MAX_OCCURRENCE
from schemas.fields import (
    Block,
    Choice,
    Data,
    Day,
    Instant,
    ListOf,
    Nihii,
    Patterned,
    ProjectId,
    Pseudocode,
    Ssin,
    StrictField,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.mycarenet.values import MESSAGE_KINDS

NAMING = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem"
SSINS, PROVIDERS = f"{NAMING}/ssin", f"{NAMING}/nihdi"
KINDS, PROJECTS, PSEUDOCODES, REASONS, AGREED_ON, OCCURRENCE = (
    f"urn:chroniccare:{name}" for name in ("kind", "project", "pseudocode", "reason", "agreed-on", "occurrence")
)
INCLUSION_OF = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
GATEWAY, MYCARENET = "urn:chroniccare:gateway", "urn:mycarenet"

EXAMPLE_URN = "urn:uuid:0190b7a4-7a10-7b02-8c44-2a6d9e1b5c73"
HEADER_URN = "urn:uuid:0190b7a4-6f2e-7c31-9d55-1f0c5a3e7b42"
PATIENT_URN = "urn:uuid:5a0f5f0c-9f0a-5d3e-8a3b-0c1d2e3f4a5b"


class Urn(Patterned):
    """A UUID as a URN, in lower case."""

    code = "invalid-urn"
    pattern = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _one(schema: type[Schema], description: str, example: object, *, required: bool = True) -> ListOf:
    """An array of exactly one object."""
    return ListOf(
        Block(schema, metadata=about(description, example)),
        required=required,
        minimum=1,
        maximum=1,
        metadata=about("Exactly one.", [example]),
    )


def _is(name: str) -> Choice:
    """The kind of a resource."""
    return Choice((name,), required=True, data_key="resourceType", metadata=about("Kind of resource.", name))


class Reference(StrictSchema):
    """A resource of this Bundle or, of what an action belongs to, one that an earlier message brought."""

    reference = Urn(required=True, metadata=about("Its `fullUrl`.", EXAMPLE_URN))


class Endpoint(StrictSchema):
    """Who speaks or listens."""

    endpoint = Choice((GATEWAY, MYCARENET), required=True, metadata=about("Address, a URN.", GATEWAY))


class KindCoding(StrictSchema):
    """The kind of a message."""

    system = Choice((KINDS,), required=True, metadata=about("List of codes.", KINDS))
    code = Choice(MESSAGE_KINDS, required=True, metadata=about("The kind.", "inclusion"))


class ReasonCoding(StrictSchema):
    """The reason of an exit, an annulment or a change of identity."""

    system = Choice((REASONS,), required=True, metadata=about("List of codes.", REASONS))
    code = Text(100, required=True, metadata=about("The reason.", "moved"))


class Reason(StrictSchema):
    """A reason, as a concept of one code."""

    coding = _one(ReasonCoding, "The code.", {"system": REASONS, "code": "moved"})


class ProjectIdentifier(StrictSchema):
    """The id of a project."""

    system = Choice((PROJECTS,), required=True, metadata=about("System of the id.", PROJECTS))
    value = ProjectId(required=True, metadata=about("The id.", "demo-nord"))


class Sender(StrictSchema):
    """Whose fact it is: a project, by its id."""

    identifier = Block(
        ProjectIdentifier, required=True, metadata=about("Its id.", {"system": PROJECTS, "value": "demo-nord"})
    )


class MessageHeader(StrictSchema):
    """What kind of message it is, of which project, and what it is about."""

    resource_type = _is("MessageHeader")
    event_coding = Block(
        KindCoding,
        required=True,
        data_key="eventCoding",
        metadata=about("Kind of the message.", {"system": KINDS, "code": "inclusion"}),
    )
    source = Block(Endpoint, required=True, metadata=about("Who speaks.", {"endpoint": GATEWAY}))
    destination = _one(Endpoint, "Who listens.", {"endpoint": MYCARENET})
    sender = Block(
        Sender,
        required=True,
        metadata=about("Project of the fact.", {"identifier": {"system": PROJECTS, "value": "demo-nord"}}),
    )
    reason = Block(
        Reason,
        metadata=about("Of an exit, an annulment, a change.", {"coding": [{"system": REASONS, "code": "moved"}]}),
    )
    focus = _one(Reference, "What it is about.", {"reference": EXAMPLE_URN})


class Extension(StrictSchema):
    """A fact that FHIR has no member for: the day of the agreement, the occurrence, the inclusion of an action."""

    url = Choice((AGREED_ON, OCCURRENCE, INCLUSION_OF), required=True, metadata=about("Which fact.", AGREED_ON))
    value_date = Day(data_key="valueDate", metadata=about("Day of the agreement.", "2022-01-10"))
    value_positive_int = WholeNumber(
        1, MAX_OCCURRENCE, data_key="valuePositiveInt", metadata=about("Which one of that day, from 1.", 1)
    )
    value_reference = Block(
        Reference, data_key="valueReference", metadata=about("The inclusion.", {"reference": EXAMPLE_URN})
    )

    @validates_schema
    def check_value(self, data: Mapping[str, Any], **_: Any) -> None:
        """That it has the one value of its kind. Raises: ValidationError."""
        wanted = {AGREED_ON: "value_date", OCCURRENCE: "value_positive_int", INCLUSION_OF: "value_reference"}
        if set(data) != {"url", wanted[data["url"]]}:
            raise ValidationError("wrong-value")


def _extensions() -> ListOf:
    example = {"url": AGREED_ON, "valueDate": "2022-01-10"}
    return ListOf(Block(Extension, metadata=about("One.", example)), metadata=about("Further facts.", [example]))


class Period(StrictSchema):
    """When an inclusion begins to be valid."""

    start = Day(required=True, metadata=about("First valid day.", "2022-02-01"))


class EpisodeOfCare(StrictSchema):
    """An inclusion; its `fullUrl` bears its id."""

    resource_type = _is("EpisodeOfCare")
    extension = _extensions()
    status = Choice(("active", "finished", "entered-in-error"), required=True, metadata=about("State.", "active"))
    patient = Block(Reference, required=True, metadata=about("The beneficiary.", {"reference": PATIENT_URN}))
    period = Block(Period, metadata=about("Its validity, where the message is about it.", {"start": "2022-02-01"}))


class PseudocodeCoding(StrictSchema):
    """The pseudocode of an action."""

    system = Choice((PSEUDOCODES,), required=True, metadata=about("List of codes.", PSEUDOCODES))
    code = Pseudocode(required=True, metadata=about("The pseudocode.", "794010"))


class Act(StrictSchema):
    """What was done, as a concept of one code."""

    coding = _one(PseudocodeCoding, "The code.", {"system": PSEUDOCODES, "code": "794010"})


class ProviderIdentifier(StrictSchema):
    """The number of a provider."""

    system = Choice((PROVIDERS,), required=True, metadata=about("System of the number.", PROVIDERS))
    value = Nihii(required=True, metadata=about("NIHII number.", "12345625"))


class Actor(StrictSchema):
    """A provider, by number."""

    identifier = Block(
        ProviderIdentifier, required=True, metadata=about("The number.", {"system": PROVIDERS, "value": "12345625"})
    )


class Performer(StrictSchema):
    """Who performed an action."""

    actor = Block(
        Actor,
        required=True,
        metadata=about("The provider.", {"identifier": {"system": PROVIDERS, "value": "12345625"}}),
    )


class Procedure(StrictSchema):
    """An action; its `fullUrl` bears its id."""

    resource_type = _is("Procedure")
    extension = _extensions()
    status = Choice(("completed", "entered-in-error"), required=True, metadata=about("State.", "completed"))
    subject = Block(Reference, required=True, metadata=about("The beneficiary.", {"reference": PATIENT_URN}))
    code = Block(Act, metadata=about("What was done.", {"coding": [{"system": PSEUDOCODES, "code": "794010"}]}))
    performed_date_time = Day(data_key="performedDateTime", metadata=about("Day of the action.", "2022-02-14"))
    performer = _one(
        Performer,
        "Who performed it.",
        {"actor": {"identifier": {"system": PROVIDERS, "value": "12345625"}}},
        required=False,
    )


class SsinIdentifier(StrictSchema):
    """The SSIN of a beneficiary. Stage: identified."""

    system = Choice((SSINS,), required=True, metadata=about("System of the number.", SSINS))
    value = Ssin(required=True, metadata=about("The SSIN.", "85073003328"))


class Patient(StrictSchema):
    """The beneficiary, by SSIN and nothing else. Stage: identified."""

    resource_type = _is("Patient")
    identifier = _one(SsinIdentifier, "The SSIN.", {"system": SSINS, "value": "85073003328"})


RESOURCES = {
    "MessageHeader": MessageHeader(),
    "EpisodeOfCare": EpisodeOfCare(),
    "Procedure": Procedure(),
    "Patient": Patient(),
}


class Resource(StrictField[dict[str, Any]]):
    """A resource of one of four kinds."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("wrong-type")
        kind = value.get("resourceType")
        if not isinstance(kind, str) or kind not in RESOURCES:
            raise ValidationError({"resourceType": ["unknown-value"]})
        loaded: dict[str, Any] = RESOURCES[kind].load(value)
        return loaded

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else RESOURCES[value["resource_type"]].dump(value)


PATIENT = {"resourceType": "Patient", "identifier": [{"system": SSINS, "value": "85073003328"}]}


HEADER = {
    "resourceType": "MessageHeader",
    "eventCoding": {"system": KINDS, "code": "inclusion"},
    "source": {"endpoint": GATEWAY},
    "destination": [{"endpoint": MYCARENET}],
    "sender": {"identifier": {"system": PROJECTS, "value": "demo-nord"}},
    "focus": [{"reference": EXAMPLE_URN}],
}
EPISODE = {
    "resourceType": "EpisodeOfCare",
    "extension": [{"url": AGREED_ON, "valueDate": "2022-01-10"}],
    "status": "active",
    "patient": {"reference": PATIENT_URN},
    "period": {"start": "2022-02-01"},
}
ENTRIES = [
    {"fullUrl": HEADER_URN, "resource": HEADER},
    {"fullUrl": EXAMPLE_URN, "resource": EPISODE},
    {"fullUrl": PATIENT_URN, "resource": PATIENT},
]
EXAMPLE_BUNDLE = {
    "resourceType": "Bundle",
    "type": "message",
    "timestamp": "2022-01-15T08:30:00Z",
    "entry": ENTRIES,
}


class Entry(StrictSchema):
    """One resource of a Bundle, under the URN that the others know it by."""

    full_url = Urn(required=True, data_key="fullUrl", metadata=about("Its URN.", PATIENT_URN))
    resource = Resource(required=True, metadata=about("The resource.", PATIENT))


class Bundle(StrictSchema):
    """A message's body. Stage: identified."""

    resource_type = _is("Bundle")
    type = Choice(("message",), required=True, metadata=about("Kind of Bundle.", "message"))
    timestamp = Instant(
        required=True, metadata=about("Instant at which the gateway committed the fact.", "2022-01-15T08:30:00Z")
    )
    entry = ListOf(
        Block(Entry, metadata=about("One resource.", {"fullUrl": PATIENT_URN, "resource": PATIENT})),
        required=True,
        minimum=3,
        maximum=3,
        unique=lambda one: one["full_url"],
        metadata=about("MessageHeader, EpisodeOfCare or Procedure, Patient.", ENTRIES),
    )

    @validates_schema
    def check_entries(self, data: Mapping[str, Any], **_: Any) -> None:
        """That the three resources are those of a message, and refer to each other. Raises: ValidationError."""
        header, focus, patient = (one["resource"] for one in data["entry"])
        urns = [one["full_url"] for one in data["entry"]]
        about_actions = focus["resource_type"] == "Procedure"
        kinds = [one["resource_type"] for one in (header, focus, patient)]
        if kinds != ["MessageHeader", "Procedure" if about_actions else "EpisodeOfCare", "Patient"]:
            raise ValidationError("wrong-order", "entry")
        if header["event_coding"]["code"].startswith("action") != about_actions:
            raise ValidationError("wrong-focus", "entry")
        person = focus["subject" if about_actions else "patient"]
        if [header["focus"][0]["reference"], person["reference"]] != urns[1:]:
            raise ValidationError("wrong-reference", "entry")

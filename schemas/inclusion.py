"""Inclusions on the wire: communicated, ended, annulled, listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from schemas.fields import (
    Block,
    Choice,
    Cursor,
    Day,
    Flag,
    Identifier,
    Instant,
    Limit,
    ListOf,
    Nihii,
    Nis,
    ProjectId,
    Ssin,
    StrictSchema,
    Text,
    about,
)

INCLUSION_STATUSES = ("open", "exited", "rejected", "annulled")
DELIVERY_STATUSES = ("pending", "accepted", "rejected", "failed")
EXIT_REASONS = ("patient_request", "moved", "deceased", "care_ended", "project_ended", "other")
INCLUSION_ANNULMENT_REASONS = ("wrong-person", "wrong-project", "no-agreement", "duplicate", "other")
IDENTITY_REASONS = ("bis-replaced", "mistyped")

EXAMPLE_ID = "0190b7a4-6f2e-7c31-9d55-1f0c5a3e7b42"
_AGREEMENT = {"agreed_on": "2022-01-10", "informed": True, "in_target_group": True}


class Agreement(StrictSchema):
    """The beneficiary's agreement and its grounds. Source: I1, I7."""

    agreed_on = Day(required=True, metadata=about("Day on which the beneficiary agreed.", "2022-01-10"))
    informed = Flag(required=True, metadata=about("Whether the beneficiary was informed before agreeing.", True))
    in_target_group = Flag(
        required=True, metadata=about("Whether who communicates attests membership of the target group.", True)
    )


class InclusionRequest(StrictSchema):
    """What communicates an inclusion. Stage: identified."""

    project = ProjectId(required=True, metadata=about("Project in which the beneficiary is included.", "demo-nord"))
    ssin = Ssin(required=True, metadata=about("SSIN of the beneficiary.", "85073003328"))
    agreement = Block(Agreement, required=True, metadata=about("Agreement and attestation.", _AGREEMENT))
    municipality = Nis(metadata=about("Municipality where the beneficiary lives, NIS code.", "25112"))
    communicated_by = Nihii(
        metadata=about("Provider for whom a project administrator communicates; sent by nobody else.", "12345625001")
    )


class InclusionQuery(StrictSchema):
    """Which inclusions to list."""

    project = ProjectId(metadata=about("Project of the inclusions.", "demo-nord"))
    status = Choice(INCLUSION_STATUSES, metadata=about("Only inclusions in this state.", "open"))
    valid_on = Day(metadata=about("Only inclusions valid on this day.", "2022-02-14"))
    known_at = Instant(metadata=about("As the register knew them at this instant.", "2022-03-01T00:00:00Z"))
    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class BeneficiaryRequest(StrictSchema):
    """Which beneficiary in which project; in a body, because an SSIN is never in a URL. Stage: identified."""

    project = ProjectId(required=True, metadata=about("Project to look in.", "demo-nord"))
    ssin = Ssin(required=True, metadata=about("SSIN of the beneficiary.", "85073003328"))


class ExitRequest(StrictSchema):
    """What communicates an exit. Source: V2, V7."""

    reason = Choice(EXIT_REASONS, required=True, metadata=about("Why the beneficiary leaves.", "moved"))
    left_on = Day(metadata=about("Day on which the beneficiary left; recorded, changes no date.", "2022-06-03"))


class InclusionAnnulmentRequest(StrictSchema):
    """Why an inclusion was entered by mistake. Source: V8."""

    reason = Choice(INCLUSION_ANNULMENT_REASONS, required=True, metadata=about("What the mistake was.", "wrong-person"))


class ExitAnnulmentRequest(StrictSchema):
    """Why an exit was entered by mistake. Source: V8."""

    reason = Choice(INCLUSION_ANNULMENT_REASONS, required=True, metadata=about("What the mistake was.", "wrong-person"))


class AgreementCorrection(StrictSchema):
    """What may be corrected of an agreement."""

    agreed_on = Day(required=True, metadata=about("Day on which the beneficiary agreed.", "2022-01-10"))


class InclusionCorrection(StrictSchema):
    """What may be corrected of an inclusion; at least one of the two. Source: V8."""

    agreement = Block(AgreementCorrection, metadata=about("The right day of agreement.", {"agreed_on": "2022-01-10"}))
    municipality = Nis(metadata=about("Municipality where the beneficiary lives, NIS code.", "25112"))

    @validates_schema
    def check_something(self, data: Mapping[str, Any], **_: Any) -> None:
        """Something is to be corrected."""
        if not data:
            raise ValidationError("required")


class IdentityRequest(StrictSchema):
    """The number under which an inclusion belongs. Stage: identified."""

    ssin = Ssin(required=True, metadata=about("The right SSIN of the beneficiary.", "85073003328"))
    reason = Choice(
        IDENTITY_REASONS, required=True, metadata=about("A BIS number was replaced, or it was mistyped.", "mistyped")
    )


class Delivery(StrictSchema):
    """How far the message to MyCareNet has come."""

    status = Choice(DELIVERY_STATUSES, required=True, metadata=about("`failed` needs a person.", "pending"))
    reason = Text(200, metadata=about("Why it was rejected, failed or is tried again, a code.", "not-insured"))
    text = Text(400, metadata=about("The same for people, in the language asked for.", "The person is not insured."))


class ExitReceipt(StrictSchema):
    """The exit of an inclusion."""

    reason = Choice(EXIT_REASONS, required=True, metadata=about("Why the beneficiary left.", "moved"))
    left_on = Day(
        required=True,
        allow_none=True,
        metadata=about("Day on which the beneficiary left; null if not said.", "2022-06-03"),
    )
    communicated_at = Instant(
        required=True, metadata=about("Instant at which the exit was committed.", "2022-06-07T08:15:00Z")
    )


class InclusionAnnulment(StrictSchema):
    """The annulment of an inclusion."""

    reason = Choice(INCLUSION_ANNULMENT_REASONS, required=True, metadata=about("What the mistake was.", "wrong-person"))


class Rejection(StrictSchema):
    """The no of MyCareNet."""

    code = Text(100, required=True, metadata=about("Reason that MyCareNet gave.", "not-insured"))


class InclusionReceipt(StrictSchema):
    """An inclusion as the gateway answers it. Stage: pseudonymous, without its pseudonym.

    Shape: `id`, `delivery` and `receipt` are absent, and `validated` is there, when nothing was stored.
    """

    id = Identifier(metadata=about("Id of the inclusion.", EXAMPLE_ID))
    project = ProjectId(required=True, metadata=about("Project of the inclusion.", "demo-nord"))
    status = Choice(INCLUSION_STATUSES, required=True, metadata=about("State of the inclusion.", "open"))
    communicated_at = Instant(
        required=True, metadata=about("Instant at which the gateway committed it.", "2022-01-15T08:30:00Z")
    )
    valid_from = Day(required=True, metadata=about("First valid day (V1).", "2022-02-01"))
    valid_until = Day(
        required=True, allow_none=True, metadata=about("Last valid day; null while open (V2, V3).", "2022-06-30")
    )
    convention_last_day = Day(metadata=about("Last day of the convention, which caps the validity.", "2022-12-31"))
    agreement = Block(Agreement, required=True, metadata=about("Agreement and attestation.", _AGREEMENT))
    municipality = Nis(metadata=about("Municipality, NIS code, if said.", "25112"))
    exit = Block(
        ExitReceipt,
        metadata=about(
            "The exit, if there is one.",
            {"reason": "moved", "left_on": None, "communicated_at": "2022-06-07T08:15:00Z"},
        ),
    )
    annulment = Block(InclusionAnnulment, metadata=about("The annulment, if any.", {"reason": "wrong-person"}))
    rejection = Block(Rejection, metadata=about("The rejection by MyCareNet, if any.", {"code": "not-insured"}))
    delivery = Block(Delivery, metadata=about("The message to MyCareNet.", {"status": "pending"}))
    receipt = Text(8192, metadata=about("Signed receipt, compact JWS (ES256).", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))
    validated = Flag(metadata=about("True when it was checked only and nothing was stored.", True))


def next_cursor() -> Cursor:
    """The member `next` of a list."""
    return Cursor(
        required=True, allow_none=True, metadata=about("Cursor of the next page; null on the last.", "MDE5MGI3YTQ")
    )


def items_of(schema: type[Schema], description: str) -> ListOf:
    """The member `items` of a list."""
    return ListOf(Block(schema, metadata=about("One item.", {})), required=True, metadata=about(description, []))


class InclusionList(StrictSchema):
    """A page of inclusions, newest first."""

    items = items_of(InclusionReceipt, "The inclusions.")
    next = next_cursor()

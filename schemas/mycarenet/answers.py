"""The mailbox: business answers, given again until they are confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from schemas.fields import Block, Choice, Day, Identifier, ListOf, Nis, StrictSchema, Text, about
from schemas.inclusion import EXAMPLE_ID, items_of
from schemas.mycarenet.messages import EXAMPLE_REFERENCE
from schemas.mycarenet.outcomes import ISSUE, OperationOutcome
from schemas.mycarenet.values import INSURERS, OUTCOMES, SEXES, AnswerSchema

_MEMBER = {"insurer": "100", "sex": "M", "birth_date": "1985-07-30", "municipality": "25112"}


class Member(AnswerSchema):
    """What the insurer knows of a beneficiary and figures need. Stage: identified."""

    insurer = Choice(INSURERS, required=True, metadata=about("Insurer, as a string.", "100"))
    sex = Choice(SEXES, required=True, metadata=about("F, M or X (unknown).", "M"))
    birth_date = Day(required=True, metadata=about("Day of birth.", "1985-07-30"))
    municipality = Nis(required=True, metadata=about("Municipality, NIS code.", "25112"))


class Answer(AnswerSchema):
    """What MyCareNet decided on one message. Shape: `member` with an acceptance, `error` with a rejection."""

    answer_id = Text(100, required=True, metadata=about("Id of the answer, to confirm it.", "A-000017"))
    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    input_reference = Identifier(required=True, metadata=about("The sender's reference, echoed.", EXAMPLE_REFERENCE))
    output_reference = Text(100, required=True, metadata=about("MyCareNet's own reference.", "MCN-000017"))
    outcome = Choice(OUTCOMES, required=True, metadata=about("The decision.", "accepted"))
    member = Block(Member, metadata=about("The insured person.", _MEMBER))
    error = Block(
        OperationOutcome,
        metadata=about("Why it was rejected.", {"resourceType": "OperationOutcome", "issue": [ISSUE]}),
    )

    @validates_schema
    def check_reason(self, data: Mapping[str, Any], **_: Any) -> None:
        """That a rejection says why, and an acceptance does not. Raises: ValidationError."""
        if (data["outcome"] == "rejected") != ("error" in data):
            raise ValidationError("required" if data["outcome"] == "rejected" else "not-allowed", "error")


class Mailbox(AnswerSchema):
    """The answers that wait, until they are confirmed; at most as many as were asked for."""

    items = items_of(Answer, "The answers.")


class Confirmation(StrictSchema):
    """Answers that were recorded and need not be given again."""

    answers = ListOf(
        Text(100, metadata=about("Id of one answer.", "A-000017")),
        required=True,
        maximum=1000,
        metadata=about("Ids of the answers.", ["A-000017"]),
    )

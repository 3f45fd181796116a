"""What both sides agree to call things."""

from __future__ import annotations

from marshmallow import EXCLUDE

from schemas.fields import StrictSchema

MESSAGE_KINDS = (
    "inclusion",
    "inclusion-correction",
    "inclusion-annulment",
    "identity-change",
    "exit",
    "exit-annulment",
    "action",
    "action-annulment",
)
OUTCOMES = ("accepted", "rejected")
ANSWER_CODES = (
    "unknown-person",
    "unaffiliated-person",
    "not-insured",
    "wrong-insurer",
    "provider-not-recognised",
    "already-registered",
    "already-closed",
    "deceased",
    "temporarily-unavailable",
)
"""Why a message was rejected. After the last one it is sent again; the others are for good."""
INSURERS = ("100", "200", "300", "400", "500", "600", "900")
SEXES = ("F", "M", "X")


class AnswerSchema(StrictSchema):
    """What the other side answers."""

    class Meta(StrictSchema.Meta):
        """Another member is left out."""

        # A foreign system that adds a member to its answers must not stop our deliveries.
        unknown = EXCLUDE

"""Reconciliation on the wire: three sides of a month, and in what they differ. No identity in it."""

from __future__ import annotations

from schemas.fields import Block, Choice, Identifier, Instant, Month, ProjectId, StrictSchema, Text, WholeNumber, about
from schemas.inclusion import EXAMPLE_ID, items_of

DIFFERENCES = ("not-sent", "dropped", "doubled", "delayed", "contradicted", "unknown-here")
REMEDIES = (
    "report",
    "correct",
    "send-again",
    "remove-double",
    "wait",
    "show-receipt",
    "call-insurer",
    "ask-origin",
)
_MOST = 2**31 - 1


class ReconciliationQuery(StrictSchema):
    """Which project and month."""

    project = ProjectId(metadata=about("The project; an auditor must say it.", "demo-nord"))
    month = Month(required=True, metadata=about("Month in which facts were communicated, in Belgium.", "2022-01"))


def _count(description: str, example: int) -> WholeNumber:
    return WholeNumber(0, _MOST, required=True, metadata=about(description, example))


class SentSide(StrictSchema):
    """Our messages by how far they are."""

    pending = _count("Not acknowledged by MyCareNet yet.", 0)
    acknowledged = _count("Acknowledged, and not answered yet.", 1)
    accepted = _count("Answered: accepted.", 308)
    rejected = _count("Answered: rejected.", 3)
    failed = _count("Given up; a person has to look.", 0)


class AnsweredSide(StrictSchema):
    """The messages of MyCareNet's own statement, each once."""

    accepted = _count("Listed as accepted.", 308)
    rejected = _count("Listed as rejected.", 3)


class ReconciliationDifference(StrictSchema):
    """One way in which the sides differ about a message, and what to do about it."""

    kind = Choice(DIFFERENCES, required=True, metadata=about("In what they differ.", "dropped"))
    remedy = Choice(REMEDIES, required=True, metadata=about("What to do about it.", "send-again"))
    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    reference = Identifier(required=True, metadata=about("Id of the inclusion or action that it is about.", EXAMPLE_ID))
    message_kind = Text(
        40, required=True, allow_none=True, metadata=about("What it tells of; null: no message is there.", "action")
    )
    text = Text(1000, required=True, metadata=about("Both in words.", "MyCareNet does not list it. Send it again."))


_SENT = {"pending": 0, "acknowledged": 1, "accepted": 308, "rejected": 3, "failed": 0}


class Reconciliation(StrictSchema):
    """The statement of three sides of a project's month: what was asked, sent and answered."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    month = Month(required=True, metadata=about("The month.", "2022-01"))
    as_of = Instant(
        required=True, metadata=about("When the sides were compared, in real time.", "2022-02-01T08:30:00Z")
    )
    asked = _count("Messages that the register's facts ask for.", 312)
    sent = Block(SentSide, required=True, metadata=about("What became of them here.", _SENT))
    answered = Block(
        AnsweredSide, required=True, metadata=about("What MyCareNet lists.", {"accepted": 308, "rejected": 3})
    )
    difference_count = _count("How many differences there are.", 1)
    differences = items_of(ReconciliationDifference, "The first thousand differences, by message id.")

"""What MyCareNet received, decided and answered in a month: its side of a reconciliation. Stage: pseudonymous."""

from __future__ import annotations

from schemas.fields import (
    Choice,
    Cursor,
    Flag,
    Identifier,
    Instant,
    Limit,
    Month,
    ProjectId,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import EXAMPLE_ID, items_of, next_cursor
from schemas.mycarenet.messages import EXAMPLE_REFERENCE
from schemas.mycarenet.values import MESSAGE_KINDS, OUTCOMES, AnswerSchema


class StatementQuery(StrictSchema):
    """Of which project and month; the month is that of `communicated_at`, in Belgium."""

    project = ProjectId(required=True, metadata=about("Project of the messages.", "demo-nord"))
    month = Month(required=True, metadata=about("Month in which the facts were communicated.", "2022-01"))
    cursor = Cursor(metadata=about("Where to go on, from `next`.", "17"))
    limit = Limit(metadata=about("Most items to give, 1 to 1000.", "100"))


class StatementLine(AnswerSchema):
    """One message as MyCareNet's register has it."""

    message_id = Identifier(required=True, metadata=about("Id of the message.", EXAMPLE_ID))
    input_reference = Identifier(required=True, metadata=about("The sender's reference.", EXAMPLE_REFERENCE))
    output_reference = Text(100, required=True, metadata=about("MyCareNet's own reference.", "MCN-000017"))
    kind = Choice(MESSAGE_KINDS, required=True, metadata=about("What was communicated.", "inclusion"))
    reference = Identifier(required=True, metadata=about("Id of the inclusion or action.", EXAMPLE_ID))
    received_at = Instant(required=True, metadata=about("When it first arrived.", "2022-01-15T08:30:02Z"))
    received_count = WholeNumber(1, required=True, metadata=about("How often it arrived.", 1))
    outcome = Choice(OUTCOMES, required=True, metadata=about("The decision.", "rejected"))
    code = Text(
        100, required=True, allow_none=True, metadata=about("Why it was rejected; null: accepted.", "not-insured")
    )
    is_answered = Flag(required=True, metadata=about("Whether the answer was fetched and confirmed.", True))


class Statement(AnswerSchema):
    """A page of it, in order of first receipt."""

    items = items_of(StatementLine, "The messages.")
    next = next_cursor()

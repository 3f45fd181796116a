"""A project's own exact figures on the wire: how it stands, and what a month's end means for it. No identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, validates_schema

from schemas.fields import (
    Block,
    Choice,
    Cursor,
    Day,
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
    check_order,
)
from schemas.inclusion import EXAMPLE_ID, items_of, next_cursor

_MOST = 2**31 - 1


def _count(description: str, example: int) -> WholeNumber:
    return WholeNumber(0, _MOST, required=True, metadata=about(description, example))


class FiguresQuery(StrictSchema):
    """Whose figures."""

    project = ProjectId(metadata=about("The own project; needless to say.", "demo-nord"))


class MonthEndQuery(FiguresQuery):
    """Whose month, and where its list goes on."""

    cursor = Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class MonthsLostQuery(MonthEndQuery):
    """Whose months, from which to which; `from` is a keyword of the language, so it is named beside the others."""

    class Meta(StrictSchema.Meta):
        """The two ends."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Month(metadata=about("First month of communication; eleven before the last one.", "2022-01")),
            "to": Month(metadata=about("Last month of communication; the present one when not given.", "2022-06")),
        }

    @validates_schema
    def check_months(self, data: Mapping[str, Any], **_: Any) -> None:
        """The last month is not before the first."""
        check_order(data, "from", "to")


class MonthCountdown(StrictSchema):
    """How long the month lasts, and what comes of it."""

    month = Month(required=True, metadata=about("The month, in Belgium, by the legal clock.", "2022-01"))
    ends_at = Instant(required=True, metadata=about("The first instant of the next one.", "2022-01-31T23:00:00Z"))
    seconds_left = _count("Seconds until then.", 172_800)
    is_near = Flag(required=True, metadata=about("Whether these are the last days, as a setting says.", True))
    valid_from = Day(
        required=True,
        allow_none=True,
        metadata=about("From when an inclusion communicated before is valid; null: refused, V6.", "2022-02-01"),
    )
    valid_from_after = Day(
        required=True,
        allow_none=True,
        metadata=about("From when one communicated after it is valid; null: refused, V6.", "2022-03-01"),
    )


class Attempt(StrictSchema):
    """Inclusions or exits that were refused or only tried this month, with nothing communicated since."""

    kind = Choice(("inclusion", "exit"), required=True, metadata=about("Of what.", "inclusion"))
    code = Text(60, required=True, metadata=about("Why: a problem's code, or `validated`.", "not-informed"))
    count = _count("How many at least.", 2)


class BegunLine(StrictSchema):
    """A line of an own batch that was refused this month, whose `ref` did not come again and go through."""

    batch = Identifier(required=True, metadata=about("Id of the batch.", EXAMPLE_ID))
    number = WholeNumber(1, _MOST, required=True, metadata=about("Number of the line, from 1.", 17))
    ref = Text(255, required=True, allow_none=True, metadata=about("The sender's own name for it.", "row-17"))
    code = Text(60, required=True, metadata=about("Why: a problem's code, or `not-done`.", "invalid-ssin"))


class MonthEnd(MonthCountdown):
    """The countdown, and what was begun this month and is not communicated."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    attempts = items_of(Attempt, "What was tried outside own batches, counted.")
    items = items_of(BegunLine, "The lines, in order of batch and number.")
    next = next_cursor()
    note = Text(1000, required=True, metadata=about("What it means.", "A month is lost after this one's end."))


class MonthLoss(StrictSchema):
    """What late communications of one month cost together."""

    month = Month(required=True, metadata=about("Month of the communications.", "2022-02"))
    inclusions = _count("How many inclusions.", 3)
    months = _count("Their lost months together.", 4)
    days = _count("Their lost days together.", 115)


class LateInclusion(StrictSchema):
    """An inclusion that was communicated after the month of its agreement."""

    inclusion = Identifier(required=True, metadata=about("Id of the inclusion.", EXAMPLE_ID))
    agreed_on = Day(required=True, metadata=about("When the beneficiary agreed.", "2022-01-31"))
    communicated_at = Instant(required=True, metadata=about("When it was communicated.", "2022-02-01T08:00:00Z"))
    possible_from = Day(required=True, metadata=about("From when it could have been valid.", "2022-02-01"))
    valid_from = Day(required=True, metadata=about("From when it is.", "2022-03-01"))
    months = _count("Months that are lost.", 1)
    days = _count("Days that are lost.", 28)


class MonthsLost(StrictSchema):
    """What was lost after months' ends. Source: V1."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    totals = items_of(MonthLoss, "Each month in which something was lost.")
    items = items_of(LateInclusion, "The inclusions, in order of communication.")
    next = next_cursor()
    note = Text(1000, required=True, metadata=about("What it means.", "Communicated after the month of agreement."))


class InclusionCounts(StrictSchema):
    """Inclusions by status."""

    open = _count("Open.", 310)
    exited = _count("Ended by an exit.", 12)
    rejected = _count("Rejected by MyCareNet.", 3)
    annulled = _count("Entered by mistake.", 1)


class DeliveryCounts(StrictSchema):
    """Messages by how far they are."""

    pending = _count("Not answered yet.", 2)
    accepted = _count("Accepted.", 1204)
    rejected = _count("Rejected.", 3)
    failed = _count("In need of a person.", 0)


_INCLUSIONS = {"open": 310, "exited": 12, "rejected": 3, "annulled": 1}
_DELIVERIES = {"pending": 2, "accepted": 1204, "rejected": 3, "failed": 0}
_COUNTDOWN = {
    "month": "2022-01",
    "ends_at": "2022-01-31T23:00:00Z",
    "seconds_left": 172_800,
    "is_near": True,
    "valid_from": "2022-02-01",
    "valid_from_after": "2022-03-01",
}


class Operations(StrictSchema):
    """How a project stands, in exact figures, for its administrative responsible alone."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    inclusions = Block(InclusionCounts, required=True, metadata=about("Inclusions by status.", _INCLUSIONS))
    deliveries = Block(DeliveryCounts, required=True, metadata=about("Messages to MyCareNet.", _DELIVERIES))
    month_end = Block(MonthCountdown, required=True, metadata=about("How long the month lasts.", _COUNTDOWN))
    begun = _count("What was begun this month and is not communicated, lines of uploads that still arrive among it.", 3)
    months_lost = items_of(MonthLoss, "What the month before and this one lost.")

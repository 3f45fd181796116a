"""The sandbox on the wire: its clock and its closing of periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from schemas.aggregate import PERIODS, RELEASED_MEASURES
from schemas.fields import (
    Choice,
    Instant,
    ListOf,
    Month,
    ProjectId,
    Quarter,
    StrictSchema,
    Text,
    Year,
    about,
)


class ClockRequest(StrictSchema):
    """Where the legal clock shall stand."""

    now = Instant(required=True, metadata=about("The instant; never an earlier one.", "2022-02-14T10:00:00Z"))


class Clock(StrictSchema):
    """Where the legal clock stands."""

    now = Instant(required=True, metadata=about("The instant, in UTC.", "2022-02-14T10:00:00Z"))


class ReleaseRequest(StrictSchema):
    """Which period to close: exactly one."""

    month = Month(metadata=about("A month.", "2022-02"))
    quarter = Quarter(metadata=about("A quarter.", "2022-Q1"))
    year = Year(metadata=about("A year.", "2022"))
    convention = ProjectId(metadata=about("A project's whole convention.", "demo-nord"))
    measures = Choice(
        RELEASED_MEASURES,
        metadata=about("Without it: actions, and inclusion measures if still open.", "inclusions"),
    )

    @validates_schema
    def check_one_period(self, data: Mapping[str, Any], **_: Any) -> None:
        """Exactly one period is named."""
        if sum(period in data for period in PERIODS) != 1:
            raise ValidationError("exactly-one-period")


class ReleaseReceipt(StrictSchema):
    """What was closed and released."""

    period = Choice(PERIODS, required=True, metadata=about("Kind of period.", "month"))
    value = Text(40, required=True, metadata=about("The period.", "2022-02"))
    measures = ListOf(
        Choice(RELEASED_MEASURES, metadata=about("One of them.", "actions")),
        required=True,
        metadata=about("What was released.", ["inclusions", "actions"]),
    )
    released_at = Instant(required=True, metadata=about("When, by the legal clock.", "2022-03-10T00:00:00Z"))
    releases = ListOf(
        Text(100, metadata=about("Id of one release.", "actions-month-2022-02-1")),
        required=True,
        metadata=about("Ids in the ledger, one per measure.", ["actions-month-2022-02-1"]),
    )

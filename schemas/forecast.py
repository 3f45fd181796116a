"""A forecast on the wire: what the next closes will probably publish. Stage: anonymous."""

from __future__ import annotations

from schemas.fields import Choice, ProjectId, Pseudocode, StrictSchema, Text, about
from schemas.inclusion import items_of

OUTLOOKS = ("likely", "open", "unlikely")


class ForecastQuery(StrictSchema):
    """Whose forecast."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))


class Expectation(StrictSchema):
    """What to expect of one pseudocode, or of all together where it is null."""

    pseudocode = Pseudocode(required=True, allow_none=True, metadata=about("The pseudocode; null for all.", "794010"))
    month = Choice(OUTLOOKS, required=True, metadata=about("Of its next month.", "open"))
    quarter = Choice(OUTLOOKS, required=True, metadata=about("Of its next quarter.", "likely"))
    year = Choice(OUTLOOKS, required=True, metadata=about("Of its next year.", "likely"))


class Forecast(StrictSchema):
    """Which cells of a project will probably be visible, by earlier releases alone."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    items = items_of(Expectation, "All pseudocodes first, then each.")
    note = Text(1000, required=True, metadata=about("What the words mean.", "Judged by earlier releases."))

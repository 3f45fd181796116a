"""Figures on the wire: asked for as strings, answered as released. Stage: anonymous.

A dimension is a name of the lattice; whether the lattice holds a question is decided behind the door.
"""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import INCLUDE, ValidationError, fields

from schemas.fields import (
    Block,
    Choice,
    Data,
    Day,
    Flag,
    Instant,
    JsonObject,
    ListOf,
    Parameter,
    ProjectId,
    StrictField,
    StrictSchema,
    Text,
    WholeNumber,
    about,
)
from schemas.inclusion import items_of, next_cursor

MEASURES = ("actions", "joined", "left", "included")
CELL_STATUSES = ("published", "protected")
PROGRESS_STATUSES = (*CELL_STATUSES, "not-released")
PERIODS = ("month", "quarter", "year", "convention")
RELEASED_MEASURES = ("inclusions", "actions")
PROVIDER_BANDS = ("1-2", "3-5", "6-10", "11+")
REVISION_REASONS = ("counting-fault", "catalogue-fault", "court-order")
MOST_COUNTED = 2**53 - 1

_DIMS = {"pseudocode": "794010", "month": "2022-02"}


class AggregateQuery(StrictSchema):
    """A question to the lattice; every value is a string."""

    by = Parameter(metadata=about("Dimensions of the answer, separated by commas.", "pseudocode,month"))
    project = Parameter(metadata=about("Only this project.", "demo-nord"))
    pseudocode = Parameter(metadata=about("Only this pseudocode.", "794010"))
    component = Parameter(metadata=about("Only this component, 1 to 14.", "3"))
    profession = Parameter(metadata=about("Only this discipline of the performer.", "nurse"))
    insurer = Parameter(metadata=about("Only members of this insurer.", "100"))
    age_band = Parameter(metadata=about("Only this age band.", "75-84"))
    sex = Parameter(metadata=about("Only this sex: F, M or X.", "F"))
    district = Parameter(metadata=about("Only this district, first two digits of the NIS code.", "25"))
    municipality = Parameter(metadata=about("Only this municipality, NIS code.", "25112"))
    month = Parameter(metadata=about("Only this month.", "2022-02"))
    quarter = Parameter(metadata=about("Only this quarter.", "2022-Q1"))
    year = Parameter(metadata=about("Only this year.", "2022"))
    convention = Parameter(metadata=about("The project's whole convention.", "demo-nord"))
    measure = Choice(
        MEASURES, load_default="actions", metadata=about("What is counted; actions when not given.", "actions")
    )

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        # A dimension that nobody knows is refused as `not-in-lattice`, behind the door, and not as an ill-formed field.
        unknown = INCLUDE
        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Parameter(metadata=about("First period, in the form of the period dimension.", "2022-02")),
            "to": Parameter(metadata=about("Last period, inclusive.", "2022-04")),
        }


class Dimensions(StrictField[dict[str, str]]):
    """An object of dimension and value, both strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise ValidationError("wrong-type")
        return value


class Providers(StrictField[int | str]):
    """A number of providers, or the band it lies in."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kwargs: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValidationError("wrong-type")
        if value not in PROVIDER_BANDS and not (isinstance(value, int) and value >= 0):
            raise ValidationError("unknown-value")
        return value


class Margin(StrictSchema):
    """How far the truth may be from a figure; independent of the data."""

    beneficiaries = WholeNumber(0, MOST_COUNTED, required=True, metadata=about("Plus or minus, beneficiaries.", 6))
    actions = WholeNumber(0, MOST_COUNTED, metadata=about("Plus or minus, actions.", 17))


class Difference(StrictSchema):
    """How one value moved since the period before."""

    difference = WholeNumber(
        -MOST_COUNTED, MOST_COUNTED, required=True, metadata=about("Less the value of the period before.", -3)
    )
    is_real = Flag(required=True, metadata=about("Whether it is more than noise alone explains.", False))


class Change(StrictSchema):
    """How a cell moved since the period before. Shape: `actions` is absent for inclusion measures."""

    beneficiaries = Block(
        Difference, required=True, metadata=about("Of the beneficiaries.", {"difference": -3, "is_real": False})
    )
    actions = Block(Difference, metadata=about("Of the actions.", {"difference": -7, "is_real": False}))


class NextStep(StrictSchema):
    """The finest coarser question that shows some of what an answer protects."""

    by = ListOf(Text(40, metadata=about("A dimension.", "quarter")), required=True, metadata=about("Dimensions.", []))
    filters = Dimensions(required=True, metadata=about("Dimensions held to one value.", {"project": "demo-nord"}))
    url = Text(2000, required=True, metadata=about("Where to ask it.", "/v1/aggregates?by=quarter"))
    shown = WholeNumber(
        1, MOST_COUNTED, required=True, metadata=about("How many protected cells lie in a published one there.", 9)
    )


class Cell(StrictSchema):
    """One figure of a release. Shape: numbers are null, and `margin` absent, where it is protected."""

    dims = Dimensions(required=True, metadata=about("What the cell is about.", _DIMS))
    status = Choice(CELL_STATUSES, required=True, metadata=about("Published or protected.", "published"))
    beneficiaries = WholeNumber(
        0, MOST_COUNTED, required=True, allow_none=True, metadata=about("Beneficiaries, protected value.", 41)
    )
    actions = WholeNumber(
        0, MOST_COUNTED, required=True, allow_none=True, metadata=about("Actions, protected value.", 97)
    )
    providers = Providers(
        required=True, allow_none=True, metadata=about("Providers; a band for the own coordinator.", "6-10")
    )
    margin = Block(Margin, metadata=about("How far the truth may be.", {"beneficiaries": 6, "actions": 17}))
    change = Block(
        Change,
        metadata=about(
            "Since the period before, where both are published.",
            {"beneficiaries": {"difference": -3, "is_real": False}},
        ),
    )


class Release(StrictSchema):
    """One entry of the ledger: a period that was closed, protected once and made available."""

    id = Text(100, required=True, metadata=about("Id of the release.", "actions-month-2022-02-1"))
    period = Choice(PERIODS, required=True, metadata=about("Kind of period.", "month"))
    value = Text(40, required=True, metadata=about("The period: month, quarter, year, or project.", "2022-02"))
    measures = Choice(RELEASED_MEASURES, required=True, metadata=about("What was released.", "actions"))
    lattice = Text(20, required=True, metadata=about("Version of the lattice.", "v1"))
    revision = WholeNumber(1, 1000, required=True, metadata=about("1, or more after an exceptional revision.", 1))
    released_at = Instant(required=True, metadata=about("When it was released.", "2022-03-10T00:00:00Z"))
    reason = Choice(REVISION_REASONS, allow_none=True, metadata=about("Why it was revised; null at first.", None))
    rho = Text(40, metadata=about("Disclosure spent by this release on one fact.", "0.13"))
    rho_cumulated = Text(40, metadata=about("The same with the releases before it.", "0.26"))


class AggregateRelease(StrictSchema):
    """The answer to a question: cells of a release, never computed for the question."""

    by = ListOf(
        Text(40, metadata=about("A dimension.", "month")),
        required=True,
        metadata=about("Dimensions of the cells.", ["pseudocode", "month"]),
    )
    filters = Dimensions(required=True, metadata=about("Dimensions held to one value.", {"project": "demo-nord"}))
    cells = items_of(Cell, "The cells, every declared value once.")
    release = JsonObject(
        required=True, metadata=about("What the cells were released in.", {"lattice": "v1", "measures": "actions"})
    )
    additive = Flag(required=True, metadata=about("False: each cell is protected on its own.", False))
    next_step = Block(
        NextStep,
        required=True,
        allow_none=True,
        metadata=about(
            "A coarser question that shows more, if there is one.",
            {"by": ["quarter"], "filters": {}, "url": "/v1/aggregates?by=quarter", "shown": 9},
        ),
    )


class ProgressQuery(StrictSchema):
    """Whose progress."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))


class ProgressPeriod(StrictSchema):
    """One period of twelve months since the first convention began. Source: C7."""

    percentage = WholeNumber(
        1, 100, required=True, allow_none=True, metadata=about("Of the zone's population; null from the fifth on.", 10)
    )
    target = WholeNumber(
        0, MOST_COUNTED, required=True, allow_none=True, metadata=about("That many inhabitants, rounded.", 4700)
    )
    included = WholeNumber(
        0,
        MOST_COUNTED,
        required=True,
        allow_none=True,
        metadata=about("Beneficiaries included, protected value; null where not published.", 412),
    )
    as_of = Day(
        required=True,
        allow_none=True,
        metadata=about("On which day; null where nothing is released yet.", "2021-10-01"),
    )
    status = Choice(
        PROGRESS_STATUSES, required=True, metadata=about("Published, protected or not released yet.", "published")
    )
    margin = Block(
        Margin, required=True, allow_none=True, metadata=about("How far the truth may be.", {"beneficiaries": 8})
    )

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Day(required=True, metadata=about("First day.", "2021-01-01")),
            "until": Day(required=True, metadata=about("Last day.", "2021-12-31")),
        }


class Progress(StrictSchema):
    """How many are included, beside the yardstick of each period; never divided into a verdict."""

    project = ProjectId(required=True, metadata=about("The project.", "demo-nord"))
    zone_population = WholeNumber(0, MOST_COUNTED, required=True, metadata=about("Inhabitants of the zone.", 47000))
    periods = items_of(ProgressPeriod, "The periods, oldest first.")
    note = Text(1000, required=True, metadata=about("What the percentages are of.", "Of the target group."))


class ReleaseList(StrictSchema):
    """A page of the ledger."""

    items = items_of(Release, "The releases.")
    next = next_cursor()

"""The catalogue on the wire: projects with their conventions, pseudocodes, assignments and partners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from schemas import fields as strict
from schemas.fields import (
    Amount,
    Block,
    Cbe,
    Choice,
    Day,
    ListOf,
    Nihii,
    Nis,
    ProjectId,
    StrictField,
    StrictSchema,
    Text,
    WholeNumber,
    about,
    check_order,
)
from schemas.inclusion import items_of, next_cursor

LEVELS = ("population", "project")
CATEGORIES = (
    "first_line",
    "second_line",
    "home_care",
    "specialties",
    "consultation_structure",
    "patient_association",
    "other",
)
DISCIPLINES = (
    "physician",
    "nurse",
    "midwife",
    "physiotherapist",
    "pharmacist",
    "dentist",
    "dietitian",
    "speech_therapist",
    "occupational_therapist",
    "psychologist",
    "social_worker",
    "case_manager",
    "other",
)
MOST_COUNTED = 2**31 - 1

_NAMES = {"fr": "Démo Nord", "nl": "Demo Noord"}
_CONVENTION = {"effective_from": "2021-09-01", "last_day": "2022-12-31"}
_PLANNED = {"2022": {"beneficiaries": 400, "actions": 4800}}


class Names(StrictSchema):
    """A name in French and Dutch, and perhaps in German and English."""

    fr = Text(200, required=True, metadata=about("In French.", "Démo Nord"))
    nl = Text(200, required=True, metadata=about("In Dutch.", "Demo Noord"))
    de = Text(200, metadata=about("In German.", "Demo Nord"))
    en = Text(200, metadata=about("In English.", "Demo North"))


class Contractor(StrictSchema):
    """Who signed the convention for the project."""

    name = Text(200, required=True, metadata=about("Name of the legal person.", "Demo Nord ASBL"))
    cbe = Cbe(required=True, metadata=about("Enterprise number, 10 digits.", "0403019261"))


class ZonePart(StrictSchema):
    """One municipality of a project's zone."""

    nis = Nis(required=True, metadata=about("NIS code of the municipality.", "25112"))
    population = WholeNumber(0, MOST_COUNTED, required=True, metadata=about("Inhabitants.", 35000))


class Convention(StrictSchema):
    """The convention in force; both days inclusive."""

    effective_from = Day(required=True, metadata=about("First day.", "2021-09-01"))
    last_day = Day(required=True, metadata=about("Last day.", "2022-12-31"))

    @validates_schema
    def check_days(self, data: Mapping[str, Any], **_: Any) -> None:
        """The convention does not end before it begins."""
        check_order(data, "effective_from", "last_day")


class ProjectReplacement(StrictSchema):
    """A project as it shall be from now on; an `id` is that of the path."""

    id = ProjectId(metadata=about("Id of the project.", "demo-nord"))
    name = Block(Names, required=True, metadata=about("Name of the project.", _NAMES))
    nihii = Nihii(lengths=(11,), required=True, metadata=about("NIHII number, 11 digits.", "12345625001"))
    contractor = Block(
        Contractor,
        required=True,
        metadata=about("Who signed the convention.", {"name": "Demo Nord ASBL", "cbe": "0403019261"}),
    )
    zone = ListOf(
        Block(ZonePart, metadata=about("One municipality.", {"nis": "25112", "population": 35000})),
        required=True,
        minimum=1,
        maximum=600,
        unique=lambda part: part["nis"],
        metadata=about("Municipalities, each once.", [{"nis": "25112", "population": 35000}]),
    )
    convention = Block(Convention, required=True, metadata=about("The convention in force.", _CONVENTION))
    registration_closes_on = Day(metadata=about("Last day on which late actions are taken (P9).", "2023-02-28"))
    started_on = Day(metadata=about("First day of the project's first convention (C7).", "2018-01-01"))


class ProjectRequest(ProjectReplacement):
    """A new project."""

    id = ProjectId(required=True, metadata=about("Id of the project: 1 to 40 of a-z, 0-9 and hyphen.", "demo-nord"))


class Project(ProjectReplacement):
    """A project as the gateway answers it. Shape: `id` is absent when nothing was stored."""

    validated = strict.Flag(metadata=about("True when it was checked only and nothing was stored.", True))


class ProjectList(StrictSchema):
    """A page of projects."""

    items = items_of(Project, "The projects.")
    next = next_cursor()


class Tariff(StrictSchema):
    """What an action costs. Units: EUR, two decimals."""

    amount = Amount(required=True, metadata=about("Amount of one action.", "25.00"))
    beneficiary_pays = Amount(required=True, metadata=about("The beneficiary's own share of it.", "0.00"))


class PseudocodeRequest(StrictSchema):
    """A new pseudocode. Source: P1, P7, P8."""

    code = strict.Pseudocode(required=True, metadata=about("Six digits.", "794010"))
    label = Block(Names, required=True, metadata=about("What the action is.", _NAMES))
    level = Choice(
        LEVELS, required=True, metadata=about("Towards individual beneficiaries, or of the project.", "population")
    )
    components = ListOf(
        WholeNumber(1, 14, metadata=about("One of the 14 components.", 3)),
        required=True,
        minimum=1,
        maximum=14,
        unique=lambda component: component,
        metadata=about("Components that it links to, each once.", [3, 6]),
    )
    cap = WholeNumber(1, 31, metadata=about("Most actions per beneficiary and month that figures count.", 2))
    tariff = Block(
        Tariff, metadata=about("What it costs, if it has a tariff.", {"amount": "25.00", "beneficiary_pays": "0.00"})
    )


class Pseudocode(PseudocodeRequest):
    """A pseudocode as the gateway answers it."""

    validated = strict.Flag(metadata=about("True when it was checked only and nothing was stored.", True))


class PseudocodeQuery(StrictSchema):
    """Which pseudocodes to list."""

    project = ProjectId(metadata=about("Only those assigned to this project, with their validity.", "demo-nord"))
    on = Day(metadata=about("Only those valid on this day.", "2022-02-14"))
    cursor = strict.Cursor(metadata=about("`next` of the page before.", "MDE5MGI3YTQ"))
    limit = strict.Limit(metadata=about("Most items of one page, 1 to 1000; 100 when not given.", "100"))


class PlannedYear(StrictSchema):
    """What the project plans for one year."""

    beneficiaries = WholeNumber(0, MOST_COUNTED, required=True, metadata=about("Beneficiaries planned.", 400))
    actions = WholeNumber(0, MOST_COUNTED, required=True, metadata=about("Actions planned.", 4800))


class ByYear(StrictField[dict[str, Any]]):
    """An object with a year for each member's name, and what is planned for it as value."""

    def _deserialize(self, value: Any, attr: str | None, data: strict.Data, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("wrong-type")
        errors: dict[str, Any] = {}
        planned: dict[str, Any] = {}
        for year, plan in value.items():
            try:
                strict.Year().deserialize(year)
                planned[year] = PlannedYear().load(plan)
            except ValidationError as error:
                errors[year] = error.messages
        if errors:
            raise ValidationError(errors)
        return planned


class AssignmentRequest(StrictSchema):
    """From when to when a project uses a pseudocode; both days inclusive. Source: P2."""

    valid_from = Day(required=True, metadata=about("First day.", "2021-09-01"))
    valid_until = Day(
        required=True, allow_none=True, metadata=about("Last day; null: no end of its own.", "2022-12-31")
    )
    planned = ByYear(metadata=about("Beneficiaries and actions planned, per year.", _PLANNED))

    @validates_schema
    def check_days(self, data: Mapping[str, Any], **_: Any) -> None:
        """The assignment does not end before it begins."""
        check_order(data, "valid_from", "valid_until")


class Assignment(AssignmentRequest):
    """An assignment as the gateway answers it."""

    project = ProjectId(required=True, metadata=about("Project that uses the pseudocode.", "demo-nord"))
    code = strict.Pseudocode(required=True, metadata=about("The pseudocode.", "794010"))
    validated = strict.Flag(metadata=about("True when it was checked only and nothing was stored.", True))


class ListedPseudocode(Pseudocode):
    """A pseudocode in a list; with its validity in the project when one was asked for."""

    valid_from = Day(metadata=about("First day in the project.", "2021-09-01"))
    valid_until = Day(
        allow_none=True, metadata=about("Last day in the project; null: no end of its own.", "2022-12-31")
    )
    planned = ByYear(metadata=about("Beneficiaries and actions planned in the project, per year.", _PLANNED))


class PseudocodeList(StrictSchema):
    """A page of pseudocodes."""

    items = items_of(ListedPseudocode, "The pseudocodes.")
    next = next_cursor()


class PartnerRequest(StrictSchema):
    """From when to when a provider is a partner, and as what; both days inclusive. Source: P5, C6."""

    category = Choice(CATEGORIES, required=True, metadata=about("Category of partner.", "first_line"))
    discipline = Choice(DISCIPLINES, required=True, metadata=about("The `profession` of figures.", "nurse"))

    class Meta(StrictSchema.Meta):
        """`from` is a keyword of the language."""

        include: ClassVar[dict[str, fields.Field[Any]]] = {
            "from": Day(required=True, metadata=about("First day.", "2021-09-01")),
            "until": Day(required=True, allow_none=True, metadata=about("Last day; null: no end known.", "2022-12-31")),
        }

    @validates_schema
    def check_days(self, data: Mapping[str, Any], **_: Any) -> None:
        """The partnership does not end before it begins."""
        check_order(data, "from", "until")


class Partner(PartnerRequest):
    """A partner as the gateway answers it."""

    project = ProjectId(required=True, metadata=about("Project of the partner.", "demo-nord"))
    nihii = Nihii(required=True, metadata=about("NIHII number, 8 or 11 digits.", "12345625001"))
    validated = strict.Flag(metadata=about("True when it was checked only and nothing was stored.", True))
